//! How a command comes into a cell: what the lock of the inbox decides.
//!
//! ```text
//!   lock ── open, and below its limit? ──> push; Idle -> Queued: schedule            the ordinary case: no look at anything else
//!           else ──> drained, dead, full: handed back; or full and overwriting: the oldest goes
//! ```

use super::{Cell, Node, Port};
use crate::fsm::address::WeakAddress;
use crate::fsm::automaton::Automaton;
use crate::fsm::counters::Latency;
use crate::fsm::death::wake_all;
use crate::fsm::inbox::{Inbox, Notice, Seat, System};
use crate::fsm::rejected::Rejected;
use crate::fsm::word::{DEPTH_MAX, Duty, Phase, Refusal};
use crate::sync::backoff::Backoff;
use crate::sync::lock;
use std::sync::Arc;
use std::task::Waker;

/// The lock of an inbox, held.
type InboxGuard<'a, C> = lock::Guard<'a, Inbox<C>>;

impl<A: Automaton> Port<A::Command> for Cell<A> {
    fn node(&self) -> &dyn Node {
        self
    }

    fn into_node(self: Arc<Self>) -> Arc<dyn Node> {
        self
    }

    fn post(&self, command: A::Command) -> Result<Duty, Rejected<A::Command>> {
        let mut inbox = self.lock_to_post();
        let word = self.now();
        if word.is_open() && word.depth() < self.head.limit.min(DEPTH_MAX) {
            // The ordinary case, and as little as may be in it: no look at the queue but the push.
            inbox.push(command);
            let deeper = word.deeper();
            self.head.tallies.posted.add(1);
            self.head.tallies.depth_max.raise(deeper.depth());
            let (next, duty) = deeper.wake();
            inbox.unlock_with(|_| next.0);
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
        let ours = Arc::new(waker.clone()); // F4: not under the lock, for it is the user's.
        let mut inbox = self.inbox.lock();
        match self.refusal(&inbox) {
            Some(refuse) if self.now().refusal().is_some() => return Err(self.refuse(inbox, refuse, command)),
            None if inbox.is_first(seat.as_ref()) => {
                let before = seat.take().and_then(|seat| inbox.leave(&seat));
                let duty = self.accept(inbox, command);
                drop(before);
                self.make_way();
                return Ok(duty);
            }
            Some(_) | None => {}
        }
        let before = inbox.wait(seat.get_or_insert_default(), ours);
        drop(inbox);
        drop(before);
        Err(Rejected::Full(command))
    }

    fn leave(&self, seat: &Seat) {
        let waker = self.inbox.lock().leave(seat);
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
    /// The lock, for a post.
    #[inline]
    fn lock_to_post(&self) -> InboxGuard<'_, A::Command> {
        match self.inbox.try_lock() {
            Some(inbox) => inbox,
            None => self.wait_to_post(),
        }
    }

    /// The owner of the turn takes and ends within a few instructions, so a poster that meets it there looks again soon. One that
    /// meets another poster leaves the lock alone for longer, as ever: there will be more of them.
    #[cold]
    fn wait_to_post(&self) -> InboxGuard<'_, A::Command> {
        let mut backoff = Backoff::with(6, 0);
        while self.now().phase() == Phase::Running && backoff.spin() {
            if let Some(inbox) = self.inbox.try_lock() {
                return inbox;
            }
        }
        self.inbox.lock()
    }

    /// Whether a command would be refused now, and how.
    fn refusal(&self, inbox: &Inbox<A::Command>) -> Option<Refuse<A::Command>> {
        match self.now().refusal() {
            Some(Refusal::Dead) => Some(Rejected::Dead),
            Some(Refusal::Draining) => Some(Rejected::Draining),
            None if self.head.limit as usize <= inbox.len() && !inbox.overwrites() => Some(Rejected::Full),
            None => None,
        }
    }

    /// A post that is refused, or that finds an inbox which overwrites full, or one deeper than the word can say.
    #[cold]
    fn post_else(&self, inbox: InboxGuard<'_, A::Command>, command: A::Command) -> Result<Duty, Rejected<A::Command>> {
        match self.refusal(&inbox) {
            Some(refuse) => Err(self.refuse(inbox, refuse, command)),
            None => Ok(self.accept(inbox, command)),
        }
    }

    fn refuse(
        &self,
        inbox: InboxGuard<'_, A::Command>,
        refuse: Refuse<A::Command>,
        command: A::Command,
    ) -> Rejected<A::Command> {
        self.head.tallies.refused.add(1);
        drop(inbox);
        refuse(command)
    }

    /// Queues a command.
    fn accept(&self, mut inbox: InboxGuard<'_, A::Command>, command: A::Command) -> Duty {
        let tallies = &self.head.tallies;
        let displaced = if self.head.limit as usize <= inbox.len() { inbox.pop_oldest() } else { None };
        inbox.push(command);
        let depth = inbox.len();
        tallies.posted.add(1);
        tallies.depth_max.raise(depth as u32);
        tallies.dropped.add(u32::from(displaced.is_some()));
        let (next, duty) = self.now().with_depth(depth).wake();
        inbox.unlock_with(|_| next.0);
        drop(displaced); // F4: its `Drop` is the user's, so it comes after the unlock.
        self.note_post(duty);
        duty
    }

    /// What is noted of a post once the lock is free. Its wake is timed here: nobody runs the cell before we have scheduled it.
    #[inline]
    fn note_post(&self, duty: Duty) {
        if duty == Duty::Schedule && Latency::is_timed(self.head.tallies.turns.get()) {
            self.time_wake();
        }
        if let Some(tape) = self.head.home.tape() {
            tape.posted(self.head.id);
        }
    }

    #[cold]
    fn time_wake(&self) {
        let now = self.head.home.get().timers().now(); // F4: not under the lock, for the home may be the user's
        self.inbox.lock().woken(now);
    }

    /// Wakes the first who waits for room, if there is some.
    fn make_way(&self) {
        let first = self.inbox.lock().first_waiting(self.head.limit);
        wake_all(first);
    }
}
