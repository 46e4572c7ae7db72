//! Whatever arrives, a peer keeps its own rules: numbers at their ends, roles that do not fit, answers to no question (R23).
//!
//! A file of its own: it silences panics while it provokes them.

mod support;

use rsm::mix::Draws;
use rsm::raft::consensus::{Append, Input, Machine, Membership, Message, Outcome};
use rsm::raft::invariants;
use rsm::raft::{Ask, Identity, Incarnation, Index, LogId, NodeId, Round, Seq, Term, Time, Token, Track};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::MS;
use support::disk::Disk;
use support::solo::{Solo, entries};

struct Fuzz(Draws);

impl Fuzz {
    fn one_of<const N: usize>(&mut self, values: [u64; N]) -> u64 {
        values[self.0.below(N as u64) as usize]
    }

    /// Small numbers mostly, and those at the ends.
    fn number(&mut self) -> u64 {
        let small = self.0.below(8);
        self.one_of([small, small, small, small, 200, u64::MAX, u64::MAX - 1, 1 << 63])
    }

    fn id(&mut self) -> LogId {
        LogId { term: Term(self.number()), index: Index(self.number()) }
    }

    fn track(&mut self) -> Track {
        Track(self.0.below(4))
    }

    fn message(&mut self) -> Message {
        let term = Term(self.number());
        let (track, granted) = (self.track(), self.0.chance(1, 2));
        let (index, other) = (Index(self.number()), Index(self.number()));
        match self.0.below(15) {
            0 => Message::PreVote { asked: term, last: self.id() },
            1 => Message::PreVoteReply { term, asked: Term(self.number()), granted },
            2 => Message::Vote { term, last: self.id(), transfer: granted },
            3 => Message::VoteReply { term, granted },
            4 | 5 => {
                let terms: Vec<u64> = (0..self.0.below(4)).map(|_| self.number()).collect();
                Message::Append(Append { term, track, prev: self.id(), entries: entries(&terms), commit: index })
            }
            6 => Message::AppendReply { term, track, outcome: Outcome::Matched(index) },
            7 => Message::AppendReply { term, track, outcome: Outcome::Conflict { term: Term(other.0), index } },
            8 => Message::Heartbeat { term, track, commit: index, round: Round(self.number()) },
            9 => {
                let round = Round(self.number());
                Message::HeartbeatReply { term, track, round, have: index, matched: other }
            }
            10 => Message::Forward { entries: entries(&[self.number()]) },
            11 => Message::ReadAsk { ask: Ask(self.number()) },
            12 => Message::ReadAnswer { ask: Ask(self.number()), index },
            13 => Message::TimeoutNow { term },
            _ => [Message::Hello, Message::Attest { bound: Incarnation(100 + self.0.below(2)) }]
                [self.0.below(2) as usize]
                .clone(),
        }
    }

    fn input(&mut self, now: Time) -> Input {
        let node = NodeId(self.0.below(4));
        let membership = || Membership::of_voters((0..3).map(|id| (NodeId(id), "")));
        match self.0.below(24) {
            0 | 1 => Input::Tick,
            2 => Input::Propose { entry: support::command("x"), token: Token(self.0.bits()) },
            3 => Input::Read { token: Token(self.0.bits()), until: Time(now.0.saturating_add(self.0.below(100 * MS))) },
            4 => Input::Room(self.0.chance(3, 4)),
            5 => Input::Persisted(Seq(self.number())),
            6 => Input::Snapshotted { at: self.id(), membership: membership() },
            7 => {
                let (term, track, at) = (Term(self.number()), self.track(), self.id());
                Input::SnapshotReady { from: node, term, track, at, membership: membership() }
            }
            8 => Input::SnapshotSent { to: node, track: self.track() },
            9 => Input::SnapshotFailed { to: node, track: self.track() },
            _ => {
                let incarnation = Incarnation(node.0 + 100 + u64::from(self.0.chance(1, 16)));
                let from = Identity { node, incarnation };
                Input::Receive { from, to: Some(Incarnation(100)), message: self.message() }
            }
        }
    }
}

/// A run of inputs that no correct cluster would send.
fn torment(machine: &mut Machine, seed: u64) {
    let mut fuzz = Fuzz(Draws::new(seed));
    let mut now = Time(2_000 * MS);
    let mut effects = Vec::new();
    for _ in 0..120 {
        let input = fuzz.input(now);
        now = Time(now.0.saturating_add(fuzz.0.below(200 * MS)));
        let mut twin = machine.clone();
        for machine in [&mut *machine, &mut twin] {
            machine.step(input.clone(), now);
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        machine.flush(now, &mut ours);
        twin.flush(now, &mut theirs);
        assert!(*machine == twin && ours == theirs, "R22: the same input, the same state and effects");
        effects.append(&mut ours);
        invariants::state(machine.core(), machine.role()).unwrap();
        if input == Input::Tick {
            assert!(now < machine.deadline(), "R22: it would tick for ever");
        }
    }
}

#[test]
fn no_message_makes_a_peer_panic_but_one_that_would_fork_data() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut stopped = 0;
    let mut unexpected = Vec::new();
    for seed in 0..6_000 {
        let mut solo = match seed % 4 {
            0 => Solo::with(3, Disk::new(100), |_| {}),
            1 => Solo::new(3, 3, &[1, 1, 3]),
            2 => Solo::leader(3, 4, &[1, 3]),
            _ => Solo::new(1, 3, &[]),
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| torment(&mut solo.machine, seed))) {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
            if text.starts_with("R1:") || text.starts_with("R10:") {
                stopped += 1;
            } else {
                unexpected.push(format!("seed {seed}: {text}"));
            }
        }
    }
    drop(std::panic::take_hook());
    assert!(unexpected.is_empty(), "{} of them, the first: {}", unexpected.len(), unexpected[0]);
    assert!(100 < stopped && stopped < 5_500, "{stopped} refused to fork data");
}
