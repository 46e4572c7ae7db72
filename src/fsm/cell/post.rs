//! How a command comes into a cell: what the word of its inbox decides.
//!
//! ```text
//!   enter ── open, below its limit, and room? ──> push; Idle -> Queued: schedule         the ordinary case: no look at anything else
//!            else ──> drained, dead, full: handed back; or full and overwriting: the oldest goes
//!                 ──> no room: leave, allocate, enter again
//! ```

use super::{Cell, Node, Port};
use crate::fsm::address::WeakAddress;
use crate::fsm::automaton::Automaton;
use crate::fsm::counters::Latency;
use crate::fsm::death::wake_all;
use crate::fsm::inbox::{Notice, Opened, Seat, System};
use crate::fsm::rejected::Rejected;
use crate::fsm::word::{Duty, Refusal};
use std::mem;
use std::sync::Arc;
use std::task::Waker;

impl<A: Automaton> Port<A::Command> for Cell<A> {
    fn node(&self) -> &dyn Node {
        self
    }

    fn into_node(self: Arc<Self>) -> Arc<dyn Node> {
        self
    }

    fn post(&self, command: A::Command) -> Result<Duty, Rejected<A::Command>> {
        let mut inbox = self.inbox.enter();
        let word = inbox.word();
        if word.is_open() && inbox.is_below_limit() && inbox.has_room() {
            // The ordinary case, and as little as may be in it: no look at the queue but the push.
            inbox.push(command);
            let (next, duty) = word.deeper().wake();
            inbox.leave(next);
            self.note_post(duty);
            return Ok(duty);
        }
        self.post_else(inbox, command)
    }

    fn post_or_wait(
        &self,
        command: A::Command,
        seat: &mut Option<Seat>,
        waker: &Waker,
    ) -> Result<Duty, Rejected<A::Command>> {
        let ours = Arc::new(waker.clone()); // F4: not inside, for it is the user's.
        let mut unused = Vec::new();
        let mut inbox = self.inbox.enter();
        loop {
            match self.refusal(&inbox) {
                Some(refuse) if inbox.word().refusal().is_some() => return Err(self.refuse(inbox, refuse, command)),
                None if inbox.is_first(seat.as_ref()) => {
                    if !inbox.has_room_within(inbox.limit()) {
                        inbox = self.make_room(inbox, &mut unused);
                        continue;
                    }
                    let before = seat.take().and_then(|seat| inbox.leave_seat(&seat));
                    let duty = self.accept(inbox, command);
                    drop(before);
                    self.make_way();
                    return Ok(duty);
                }
                Some(_) | None => match seat {
                    Some(seat) => {
                        let before = inbox.wait(seat, ours);
                        drop(inbox);
                        drop(before);
                        return Err(Rejected::Full(command));
                    }
                    None => {
                        drop(inbox); // the allocator is not called inside
                        *seat = Some(Seat::default());
                        inbox = self.inbox.enter();
                    }
                },
            }
        }
    }

    fn leave(&self, seat: &Seat) {
        let waker = self.inbox.enter().leave_seat(seat);
        drop(waker);
        self.make_way(); // it may have been woken, and the next must not wait for one that is gone
    }

    fn notice(&self, make: Notice<A::Command>) -> Duty {
        self.tell(System::Notice(make))
    }

    fn weak(self: Arc<Self>) -> WeakAddress<A::Command> {
        let port: Arc<dyn Port<A::Command>> = self;
        WeakAddress::of(Arc::downgrade(&port))
    }
}

/// Gives a command back with its reason.
type Refuse<C> = fn(C) -> Rejected<C>;

impl<A: Automaton> Cell<A> {
    /// Has room made for one more: out there, where nobody waits for the allocator. Others may come in meanwhile, so all that was seen
    /// must be looked at again. `unused` must be dropped after leaving.
    #[cold]
    fn make_room<'a>(
        &'a self,
        mut inbox: Opened<'a, A::Command>,
        unused: &mut Vec<A::Command>,
    ) -> Opened<'a, A::Command> {
        inbox.reuse();
        if inbox.has_room() {
            return inbox;
        }
        let wanted = inbox.wanted();
        drop(inbox);
        let fresh = Vec::with_capacity(wanted);
        drop(mem::take(unused));
        inbox = self.inbox.enter();
        // F12: one that has ended meanwhile, or is full, keeps no buffer that it does not need.
        let needs = self.refusal(&inbox).is_none() && !inbox.has_room_within(inbox.limit());
        *unused = if needs { inbox.make_room(fresh) } else { fresh };
        inbox
    }

    /// Whether a command would be refused now, and how.
    fn refusal(&self, inbox: &Opened<'_, A::Command>) -> Option<Refuse<A::Command>> {
        match inbox.word().refusal() {
            Some(Refusal::Dead) => Some(Rejected::Dead),
            Some(Refusal::Draining) => Some(Rejected::Draining),
            None if inbox.limit() <= inbox.len() && !inbox.overwrites() => Some(Rejected::Full),
            None => None,
        }
    }

    /// A post that is refused, or that finds no room, an inbox which overwrites full, or one deeper than the word can say.
    #[cold]
    fn post_else<'a>(
        &'a self,
        mut inbox: Opened<'a, A::Command>,
        command: A::Command,
    ) -> Result<Duty, Rejected<A::Command>> {
        let mut unused = Vec::new();
        loop {
            match self.refusal(&inbox) {
                Some(refuse) => return Err(self.refuse(inbox, refuse, command)),
                None if inbox.has_room_within(inbox.limit()) => return Ok(self.accept(inbox, command)),
                None => inbox = self.make_room(inbox, &mut unused),
            }
        }
    }

    fn refuse(
        &self,
        inbox: Opened<'_, A::Command>,
        refuse: Refuse<A::Command>,
        command: A::Command,
    ) -> Rejected<A::Command> {
        self.head.tallies.refused.add(1);
        drop(inbox);
        refuse(command)
    }

    /// Queues a command, for which there is room.
    fn accept(&self, mut inbox: Opened<'_, A::Command>, command: A::Command) -> Duty {
        let tallies = &self.head.tallies;
        let before = inbox.len();
        let displaced = if before < inbox.limit() {
            inbox.push(command);
            None
        } else {
            tallies.unqueue(1, before);
            tallies.dropped.add(1);
            Some(inbox.displace(command))
        };
        let depth = inbox.len();
        let (next, duty) = inbox.word().with_depth(depth).wake();
        inbox.leave(next);
        drop(displaced); // F4: its `Drop` is the user's, so it comes after leaving.
        self.note_post(duty);
        duty
    }

    /// What is noted of a post after leaving. Its wake is timed here: nobody runs the cell before we have scheduled it.
    #[inline]
    fn note_post(&self, duty: Duty) {
        if duty == Duty::Schedule && Latency::is_timed(self.head.turns.get()) {
            self.time_wake();
        }
        if let Some(tape) = self.head.home.tape() {
            tape.posted(self.head.id);
        }
    }

    #[cold]
    fn time_wake(&self) {
        let now = self.head.home.get().timers().now(); // F4: not inside, for the home may be the user's
        self.inbox.enter().woken(now);
    }

    /// Wakes the first who waits for room, if there is some.
    fn make_way(&self) {
        let inbox = self.inbox.enter();
        let first = inbox.first_waiting(inbox.limit());
        drop(inbox);
        wake_all(first);
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
