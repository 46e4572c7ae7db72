use super::*;
use crate::fsm::{End, Runner, VirtualTime};

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

/// Changes its kind where it must not: for ever, or in `flush`.
struct Restless {
    for_ever: bool,
}

impl Automaton for Restless {
    type State = Side;
    type Command = ();

    fn next(&mut self, side: Side, input: Input<Self>, _: &mut Context<Self>) -> Side {
        match input {
            Input::Start | Input::Transition { .. } if self.for_ever => side.other(),
            Input::Start | Input::Command(()) | Input::Transition { .. } | Input::Drain | Input::Exit => side,
        }
    }

    fn flush(&mut self, side: &mut Side, _: &mut Context<Self>) {
        *side = side.other();
    }
}

/// What one that is drained at once dies of.
fn dies_of(for_ever: bool) -> String {
    let time = VirtualTime::new(1);
    let restless = time.spawn(Restless { for_ever }, Side::Left);
    let ended = restless.ended();
    restless.drain();
    match time.block_on(ended).expect("an end is always told") {
        End::Panicked(panic) => panic.message().to_owned(),
        end => format!("{end:?}"),
    }
}

#[test]
fn a_next_that_does_not_come_to_rest_is_a_panic_and_no_hang() {
    let why = dies_of(true);
    assert!(why.contains("1000 times in a row: `next` does not come to rest"), "{why}");
}

#[test]
#[cfg(debug_assertions)]
fn a_flush_that_changes_the_kind_is_a_panic() {
    let why = dies_of(false);
    assert!(why.starts_with("F10: the kind of a state changes in `next` alone"), "{why}");
}
