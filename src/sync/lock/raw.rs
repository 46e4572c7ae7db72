//! The loops that carry out the word's changes, and the queue beside it.
//!
//! ```text
//!   lock    free? ── yes ─────────────────────────────────────────────> owner
//!             | no                                                        ^  ^
//!             v           bit held: link, count (`wait`)                  |  | `inherit`, or `take_up` of what was given
//!           rests, spins ───────────────────────────────> sleeps ── woken: the heir, who spins, demands if overdue,
//!                                                            ^               and links again, at its old end
//!                                                            +---------------------+
//!   unlock  nobody to wake ── one exchange: `free`, `give_warm` ──> out
//!           else pop one under the bit, then `free_waking` or `give_cold` ──> tell it, by its node ──> out
//! ```
//! In every way out of the lock the releasing exchange is the unlocker's last access to it: the node is popped, and the bit
//! freed, while LOCKED still keeps the lock alive. After it only the node is touched, alive by N3. So a lock may lie in an
//! object that its next owner frees.

use super::super::backoff::Backoff;
use super::super::park::{End, NoSleep, Pop, Queue, Sleeper, Verdict, Waiter, await_verdict, is_overdue, sleep};
use super::super::probe::{self, Mutant, model_yield};
use super::super::shim::{AtomicU64, Deadline, Ordering, const_fn, now_ns, thread};
use super::strategy::{Strategy, end};
use super::word::{LOCKED, Word};
use std::cell::Cell;
use std::marker::PhantomData;

/// The lock without its value.
pub(super) struct Raw<Q> {
    word: AtomicU64,
    queue: Queue,
    strategy: PhantomData<fn() -> Q>,
}

#[cfg(not(any(rsm_loom, rsm_shuttle)))]
const _: () = assert!(size_of::<usize>() < 8 || size_of::<Raw<super::Fifo>>() == 16, "a lock is 16 bytes");

/// Who competes for the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Newcomer,
    /// Popped and woken. `overdue`: it has waited too long, and was popped as the oldest whatever the strategy.
    Heir {
        overdue: bool,
    },
}

impl<Q: Strategy> Raw<Q> {
    const_fn! {
        pub(super) const fn new(payload: u32) -> Raw<Q> {
            Raw { word: AtomicU64::new(Word::new(payload).0), queue: Queue::new(), strategy: PhantomData }
        }
    }

    /// The word, by a load that orders nothing.
    pub(super) fn look(&self) -> Word {
        // ORDERING: Relaxed: true at some instant, and no more is promised.
        Word(probe::look(&self.word))
    }

    /// The word, and what the last owner wrote before it released.
    pub(super) fn look_acquire(&self) -> Word {
        // ORDERING: Acquire pairs with the releases of the owners (model `lock_snapshot`).
        Word(self.word.load(Ordering::Acquire))
    }

    /// Takes a free lock.
    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        // A lock that is not free is left alone: a read-modify-write would take its line from the owner.
        !self.look().is_locked() && self.bar_in()
    }

    /// `lock` of the word, payload unchanged, as one `fetch_or`: if it fails it has changed nothing.
    #[inline]
    fn bar_in(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `release` (model `lock_freed_by_next_owner`).
        let before = Word(self.word.fetch_or(LOCKED, Ordering::Acquire));
        #[cfg(rsm_loom)]
        assert!(Word(before.0 | LOCKED).holds(), "W1 to W4 hold after each change: {:#x} is barred in", before.0);
        !before.is_locked()
    }

    /// Takes a free lock and changes its payload.
    pub(super) fn try_lock_with(&self, change: &impl Fn(u32) -> u32) -> bool {
        self.acquire(|word| if word.is_locked() { None } else { word.lock(change(word.payload())) }).is_ok()
    }

    /// Takes the lock, or (false) finds the deadline passed.
    #[inline]
    pub(super) fn lock(&self, deadline: Deadline) -> bool {
        self.bar_in() || self.lock_slow(&|payload| payload, deadline)
    }

    /// Takes the lock and changes its payload, or (false) finds the deadline passed.
    #[inline]
    pub(super) fn lock_with(&self, change: &impl Fn(u32) -> u32, deadline: Deadline) -> bool {
        self.try_lock_with(change) || self.lock_slow(change, deadline)
    }

    /// Takes a free lock whose payload is `from`, and frees it with `to`: in one exchange.
    #[inline]
    pub(super) fn replace(&self, from: u32, to: u32) -> bool {
        let mut now = self.look();
        while let Some(next) = now.replace(from, to) {
            // ORDERING: Acquire and Release, as of a lock and its release (model `lock_replace_payload`).
            match self.exchange(now, next, Ordering::AcqRel) {
                Ok(()) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// Exchanges as long as `change` applies; `Err` is the first word to which it does not.
    fn acquire(&self, change: impl Fn(Word) -> Option<Word>) -> Result<(), Word> {
        let mut now = self.look();
        while let Some(next) = change(now) {
            // ORDERING: Acquire pairs with the Release in `release` (model `lock_lock`).
            match self.exchange(now, next, Ordering::Acquire) {
                Ok(()) => return Ok(()),
                Err(seen) => now = seen,
            }
        }
        Err(now)
    }

    /// As `acquire`, for changes that take nothing and give nothing.
    fn note(&self, change: impl Fn(Word) -> Option<Word>) -> Result<(), Word> {
        let mut now = self.look();
        while let Some(next) = change(now) {
            // ORDERING: Relaxed: who sees a waiter counted takes the bit, and so sees it linked; a demand and a leave carry
            // nothing but themselves.
            match self.exchange(now, next, Ordering::Relaxed) {
                Ok(()) => return Ok(()),
                Err(seen) => now = seen,
            }
        }
        Err(now)
    }

    #[cold]
    fn lock_slow(&self, change: &impl Fn(u32) -> u32, deadline: Deadline) -> bool {
        let mut backoff = Backoff::rested(deadline);
        while backoff.spin() {
            if !self.look().is_locked() && self.try_lock_with(change) {
                return true;
            }
        }
        NoSleep::check();
        let node = Waiter::new(0, now_ns());
        let heirship = Heirship { raw: self, held: Cell::new(false) };
        let mut place = Place::Newcomer;
        loop {
            if !self.link(&node, place) {
                // The lock was free, or given to us: taken outside the bit, as `change` is the user's.
                if self.take(change, place) {
                    return heirship.ends(true);
                }
                continue;
            }
            heirship.held.set(false);
            let late = sleep(&node, deadline).is_none();
            model_yield();
            if late && self.unlink(&node) {
                return false;
            }
            if late {
                await_verdict(&node);
                probe::mark("popped while giving up");
            }
            debug_assert!(self.look().has_heir(), "W6: one who is told that it is the heir finds HEIR set");
            heirship.held.set(true);
            place = Place::Heir { overdue: node.is_overdue() };
            // One who was popped while it gave up is the heir all the same: if it can have the lock now, that is a success.
            let taken = if late { self.take_or_quit(change, place) } else { self.compete(change, place) };
            if taken || late {
                return heirship.ends(taken);
            }
        }
    }

    /// Counts `node` among those who wait and links it; or finds (false) that it need not wait.
    fn link(&self, node: &Waiter, place: Place) -> bool {
        drop(node.swap_who(Some(Sleeper::Thread(thread::current()))));
        let mut ring = self.queue.hold();
        // The popper takes the bit after it has seen us counted, so it finds us linked.
        let counted = match place {
            Place::Newcomer if probe::has(Mutant::NoSecondLook) => self.note(|word| Some(word.counted())),
            Place::Newcomer => self.note(Word::wait),
            Place::Heir { .. } => self.note(Word::sleep_again),
        };
        probe::mark(match (counted.is_ok(), place) {
            (true, Place::Newcomer) => "wait",
            (true, Place::Heir { .. }) => "sleep_again",
            (false, Place::Newcomer) => "free at the second look",
            (false, Place::Heir { .. }) => "the heir's at the second look",
        });
        if counted.is_ok() {
            match place {
                // An heir keeps its place: at the end at which it was popped.
                Place::Heir { overdue } if overdue || end::<Q>() == End::Oldest => ring.push_oldest(node),
                Place::Heir { .. } | Place::Newcomer => ring.push_newest(node),
            }
        }
        counted.is_ok()
    }

    /// Takes a node out of the queue, of one who gives up; or finds (false) that it has been popped.
    fn unlink(&self, node: &Waiter) -> bool {
        let mut ring = self.queue.hold();
        let linked = ring.has(node);
        if linked {
            ring.unlink(node);
            let _always = self.note(|word| Some(word.quit()));
            probe::mark("quit");
        }
        linked
    }

    /// Takes a lock that is free, or given to us.
    fn take(&self, change: &impl Fn(u32) -> u32, place: Place) -> bool {
        let Place::Heir { .. } = place else { return self.try_lock_with(change) };
        self.acquire(|word| match (word.is_given(), word.is_locked()) {
            (true, _) => word.take_up(change(word.payload())),
            (false, false) => word.inherit(change(word.payload())),
            (false, true) => None,
        })
        .is_ok()
    }

    /// The heir's turn: it competes with those who come by; overdue, it demands to be handed the lock while it is awake.
    fn compete(&self, change: &impl Fn(u32) -> u32, place: Place) -> bool {
        if probe::has(Mutant::InheritTwice) && self.note(Word::step_down).is_ok() {
            return self.try_lock_with(change);
        }
        let overdue = place == Place::Heir { overdue: true };
        while overdue && self.note(Word::demand).is_err() {
            if self.take(change, place) {
                return true;
            }
        }
        let mut backoff = if overdue { Backoff::with(6, 7) } else { Backoff::new() };
        loop {
            if self.take(change, place) {
                return true;
            }
            if !backoff.spin() {
                return false;
            }
        }
    }

    /// The heir's last look: it has the lock, or is the heir no more. The owner's unlock then wakes the next, so no wake is lost.
    fn take_or_quit(&self, change: &impl Fn(u32) -> u32, place: Place) -> bool {
        loop {
            if self.take(change, place) {
                return true;
            }
            if self.note(Word::quit_heir).is_ok() {
                probe::mark("quit_heir");
                return false;
            }
        }
    }

    /// Lets go of the lock.
    #[inline]
    pub(super) fn unlock(&self) {
        let now = self.look();
        if let Some(next) = now.free_alone()
            && self.release(now, next).is_ok()
        {
            return;
        }
        self.unlock_slow(None, false);
    }

    /// Lets go of the lock and leaves this payload.
    #[inline]
    pub(super) fn unlock_with(&self, payload: u32) {
        let now = self.look();
        if let Some(next) = now.free(payload)
            && self.release(now, next).is_ok()
        {
            return;
        }
        self.unlock_slow(Some(payload), false);
    }

    /// Lets go of the lock, to whoever is next in line, if anyone is.
    #[inline]
    pub(super) fn unlock_fair(&self) {
        self.unlock_slow(None, true);
    }

    /// Lets go of the lock, leaving `payload`, or the one that is there. `fair`: to whoever is next in line, if anyone is.
    #[cold]
    fn unlock_slow(&self, payload: Option<u32>, fair: bool) {
        let mut now = self.look();
        // Only the owner changes the payload.
        let payload = payload.unwrap_or(now.payload());
        let mut popped: Option<Pop> = None;
        let mut has_heir = false;
        loop {
            let seen = if fair { now.owing() } else { now };
            let next = match has_heir {
                false if probe::has(Mutant::OwedOverlooked) => seen.free(payload).or(seen.free_owing(payload)),
                false => seen.free(payload).or(seen.give_warm(payload)),
                true => seen.free_waking(payload).or(seen.give_cold(payload)),
            };
            if let Some(next) = next {
                match self.release(now, next) {
                    Ok(()) => {
                        probe::mark(match (has_heir, next.is_given()) {
                            (false, false) => "free",
                            (false, true) => "give_warm",
                            (true, false) => "free_waking",
                            (true, true) => "give_cold",
                        });
                        break;
                    }
                    Err(seen) => now = seen,
                }
            } else {
                // If the ring is empty, all of them have quit meanwhile.
                popped = self.pop();
                has_heir = popped.is_some();
                if probe::has(Mutant::WokenBeforeCas) {
                    popped.take().into_iter().for_each(wake);
                }
                model_yield();
                now = self.look();
            }
        }
        popped.into_iter().for_each(wake);
    }

    #[inline]
    fn release(&self, now: Word, next: Word) -> Result<(), Word> {
        // ORDERING: Release hands the owner's writes to the Acquire of whoever takes the lock next (model `lock_lock`).
        self.exchange(now, next, Ordering::Release)
    }

    /// The one way in which the word changes, but for `bar_in`. In a model it is also where W1 to W4 are held.
    #[inline]
    #[cfg_attr(rsm_loom, track_caller)]
    fn exchange(&self, now: Word, next: Word, order: Ordering) -> Result<(), Word> {
        #[cfg(rsm_loom)]
        assert!(next.holds(), "W1 to W4 hold after each change: {:#x} to {:#x}", now.0, next.0);
        // ORDERING: the caller's if it succeeds; a failure decides nothing.
        self.word.compare_exchange(now.0, next.0, order, Ordering::Relaxed).map(drop).map_err(Word)
    }

    /// Pops the waiter next in turn: the oldest if it is overdue, else the strategy's.
    fn pop(&self) -> Option<Pop> {
        let now = now_ns();
        let mut ring = self.queue.hold();
        let overdue = is_overdue(ring.oldest()?.since(), now);
        let next = if overdue { ring.oldest() } else { ring.next(end::<Q>(), now) }?;
        let pop = ring.pop(next);
        drop(ring);
        pop.node().mark_overdue(overdue);
        Some(pop)
    }
}

/// Tells a popped node that it is the heir.
fn wake(pop: Pop) {
    pop.tell(Verdict::Woken).into_iter().for_each(Sleeper::wake);
}

/// In a model, who frees a lock must come after all who have used it.
#[cfg(rsm_loom)]
impl<Q> Drop for Raw<Q> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.word.with_mut(|_| ());
        }
    }
}

/// That we are the heir. Dropped by a panic of the user's closure, it leaves the heir's place so that somebody is woken.
struct Heirship<'a, Q: Strategy> {
    raw: &'a Raw<Q>,
    held: Cell<bool>,
}

impl<Q: Strategy> Heirship<'_, Q> {
    fn ends(&self, taken: bool) -> bool {
        self.held.set(false);
        taken
    }
}

impl<Q: Strategy> Drop for Heirship<'_, Q> {
    fn drop(&mut self) {
        if !self.held.get() {
            return;
        }
        probe::mark("an heir's change panicked");
        if self.raw.take_or_quit(&|payload| payload, Place::Heir { overdue: false }) {
            self.raw.unlock();
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::super::super::testing::is_outside;
    use super::super::{Fifo, Lifo};
    use super::*;

    /// Which of three waiters, linked 0, 1, 2, is popped as the first, second and third, and whether as overdue.
    fn popped<Q: Strategy>(since: u64) -> [(u32, bool); 3] {
        let lock: Raw<Q> = Raw::new(0);
        let nodes = [0, 1, 2].map(|who| Waiter::new(who, since));
        nodes.iter().for_each(|node| lock.queue.hold().push_newest(node));
        let popped = [(); 3].map(|()| {
            let pop = lock.pop().expect("three are linked");
            (pop.node().want(), pop.node().is_overdue())
        });
        assert!(lock.pop().is_none());
        popped
    }

    #[test]
    fn each_strategy_pops_its_own_end_and_the_overdue_first() {
        // Since an instant that lies ahead, so nobody is overdue, however slow the test.
        let (ahead, long_ago) = (u64::MAX, 0);
        assert_eq!(popped::<Fifo>(ahead), [(0, false), (1, false), (2, false)]);
        assert_eq!(popped::<Lifo>(ahead), [(2, false), (1, false), (0, false)]);
        while !is_overdue(long_ago, now_ns()) {
            std::thread::yield_now();
        }
        assert_eq!(popped::<Fifo>(long_ago), [(0, true), (1, true), (2, true)]);
        assert_eq!(popped::<Lifo>(long_ago), [(0, true), (1, true), (2, true)]);
    }

    /// Of a newcomer, of one that finds the lock free at its second look, of an heir. (An owner's runs before its unlock begins.)
    fn changes_run_outside<Q: Strategy>(lock: &Raw<Q>) {
        std::thread::scope(|scope| {
            for who in 0..3 {
                scope.spawn(move || {
                    let change = |payload| {
                        assert!(is_outside(&lock.queue), "Q3: no change runs under the bit");
                        payload + 1
                    };
                    for round in 0..500 {
                        assert!(lock.lock_with(&change, Deadline::NEVER));
                        // So that others link meanwhile.
                        (0..100).take_while(|_| lock.look().pending() < 2).for_each(|_| std::thread::yield_now());
                        if (who + round) % 2 == 0 { lock.unlock() } else { lock.unlock_fair() }
                    }
                });
            }
        });
        assert_eq!((lock.look().payload(), lock.look().pending()), (1500, 0));
    }

    #[test]
    fn no_change_of_a_users_runs_under_the_bit() {
        changes_run_outside(&Raw::<Fifo>::new(0));
        changes_run_outside(&Raw::<Lifo>::new(0));
    }
}
