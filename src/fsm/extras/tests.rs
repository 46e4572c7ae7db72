//! Postponing, against a model that scans one list again and again.

use crate::fsm::{Automaton, Context, Input, Runner, VirtualTime};
use crate::mix::Draws;
use crate::sync::lock::Lock;
use std::collections::VecDeque;
use std::sync::Arc;

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
