//! R3, R17: what a leader counts, and what it says may be read.

use super::*;
use crate::raft::{Ask, Token};

#[test]
fn r3_a_leader_that_counts_its_own_copy_before_it_is_durable() {
    let (before, after) = (healthy(), Glance { commit: Index(7), ..healthy() });
    let commits = |after: &Glance, is_durable: bool, matched: [u64; 3]| {
        own_copy((&before, after), &voters(3), || is_durable, |id| Index(matched[id.0 as usize]))
    };
    commits(&after, true, [7, 0, 0]).unwrap();
    commits(&after, false, [7, 0, 8]).unwrap();
    commits(&before, false, [0; 3]).unwrap();
    commits(&Glance { leads: false, ..after }, false, [0; 3]).unwrap();
    breaks("R3", commits(&after, false, [7, 7, 6]));
}

/// A peer alone in its cluster stands, wins and leads: once it does, with its first entry on the way to its disk.
struct Alone {
    machine: Machine,
    watch: Watch,
    given: Seq,
}

impl Alone {
    fn new() -> Alone {
        let ((found, records), mut watch) = (recovered(0, 10), Watch::new());
        records.iter().for_each(|record| watch.keeps(NodeId(0), record).unwrap());
        let machine = Machine::new(Options::new(NodeId(0), voters(1)), found, 1, Time(0)).unwrap();
        watch.started(machine.core(), machine.role()).unwrap();
        let mut alone = Alone { machine, watch, given: Seq(0) };
        while !alone.machine.role().is_leader() {
            alone.flush();
            alone.completes();
            alone.step(Input::Tick);
        }
        alone
    }

    fn step(&mut self, input: Input) {
        self.machine.step(input, Time(10_000_000_000));
        self.watch.stepped(self.machine.core(), self.machine.role()).unwrap();
    }

    fn flush(&mut self) {
        let mut effects = Vec::new();
        self.machine.flush(Time(10_000_000_000), &mut effects);
        self.watch.flushed(self.machine.core(), self.machine.role(), &effects).unwrap();
        for effect in effects {
            self.given = if let Effect::Persist(seq, _) = effect { seq } else { self.given };
        }
    }

    fn completes(&mut self) {
        self.watch.persisted(self.machine.core(), self.given).unwrap();
        self.step(Input::Persisted(self.given));
    }

    fn says(&self, effect: Effect) -> Verdict {
        self.watch.clone().flushed(self.machine.core(), self.machine.role(), &[effect])
    }
}

#[test]
fn r17_a_leader_that_answers_reads_before_an_entry_of_its_term_is_committed() {
    let readable = |index| Effect::Readable { token: Token(1), index: Index(index) };
    let answer = |index| {
        let message = Message::ReadAnswer { ask: Ask(1), index: Index(index) };
        Effect::Send { to: NodeId(1), incarnation: None, message }
    };
    let mut alone = Alone::new();
    let committed = alone.watch.ghost().len().0;
    alone.says(readable(committed)).unwrap(); // a former leader's answer, which it took as its follower
    breaks("R17", alone.says(answer(committed)));
    alone.flush();
    breaks("R17", alone.says(readable(committed)));
    breaks("R17", alone.says(answer(committed)));
    alone.completes();
    let committed = alone.watch.ghost().len().0;
    alone.says(readable(committed)).unwrap();
    alone.says(answer(committed)).unwrap();
    breaks("R17", alone.says(answer(committed + 1)));
}

#[test]
fn r12_a_watch_asks_whom_a_leader_follows_after_each_flush() {
    let (mut alone, of_three) = (Alone::new(), members::leader());
    alone.watch.flushed(alone.machine.core(), alone.machine.role(), &[]).unwrap();
    breaks("R12", alone.watch.flushed(alone.machine.core(), of_three.role(), &[]));
}

#[test]
fn r17_a_read_of_what_is_not_committed() {
    let (machine, watch) = watched();
    let readable = |index| {
        let effect = Effect::Readable { token: Token(1), index: Index(index) };
        watch.clone().flushed(machine.core(), machine.role(), &[effect])
    };
    readable(2).unwrap();
    breaks("R17", readable(3));
}
