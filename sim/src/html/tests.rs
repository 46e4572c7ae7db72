use super::coder::tests::Decoder;
use super::encode::behind;
use super::note::{End, Fate, Frame, Note, What};
use super::*;
use crate::plan::{Fault, MS, What as Happens};
use crate::run::{Case, Stop};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A busy seed of five peers, and what of it is on film.
pub(super) fn case() -> Case {
    let is_busy = |case: &Case| case.swarm.nodes == 5 && 10 < case.plan.len() && 2 < case.swarm.clients;
    let seeds = (0..).map(|seed| Case::new(seed, Duration::from_secs(2)));
    let mut seeds = seeds.filter(is_busy);
    let mut case = seeds.next().expect("some seed is busy");
    case.plan.insert(0, Fault { at: Time(MS), what: Happens::Pause { node: 1, lasts: 40 * MS } });
    case.is_calmed = false; // its nodes would be down at the end
    case
}

/// The notes in the bytes: what `decode.js` does, in as few words.
struct Reader<'a> {
    coder: Decoder<'a>,
    nodes: usize,
    tag: usize,
    us: u64,
    link: usize,
    packets: Vec<(usize, Fate)>,
    on_way: Vec<Vec<(usize, usize)>>,
    last: Vec<u64>,
    kinds: Vec<usize>,
    frames: Vec<Frame>,
    operations: Vec<u64>,
    items: Vec<u64>,
    marks: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Note> {
        let tag = self.coder.number(self.tag) as usize;
        if tag == 0 {
            return None;
        }
        self.us += self.coder.number(8 + self.tag * 7 + tag);
        self.tag = tag;
        let what = match tag {
            1 => self.sent(),
            2 => self.came(),
            3 => self.changed(),
            4 => self.asked(),
            5 => {
                let (client, operation) = self.operation();
                What::Told { client, operation, came: self.coder.number(203) }
            }
            _ => {
                self.marks += 1;
                What::Marked(self.marks - 1)
            }
        };
        Some(Note { at: Time(self.us), what })
    }

    fn sent(&mut self) -> What {
        self.link = self.coder.number(64 + self.link) as usize;
        let link = self.link;
        let fate = [Fate::Lost, Fate::Alone, Fate::Doubled, Fate::Cut][self.coder.number(192) as usize];
        let mut bodies = Vec::new();
        for _ in 0..self.coder.number(193) {
            let kind = self.coder.number(208 + self.kinds[link]) as usize;
            self.kinds[link] = kind;
            let mut fields = [0; 6];
            for (nth, field) in fields.iter_mut().enumerate().take(FIELDS[kind].1.len()) {
                let last = &mut self.last[(kind * 8 + nth) * self.nodes * self.nodes + link];
                *last = last.wrapping_add_signed(self.coder.signed(224 + kind * 8 + nth));
                *field = *last;
            }
            bodies.push((kind, fields));
        }
        let copies = [0, 1, 2, 0][fate as usize];
        if 0 < copies {
            self.on_way[link].push((self.packets.len(), copies));
        }
        self.packets.push((link, fate));
        What::Sent { from: link / self.nodes, to: link % self.nodes, fate, bodies }
    }

    fn came(&mut self) -> What {
        self.link = self.coder.number(128 + self.link) as usize;
        let (place, end) = (self.coder.number(194) as usize, self.coder.number(195) as usize);
        let on_way = &mut self.on_way[self.link];
        let packet = on_way[place].0;
        on_way[place].1 -= 1;
        on_way.retain(|(_, copies)| 0 < *copies);
        What::Came { packet, end: [End::Taken, End::Missed, End::Damaged, End::Crowded][end] }
    }

    fn changed(&mut self) -> What {
        let node = self.coder.number(196) as usize;
        let mut frame = self.frames[node].clone();
        for (nth, number) in frame.numbers.iter_mut().enumerate() {
            if self.coder.number(352 + nth) == 1 {
                *number = number.wrapping_add_signed(self.coder.signed(368 + nth));
            }
        }
        if self.coder.number(384) == 1 {
            let by = (self.coder.signed(385), self.coder.signed(386));
            frame.base = (frame.base.0.wrapping_add_signed(by.0), frame.base.1.wrapping_add_signed(by.1));
            frame.runs = behind(&frame.runs, frame.base.0);
            frame.runs.truncate(self.coder.number(387) as usize);
            for _ in 0..self.coder.number(388) {
                let (first, term) = frame.runs.last().copied().unwrap_or(frame.base);
                let by = (self.coder.signed(389), self.coder.signed(390));
                frame.runs.push((first.wrapping_add_signed(by.0), term.wrapping_add_signed(by.1)));
            }
        }
        self.frames[node].clone_from(&frame);
        What::Changed { node, frame: Box::new(frame) }
    }

    fn operation(&mut self) -> (usize, u64) {
        let client = self.coder.number(197) as usize;
        let operation = &mut self.operations[client];
        *operation = operation.wrapping_add_signed(self.coder.signed(199));
        (client, *operation)
    }

    fn asked(&mut self) -> What {
        let ((client, operation), node) = (self.operation(), self.coder.number(198) as usize);
        let which = self.coder.number(200);
        let list = if which == 0 { 0 } else { self.coder.number(201) };
        if which == 1 || which == 2 {
            self.items[client] = self.items[client].wrapping_add_signed(self.coder.signed(202));
        }
        let item = self.items[client];
        let ask = [Ask::Open, Ask::Append(list, item), Ask::Swap(list, item), Ask::Read(list)][which as usize];
        What::Asked { client, node, operation, ask }
    }
}

fn read(film: &Film, cut: Cut, bytes: &[u8]) -> Vec<Note> {
    let nodes = film.frames.len();
    let mut reader = Reader {
        coder: Decoder::new(bytes),
        nodes,
        tag: 0,
        us: cut.from.0 / 1_000,
        link: 0,
        packets: Vec::new(),
        on_way: vec![Vec::new(); nodes * nodes],
        last: vec![0; FIELDS.len() * 8 * nodes * nodes],
        kinds: vec![0; nodes * nodes],
        frames: vec![Frame::default(); nodes],
        operations: vec![0; film.clients],
        items: vec![0; film.clients],
        marks: 0,
    };
    std::iter::from_fn(|| reader.next()).collect()
}

#[test]
fn what_is_on_film_is_in_the_bytes() {
    let film = case().film();
    let whole = Cut { from: Time::ZERO, is_thin: false };
    let encoded = encode(&film, whole);
    let notes = read(&film, whole, &encoded.bytes);
    let expected: Vec<Note> =
        film.notes.iter().map(|note| Note { at: Time(note.at.0 / 1_000), what: note.what.clone() }).collect();
    assert_eq!(notes, expected);
    assert_eq!(encoded.counts.iter().sum::<usize>(), notes.len());
    assert!(encoded.counts[1..].iter().all(|&count| 5 < count), "{:?}", encoded.counts);
}

#[test]
fn a_film_that_is_cut_begins_with_what_everyone_is() {
    let film = case().film();
    let cut = Cut { from: Time(1_500 * MS), is_thin: true };
    let whole = encode(&film, Cut { from: Time::ZERO, is_thin: false });
    let encoded = encode(&film, cut);
    assert!(encoded.bytes.len() * 2 < whole.bytes.len() * 3 / 2, "{} of {}", encoded.bytes.len(), whole.bytes.len());
    let notes = read(&film, cut, &encoded.bytes);
    let mut frames = vec![Frame::default(); film.frames.len()];
    for note in &notes {
        assert!(1_500_000 <= note.at.0);
        if let What::Changed { node, frame } = &note.what {
            frames[*node].clone_from(frame);
        }
    }
    assert_eq!(frames, film.frames);
}

#[test]
fn a_film_tells_what_the_trace_tells() {
    let case = case();
    let film = case.film();
    let mut arrivals = film.notes.iter().filter(|note| matches!(note.what, What::Came { .. })).map(|note| note.at.0);
    let mut told = vec![None; film.frames.len()];
    let report = case.trace(Stop::default(), |line| {
        let word = |name: &str| {
            let rest = line.split(&format!("\"{name}\":")).nth(1)?;
            Some(rest.split([',', '}']).next().unwrap_or_default().trim_matches('"').to_owned())
        };
        let number = |name: &str| word(name).and_then(|word| word.parse::<u64>().ok());
        if word("event").as_deref() == Some("arrive") {
            assert_eq!(arrivals.next(), number("at"), "{line}");
        }
        if let (Some(node), Some(role)) = (number("node"), word("role")) {
            told[node as usize] = Some((role, number("term"), number("last"), number("commit")));
        }
    });
    assert_eq!((report.broken, arrivals.next()), (None, None));
    let roles = ["down", "newborn", "follower", "pre-candidate", "candidate", "leader"];
    let is_up = |(frame, told): &(&Frame, Option<_>)| frame.numbers[0] != 0 && told.is_some();
    let mut compared = 0;
    for (frame, told) in film.frames.iter().zip(told).filter(is_up) {
        let [role, term, _, _, _, _, _, commit, _, last] = frame.numbers;
        assert_eq!(told, Some((roles[role as usize].to_owned(), Some(term), Some(last), Some(commit))));
        compared += 1;
    }
    assert!(2 <= compared, "some are up at the end");
}

#[test]
fn a_picture_changes_nothing_and_is_a_function_of_the_run() {
    let case = case();
    let (report, page) = case.picture(Stop::default(), About::default());
    assert_eq!(report.hash, case.run().hash);
    assert_eq!(page, case.picture(Stop::default(), About::default()).1);
}

#[test]
fn a_run_that_is_stopped_does_not_say_that_it_has_ended() {
    let case = case();
    let stopped = |stop| case.picture(stop, About::default()).1.contains("\"stopped\":true,");
    assert!(stopped(Stop { step: Some(100), mark: None }));
    assert!(!stopped(Stop::default()));
}

/// What follows a value of JSON.
fn after_value(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let (close, is_object) = match text.chars().next()? {
        '{' => ('}', true),
        '[' => (']', false),
        '"' => return after_string(text),
        _ => {
            let word = text.split([',', ']', '}', '\n']).next()?;
            let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            return (is_number || ["true", "false", "null"].contains(&word)).then(|| &text[word.len()..]);
        }
    };
    let mut rest = text[1..].trim_start();
    if let Some(end) = rest.strip_prefix(close) {
        return Some(end);
    }
    loop {
        if is_object {
            rest = after_string(rest.trim_start())?.strip_prefix(':')?;
        }
        rest = after_value(rest)?.trim_start();
        match rest.strip_prefix(close) {
            Some(end) => return Some(end),
            None => rest = rest.strip_prefix(',')?,
        }
    }
}

fn after_string(text: &str) -> Option<&str> {
    let mut letters = text.strip_prefix('"')?.char_indices();
    loop {
        match letters.next()? {
            (_, '\\') => _ = letters.next()?,
            (at, '"') => return Some(&text[at + 2..]),
            (_, '\n') => return None,
            _ => {}
        }
    }
}

#[test]
fn the_data_are_json_and_ask_for_nothing_from_outside() {
    let words = "a \"quoted\" </script> one\nin two lines".to_owned();
    let broken = Some(("R7".to_owned(), words.clone()));
    let page = super::page(&case().film(), &About { title: words.clone(), script: words, broken, ..About::default() });
    let data = page.split("id=\"data\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("data");
    assert_eq!(after_value(data), Some(""), "{}", &data[..400]);
    for outside in ["src=", "http://", "https://", "@import", "url(\"", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(data.contains("\"what a peer takes for committed is committed"), "the rule is told in words");
}

#[test]
fn a_page_stays_within_its_size_and_says_what_it_leaves_out() {
    let film = case().film();
    let whole = super::page(&film, &About::default());
    assert!(whole.len() <= BYTES_MAX && whole.contains("\"thin\":false") && whole.contains("\"from\":0"));
    let page = page_within(&film, &About::default(), whole.len() - 1);
    assert!(page.len() < whole.len() && page.contains("\"thin\":true") && page.contains("\"from\":0"));
    let page = page_within(&film, &About::default(), page.len() / 2 + shell().len() / 2);
    assert!(page.contains("\"thin\":true") && !page.contains("\"from\":0"), "its beginning is gone");
}

/// Rules and how to draw them again: docs/verification.md.
#[test]
fn the_committed_pages_are_of_todays_template() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
    let shell = shell();
    let (before, after) = shell.split_once(DATA).expect("there is a place for data");
    let (mut pages, mut sound) = (0, 0);
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|ending| ending != "html") {
            continue;
        }
        let (name, page) = (path.display(), fs::read_to_string(&path).expect("a page is text"));
        let data = page.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let data = data.unwrap_or_else(|| panic!("{name} is of an older template: draw it again"));
        assert_eq!(after_value(data), Some(""), "{name}");
        assert!(data.contains("\"format\":1,") && page.len() <= BYTES_MAX, "{name}");
        // What each shows: the one is told of a sound crate, the other of one with a fault.
        let is_sound = !data.contains("\"mutant\":[\"");
        let verdict = if is_sound { "\"broken\":null" } else { "\"broken\":[\"R8\"," };
        assert!(data.contains(verdict), "{name} shows another verdict than {verdict}: draw it again");
        sound += u64::from(is_sound);
        pages += 1;
    }
    assert_eq!((pages, sound), (2, 1));
}
