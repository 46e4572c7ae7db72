//! The loops that carry out the word's changes, and the queue beside it.
//!
//! ```text
//!   read    no writer, nobody waits: counted in the word, or in its slot ────────────────> in
//!             | else: links (`wait_read`), sleeps ── popped with those beside it, counted ──> in
//!   write   nobody in ── one exchange, then the slots ───────────────────────────────────> in
//!             | else: links (`wait_write`), sleeps ── woken: the heir, who competes ──> `inherit`, `take_up`, or sleeps again
//! ```
//! Readers, upgradable ones too, are let in by who pops them; a writer is woken, and competes. How one leaves stands in `leave`,
//! how one waits for readers alone in `upgrade`, how readers are spread in `spread`.

use super::super::backoff::Backoff;
use super::super::park::{BATCH, NoSleep, Popped, Queue, Sleeper, Verdict, Waiter, await_verdict, sleep};
use super::super::probe::{self, Mutant};
use super::super::shim::{AtomicU64, Deadline, Ordering, const_fn, now_ns, thread};
use super::spread::{Slot, Spread};
use super::word::{Leaves, Run, Word};

/// What a node says it wants.
pub(super) const READ: u32 = 0;
pub(super) const UPGRADE: u32 = 1;
pub(super) const WRITE: u32 = 2;
/// It is in, and waits for others to leave. It is not counted as pending, and always the oldest.
pub(super) const DRAIN: u32 = 3;

/// A change of the word, if it applies.
type Change = fn(Word) -> Option<Word>;

/// The lock without its value.
pub(super) struct Raw {
    word: AtomicU64,
    pub(super) queue: Queue,
    pub(super) spread: Spread,
}

#[cfg(not(any(rsm_loom, rsm_shuttle)))]
const _: () = assert!(size_of::<usize>() < 8 || size_of::<Raw>() == 24, "a reader-writer lock is 24 bytes");

/// By which way a reader has come in.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// It is counted in the word.
    Counted,
    /// By this slot, on whatever thread it leaves.
    Slot(&'a Slot),
}

/// Who competes for the lock to write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Newcomer,
    /// Popped and woken. `overdue`: it has waited too long.
    Heir {
        overdue: bool,
    },
}

impl Raw {
    const_fn! {
        pub(super) const fn new() -> Raw {
            Raw { word: AtomicU64::new(0), queue: Queue::new(), spread: Spread::new() }
        }
    }

    /// The word, by a load that orders nothing.
    #[inline]
    pub(super) fn look(&self) -> Word {
        // ORDERING: Relaxed: true at some instant, and no more is promised.
        Word(probe::look(&self.word))
    }

    /// The word, after a slot was raised or lowered.
    #[inline]
    pub(super) fn look_seqcst(&self) -> Word {
        // ORDERING: SeqCst; litmus in `spread`. Its Acquire pairs with the Release in `let_go`: what the last writer wrote (model
        // `rwlock_spread_read_write`).
        Word(self.word.load(Ordering::SeqCst))
    }

    /// How many readers are in, exact only while nobody moves.
    pub(super) fn readers(&self) -> u32 {
        let now = self.look();
        now.readers() + now.is_upgradable() as u32 + self.spread.readers()
    }

    /// Exchanges as long as `change` applies; whether it did.
    pub(super) fn enter(&self, change: impl Fn(Word) -> Option<Word>) -> bool {
        let mut now = self.look();
        while let Some(next) = change(now) {
            // ORDERING: Acquire pairs with the Release in `let_go` (model `rwlock_upgrade_upgrade`).
            match self.exchange(now, next, Ordering::Acquire) {
                Ok(()) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// As `enter`, for who becomes the writer.
    #[inline]
    pub(super) fn claim(&self, change: impl Fn(Word) -> Option<Word>) -> bool {
        let mut now = self.look();
        while let Some(next) = change(now) {
            // ORDERING: SeqCst, before the look at the slots; litmus in `spread`. Its Acquire pairs with the Release in `let_go`
            // (models `rwlock_read_write`, `rwlock_write_write`, `rwlock_upgrade`), and in `spread_out`.
            match self.exchange(now, next, Ordering::SeqCst) {
                Ok(()) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// As `enter`, for changes that take nothing and give nothing.
    pub(super) fn note(&self, change: impl Fn(Word) -> Option<Word>) -> bool {
        let mut now = self.look();
        while let Some(next) = change(now) {
            // ORDERING: Relaxed: who sees a waiter counted takes the bit, and so sees it linked; a demand and a leave carry
            // nothing but themselves.
            match self.exchange(now, next, Ordering::Relaxed) {
                Ok(()) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// The one way in which the word changes. In a model it is also where the invariants are held.
    #[inline]
    #[cfg_attr(rsm_loom, track_caller)]
    pub(super) fn exchange(&self, now: Word, next: Word, order: Ordering) -> Result<(), Word> {
        #[cfg(rsm_loom)]
        assert!(next.holds(), "R1 to R7 hold after each change: {:#x} to {:#x}", now.0, next.0);
        // ORDERING: the caller's if it succeeds; a failure decides nothing.
        self.word.compare_exchange(now.0, next.0, order, Ordering::Relaxed).map(drop).map_err(Word)
    }

    /// Comes in to read if no writer is in and nobody waits.
    #[inline]
    pub(super) fn try_read(&self) -> Option<Way<'_>> {
        let now = self.look();
        if let Some(next) = now.read_alone() {
            // ORDERING: Acquire pairs with the Release in `let_go` (model `rwlock_read_write`).
            let came = self.exchange(now, next, Ordering::Acquire).is_ok();
            return (came || self.try_read_counted(1)).then_some(Way::Counted);
        }
        if now.is_spread()
            && let Some(slot) = self.spread.mine()
        {
            slot.raise();
            if self.look_seqcst().lets_in_by_slot() {
                return Some(Way::Slot(slot));
            }
            self.leave_slot(slot);
            return None;
        }
        self.try_read_counted(0).then_some(Way::Counted)
    }

    /// Comes in counted by the word, after so many exchanges that have failed.
    #[cold]
    fn try_read_counted(&self, mut failed: u64) -> bool {
        let mut now = self.look();
        while let Some(next) = now.read() {
            let next = next.hit(failed);
            // ORDERING: Acquire pairs with the Release in `let_go` (model `rwlock_read_write`).
            match self.exchange(now, next, Ordering::Acquire) {
                Ok(()) => {
                    if next.is_crowded() {
                        self.spread_out();
                    }
                    return true;
                }
                Err(seen) => now = seen,
            }
            failed += 1;
        }
        false
    }

    /// Readers come in by slots from now on.
    #[cold]
    pub(super) fn spread_out(&self) {
        self.spread.install();
        let mut now = self.look();
        while let Some(next) = now.spread() {
            // ORDERING: Release pairs with the Acquire in `claim`. Litmus: we store the slots, then SPREAD; a writer sees SPREAD,
            // then looks for the slots. With less it may find none, and come in beside a reader that came by one. Models
            // cannot fail: the fence that stands in them for SeqCst hands the slots on as well.
            match self.exchange(now, next, Ordering::Release) {
                Ok(()) => break,
                Err(seen) => now = seen,
            }
        }
    }

    /// Comes in to read and, perhaps, to write later: if no writer and no other of its kind is in, and nobody waits.
    pub(super) fn try_read_upgradable(&self) -> bool {
        self.enter(Word::read_upgradable)
    }

    /// Comes in to write if nobody is in.
    #[inline]
    pub(super) fn try_write(&self) -> bool {
        // Not even for a moment, if it cannot stay: readers would queue.
        self.spread.is_empty() && self.claim(Word::write) && self.stays_if_alone(Leaves::Writer)
    }

    /// Comes in to read, or (false) finds the deadline passed.
    #[inline]
    pub(super) fn read(&self, deadline: Deadline) -> Option<Way<'_>> {
        self.try_read().or_else(|| self.read_slow(deadline))
    }

    #[cold]
    fn read_slow(&self, deadline: Deadline) -> Option<Way<'_>> {
        self.come_in(READ, Word::wait_read, deadline, || if self.look().is_open() { self.try_read() } else { None })
    }

    /// Comes in as an upgradable reader, or (false) finds the deadline passed.
    pub(super) fn read_upgradable(&self, deadline: Deadline) -> bool {
        let attempt = || self.try_read_upgradable().then_some(Way::Counted);
        attempt().or_else(|| self.come_in(UPGRADE, Word::wait_upgradable, deadline, attempt)).is_some()
    }

    /// Comes in to write, or (false) finds the deadline passed.
    #[inline]
    pub(super) fn write(&self, deadline: Deadline) -> bool {
        (self.claim(Word::write) || self.write_slow(deadline)) && self.awaits_slots(deadline, Leaves::Writer)
    }

    /// Waits as a reader, upgradable or not: until `attempt` succeeds, or somebody lets it in.
    fn come_in<'a>(
        &'a self,
        want: u32,
        waits: Change,
        deadline: Deadline,
        attempt: impl Fn() -> Option<Way<'a>>,
    ) -> Option<Way<'a>> {
        let mut backoff = Backoff::rested(deadline);
        while backoff.spin() {
            if let Some(way) = attempt() {
                return Some(way);
            }
        }
        NoSleep::check();
        let node = Waiter::new(want, now_ns());
        while !self.link(&node, waits, false) {
            if let Some(way) = attempt() {
                return Some(way);
            }
        }
        if sleep(&node, deadline).is_none() && self.unlink(&node) {
            self.settle();
            return None;
        }
        // A reader is let in by who popped it: there is nothing left to compete for.
        await_verdict(&node);
        Some(Way::Counted)
    }

    #[cold]
    fn write_slow(&self, deadline: Deadline) -> bool {
        let mut backoff = Backoff::rested(deadline);
        while backoff.spin() {
            if self.claim(Word::write) {
                return true;
            }
        }
        NoSleep::check();
        let node = Waiter::new(WRITE, now_ns());
        let mut place = Place::Newcomer;
        loop {
            let heir = place != Place::Newcomer;
            if !self.link(&node, if heir { Word::sleep_again } else { Word::wait_write }, heir) {
                if self.take(place) {
                    return true;
                }
                continue;
            }
            let late = sleep(&node, deadline).is_none();
            if late && self.unlink(&node) {
                self.settle();
                return false;
            }
            await_verdict(&node);
            place = Place::Heir { overdue: node.is_overdue() };
            // One who was popped while it gave up is the heir all the same: if it can come in now, that is a success.
            let taken = if late { self.take_or_quit(place) } else { self.compete(place) };
            if taken || late {
                return taken;
            }
        }
    }

    /// Counts `node` among those who wait, by `change`, and links it: or finds (false) that it need not wait.
    fn link(&self, node: &Waiter, change: Change, as_oldest: bool) -> bool {
        drop(node.swap_who(Some(Sleeper::Thread(thread::current()))));
        let mut ring = self.queue.hold();
        // The popper takes the bit after it has seen us counted, so it finds us linked.
        let counted = self.note(change);
        match (counted, ring.oldest()) {
            (false, _) => {}
            (true, Some(first)) if as_oldest && first.want() == DRAIN => ring.push_behind(first, node),
            (true, _) if as_oldest => ring.push_oldest(node),
            (true, _) => ring.push_newest(node),
        }
        counted
    }

    /// Takes a node out of the queue, of one who gives up; or finds (false) that it has been popped.
    fn unlink(&self, node: &Waiter) -> bool {
        let mut ring = self.queue.hold();
        let linked = ring.has(node);
        if linked {
            ring.unlink(node);
            self.note(|word| Some(word.quit()));
        }
        linked
    }

    /// R8: somebody has given up. Readers that were behind it wait no longer if it was all that kept them out; without this they
    /// would wait for other readers alone.
    pub(super) fn settle(&self) {
        let mut more = !probe::has(Mutant::QuitWithoutReaders);
        while more {
            let mut ring = self.queue.hold();
            let mut run = Popped::new(Verdict::Granted);
            while let Some(node) = ring.oldest().filter(|_| run.len() < BATCH) {
                let one = match node.want() {
                    READ => Run::READER,
                    UPGRADE => Run::UPGRADER,
                    _ => break,
                };
                // Nobody is counted in or out while we hold the bit, except through the lock itself.
                // ORDERING of `enter`: the readers see, by way of their state, what we acquire here.
                if !self.enter(|word| word.settle(one)) {
                    break;
                }
                run.push(ring.pop(node));
            }
            more = run.len() == BATCH;
            drop(ring);
            drop(run); // tells and wakes
        }
    }

    /// Comes into a lock that is free, or given to us.
    fn take(&self, place: Place) -> bool {
        match place {
            Place::Newcomer => self.claim(Word::write),
            Place::Heir { .. } => self.claim(|word| word.take_up().or(word.inherit())),
        }
    }

    /// The heir's turn: it competes with those who come by; overdue, it demands to be handed the lock while it is awake.
    fn compete(&self, place: Place) -> bool {
        let overdue = place == Place::Heir { overdue: true };
        while overdue && !self.note(Word::demand) {
            if self.take(place) {
                return true;
            }
        }
        let mut backoff = if overdue { Backoff::with(6, 7) } else { Backoff::new() };
        loop {
            if self.take(place) {
                return true;
            }
            if !backoff.spin() {
                return false;
            }
        }
    }

    /// The heir's last look: it is in, or is the heir no more, and those behind it are seen to.
    fn take_or_quit(&self, place: Place) -> bool {
        loop {
            if self.take(place) {
                return true;
            }
            if self.note(Word::quit_heir) {
                self.settle();
                return false;
            }
        }
    }
}

/// In a model, who frees a lock must come after all who have used it.
#[cfg(rsm_loom)]
impl Drop for Raw {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.word.with_mut(|_| ());
        }
    }
}
