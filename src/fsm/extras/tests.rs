//! Postponing, against a model that scans one list again and again; and what a burst leaves.

use super::shrink;
use crate::fsm::cell::Cell;
use crate::fsm::{Automaton, Context, Input, Runner, Timer, VirtualTime};
use crate::mix::Draws;
use crate::sync::lock::Lock;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const COMMANDS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    A,
    B,
    C,
}

/// What a command does in a state.
#[derive(Clone, Copy, Debug)]
enum Act {
    Consume,
    Postpone,
    Go(Kind),
    Raise(usize),
    /// Both in one call.
    RaiseAndGo(usize, Kind),
}

/// For each kind and command.
type Table = [[Act; COMMANDS]; 3];

fn draw_table(draws: &mut Draws) -> Table {
    let mut act = |command: usize| {
        let kind = [Kind::A, Kind::B, Kind::C][draws.below(3) as usize];
        // Only a later command is raised: no table raises for ever.
        let later = command + 1 + draws.below(COMMANDS as u64) as usize;
        match draws.below(8) {
            0 | 1 => Act::Consume,
            2..=4 => Act::Postpone,
            5 => Act::Go(kind),
            6 if later < COMMANDS => Act::Raise(later),
            7 if later < COMMANDS => Act::RaiseAndGo(later, kind),
            _ => Act::Consume,
        }
    };
    [(); 3].map(|()| std::array::from_fn(&mut act))
}

struct Real {
    table: Table,
    heard: Arc<Lock<Vec<usize>>>,
}

impl Automaton for Real {
    type State = Kind;
    type Command = usize;

    fn next(&mut self, kind: Kind, input: Input<Self>, context: &mut Context<Self>) -> Kind {
        let Input::Command(command) = input else { return kind };
        self.heard.lock().push(command);
        match self.table[kind as usize][command] {
            Act::Consume => kind,
            Act::Postpone => {
                context.postpone(command);
                kind
            }
            Act::Go(kind) => kind,
            Act::Raise(other) => {
                context.raise(other);
                kind
            }
            Act::RaiseAndGo(other, kind) => {
                context.raise(other);
                kind
            }
        }
    }
}

/// One list; a cursor runs from left to right, and a change of kind takes it back to the beginning.
fn model(table: &Table, mut list: Vec<usize>) -> Vec<usize> {
    let (mut kind, mut cursor, mut raised, mut heard) = (Kind::A, 0, VecDeque::new(), Vec::new());
    while !raised.is_empty() || cursor < list.len() {
        let command = raised.pop_front().unwrap_or_else(|| list.remove(cursor));
        heard.push(command);
        let to = match table[kind as usize][command] {
            Act::Consume => kind,
            Act::Postpone => {
                list.insert(cursor, command);
                cursor += 1;
                kind
            }
            Act::Go(to) => to,
            Act::Raise(other) => {
                raised.push_back(other);
                kind
            }
            Act::RaiseAndGo(other, to) => {
                raised.push_back(other);
                to
            }
        };
        if to != kind {
            (kind, cursor) = (to, 0);
        }
    }
    heard
}

#[test]
fn postponing_is_to_scan_one_list_again_after_each_change_of_kind() {
    let (mut longest, mut postponed) = (0, 0);
    for seed in 0..3_000 {
        let mut draws = Draws::new(seed);
        let table = draw_table(&mut draws);
        let commands: Vec<_> = (0..draws.below(20)).map(|_| draws.below(COMMANDS as u64) as usize).collect();
        let time = VirtualTime::new(seed);
        let heard = Arc::new(Lock::new(Vec::new()));
        let real = time.spawn(Real { table, heard: heard.clone() }, Kind::A);
        commands.iter().for_each(|&command| real.post(command).expect("it runs"));
        time.run_until_idle(&mut ());
        let expected = model(&table, commands.clone());
        assert_eq!(*heard.lock(), expected, "seed {seed}: {table:?} {commands:?}");
        longest = longest.max(expected.len());
        postponed += expected.len() - commands.len().min(expected.len());
    }
    assert!(60 < longest && 5_000 < postponed, "the programs do too little: {longest}, {postponed}");
}

/// Postpones and raises many, sets many timers, and keeps the first of them.
struct Hoarder {
    many: u64,
    first: Option<Timer>,
}

impl Automaton for Hoarder {
    type State = Kind;
    type Command = u64;

    fn next(&mut self, kind: Kind, input: Input<Self>, context: &mut Context<Self>) -> Kind {
        match (kind, input) {
            (Kind::A, Input::Start) => {
                for nth in 0..self.many {
                    let timer = context.after(Duration::from_secs(1), nth);
                    self.first.get_or_insert(timer);
                    context.raise(nth);
                }
                kind
            }
            (Kind::A, Input::Command(nth)) if context.postponed() < self.many as usize => {
                context.postpone(nth);
                kind
            }
            (Kind::A, Input::Command(_)) => Kind::B,
            // All has been delivered by now: the same tag is given again.
            (Kind::B, Input::Command(u64::MAX)) => {
                let new = context.after(Duration::from_secs(1), 7);
                let first = self.first.take().expect("it was set");
                assert_eq!(context.cancel(first), None, "F7: a timer that is over cancels no other");
                assert_eq!(context.cancel(new), Some(7));
                Kind::C
            }
            (Kind::A | Kind::B | Kind::C, _) => kind,
        }
    }
}

#[test]
fn what_is_set_aside_in_a_burst_gives_its_memory_back() {
    for (many, keeps) in [(2, true), (10_000, false)] {
        let time = VirtualTime::new(1);
        let hoarder = time.spawn(Hoarder { many, first: None }, Kind::A);
        time.run_until_idle(&mut ());
        let largest = || {
            let node = hoarder.port().node().any().downcast_ref::<Cell<Hoarder>>();
            let body = node.and_then(|cell| cell.body.try_enter()).expect("nobody is inside");
            let extras = body.extras.as_ref().expect("it has set something aside");
            let queues = extras.queues.as_ref().expect("it has raised");
            let [raised, freed, postponed] = [&queues.raised, &queues.freed, &queues.postponed].map(VecDeque::capacity);
            [raised, freed, postponed, extras.slots.capacity()]
        };
        assert!(largest().iter().all(|&kept| kept <= 8), "F12: {:?} are kept after {many}", largest());
        assert_eq!(largest().iter().any(|&kept| kept != 0), keeps, "a small buffer is worth keeping: {:?}", largest());
        hoarder.post(u64::MAX).expect("it runs");
        time.run_until_idle(&mut ());
        assert_eq!(time.look::<Hoarder, _>(&hoarder, |_, kind| *kind), Some(Kind::C));
    }
}

#[test]
fn a_list_that_is_nearly_empty_keeps_twice_what_it_holds() {
    let mut queue: VecDeque<u64> = (0..1_000).collect();
    queue.drain(..900);
    shrink(&mut queue);
    assert!(queue.capacity() < 1_000 && queue.len() == 100, "F12: {}", queue.capacity());
    queue.extend(0..20);
    let room = queue.capacity();
    shrink(&mut queue);
    assert_eq!(queue.capacity(), room, "one that is half full is left alone");
}
