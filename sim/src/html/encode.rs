//! A film as bytes, in the order of its notes; `decode.js` reads them again.
//!
//! ```text
//!   note = tag, microseconds since the one before, and what the tag says; tag 0 is the end
//!     1 sent     link, fate, bodies: kind, fields (each against the last of its sort on this link)
//!     2 came     link, which of the packets on their way there, how it ended
//!     3 changed  node, which numbers are others and by how much, what became of the log
//!     4 asked    client, node, operation, what
//!     5 told     client, operation, what came
//!     6 marked   the next mark
//! ```
//! Each number is judged among those of its sort, which its place names.

use super::coder::Coder;
use super::film::Film;
use super::note::{Ask, End, FIELDS, Fate, Frame, NUMBERS, Note, What, Words};
use rsm::time::Time;

/// How a film is shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// It begins then.
    pub(super) from: Time,
    /// Without heartbeats and their answers that arrived once and whole.
    pub(super) is_thin: bool,
}

/// What is in the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// Notes by tag.
    pub(super) counts: [usize; 7],
}

/// Sorts of numbers, each with room for its kinds.
mod sort {
    pub(super) const TAG: usize = 0;
    pub(super) const TIME: usize = 8;
    pub(super) const SENT_LINK: usize = 64;
    pub(super) const CAME_LINK: usize = 128;
    pub(super) const FATE: usize = 192;
    pub(super) const BODIES: usize = 193;
    pub(super) const WHICH: usize = 194;
    pub(super) const END: usize = 195;
    pub(super) const NODE: usize = 196;
    pub(super) const CLIENT: usize = 197;
    pub(super) const CLIENT_NODE: usize = 198;
    pub(super) const OPERATION: usize = 199;
    pub(super) const ASK: usize = 200;
    pub(super) const LIST: usize = 201;
    pub(super) const ITEM: usize = 202;
    pub(super) const CAME: usize = 203;
    pub(super) const KIND: usize = 208;
    pub(super) const FIELD: usize = 224;
    pub(super) const IS_OTHER: usize = 352;
    pub(super) const BY: usize = 368;
    pub(super) const LOG: usize = 384;
}

/// What both ends know after each note.
struct Encoder {
    coder: Coder,
    nodes: usize,
    tag: usize,
    us: u64,
    link: usize,
    /// By link: packets on their way, each with how many copies of it.
    on_way: Vec<Vec<(usize, usize)>>,
    /// By kind, field and link.
    last: Vec<u64>,
    kinds: Vec<usize>,
    frames: Vec<Frame>,
    operations: Vec<u64>,
    items: Vec<u64>,
}

/// Where each packet went, and whether it matters.
struct Packet {
    link: usize,
    copies: usize,
    /// It was sent while the page runs.
    is_shown: bool,
    is_kept: bool,
}

/// The film as bytes.
pub(super) fn encode(film: &Film, cut: Cut) -> Encoded {
    let nodes = film.frames.len();
    let packets = packets(film, cut);
    let mut encoder = Encoder {
        coder: Coder::new(),
        nodes,
        tag: 0,
        us: cut.from.0 / 1_000,
        link: 0,
        on_way: vec![Vec::new(); nodes * nodes],
        last: vec![0; FIELDS.len() * 8 * nodes * nodes],
        kinds: vec![0; nodes * nodes],
        frames: vec![Frame::default(); nodes],
        operations: vec![0; film.clients],
        items: vec![0; film.clients],
    };
    let mut encoded = Encoded::default();
    let mut kept = |encoder: &mut Encoder, note: &Note, sent: usize| {
        let tag = encoder.note(note, sent, &packets);
        encoded.counts[tag] += 1;
    };
    let (mut sent, mut before, mut has_begun) = (0, vec![Frame::default(); nodes], false);
    for note in &film.notes {
        if let What::Changed { node, frame } = &note.what
            && note.at < cut.from
        {
            before[*node].clone_from(frame);
        }
        if cut.from <= note.at && !has_begun {
            has_begun = true;
            let begun = before.iter().enumerate().filter(|(_, frame)| **frame != Frame::default());
            for (node, frame) in begun {
                let what = What::Changed { node, frame: Box::new(frame.clone()) };
                kept(&mut encoder, &Note { at: cut.from, what }, 0);
            }
        }
        let is_kept = match &note.what {
            What::Sent { .. } => packets[sent].is_kept,
            What::Came { packet, .. } => packets[*packet].is_kept,
            // Marks are few, and numbered.
            What::Marked(_) => true,
            What::Changed { .. } | What::Asked { .. } | What::Told { .. } => cut.from <= note.at,
        };
        if is_kept {
            kept(&mut encoder, note, sent);
        }
        sent += usize::from(matches!(note.what, What::Sent { .. }));
    }
    encoder.coder.number(sort::TAG + encoder.tag, 0);
    encoded.bytes = encoder.coder.finish();
    encoded
}

fn packets(film: &Film, cut: Cut) -> Vec<Packet> {
    let nodes = film.frames.len();
    let is_quiet = |bodies: &[Words]| {
        cut.is_thin && bodies.iter().all(|(kind, _)| matches!(FIELDS[*kind].0, "Heartbeat" | "HeartbeatReply"))
    };
    let mut packets = Vec::new();
    for note in &film.notes {
        match &note.what {
            What::Sent { from, to, fate, bodies } => {
                let copies = match fate {
                    Fate::Lost | Fate::Cut => 0,
                    Fate::Alone => 1,
                    Fate::Doubled => 2,
                };
                let is_shown = cut.from <= note.at;
                let is_kept = is_shown && !(*fate == Fate::Alone && is_quiet(bodies));
                packets.push(Packet { link: from * nodes + to, copies, is_shown, is_kept });
            }
            What::Came { packet, end } => packets[*packet].is_kept |= *end != End::Taken && packets[*packet].is_shown,
            What::Changed { .. } | What::Asked { .. } | What::Told { .. } | What::Marked(_) => {}
        }
    }
    packets
}

impl Encoder {
    /// Writes a note, and says its tag.
    fn note(&mut self, note: &Note, sent: usize, packets: &[Packet]) -> usize {
        let tag = match note.what {
            What::Sent { .. } => 1,
            What::Came { .. } => 2,
            What::Changed { .. } => 3,
            What::Asked { .. } => 4,
            What::Told { .. } => 5,
            What::Marked(_) => 6,
        };
        self.coder.number(sort::TAG + self.tag, tag as u64);
        let us = (note.at.0 / 1_000).max(self.us);
        self.coder.number(sort::TIME + self.tag * 7 + tag, us - self.us);
        (self.tag, self.us) = (tag, us);
        match &note.what {
            What::Sent { from, to, fate, bodies } => {
                let link = self.link(sort::SENT_LINK, from * self.nodes + to);
                self.coder.number(sort::FATE, *fate as u64);
                self.coder.number(sort::BODIES, bodies.len() as u64);
                bodies.iter().for_each(|body| self.body(link, body));
                if 0 < packets[sent].copies {
                    self.on_way[link].push((sent, packets[sent].copies));
                }
            }
            What::Came { packet, end } => {
                let link = self.link(sort::CAME_LINK, packets[*packet].link);
                let place = self.on_way[link].iter().position(|(on_way, _)| on_way == packet);
                let place = place.expect("what arrives was sent, and is on its way");
                self.coder.number(sort::WHICH, place as u64);
                self.coder.number(sort::END, *end as u64);
                self.on_way[link][place].1 -= 1;
                self.on_way[link].retain(|(_, copies)| 0 < *copies);
            }
            What::Changed { node, frame } => self.changed(*node, frame),
            What::Asked { client, node, operation, ask } => {
                self.operation(*client, *operation);
                self.coder.number(sort::CLIENT_NODE, *node as u64);
                self.ask(*client, ask);
            }
            What::Told { client, operation, came } => {
                self.operation(*client, *operation);
                self.coder.number(sort::CAME, *came);
            }
            What::Marked(_) => {}
        }
        tag
    }

    fn link(&mut self, sort: usize, link: usize) -> usize {
        self.coder.number(sort + self.link, link as u64);
        self.link = link;
        link
    }

    fn body(&mut self, link: usize, (kind, fields): &Words) {
        self.coder.number(sort::KIND + self.kinds[link], *kind as u64);
        self.kinds[link] = *kind;
        for (nth, &value) in fields.iter().enumerate().take(FIELDS[*kind].1.len()) {
            let last = &mut self.last[(kind * 8 + nth) * self.nodes * self.nodes + link];
            self.coder.signed(sort::FIELD + kind * 8 + nth, value as i64 - *last as i64);
            *last = value;
        }
    }

    fn changed(&mut self, node: usize, frame: &Frame) {
        self.coder.number(sort::NODE, node as u64);
        let before = std::mem::replace(&mut self.frames[node], frame.clone());
        for nth in 0..NUMBERS {
            let by = frame.numbers[nth] as i64 - before.numbers[nth] as i64;
            self.coder.number(sort::IS_OTHER + nth, u64::from(by != 0));
            if by != 0 {
                self.coder.signed(sort::BY + nth, by);
            }
        }
        let is_same = (before.base, &before.runs) == (frame.base, &frame.runs);
        self.coder.number(sort::LOG, u64::from(!is_same));
        if !is_same {
            self.log(&before, frame);
        }
    }

    /// How far the base has moved, how many of the runs behind it are still there, and those that follow.
    fn log(&mut self, before: &Frame, frame: &Frame) {
        self.coder.signed(sort::LOG + 1, frame.base.0 as i64 - before.base.0 as i64);
        self.coder.signed(sort::LOG + 2, frame.base.1 as i64 - before.base.1 as i64);
        let held = behind(&before.runs, frame.base.0);
        let same = held.iter().zip(&frame.runs).take_while(|(one, other)| one == other).count();
        self.coder.number(sort::LOG + 3, same as u64);
        self.coder.number(sort::LOG + 4, (frame.runs.len() - same) as u64);
        let (mut first, mut term) = frame.runs[..same].last().copied().unwrap_or((frame.base.0, frame.base.1));
        for run in &frame.runs[same..] {
            self.coder.signed(sort::LOG + 5, run.0 as i64 - first as i64);
            self.coder.signed(sort::LOG + 6, run.1 as i64 - term as i64);
            (first, term) = *run;
        }
    }

    fn operation(&mut self, client: usize, operation: u64) {
        self.coder.number(sort::CLIENT, client as u64);
        self.coder.signed(sort::OPERATION, operation as i64 - self.operations[client] as i64);
        self.operations[client] = operation;
    }

    fn ask(&mut self, client: usize, ask: &Ask) {
        let (which, list, item) = match *ask {
            Ask::Open => (0, None, None),
            Ask::Append(list, item) => (1, Some(list), Some(item)),
            Ask::Swap(list, item) => (2, Some(list), Some(item)),
            Ask::Read(list) => (3, Some(list), None),
        };
        self.coder.number(sort::ASK, which);
        list.into_iter().for_each(|list| self.coder.number(sort::LIST, list));
        if let Some(item) = item {
            self.coder.signed(sort::ITEM, item as i64 - self.items[client] as i64);
            self.items[client] = item;
        }
    }
}

/// The runs behind a base, the first of them cut to what lies behind it.
pub(super) fn behind(runs: &[(u64, u64)], base: u64) -> Vec<(u64, u64)> {
    let gone = runs.iter().skip(1).take_while(|next| next.0 <= base + 1).count();
    runs.iter().skip(gone).map(|&(first, term)| (first.max(base + 1), term)).collect()
}
