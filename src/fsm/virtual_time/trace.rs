//! What a run of virtual time was, step by step.
//!
//! ```text
//!   rsm-trace 1 seed=0000000000000007 batch=128
//!   0000000000000000 0000000000000000 9c3f.. 0100000101000000 0.. 0.. 0.. 5b1d..       eight words a line, in hexadecimal
//!   time             number           cell   what             the world's       digest
//! ```
//! A rolling hash over all words is always on. The text is a reading of the records, nothing left out.

use crate::fsm::CellId;
use crate::fsm::cell::BATCH;
use crate::mix::mix;
use crate::time::Time;
use std::fmt;

/// One step: a turn of one cell, or one event of the world. 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// True time.
    pub time: Time,
    /// Steps before this one.
    pub number: u64,
    /// Whose turn; 0 for the world.
    pub cell: CellId,
    /// What happened.
    pub what: What,
    /// What the world said of it.
    pub world: [u64; 3],
    /// Kinds of inputs and cells posted to since the last step, in order.
    pub digest: u64,
}

/// The kind of a step, packed into one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct What {
    /// Which of the two.
    pub step: Step,
    /// Commands delivered in the turn.
    pub commands: u32,
    /// The kind of the state before and after, numbered for each cell in order of first sight from 1; 0 is none.
    pub kinds: [u8; 2],
    /// Whether the cell died.
    pub ended: bool,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A turn of one cell.
    Turn,
    /// An event of the world.
    World,
}

impl What {
    /// As a word: step 8 bits, ended 8, kinds 8 and 8, commands 32.
    fn word(self) -> u64 {
        let step: u64 = match self.step {
            Step::Turn => 1,
            Step::World => 2,
        };
        let [before, after] = self.kinds.map(u64::from);
        step << 56 | u64::from(self.ended) << 48 | before << 40 | after << 32 | u64::from(self.commands)
    }

    fn from_word(word: u64) -> Option<What> {
        let step = match word >> 56 {
            1 => Step::Turn,
            2 => Step::World,
            _ => return None,
        };
        let ended = match word >> 48 & 0xff {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(What { step, ended, kinds: [(word >> 40) as u8, (word >> 32) as u8], commands: word as u32 })
    }
}

impl Record {
    /// Its eight words.
    #[must_use]
    pub fn words(&self) -> [u64; 8] {
        let [a, b, c] = self.world;
        [self.time.0, self.number, self.cell.0, self.what.word(), a, b, c, self.digest]
    }

    /// Reads eight words; `None` if they are no record.
    #[must_use]
    pub fn from_words([time, number, cell, what, a, b, c, digest]: [u64; 8]) -> Option<Record> {
        let what = What::from_word(what)?;
        Some(Record { time: Time(time), number, cell: CellId(cell), what, world: [a, b, c], digest })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.words();
        write!(f, "{first:016x}")?;
        rest.iter().try_for_each(|word| write!(f, " {word:016x}"))
    }
}

/// A hash of 128 bits that rolls over every word of every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rolling([u64; 2]);

impl Rolling {
    pub(super) fn add(&mut self, record: &Record) {
        let [mut a, mut b] = self.0;
        for word in record.words() {
            // For each state another word leads to another `a`, and for each word another state to another state.
            a = (a ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            a ^= a >> 32;
            b = (b.rotate_left(29) ^ a).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        self.0 = [a, b];
    }

    pub(super) fn value(self) -> u128 {
        let [a, b] = self.0;
        u128::from(mix(a, b, 0)) << 64 | u128::from(mix(b, a, 1))
    }
}

/// All steps of a run, and the seed that led to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The seed of the run.
    pub seed: u64,
    /// Its steps.
    pub records: Vec<Record>,
}

/// Why a text is no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadTrace {
    /// Its first line is not the head of a trace of this version.
    Head,
    /// This line, counted from 1, is no record.
    Line(usize),
}

impl fmt::Display for BadTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTrace::Head => {
                write!(
                    f,
                    "not a trace of this version: its first line must be `{HEAD} seed=<16 hex digits> batch={BATCH}`"
                )
            }
            BadTrace::Line(line) => write!(f, "line {line} of the trace is not eight words of 16 hex digits"),
        }
    }
}
impl std::error::Error for BadTrace {}

const HEAD: &str = "rsm-trace 1";

impl Trace {
    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn parse(text: &str) -> Result<Trace, BadTrace> {
        let mut lines = text.lines();
        let head = lines.next().and_then(|line| line.strip_prefix(HEAD)).ok_or(BadTrace::Head)?;
        let head = head.strip_suffix(&format!(" batch={BATCH}")).ok_or(BadTrace::Head)?;
        let seed = head.strip_prefix(" seed=").and_then(word).ok_or(BadTrace::Head)?;
        let record = |(at, line)| record(line).ok_or(BadTrace::Line(at + 2));
        Ok(Trace { seed, records: lines.enumerate().map(record).collect::<Result<_, _>>()? })
    }
}

fn word(text: &str) -> Option<u64> {
    let plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u64::from_str_radix(text, 16).ok() } else { None }
}

fn record(line: &str) -> Option<Record> {
    let words: Option<Vec<u64>> = line.split(' ').map(word).collect();
    Record::from_words(words?.try_into().ok()?)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD} seed={:016x} batch={BATCH}", self.seed)?;
        self.records.iter().try_for_each(|record| writeln!(f, "{record}"))
    }
}

/// Where a replay and its trace part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What the trace has; `None` if it has ended.
    pub expected: Option<Record>,
    /// What came instead; `None` if nothing did, or the cell that the trace names had nothing to do.
    pub found: Option<Record>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |record: Option<Record>| record.map_or_else(|| "nothing".to_owned(), |record| record.to_string());
        write!(f, "trace:  {}\nreplay: {}", show(self.expected), show(self.found))
    }
}
