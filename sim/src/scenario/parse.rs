//! Scripts, line by line.

use super::guards::plain;
use super::moment::moment;
use super::telling::tell;
use super::{Answer, Condition, Head, Scenario, Verb, Who};
use crate::aim::{Act, Aim, KINDS};
use crate::lists::Key;
use crate::plan::{MS, SPARES};
use crate::script::Proposal;
use rsm::raft::storage::simulated::Spares;

/// The least election timeout of a scenario's cluster, in nanoseconds.
pub(super) const T: u64 = 100 * MS;

/// How long `until` waits unless it says so.
const PATIENCE: u64 = 100 * T;

/// The words of a line that are left.
pub(super) struct Words<'a>(std::vec::IntoIter<&'a str>);

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Words<'a> {
        Words(line.split_whitespace().collect::<Vec<_>>().into_iter())
    }

    pub(super) fn next(&mut self) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| "the line ends too early".to_owned())
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.0.as_slice().first().copied()
    }

    /// Takes the next word if it is this one.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        let is_it = self.peek() == Some(word);
        if is_it {
            self.0.next();
        }
        is_it
    }

    pub(super) fn must(&mut self, word: &str) -> Result<(), String> {
        let next = self.next()?;
        if next == word { Ok(()) } else { Err(format!("`{word}` expected, not `{next}`")) }
    }

    pub(super) fn number(&mut self) -> Result<u64, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("a number expected, not `{word}`"))
    }

    pub(super) fn who(&mut self) -> Result<Who, String> {
        let word = self.next()?;
        Ok(match word.parse() {
            Ok(number) => Who::Number(number),
            Err(_) if word == "others" => Who::Others,
            Err(_) => Who::Name(word.to_owned()),
        })
    }

    pub(super) fn name(&mut self) -> Result<String, String> {
        self.next().map(str::to_owned)
    }

    /// Nanoseconds.
    pub(super) fn time(&mut self) -> Result<u64, String> {
        let word = self.next()?;
        let units = [("ms", MS), ("s", 1_000 * MS), ("T", T)];
        let of = |(unit, nanoseconds): (&str, u64)| {
            let (whole, part) = word.strip_suffix(unit).map(|word| word.split_once('.').unwrap_or((word, "")))?;
            let is_part = part.len() <= 6 && part.bytes().all(|byte| byte.is_ascii_digit());
            let part = format!("{part:0<6}").parse::<u64>().ok().filter(|_| is_part)? * (nanoseconds / 1_000_000);
            whole.parse::<u64>().ok()?.checked_mul(nanoseconds)?.checked_add(part)
        };
        units.into_iter().find_map(of).ok_or_else(|| format!("a time expected, such as 300ms, 2s or 5T, not `{word}`"))
    }

    fn answer(&mut self) -> Result<Answer, String> {
        Ok(match self.next()? {
            "ok" => Answer::Ok,
            "refused" => Answer::Refused,
            "expired" => Answer::Expired,
            "unknown" => Answer::Unknown,
            word => return Err(format!("ok, refused, expired or unknown expected, not `{word}`")),
        })
    }

    pub(super) fn end(&mut self) -> Result<(), String> {
        self.peek().map_or(Ok(()), |word| Err(format!("`{word}` is one word too many")))
    }
}

impl Scenario {
    /// Reads a script; what follows `#` is for its reader.
    ///
    /// # Errors
    /// Which line is none, and why.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, plain(line)));
        let mut lines = lines.filter(|(_, line)| !line.is_empty());
        let (at, first) = lines.next().ok_or("an empty script: begin with `cluster 3 seed 7`")?;
        let head = Head::parse(first).map_err(|why| format!("line {at}: {why}"))?;
        let mut scenario = Scenario { head, moments: Vec::new(), steps: Vec::new() };
        for (at, line) in lines {
            scenario.line(at, line).map_err(|why| format!("line {at}: {why}"))?;
        }
        Ok(scenario)
    }

    fn line(&mut self, at: usize, line: &str) -> Result<(), String> {
        let mut words = Words::new(line);
        if words.takes("at") {
            let time = words.time()?;
            self.moments.push((time, moment(&mut words, self.head.swarm.nodes)?));
            words.end()
        } else {
            self.steps.push((at, verb(line)?));
            Ok(())
        }
    }
}

fn verb(line: &str) -> Result<Verb, String> {
    let mut words = Words::new(line);
    let verb = match words.next()? {
        "run" if words.takes("until") => until(&mut words)?,
        "run" if words.takes("to") => Verb::To(words.time()?),
        "calm" => Verb::Calm,
        "run" => Verb::Run(words.time()?),
        "expect" => expect(&mut words)?,
        "name" => named(&mut words)?,
        "cut" => link(&mut words)?,
        "heal" => Verb::Heal,
        "clog" => {
            let from = words.who()?;
            words.must("->")?;
            Verb::Clog(from, words.who()?, words.time()?)
        }
        act @ ("drop" | "dup" | "delay" | "flip") => {
            let (aim, from, to) = aim(act, &mut words)?;
            Verb::Aim(aim, from, to)
        }
        "tell" => Verb::Tell(tell(&mut words, false)?),
        "lie" => {
            words.must("to")?;
            Verb::Tell(tell(&mut words, true)?)
        }
        "crash" => Verb::Crash(words.who()?, at_disk(&mut words)?, spares(&mut words)),
        "drain" => Verb::Drain(words.who()?),
        "kill" => Verb::Kill(words.who()?),
        "restart" => Verb::Restart(words.who()?),
        "wipe" => Verb::Wipe(words.who()?),
        "pause" => Verb::Pause(words.who()?, words.time()?),
        "clock" => Verb::Clock(words.who()?, words.time()?),
        "disk" => disk(&mut words)?,
        "open" => {
            let name = words.name()?;
            words.must("at")?;
            Verb::Open(name, words.who()?)
        }
        "propose" => propose(&mut words)?,
        "read" => read(&mut words)?,
        "await" => Verb::Await(words.name()?, words.answer()?),
        word @ ("change" | "transfer" | "snapshot") => {
            return Err(format!("`{word}` waits for its feature: docs/verification.md"));
        }
        word => return Err(format!("`{word}` is no verb")),
    };
    words.end()?;
    Ok(verb)
}

fn until(words: &mut Words) -> Result<Verb, String> {
    let condition = condition(words)?;
    let patience = if words.takes("within") { words.time()? } else { PATIENCE };
    Ok(Verb::Until(condition, patience))
}

fn expect(words: &mut Words) -> Result<Verb, String> {
    if words.takes("never") {
        let condition = condition(words)?;
        words.must("for")?;
        return Ok(Verb::Never(condition, words.time()?));
    }
    let condition = condition(words)?;
    Ok(if words.takes("within") { Verb::Until(condition, words.time()?) } else { Verb::Expect(condition) })
}

fn named(words: &mut Words) -> Result<Verb, String> {
    let name = words.name()?;
    words.must("other-than")?;
    let mut others = Vec::new();
    while words.peek().is_some() {
        others.push(words.who()?);
    }
    Ok(Verb::Name(name, others))
}

fn link(words: &mut Words) -> Result<Verb, String> {
    let (one, arrow, other) = (words.who()?, words.next()?, words.who()?);
    match arrow {
        "->" => Ok(Verb::Cut(one, other, false)),
        "<->" => Ok(Verb::Cut(one, other, true)),
        _ => Err(format!("`->` or `<->` expected, not `{arrow}`")),
    }
}

/// What is aimed at, and the ends of its link, by their names.
pub(super) fn aim(act: &str, words: &mut Words) -> Result<(Aim, Option<Who>, Option<Who>), String> {
    words.must("next")?;
    let name = words.next()?;
    let kind = KINDS.into_iter().find(|&kind| kind == name).ok_or_else(|| format!("`{name}` is no kind of message"))?;
    let (mut from, mut to, mut by, mut skip, mut bit) = (None, None, T, 0, 0);
    while words.peek().is_some() {
        match words.next()? {
            "from" => from = Some(words.who()?),
            "to" => to = Some(words.who()?),
            "by" => by = words.time()?,
            "skip" => skip = words.number()?,
            "bit" => bit = words.number()?,
            word => return Err(format!("from, to, by, bit or skip expected, not `{word}`")),
        }
    }
    let act = match act {
        "drop" => Act::Drop,
        "dup" => Act::Double(by),
        "delay" => Act::Delay(by),
        _ => Act::Flip(bit),
    };
    Ok((Aim { from: None, to: None, kind: Some(kind), skip, act }, from, to))
}

fn at_disk(words: &mut Words) -> Result<Option<u64>, String> {
    if !words.takes("at") {
        return Ok(None);
    }
    words.must("disk")?;
    words.number().map(Some)
}

/// What is left of what was not synced, if the line says it.
fn spares(words: &mut Words) -> Option<Spares> {
    SPARES.into_iter().find(|(word, _)| words.takes(word)).map(|(_, spares)| spares)
}

fn disk(words: &mut Words) -> Result<Verb, String> {
    let who = words.who()?;
    match words.next()? {
        "stuck" => Ok(Verb::Stuck(who, words.time()?)),
        "full" => Ok(Verb::Full(who, words.time()?)),
        "broken" => Ok(Verb::Broken(who)),
        word => Err(format!("stuck, full or broken expected, not `{word}`")),
    }
}

fn propose(words: &mut Words) -> Result<Verb, String> {
    let (proposal, at) = proposal(words)?;
    let answer = if words.takes("->") { Some(words.answer()?) } else { None };
    Ok(Verb::Propose(proposal, at, answer))
}

/// What is proposed, and where.
pub(super) fn proposal(words: &mut Words) -> Result<(Proposal, Who), String> {
    let value = words.name()?;
    words.must("at")?;
    let at = words.who()?;
    let list = if words.takes("to") { list(words)? } else { 0 };
    let over = if words.takes("over") { Some(words.name()?) } else { None };
    let session = if words.takes("in") { Some((words.name()?, words.number()?)) } else { None };
    let pad = if words.takes("pad") { Some(words.number()?) } else { None };
    let pad = pad.map(u16::try_from).transpose().map_err(|why| why.to_string())?;
    Ok((Proposal { value, list, over, session, pad }, at))
}

/// A list, by its number.
pub(super) fn list(words: &mut Words) -> Result<Key, String> {
    let number = words.number()?;
    Key::try_from(number).map_err(|_| format!("there is no list {number}"))
}

fn read(words: &mut Words) -> Result<Verb, String> {
    words.must("at")?;
    let at = words.who()?;
    if !words.takes("->") {
        return Ok(Verb::Read(at, None));
    }
    let mut seen = Vec::new();
    while words.peek().is_some() {
        seen.push(words.name()?);
    }
    Ok(Verb::Read(at, Some(seen)))
}

fn condition(words: &mut Words) -> Result<Condition, String> {
    Ok(match words.peek() {
        Some("leader") => {
            words.next()?;
            words.must("as")?;
            let name = words.name()?;
            let mut others = Vec::new();
            if words.takes("other-than") {
                others.push(words.who()?);
            }
            Condition::Leader(name, others)
        }
        Some("no") => {
            words.next()?;
            words.must("leader")?;
            Condition::NoLeader
        }
        Some("all") => {
            words.next()?;
            words.must("equal")?;
            Condition::AllEqual
        }
        Some("elections") => {
            words.next()?;
            Condition::Elections(words.number()?)
        }
        Some("term") => {
            words.next()?;
            Condition::Term(words.number()?)
        }
        _ => of_node(words)?,
    })
}

fn of_node(words: &mut Words) -> Result<Condition, String> {
    let who = words.who()?;
    Ok(match words.next()? {
        "leads" => Condition::Leads(who),
        "follows" => Condition::Follows(who, words.who()?),
        "is" => Condition::Is(who, words.name()?),
        "commits" => Condition::Commits(who, words.number()?),
        "holds" => Condition::Holds(who, words.name()?),
        "lacks" => Condition::Lacks(who, words.name()?),
        "down" => Condition::Down(who),
        "snapshot" => Condition::Snapshot(who, words.number()?),
        word => return Err(format!("`{word}` is no condition of a node")),
    })
}
