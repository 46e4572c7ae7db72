//! Waiting in a queue, safely: an object says how its word changes, and this makes, links and takes back the node.
//!
//! ```text
//!   wait    attempt, spin ──> link ──> sleep ── verdict ──────────────────────────────────────> finish, or attempt again
//!                                        | deadline       | the node was popped: its verdict
//!                                        v                | counts, a few instructions away (N4)
//!                                     give_up ── linked ──+──> unlink, leave the count ──> given up
//! ```

use super::super::backoff::Backoff;
use super::super::probe::{self, Mutant};
use super::super::shim::{AtomicU64, Deadline, Ordering, now_ns, park, thread};
use super::node::{Sleeper, Verdict, Waiter};
use super::queue::Queue;
use std::cell::Cell;

/// What one who wants to wait finds at the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It need not wait: this change takes what it wants.
    Take(u64),
    /// It must wait: this change counts it among those who do.
    Wait(u64),
    /// Neither: try [`Policy::attempt`] again.
    Retry,
}

/// How one operation of an object waits. [`wait`] does it for a thread, [`Wait`](super::Wait) for a task; both keep N1 to N5.
///
/// ```text
///   attempt --Some--> done
///      | None                      (bit held)
///      v                   Take --> done: Granted
///    decide, by one CAS    Wait --> linked; sleeps --> Granted, Closed: finish     Woken: attempt, and link as oldest
///      ^                   Retry -> attempt                 |
///      +-- word has moved                                   +--> deadline, or dropped: quit, then has_quit
/// ```
pub(crate) trait Policy {
    /// What the operation returns.
    type Output;

    /// The object's word.
    fn word(&self) -> &AtomicU64;

    /// The object's waiters.
    fn queue(&self) -> &Queue;

    /// What the node says it wants.
    fn want(&self) -> u32 {
        1
    }

    /// Tries without waiting.
    fn attempt(&self) -> Option<Self::Output>;

    /// How a thread tries again before it links, if an attempt without a chance is but a load. What comes within two microseconds
    /// or so then costs one line's way from processor to processor, and no link.
    fn patience(&self) -> Backoff {
        Backoff::steady()
    }

    /// What is to be done at this word, called under the bit: a function of what it finds, that changes at most a mark of the
    /// primitive's own, and calls nothing of a user's.
    fn decide(&self, word: u64) -> Decision;

    /// The word without this waiter, who gives up: pure, called under the bit.
    fn quit(&self, word: u64) -> u64;

    /// After giving up, the bit being free: others may have been waiting because of this one.
    fn has_quit(&self) {}

    /// The output for a verdict of `Granted` or `Closed`.
    fn finish(&self, verdict: Verdict) -> Self::Output;

    /// Hands on a verdict that nobody will use: its future was dropped.
    fn give_back(&self, verdict: Verdict);
}

/// What came of linking.
pub(super) enum Linked {
    Queued,
    Taken,
    Retry,
}

/// Links `node`, who wakes `who`, as the newest or (one that was woken and waits again) the oldest: or finds that it need not wait.
pub(super) fn link<P: Policy>(policy: &P, node: &Waiter, who: Sleeper, again: bool) -> Linked {
    drop(node.swap_who(Some(who)));
    let mut ring = policy.queue().hold();
    // ORDERING: Relaxed, as the exchange below looks again.
    let mut now = probe::look(policy.word());
    loop {
        let (next, linked) = match policy.decide(now) {
            Decision::Take(next) => (next, Linked::Taken),
            Decision::Wait(next) => (next, Linked::Queued),
            Decision::Retry => return Linked::Retry,
        };
        if probe::has(Mutant::NoSecondLook) {
            now = probe::look(policy.word());
        }
        // ORDERING: Acquire for what is taken here (model `set_wait`); counting oneself orders nothing: whoever sees
        // the count takes the bit, and so sees the link.
        match policy.word().compare_exchange_weak(now, next, Ordering::Acquire, Ordering::Relaxed) {
            Err(seen) => now = seen,
            Ok(_) => {
                match (&linked, again) {
                    (Linked::Queued, false) => ring.push_newest(node),
                    (Linked::Queued, true) => ring.push_oldest(node),
                    (Linked::Taken | Linked::Retry, _) => {}
                }
                return linked;
            }
        }
    }
}

/// Takes back a node that waits no longer. `None`: it is out of the queue. A verdict: it had been popped, and this is how.
pub(super) fn give_up<P: Policy>(policy: &P, node: &Waiter) -> Option<Verdict> {
    let mut ring = policy.queue().hold();
    if !ring.has(node) {
        drop(ring);
        return Some(await_verdict(node));
    }
    ring.unlink(node);
    // ORDERING: Relaxed: leaving the count orders nothing.
    let mut now = probe::look(policy.word());
    while let Err(seen) =
        policy.word().compare_exchange_weak(now, policy.quit(now), Ordering::Relaxed, Ordering::Relaxed)
    {
        now = seen;
    }
    drop(ring);
    policy.has_quit();
    None
}

/// N4: the verdict about a popped node is a few instructions of another thread away.
pub(crate) fn await_verdict(node: &Waiter) -> Verdict {
    let mut backoff = Backoff::new();
    loop {
        match node.verdict() {
            Some(verdict) => return verdict,
            None => backoff.nap(),
        }
    }
}

/// Blocks the thread whose handle is in `node` until there is a verdict, or (`None`) the deadline has passed.
pub(crate) fn sleep(node: &Waiter, deadline: Deadline) -> Option<Verdict> {
    let mut backoff = Backoff::new();
    loop {
        if let Some(verdict) = node.verdict() {
            return Some(verdict);
        }
        if backoff.spin() {
            continue;
        }
        if deadline.has_passed() {
            return None;
        }
        // A token may be stale, and one that is ours may be taken by another: so we always look again.
        park(deadline);
    }
}

/// Blocks until the operation is done, or (`None`) the deadline has passed.
pub(crate) fn wait<P: Policy>(policy: &P, deadline: Deadline) -> Option<P::Output> {
    let mut backoff = policy.patience();
    loop {
        if let Some(output) = policy.attempt() {
            return Some(output);
        }
        if !backoff.spin() {
            break;
        }
    }
    NoSleep::check();
    let node = Waiter::new(policy.want(), now_ns());
    let mut again = false;
    loop {
        match link(policy, &node, Sleeper::Thread(thread::current()), again) {
            Linked::Taken => return Some(policy.finish(Verdict::Granted)),
            Linked::Retry => {}
            Linked::Queued => match sleep(&node, deadline).or_else(|| give_up(policy, &node)) {
                None => return None,
                Some(Verdict::Woken) => again = true,
                Some(verdict) => return Some(policy.finish(verdict)),
            },
        }
        if let Some(output) = policy.attempt() {
            return Some(output);
        }
    }
}

thread_local! {
    static NO_SLEEP: Cell<u32> = const { Cell::new(0) };
}

/// While it lives, a wait of this thread that would have to sleep panics instead: nobody could wake a thread that is the only one.
pub(crate) struct NoSleep(std::marker::PhantomData<*const ()>);

impl NoSleep {
    /// From now on, on this thread.
    pub(crate) fn new() -> NoSleep {
        NO_SLEEP.set(NO_SLEEP.get() + 1);
        NoSleep(std::marker::PhantomData)
    }

    /// Called before a node is linked.
    pub(crate) fn check() {
        let sleepless = NO_SLEEP.try_with(Cell::get).unwrap_or(0) > 0;
        assert!(!sleepless, "sync/park N6: a turn under virtual time never waits; it gives back what it cannot do yet");
    }
}

impl Drop for NoSleep {
    fn drop(&mut self) {
        NO_SLEEP.set(NO_SLEEP.get() - 1);
    }
}
