//! Effects carried out: the end of a replica's turn.
//!
//! ```text
//!   Persist ─────> one batch to the disk        Send, Load ──> one packet for each peer, encoded once
//!   Apply, Install, Readable ──> machine        Placed, Refused ──> tickets        SendSnapshot ──> a transfer
//! ```
//! Every effect may be carried out at once and in any order: the core holds back what it cannot stand by yet.

use super::disk::{self, Tended};
use super::standing::Standing;
use super::{Command, Replica, Word, failure_of, transfers};
use crate::fsm::Context;
use crate::raft::consensus::{Append, Committed, Effect, Message, News, Record, Refusal, Role};
use crate::raft::machine::StateMachine;
use crate::raft::machine::automaton as machine;
use crate::raft::mutant::mutate;
use crate::raft::replica::in_flight::Told;
use crate::raft::storage::{Disk, Error, Reader};
use crate::raft::{Entry, Incarnation, Index, NodeId, Seq, Term, Time, Token};
use std::ops::Range;
use std::time::Duration;

/// While more than so many words wait in its inbox, the machine reads entries back: its inbox holds none.
const LAGGING: usize = 1_024;
/// One word about slow calls of `send` in so long.
const SELDOM: Duration = Duration::from_secs(1);

/// A shortage that lasts for so many election timeouts is one that does not pass.
const SHORTAGE_MAX: u32 = 20;

/// What gathers in a turn, in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// For the disk.
    records: Vec<(Seq, Record)>,
    /// For observers.
    news: Vec<News>,
    /// For the leader.
    pub(super) forward: Vec<(Token, Entry)>,
}

/// An append whose entries only the store holds.
struct Load {
    to: NodeId,
    life: Option<Incarnation>,
    append: Append,
    range: Range<Index>,
    terms: Vec<(Index, Term)>,
    bytes_max: usize,
}

impl<S: StateMachine, T: Tended, D: Disk> Replica<S, T, D> {
    pub(super) fn carry_out(&mut self, role: &mut Role, context: &mut Context<Self>) {
        let now = context.now();
        self.forward(role);
        let mut effects = std::mem::take(&mut self.effects);
        if let Some(observer) = &mut self.observer {
            observer.flushing(&self.core, role, now);
        }
        self.core.flush(role, now, &mut effects);
        self.room.flushed();
        self.backlog.flushed();
        if let Some(observer) = &mut self.observer {
            observer.flushed(&self.core, role, &effects);
        }
        let mut told = Told::default();
        for effect in effects.drain(..) {
            self.carry(role, effect, &mut told, context);
        }
        self.effects = effects;
        told.tell();
        self.write();
        self.send(context);
        self.note_leader(role, now, context);
        self.note_copies(role, context);
        self.note_mark();
        self.note_standing(role, now);
        // Only now: who hears of it and looks, sees it.
        self.carried.news.drain(..).for_each(|news| self.shared.news.publish(news));
        let deadline = self.core.deadline();
        if self.alarm.replace(deadline) != Some(deadline) {
            context.state_timeout(deadline.since(now), Command(Word::Tick));
        }
    }

    fn carry(&mut self, role: &Role, effect: Effect, told: &mut Told<S::Reply>, context: &mut Context<Self>) {
        match effect {
            Effect::Persist(seq, record) => {
                self.room.given(seq, &record);
                if role.is_leader() {
                    self.backlog.given(&record);
                }
                self.carried.records.push((seq, record));
            }
            Effect::Send { to, incarnation, message } => self.outbox.say(to, incarnation, message),
            Effect::Load { to, incarnation, append, range, terms, bytes_max } => {
                let load = Load { to, life: incarnation, append, range, terms, bytes_max };
                self.load(role, load, context);
            }
            Effect::Apply(committed) => {
                let depth = self.homes.as_ref().map_or(0, |homes| homes.machine.depth());
                self.tell_machine(machine::Command::Apply(for_machine(committed, depth)));
            }
            Effect::Install { at } => {
                self.shared.gauges.installed();
                self.tell_machine(machine::Command::Install(at));
            }
            Effect::Placed { token, .. } => _ = self.shared.flight.lock().sent(token),
            Effect::Refused { token, why } => self.refused(token, why, told),
            Effect::Readable { token, index } => {
                if let Some((until, run)) = self.reads.remove(&token) {
                    let timeout = until.since(context.now());
                    self.tell_machine(machine::Command::Read { index, timeout, run });
                }
            }
            Effect::SendSnapshot { to, at, term, track } => self.send_snapshot(to, at, term, track, context),
            Effect::Release(keep) => self.tell_disk(disk::Command::Release(keep)),
            Effect::News(news) => self.carried.news.push(news),
        }
    }

    fn refused(&mut self, token: Token, why: Refusal, told: &mut Told<S::Reply>) {
        if let Some((_, run)) = self.reads.remove(&token) {
            return run(Err(failure_of(why)));
        }
        let mut flight = self.shared.flight.lock();
        if let Some(name) = flight.name_of(token) {
            self.copies.take_back(&name);
        }
        flight.refused(token, why, told);
    }

    fn write(&mut self) {
        if !self.carried.records.is_empty() {
            let records = std::mem::take(&mut self.carried.records);
            self.room.written();
            // Recovery takes it for committed as far as its log goes: so only what is in that log already, durably.
            let commit = self.core.commit().min(self.core.log().durable());
            self.tell_disk(disk::Command::Write { records, commit });
        }
    }

    /// Reads the entries and sends the append, unless they are no longer what the core thought they were: then the log
    /// was cut and written anew, and behind this `prev` they would be entries of another history.
    fn load(&mut self, role: &Role, load: Load, context: &mut Context<Self>) {
        let Load { to, life, mut append, range, terms, bytes_max } = load;
        if !role.is_leader() || append.term != self.core.term() {
            return;
        }
        let mut entries = Vec::new();
        let first = range.start;
        match self.reader.read(range, bytes_max, &mut |entry| entries.push(entry)) {
            Ok(()) if are_of(&entries, first, &terms) => {
                self.starved = None;
                append.entries = entries.into();
                self.outbox.say(to, life, Message::Append(append));
            }
            // A lost packet.
            Ok(()) | Err(Error::Gone) => {}
            Err(error) if error.is_shortage() => self.on_shortage(&error.to_string(), context),
            // Another may be able to read it, and leads only once this one does no more.
            Err(error) => {
                let failed = disk::Word::Failed(error.to_string());
                mutate!(UnreadIsLost, context.raise(Command(Word::Disk(failed))), ());
            }
        }
    }

    /// What another member lacks cannot be read, for want of memory or of files to open: it is tried again. Where that does
    /// not pass, another leads only once this one does no more.
    pub(super) fn on_shortage(&mut self, why: &str, context: &mut Context<Self>) {
        self.shared.gauges.starved();
        let (now, election) = (context.now(), self.settings.election);
        let goes_on = self.starved.filter(|(_, last)| now.since(*last) < 2 * election);
        let since = goes_on.map_or(now, |(since, _)| since);
        self.starved = Some((since, now));
        if SHORTAGE_MAX * election <= now.since(since) {
            let why = format!("{why}, for {:?}", now.since(since));
            context.raise(Command(Word::Disk(disk::Word::Failed(why))));
        }
    }

    /// Sends what the turn has said. Who blocks in `send` is counted, and named once a second: heartbeats wait for it.
    fn send(&mut self, context: &Context<Self>) {
        let members = self.core.membership();
        let address = |id| members.members.get(&id).or_else(|| members.outgoing.get(&id)).map(|m| &*m.address);
        let mut slowest = None;
        self.outbox.flush(
            address,
            || context.clock(),
            |to, took| {
                self.shared.gauges.slow_send(to);
                slowest = slowest.max(Some((took, to)));
            },
        );
        if let Some((took, to)) = slowest
            && self.slow_quiet_until <= context.now()
        {
            self.slow_quiet_until = context.now().after(SELDOM);
            self.carried.news.push(News::SlowSend { to, took });
        }
    }

    fn tell_disk(&self, command: disk::Command) {
        if let Some(homes) = &self.homes {
            // One that has ended is heard of by its watcher.
            let _ = homes.disk.post(command);
        }
    }

    pub(super) fn tell_machine(&self, command: machine::Command<S>) {
        if let Some(homes) = &self.homes {
            // One that has ended is heard of by its watcher; a read in the command is then told that it is gone.
            let _ = homes.machine.post(command);
        }
    }

    /// Another leader: what waits is tried there at once.
    fn note_leader(&mut self, role: &Role, now: Time, context: &mut Context<Self>) {
        let led_by = self.core.leader(role);
        if self.led_by == led_by {
            return;
        }
        self.led_by = led_by;
        let mut flight = self.shared.flight.lock();
        if led_by.is_some() && !flight.is_empty() {
            flight.leader_changed(now);
            context.raise(Command(Word::Retry));
        }
    }

    fn note_copies(&mut self, role: &Role, context: &mut Context<Self>) {
        if role.is_leader() {
            self.copies.placed(self.core.log().last().index);
            self.copies.committed(self.core.commit());
            if self.backlog.committed(self.core.commit()) && !self.behind.is_empty() {
                // Behind what is in the inbox: what others forward, and whether the disk has room. If that is full, it is
                // tried with the next commit or heartbeat.
                let _ = context.post(Command(Word::Behind));
            }
        } else {
            self.copies.clear();
            self.backlog.clear();
            // Their time to be tried again, with another leader, comes by itself.
            self.behind.clear();
        }
    }

    /// A snapshot up to the last mark is not needed any more.
    fn note_mark(&mut self) {
        let mark = self.core.log().snapshot();
        if self.mark.index < mark.index
            && let Some(homes) = &self.homes
        {
            self.mark = mark;
            // One that has ended is heard of by its watcher.
            let _ = homes.receiver.post(transfers::Incoming::Mark(mark));
        }
    }

    fn note_standing(&mut self, role: &Role, now: Time) {
        let mut standing = self.shared.standing.lock();
        let mut heard = std::mem::take(&mut standing.heard);
        heard.clear();
        heard.extend(self.core.all_heard().map(|(id, at)| (id, now.since(at))));
        *standing = Standing {
            role: role.name(),
            draining: self.draining,
            term: self.core.term(),
            leader: self.led_by,
            first: self.core.log().base().index.next(),
            last: self.core.log().last().index,
            commit: self.core.commit(),
            heard,
        };
    }
}

/// What a machine is told of committed entries while so many words wait in its inbox.
fn for_machine(committed: Committed, depth: usize) -> Committed {
    match committed {
        Committed::Entries { first, entries } if LAGGING < depth => {
            Committed::Range(first..Index(first.0 + entries.len() as u64))
        }
        committed => committed,
    }
}

/// Whether the entries from `first` on have the terms that these runs (first index, term) name.
fn are_of(entries: &[Entry], first: Index, terms: &[(Index, Term)]) -> bool {
    let term_at = |index: Index| terms.iter().rev().find(|(from, _)| *from <= index).map(|(_, term)| *term);
    entries.iter().enumerate().all(|(at, entry)| term_at(Index(first.0 + at as u64)) == Some(entry.term))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_lags_is_told_indices_instead_of_entries() {
        let entries = Committed::Entries { first: Index(7), entries: vec![Entry::blank(Term(1)); 3].into() };
        assert_eq!(for_machine(entries.clone(), LAGGING), entries);
        assert_eq!(for_machine(entries, LAGGING + 1), Committed::Range(Index(7)..Index(10)));
        let range = Committed::Range(Index(7)..Index(10));
        assert_eq!(for_machine(range.clone(), LAGGING + 1), range);
    }

    #[test]
    fn entries_that_were_written_anew_are_not_those_that_were_meant() {
        let log = |terms: &[u64]| terms.iter().map(|term| Entry::blank(Term(*term))).collect::<Vec<_>>();
        let meant = [(Index(3), Term(1)), (Index(5), Term(4))];
        assert!(are_of(&log(&[1, 1, 4, 4]), Index(3), &meant));
        assert!(are_of(&log(&[1]), Index(4), &meant), "a part of them");
        assert!(!are_of(&log(&[1, 1, 5]), Index(3), &meant));
        assert!(!are_of(&log(&[1, 4]), Index(3), &meant));
        assert!(!are_of(&log(&[1]), Index(2), &meant), "of this one no term was named");
    }
}
