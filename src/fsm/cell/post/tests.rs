use super::*;
use crate::fsm::{Address, Bounded, Context, Input, Runner, VirtualTime};

struct Quiet;

impl Automaton for Quiet {
    type State = ();
    type Command = u32;
    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Drain = input {
            context.linger();
        }
    }
}

struct Units;

impl Automaton for Units {
    type State = ();
    type Command = ();
    fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
}

/// Commands without a size take no memory, so there may be many.
#[test]
fn an_inbox_deeper_than_its_word_can_say_is_full_at_its_limit_and_not_before() {
    let deepest = (1 << 24) - 1;
    for (limit, before) in [(deepest, deepest - 1), (deepest + 1, deepest), (deepest + 2, deepest)] {
        let time = VirtualTime::new(1);
        let address = time.builder(Units, ()).inbox(Bounded(limit)).spawn();
        let cell: &Cell<Units> = address.port().node().any().downcast_ref().expect("it is its cell");
        cell.begin_with(vec![(); before as usize]);
        (before..limit).for_each(|_| address.post(()).expect("it has room"));
        assert!(matches!(address.post(()), Err(Rejected::Full(()))), "{limit}");
        assert_eq!(cell.inbox.enter().len(), limit as usize);
    }
}

/// A buffer is made outside, and what becomes of the cell meanwhile, such as `happens`, is looked at again: is it let in?
fn is_let_in(happens: impl FnOnce(&VirtualTime, &Address<u32>)) -> bool {
    let time = VirtualTime::new(1);
    let address = time.builder(Quiet, ()).inbox(Bounded(4)).spawn();
    time.run_until_idle(&mut ());
    happens(&time, &address);
    let cell: &Cell<Quiet> = address.port().node().any().downcast_ref().expect("it is its cell");
    let (mut unused, inbox) = (Vec::new(), cell.inbox.enter());
    let before = inbox.has_room();
    let inbox = cell.make_room(inbox, &mut unused);
    let after = inbox.has_room();
    drop(inbox);
    assert_eq!(before || after, unused.capacity() == 0, "either of them has the buffer");
    !before && after
}

#[test]
fn a_buffer_for_a_post_that_is_refused_meanwhile_is_not_kept() {
    assert!(is_let_in(|_, _| ()));
    let full = |_: &VirtualTime, address: &Address<u32>| (0..4).for_each(|_| address.post(1).expect("it has room"));
    assert!(!is_let_in(full), "F12: it is full");
    for end in [Address::drain, Address::stop, Address::kill] {
        let ended = |time: &VirtualTime, address: &Address<u32>| {
            end(address);
            time.run_until_idle(&mut ());
        };
        assert!(!is_let_in(ended), "F12: it lingers, or is dead");
    }
}
