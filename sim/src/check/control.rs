//! The control: where nothing goes wrong, all goes as it should, and the simulator adds nothing of its own.
//!
//! ```text
//!   one seed in sixteen: no fault, no loss, no delay of a twentieth of the least timeout
//!        ──> one leader, no retry, each operation is done, few messages for a command: 2 for each of the others
//! ```

use super::{Check, Counts};
use rsm::raft::consensus::{Message, Outcome};
use rsm::raft::wire::{Body, Chunk};

/// What a run says that has no faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Appends.
    appends: u64,
    /// Their answers.
    answers: u64,
    /// Those of them that say that the append found no place, since another has overtaken it: it is said again.
    overtaken: u64,
    /// Last pieces of snapshots: who has one whole acknowledges it as it would an append.
    brought: u64,
    /// Messages in which commands are passed on to a leader.
    forwards: u64,
    /// Heartbeats, and their answers: a commit that finds no append to ride on travels in one, and the question of a read.
    beats: u64,
}

/// How long it was, and how much there was to do.
#[derive(Clone, Copy, Debug)]
pub struct Undisturbed {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many heartbeats there should have been.
    pub pulses: u64,
    /// How many calls were made.
    pub calls: u64,
    /// How many packets have come behind one that was sent later.
    pub reordered: u64,
    /// How many appends may be on their way to one peer.
    pub window: u64,
}

/// So many messages of a kind may come before the first command, or be under way at the end.
const FIRST: u64 = 64;

/// What one append that has found no place costs in appends: it goes again, with all that is behind it, and those may go a
/// third time, if the answer to what was overtaken comes first. Of 1,600 seeds none has come to more than 1.6.
const AGAIN: u64 = 3;

/// A snapshot is taken after so many entries at least: see [`swarm`](crate::plan::swarm).
const SNAPSHOT: u64 = 256;

/// A command is passed on, and again where it waits behind others for some heartbeats.
const TRIES: u64 = 3;

impl Control {
    /// A packet carries this.
    pub fn sent(&mut self, body: &Body) {
        if let Body::Chunk(Chunk { offset, bytes, total, .. }) = body {
            self.brought += u64::from(offset + bytes.len() as u64 == *total);
        }
        let Body::Message(message) = body else { return };
        match message {
            Message::Append(_) => self.appends += 1,
            Message::AppendReply { outcome, .. } => {
                self.answers += 1;
                self.overtaken += u64::from(matches!(outcome, Outcome::Conflict { .. }));
            }
            Message::Forward { .. } => self.forwards += 1,
            Message::Heartbeat { .. } | Message::HeartbeatReply { .. } => self.beats += 1,
            _ => {}
        }
    }

    /// Judges a run that has committed so much.
    ///
    /// A command goes to each of the others, in an append of its own at most, and each append is answered: four messages at
    /// three nodes. A commit that travels alone and the question of a read are each a heartbeat to each of the others, which
    /// is answered.
    pub fn judge(self, check: &mut Check, run: Undisturbed, counts: Counts) {
        let Undisturbed { nodes, pulses, calls, reordered, window } = run;
        let (elections, commits, others) = (check.elections, check.committed(), nodes as u64 - 1);
        let all = [
            ("elections", elections, 1),
            ("operations of which nobody knows", counts.unknown, 0),
            ("reads that were given up", counts.unread, 0),
            ("sessions that were gone", counts.expired, 0),
            ("refusals", counts.refused, 0),
            ("retries", counts.retried, 0),
            ("appends", self.appends, FIRST + commits * others + AGAIN * self.overtaken),
            // One that is overtaken by a window of others is what these find no place behind; so they do behind a snapshot.
            ("appends without a place", self.overtaken, (FIRST + window) * (1 + self.brought) + window * reordered),
            ("last pieces of snapshots", self.brought, 2 * others * (1 + commits / SNAPSHOT)),
            ("answers to appends", self.answers, FIRST + self.appends + self.brought),
            ("commands passed on", self.forwards, FIRST + TRIES * calls),
            ("heartbeats and answers", self.beats, 2 * others * (FIRST + pulses + commits + counts.reads)),
        ];
        for (what, count, most) in all {
            if most < count {
                check
                    .break_rule("control", format!("{count} {what}, {most} at most: {nodes} nodes, {commits} commits"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Case;
    use crate::world::World;
    use rsm::fsm::VirtualTime;
    use rsm::raft::consensus::Append;
    use rsm::raft::{Entries, Index, LogId, Round, Term, Time, Track};
    use std::time::Duration;

    fn broken(counts: Counts, elections: u64, control: Control) -> Option<&'static str> {
        let mut check = Check { elections, ..Check::default() };
        control.judge(&mut check, Undisturbed { nodes: 3, pulses: 0, calls: 0, reordered: 0, window: 1 }, counts);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn whatever_goes_wrong_where_nothing_should_is_told() {
        let (none, silent) = (Counts::default(), Control::default());
        let (appends, beats) = (FIRST + 7 * AGAIN, 4 * FIRST);
        let most = Control { appends, answers: appends + FIRST + 2, overtaken: 7, brought: 2, forwards: FIRST, beats };
        assert_eq!(broken(none, 1, most), None);
        assert_eq!(broken(none, 2, silent), Some("control"));
        for said in [
            Control { appends: appends + 1, ..most },
            Control { answers: FIRST + 1, ..silent },
            Control { appends: 9 * FIRST, overtaken: FIRST + 2, ..silent },
            Control { brought: 5, ..silent },
            Control { forwards: FIRST + 1, ..silent },
            Control { beats: beats + 1, ..silent },
        ] {
            assert_eq!(broken(none, 1, said), Some("control"), "{said:?}");
        }
        for counts in [
            Counts { unknown: 1, ..none },
            Counts { unread: 1, ..none },
            Counts { expired: 1, ..none },
            Counts { refused: 1, ..none },
            Counts { retried: 1, ..none },
        ] {
            assert_eq!(broken(counts, 1, silent), Some("control"), "{counts:?}");
        }
    }

    #[test]
    fn messages_are_counted_by_what_they_are_about() {
        let mut control = Control::default();
        let (term, track, commit) = (Term(1), Track::default(), Index(0));
        let prev = LogId::ZERO;
        let answer = |outcome| Message::AppendReply { term, track, outcome };
        let messages = [
            Message::Append(Append { term, track, prev, entries: Entries::NONE, commit }),
            answer(Outcome::Matched(Index(1))),
            answer(Outcome::Conflict { term, index: Index(1) }),
            Message::Forward { entries: Entries::NONE },
            Message::Heartbeat { term, track, commit, round: Round(1) },
            Message::Hello,
        ];
        messages.into_iter().for_each(|message| control.sent(&message.into()));
        let piece = |offset| Chunk { term, track, at: prev, total: 9, offset, crc: 0, bytes: vec![7; 4].into() };
        [0, 4, 5].map(piece).into_iter().for_each(|chunk| control.sent(&Body::Chunk(chunk)));
        assert_eq!(control, Control { appends: 1, answers: 2, overtaken: 1, brought: 1, forwards: 1, beats: 1 });
    }

    #[test]
    fn an_append_that_is_sent_twice_is_one_too_many() {
        let judged = |times: u64| {
            let case = (0..)
                .map(|seed| Case::new(seed, Duration::from_secs(5)))
                .find(|case| case.swarm.is_control && 3 <= case.swarm.nodes);
            let case = case.expect("one in sixteen");
            let time = VirtualTime::new(case.seed);
            let mut world = World::new(case.seed, case.swarm, case.plan, &time);
            time.run_until(Time::ZERO.after(case.lasts), &mut world);
            let control = world.control.as_mut().expect("nothing goes wrong");
            control.appends *= times;
            world.judge_control();
            let check = world.check.lock();
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((judged(1), judged(2)), (None, Some("control")));
    }
}
