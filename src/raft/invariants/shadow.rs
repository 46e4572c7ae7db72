//! What one peer's disk holds, known from what it was given and what it has completed.

use super::history::digest;
use super::{Verdict, holds};
use crate::raft::consensus::birth::attesters;
use crate::raft::consensus::{Consensus, Effect, Log, Message, Outcome, Record};
use crate::raft::{Incarnation, Index, LogId, NodeId, Seq, Term};
use std::collections::{BTreeMap, VecDeque};

/// What records come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The current term.
    pub term: Term,
    /// The vote in it.
    pub vote: Option<NodeId>,
    /// Whether this life is born.
    pub born: bool,
    /// The lives of others.
    pub bindings: BTreeMap<NodeId, Incarnation>,
    /// The last mark.
    pub mark: LogId,
    /// Before the first of `entries`.
    base: LogId,
    /// Term and content.
    entries: VecDeque<(Term, u64)>,
}

impl Image {
    /// The end of the log.
    #[must_use]
    pub fn last(&self) -> LogId {
        let index = Index(self.base.index.0 + self.entries.len() as u64);
        LogId { term: self.entries.back().map_or(self.base.term, |entry| entry.0), index }
    }

    /// The term at a place, if the log or a snapshot says it.
    #[must_use]
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.entry(index).map(|entry| entry.0)
    }

    /// Term and content at a place.
    pub(super) fn entry(&self, index: Index) -> Option<(Term, u64)> {
        let nth = index.0.checked_sub(self.base.index.0 + 1)?;
        self.entries.get(usize::try_from(nth).ok()?).copied()
    }

    /// The next record. R11: what is durable neither falls nor changes. R14: nor does a binding.
    ///
    /// # Errors
    /// What would fall, change, or leave a hole.
    pub fn apply(&mut self, record: &Record) -> Verdict {
        match record {
            Record::Bind { node, incarnation } => {
                let bound = *self.bindings.entry(*node).or_insert(*incarnation);
                holds("R14", bound == *incarnation, || format!("{node} is bound to {bound}, then to {incarnation}"))?;
            }
            Record::Born => self.born = true,
            Record::State { term, vote } => {
                let kept = self.term < *term || (self.term == *term && (self.vote.is_none() || self.vote == *vote));
                let before = (self.term, self.vote);
                holds("R11", kept, || format!("term and vote {before:?} become {:?}", (term, vote)))?;
                (self.term, self.vote) = (*term, *vote);
            }
            Record::Mark { at } => {
                let rises = self.mark.index <= at.index;
                holds("R11", rises, || format!("the mark falls from {:?} to {at:?}", self.mark))?;
                if self.term_at(at.index) != Some(at.term) {
                    (self.base, self.entries) = (*at, VecDeque::new());
                }
                self.mark = *at;
            }
            Record::Entries { after, entries } => {
                let attaches = self.mark.index <= *after && *after <= self.last().index;
                holds("R12", attaches, || format!("entries after {after} leave a hole: {:?}", self.last()))?;
                self.entries.truncate((after.0 - self.base.index.0) as usize);
                self.entries.extend(entries.iter().map(|entry| (entry.term, digest(entry))));
            }
        }
        Ok(())
    }
}

/// What is durable, and what is on its way there.
#[derive(Clone, Debug, Default)]
pub struct Shadow {
    durable: Image,
    given: VecDeque<(Seq, Record)>,
    given_last: Index,
}

impl Shadow {
    /// What is durable.
    #[must_use]
    pub fn durable(&self) -> &Image {
        &self.durable
    }

    /// A record that was there from the beginning.
    ///
    /// # Errors
    /// As [`Image::apply`].
    pub fn keep(&mut self, record: &Record) -> Verdict {
        self.durable.apply(record)
    }

    /// The disk was given a record. Says to where the log is cut by it, if it is.
    pub fn give(&mut self, seq: Seq, record: &Record) -> Option<Index> {
        let cut = match record {
            Record::Entries { after, entries } => {
                let cut = (*after < self.given_last).then_some(*after);
                self.given_last = Index(after.0 + entries.len() as u64);
                cut
            }
            Record::Mark { at } => {
                let is_held = self.given_term_at(at.index) == Some(at.term);
                let cut = (!is_held && at.index < self.given_last).then_some(at.index);
                self.given_last = if is_held { self.given_last } else { at.index };
                cut
            }
            Record::Bind { .. } | Record::Born | Record::State { .. } => None,
        };
        self.given.push_back((seq, record.clone()));
        cut
    }

    /// The term at a place, in the log as it was given.
    fn given_term_at(&self, index: Index) -> Option<Term> {
        if self.given_last < index {
            return None;
        }
        for (_, record) in self.given.iter().rev() {
            match record {
                Record::Entries { after, entries } if *after < index => {
                    return entries.get((index.0 - after.0 - 1) as usize).map(|entry| entry.term);
                }
                Record::Mark { at } if at.index == index => return Some(at.term),
                Record::Entries { .. }
                | Record::Mark { .. }
                | Record::Bind { .. }
                | Record::Born
                | Record::State { .. } => {}
            }
        }
        self.durable.term_at(index)
    }

    /// All up to `seq` is durable. `each` is shown every record, and the image with it.
    ///
    /// # Errors
    /// As [`Image::apply`], and what `each` says.
    pub fn persist(&mut self, seq: Seq, mut each: impl FnMut(&Record, &Image) -> Verdict) -> Verdict {
        while let Some((_, record)) = self.given.front().filter(|given| given.0 <= seq) {
            self.durable.apply(record)?;
            each(record, &self.durable)?;
            self.given.pop_front();
        }
        Ok(())
    }

    /// A peer has come back. R11: with what was durable, and perhaps some of what was on its way, nothing else.
    ///
    /// # Errors
    /// What is lost, or was never given.
    pub fn restart(&mut self, core: &Consensus) -> Verdict {
        let mut image = self.durable.clone();
        let mut given = std::mem::take(&mut self.given);
        loop {
            if let Some(found) = as_recovered(&image, core) {
                self.given_last = found.last().index;
                self.durable = found;
                return Ok(());
            }
            let Some((_, record)) = given.pop_front() else { break };
            if let Some(part) = part_of(&record, core.log().last().index) {
                let mut in_part = image.clone();
                in_part.apply(&part)?;
                if let Some(found) = as_recovered(&in_part, core) {
                    self.given_last = found.last().index;
                    self.durable = found;
                    return Ok(());
                }
            }
            image.apply(&record)?;
        }
        let durable = &self.durable;
        holds("R11", false, || format!("came back as {:?}, {:?}; durable was {durable:?}", core.term(), core.log()))
    }

    /// Whether this log is durable up to there.
    pub(super) fn holds_up_to(&self, log: &Log, index: Index) -> bool {
        // What a snapshot covers is committed, and no more in the log to compare with.
        let covered = index <= log.base().index;
        let same = |term| covered || log.term_at(index) == Some(term);
        index <= self.durable.mark.index || self.durable.term_at(index).is_some_and(same)
    }

    /// R3: what leaves a peer promises nothing that is not durable.
    ///
    /// # Errors
    /// What is promised in vain.
    pub fn promises(&self, core: &Consensus, effect: &Effect) -> Verdict {
        let Effect::Send { to, message, .. } = effect else { return Ok(()) };
        let durable = &self.durable;
        let says = |rule, condition| holds(rule, condition, || format!("{message:?} to {to}, durable: {durable:?}"));
        let silent = matches!(message, Message::Hello | Message::Attest { .. });
        says("R14", core.is_born() || silent)?;
        if let Some(term) = message.term() {
            says("R3", durable.term == term && durable.born)?;
        }
        let holds_up_to = |index: Index| self.holds_up_to(core.log(), index);
        match message {
            Message::Vote { .. } => says("R3", durable.vote == Some(core.me().node)),
            Message::VoteReply { granted: true, .. } => says("R3", durable.vote == Some(*to)),
            Message::AppendReply { outcome: Outcome::Matched(index), .. } => says("R3", holds_up_to(*index)),
            Message::HeartbeatReply { matched, .. } => says("R3", holds_up_to(*matched)),
            Message::Attest { bound } => says("R3", durable.bindings.get(to) == Some(bound)),
            Message::VoteReply { granted: false, .. }
            | Message::AppendReply { outcome: Outcome::Conflict { .. }, .. }
            | Message::PreVote { .. }
            | Message::PreVoteReply { .. }
            | Message::Append(_)
            | Message::Heartbeat { .. }
            | Message::Forward { .. }
            | Message::ReadAsk { .. }
            | Message::ReadAnswer { .. }
            | Message::TimeoutNow { .. }
            | Message::Hello => Ok(()),
        }
    }
}

/// The beginning of a record of entries, up to there: where a segment is full the rest of them stands in the next one.
fn part_of(record: &Record, last: Index) -> Option<Record> {
    let Record::Entries { after, entries } = record else { return None };
    let count = last.0.checked_sub(after.0).filter(|count| (1..entries.len() as u64).contains(count))?;
    Some(Record::Entries { after: *after, entries: entries[..count as usize].to_vec().into() })
}

/// The image as recovery would tell it to this core: with the mark of a newer snapshot's file, and the term it needs.
fn as_recovered(image: &Image, core: &Consensus) -> Option<Image> {
    let mut image = image.clone();
    if image.mark != core.log().snapshot() {
        image.apply(&Record::Mark { at: core.log().snapshot() }).ok()?;
    }
    if image.term < image.last().term {
        (image.term, image.vote) = (image.last().term, None);
    }
    let mut inside = core.log().base().index.next().0..=core.log().last().index.0;
    let log_is = image.last() == core.log().last()
        && image.mark == core.log().snapshot()
        && inside.all(|index| image.term_at(Index(index)) == core.log().term_at(Index(index)));
    let state_is = (image.term, image.vote) == (core.term(), core.vote());
    let bindings_are = image.bindings.iter().map(|(&node, &life)| (node, life)).eq(core.bindings().iter());
    // Where nobody need attest, a peer is born as it starts.
    let at_once = attesters(core.membership()) == 0 || core.options().first_boot.is_some();
    let born_is = image.born == core.is_born() || (at_once && core.is_born());
    (log_is && state_is && bindings_are && born_is).then_some(image)
}
