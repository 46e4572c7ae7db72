use super::*;
use crate::fsm::{Address, End, Runner, VirtualTime};
use crate::sync::oneshot;

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

/// Watches one that is dead when it hears 0, and notes what else it hears.
struct Watches {
    dead: Address<()>,
    heard: Vec<u32>,
    told: oneshot::Sender<Vec<u32>>,
}

const NOTICE: u32 = 9;

impl Automaton for Watches {
    type State = ();
    type Command = u32;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Command(0) => _ = context.watch(&self.dead, |_| NOTICE),
            Input::Command(number) => self.heard.push(number),
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        let (told, _) = oneshot::channel();
        let _ = mem::replace(&mut self.told, told).send(mem::take(&mut self.heard));
    }
}

#[test]
fn what_the_system_tells_overtakes_the_commands_that_a_turn_has_left_in_hand() {
    let time = VirtualTime::new(1);
    let dead = time.spawn(Restless { for_ever: false }, Side::Left);
    dead.kill();
    time.block_on(dead.ended()).expect("an end is always told");
    let (told, heard) = oneshot::channel();
    let watches = time.builder(Watches { dead, heard: Vec::new(), told }, ()).batch(1).spawn();
    (0..4).for_each(|number| watches.post(number).expect("it has room"));
    time.run_until_idle(&mut ()); // a drain would stand in the notes, too
    watches.stop();
    let heard = time.block_on(heard).expect("its drop tells");
    assert_eq!(heard, [NOTICE, 1, 2, 3], "F7: the hand is looked at after the notes");
}
