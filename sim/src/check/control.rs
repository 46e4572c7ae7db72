//! The control: where nothing goes wrong, all goes as it should, and the simulator adds nothing of its own.
//!
//! ```text
//!   one seed in sixteen: no fault, no loss, no delay of a twentieth of the least timeout
//!        ──> one leader, no retry, each operation is done, few messages for a command: 2 for each of the others
//! ```

use super::{Check, Counts};
use crate::client::Of;
use crate::plan::MS;
use rsm::raft::consensus::{Message, Outcome};
use rsm::raft::wire::{Body, Chunk};
use rsm::raft::{Index, Round};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a run says that has no faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Appends.
    appends: u64,
    /// Their answers.
    answers: u64,
    /// Those of them that say that the append found no place, since another has overtaken it: it is said again.
    overtaken: u64,
    /// Last pieces of snapshots: who has one whole acknowledges it as it would an append.
    brought: u64,
    /// Commands that are passed on to a leader, each as often as it is.
    forwards: u64,
    /// As often as those should be that peers have answered which do not lead.
    due_forwards: u64,
    /// Heartbeats that begin a round with their receiver: a leader's pulse, or the question of a read.
    rounds: u64,
    /// Heartbeats that neither do so nor bring a commit that has found no append to ride on.
    idle: u64,
    /// Answers to heartbeats.
    beats_answered: u64,
    /// Questions for the index of a read, by peers that do not lead.
    asks: u64,
    /// Reads that such peers have answered.
    others_reads: u64,
    /// Reads that a leader has answered.
    own_reads: u64,
    /// Answers to these questions.
    asks_answered: u64,
    /// What is said of births.
    births: u64,
    /// What is said of votes, and of all else.
    votes: u64,
    /// The latest round and the greatest commit that each node was told.
    told: BTreeMap<usize, (Option<Round>, Index)>,
}

/// How long it was, and how much there was to do.
#[derive(Clone, Copy, Debug)]
pub struct Undisturbed {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many heartbeats there should have been.
    pub pulses: u64,
    /// How many clients there are, each of which waits for two calls at most.
    pub clients: u64,
    /// How many packets have come behind one that was sent later.
    pub reordered: u64,
    /// How many appends may be on their way to one peer.
    pub window: u64,
    /// How many packets have come in the name of a former life, which is told so.
    pub former_lives: u64,
}

/// So many messages of a kind may come before the first command, or be under way at the end.
const FIRST: u64 = 64;

/// What one append that has found no place costs in appends: it goes again, with all that is behind it, and those may go a
/// third time, if the answer to what was overtaken comes first. Of 1,600 seeds none has come to more than 1.6.
const AGAIN: u64 = 3;

/// A snapshot is taken after so many entries at least: see [`swarm`](crate::plan::swarm).
const SNAPSHOT: u64 = 256;

/// So often each asks each of the others at most whether it is known to it, and so many campaigns there are before the first
/// leader.
const BIRTHS: u64 = 2;
const CAMPAIGNS: u64 = 4;

/// Who has passed a command on in vain does so again after two heartbeats, after four more, and so on up to this.
const PAUSE_MAX: u64 = 2_000 * MS;

/// How often a command is passed on for which nothing comes in so much time.
fn tries(waited: u64, heartbeat: u64) -> u64 {
    let (mut tries, mut pause, mut next) = (1, 2 * heartbeat, 2 * heartbeat);
    while next <= waited {
        pause = PAUSE_MAX.min(2 * pause);
        (tries, next) = (tries + 1, next + pause);
    }
    tries
}

impl Control {
    /// A peer that leads, or does not, has answered a call, after so long, in nanoseconds.
    pub fn answered(&mut self, of: Of, is_leader: bool, waited: u64, heartbeat: Duration) {
        // Its clock may be fast.
        let (waited, heartbeat) = (waited * 21 / 20, heartbeat.as_nanos() as u64);
        match of {
            Of::Read if is_leader => self.own_reads += 1,
            Of::Read => self.others_reads += 1,
            Of::Session | Of::Change(_) if is_leader => {}
            Of::Session | Of::Change(_) => self.due_forwards += tries(waited, heartbeat),
        }
    }

    /// A packet to this node carries this.
    pub fn sent(&mut self, to: usize, body: &Body) {
        if let Body::Chunk(Chunk { offset, bytes, total, .. }) = body {
            self.brought += u64::from(offset + bytes.len() as u64 == *total);
        }
        let message = match body {
            Body::Message(message) => message,
            Body::Hello { .. } => &Message::Hello,
            _ => return,
        };
        match message {
            Message::Append(append) => {
                self.appends += 1;
                self.tells(to, None, append.commit);
            }
            Message::AppendReply { outcome, .. } => {
                self.answers += 1;
                self.overtaken += u64::from(matches!(outcome, Outcome::Conflict { .. }));
            }
            Message::Forward { entries } => self.forwards += entries.len() as u64,
            Message::Heartbeat { commit, round, .. } => {
                let (is_round, is_commit) = self.tells(to, Some(*round), *commit);
                self.rounds += u64::from(is_round);
                self.idle += u64::from(!is_round && !is_commit);
            }
            Message::HeartbeatReply { .. } => self.beats_answered += 1,
            Message::ReadAsk { .. } => self.asks += 1,
            Message::ReadAnswer { .. } => self.asks_answered += 1,
            Message::Hello | Message::Attest { .. } => self.births += 1,
            _ => self.votes += 1,
        }
    }

    /// A leader tells a node of a round and of a commit: whether either is news.
    fn tells(&mut self, to: usize, round: Option<Round>, commit: Index) -> (bool, bool) {
        let told = self.told.entry(to).or_default();
        let news = (told.0 < round, told.1 < commit);
        *told = (told.0.max(round), told.1.max(commit));
        news
    }

    /// Judges a run that has committed so much.
    ///
    /// A command goes to each of the others, in an append of its own at most, and each append is answered: four messages at
    /// three nodes. A commit that travels alone is a heartbeat to each of the others, whose round is answered already. The
    /// question of a read is one with a round of its own, and so is a pulse: those are answered once.
    pub fn judge(&self, check: &mut Check, run: Undisturbed, counts: Counts) {
        let Undisturbed { nodes, pulses, clients, reordered, window, former_lives } = run;
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
            ("commands passed on", self.forwards, FIRST + self.due_forwards),
            ("heartbeats of a round", self.rounds, others * (pulses + self.own_reads + self.asks + clients)),
            ("heartbeats that say nothing new", self.idle, 0),
            ("answers to heartbeats", self.beats_answered, self.rounds),
            // Each read is asked for at once, and all that are open again at each heartbeat, by one question.
            ("questions for reads", self.asks, clients + self.others_reads + others * (pulses + 1)),
            ("answers to questions for reads", self.asks_answered, self.asks),
            ("words of births", self.births, former_lives + 2 * BIRTHS * others * (1 + others)),
            ("words of votes", self.votes, 4 * CAMPAIGNS * others),
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
    use crate::client::Kind;
    use crate::run::Case;
    use crate::world::World;
    use rsm::fsm::VirtualTime;
    use rsm::raft::consensus::Append;
    use rsm::raft::{Ask, Entries, Entry, Incarnation, LogId, Term, Time, Track};

    fn broken(counts: Counts, elections: u64, control: &Control) -> Option<&'static str> {
        let mut check = Check { elections, ..Check::default() };
        let run = Undisturbed { nodes: 3, pulses: 5, clients: 3, reordered: 0, window: 1, former_lives: 2 };
        control.judge(&mut check, run, counts);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn whatever_goes_wrong_where_nothing_should_is_told() {
        let (none, silent) = (Counts::default(), Control::default());
        let appends = FIRST + 7 * AGAIN;
        let most = Control {
            appends,
            answers: appends + FIRST + 2,
            overtaken: 7,
            brought: 2,
            forwards: FIRST + 9,
            due_forwards: 9,
            rounds: 60,
            beats_answered: 60,
            asks: 19,
            others_reads: 4,
            asks_answered: 19,
            own_reads: 3,
            births: 2 + 12 * BIRTHS,
            votes: 8 * CAMPAIGNS,
            ..Control::default()
        };
        assert_eq!(broken(none, 1, &most), None);
        assert_eq!(broken(none, 2, &silent), Some("control"));
        let with = |most: &Control, spoil: fn(&mut Control)| {
            let mut control = most.clone();
            spoil(&mut control);
            control
        };
        for said in [
            with(&most, |said| said.appends += 1),
            with(&silent, |said| said.answers = FIRST + 1),
            with(&silent, |said| (said.appends, said.overtaken) = (9 * FIRST, FIRST + 2)),
            with(&silent, |said| said.brought = 5),
            with(&most, |said| said.forwards += 1),
            with(&most, |said| said.rounds += 1),
            with(&most, |said| said.idle += 1),
            with(&most, |said| said.beats_answered += 1),
            with(&most, |said| (said.asks, said.asks_answered) = (20, 20)),
            with(&most, |said| said.asks_answered += 1),
            with(&most, |said| said.births += 1),
            with(&most, |said| said.votes += 1),
        ] {
            assert_eq!(broken(none, 1, &said), Some("control"), "{said:?}");
        }
        for counts in [
            Counts { unknown: 1, ..none },
            Counts { unread: 1, ..none },
            Counts { expired: 1, ..none },
            Counts { refused: 1, ..none },
            Counts { retried: 1, ..none },
        ] {
            assert_eq!(broken(counts, 1, &silent), Some("control"), "{counts:?}");
        }
    }

    #[test]
    fn messages_are_counted_by_what_they_are_about() {
        let mut control = Control::default();
        let (term, track, commit, prev) = (Term(1), Track::default(), Index(0), LogId::ZERO);
        let answer = |outcome| Message::AppendReply { term, track, outcome };
        let beat =
            |round: u64, commit: u64| Message::Heartbeat { term, track, commit: Index(commit), round: Round(round) };
        let messages = [
            Message::Append(Append { term, track, prev, entries: Entries::NONE, commit: Index(5) }),
            answer(Outcome::Matched(Index(1))),
            answer(Outcome::Conflict { term, index: Index(1) }),
            Message::Forward { entries: vec![Entry::blank(term); 3].into() },
            beat(1, 5),
            beat(1, 6),
            beat(1, 6),
            beat(2, 7),
            Message::HeartbeatReply { term, track, round: Round(1), have: commit, matched: commit },
            Message::ReadAsk { ask: Ask(7) },
            Message::ReadAnswer { ask: Ask(7), index: commit },
            Message::Attest { bound: Incarnation(7) },
            Message::Vote { term, last: prev, transfer: false },
        ];
        messages.into_iter().for_each(|message| control.sent(1, &message.into()));
        control.sent(1, &Message::Hello.into());
        let piece = |offset| Chunk { term, track, at: prev, total: 9, offset, crc: 0, bytes: vec![7; 4].into() };
        [0, 4, 5].map(piece).into_iter().for_each(|chunk| control.sent(1, &Body::Chunk(chunk)));
        let (appends, answers, overtaken, brought, forwards) = (1, 2, 1, 1, 3);
        let (rounds, idle, beats_answered) = (2, 1, 1);
        let told = [(1, (Some(Round(2)), Index(7)))].into();
        let (asks, asks_answered, births, votes, due_forwards, others_reads, own_reads) = (1, 1, 2, 1, 0, 0, 0);
        let counted = Control {
            appends,
            answers,
            overtaken,
            brought,
            forwards,
            due_forwards,
            rounds,
            idle,
            beats_answered,
            asks,
            others_reads,
            own_reads,
            asks_answered,
            births,
            votes,
            told,
        };
        assert_eq!(control, counted);
        control.sent(2, &beat(2, 7).into());
        assert_eq!((control.rounds, control.idle), (3, 1), "another hears it for the first time");
        control.answered(Of::Read, false, 90 * MS, Duration::from_millis(10));
        assert_eq!(control.others_reads, 1, "it is asked for again with all that are open, by one question");
    }

    #[test]
    fn a_command_is_passed_on_again_after_two_heartbeats_and_after_twice_as_many_each_time() {
        let beat = 10 * MS;
        let after = [0, 19, 20, 59, 60, 139, 140].map(|ms| tries(ms * MS, beat));
        assert_eq!(after, [1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(tries(10 * PAUSE_MAX, PAUSE_MAX), 10, "no pause but the first is longer than that");
    }

    #[test]
    fn what_is_sent_twice_is_once_too_often() {
        let judged = |spoil: fn(&mut Control)| {
            let case = (0..)
                .map(|seed| Case::new(seed, Duration::from_secs(5)))
                .find(|case| case.swarm.is_control && 3 <= case.swarm.nodes);
            let mut case = case.expect("one in sixteen");
            // Many more reads than heartbeats.
            (case.swarm.clients, case.swarm.rest) = (16, MS);
            case.swarm.kinds = vec![Kind::Writer, Kind::Reader, Kind::Reader];
            let time = VirtualTime::new(case.seed);
            let mut world = World::new(case.seed, case.swarm, case.plan, &time);
            time.run_until(Time::ZERO.after(case.lasts), &mut world);
            let control = world.control.as_mut().expect("nothing goes wrong");
            spoil(control);
            world.judge_control();
            let check = world.check.lock();
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!(judged(|_| ()), None);
        let twice: [fn(&mut Control); 5] = [
            |said| said.appends *= 2,
            // Of each heartbeat the second says nothing new.
            |said| said.idle += said.rounds,
            |said| said.forwards *= 2,
            |said| (said.asks, said.asks_answered) = (2 * said.asks, 2 * said.asks_answered),
            |said| said.asks_answered *= 2,
        ];
        let found: Vec<_> = twice.into_iter().map(judged).collect();
        assert_eq!(found, [Some("control"); 5]);
    }
}
