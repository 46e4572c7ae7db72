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
