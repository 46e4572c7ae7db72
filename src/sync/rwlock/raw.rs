//! The loops that carry out the word's changes, and the queue beside it.
//!
//! As in a [`Lock`](super::super::lock::Lock) the exchange by which someone leaves is its last access to the lock: whoever is
//! let in by it has been popped before.

use super::super::backoff::Backoff;
use super::super::park::{
    BATCH, NoSleep, Pop, Popped, Queue, Sleeper, Verdict, Waiter, await_verdict, is_overdue, sleep,
};
use super::super::probe::{self, Mutant, model_yield};
use super::super::shim::{AtomicU64, Deadline, Ordering, const_fn, now_ns, thread};
use super::word::{Leaves, Word};

/// What a node says it wants.
const READ: u32 = 0;
const WRITE: u32 = 1;

/// The lock without its value.
pub(super) struct Raw {
    word: AtomicU64,
    queue: Queue,
}

#[cfg(not(any(rsm_loom, rsm_shuttle)))]
const _: () = assert!(size_of::<Raw>() <= 24, "a reader-writer lock is at most 24 bytes");

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
            Raw { word: AtomicU64::new(0), queue: Queue::new() }
        }
    }

    /// The word, by a load that orders nothing.
    pub(super) fn look(&self) -> Word {
        // ORDERING: Relaxed: true at some instant, and no more is promised.
        Word(probe::look(&self.word))
    }

    /// Exchanges as long as `change` applies; whether it did.
    fn enter(&self, change: impl Fn(Word) -> Option<Word>) -> bool {
        let mut now = self.look();
        while let Some(next) = change(now) {
            // ORDERING: Acquire pairs with the Release in `let_go` (models `rwlock_read_write`, `rwlock_write_write`).
            match self.exchange(now, next, Ordering::Acquire) {
                Ok(()) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// As `enter`, for changes that take nothing and give nothing.
    fn note(&self, change: impl Fn(Word) -> Option<Word>) -> bool {
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

    #[inline]
    fn let_go(&self, now: Word, next: Word) -> bool {
        // ORDERING: Release hands what was done inside to the Acquire of who comes in (models `rwlock_read_write`,
        // `rwlock_write_write`); from a reader it says that it reads no more. It is also what the granted readers see, by way
        // of their state.
        self.exchange(now, next, Ordering::Release).is_ok()
    }

    /// The one way in which the word changes. In a model it is also where the invariants are held.
    #[inline]
    #[cfg_attr(rsm_loom, track_caller)]
    fn exchange(&self, now: Word, next: Word, order: Ordering) -> Result<(), Word> {
        #[cfg(rsm_loom)]
        assert!(next.holds(), "R1, R2, R5 to R7 hold after each change: {:#x} to {:#x}", now.0, next.0);
        // ORDERING: the caller's if it succeeds; a failure decides nothing.
        self.word.compare_exchange(now.0, next.0, order, Ordering::Relaxed).map(drop).map_err(Word)
    }

    /// Comes in to read if no writer is in and nobody waits.
    #[inline]
    pub(super) fn try_read(&self) -> bool {
        self.enter(Word::read)
    }

    /// Comes in to write if nobody is in.
    #[inline]
    pub(super) fn try_write(&self) -> bool {
        self.enter(Word::write)
    }

    /// Comes in to read, or (false) finds the deadline passed.
    #[inline]
    pub(super) fn read(&self, deadline: Deadline) -> bool {
        self.try_read() || self.read_slow(deadline)
    }

    /// Comes in to write, or (false) finds the deadline passed.
    #[inline]
    pub(super) fn write(&self, deadline: Deadline) -> bool {
        self.try_write() || self.write_slow(deadline)
    }

    #[cold]
    fn read_slow(&self, deadline: Deadline) -> bool {
        let mut backoff = Backoff::new();
        while backoff.spin() {
            if self.try_read() {
                return true;
            }
        }
        NoSleep::check();
        let node = Waiter::new(READ, now_ns());
        while !self.link(&node, Word::wait_read, false) {
            if self.try_read() {
                return true;
            }
        }
        if sleep(&node, deadline).is_none() && self.unlink(&node) {
            return false;
        }
        // A reader is let in by who popped it: there is nothing left to compete for.
        await_verdict(&node);
        true
    }

    #[cold]
    fn write_slow(&self, deadline: Deadline) -> bool {
        let mut backoff = Backoff::new();
        while backoff.spin() {
            if self.try_write() {
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
    fn link(&self, node: &Waiter, change: fn(Word) -> Option<Word>, as_oldest: bool) -> bool {
        drop(node.swap_who(Some(Sleeper::Thread(thread::current()))));
        let mut ring = self.queue.hold();
        // The popper takes the bit after it has seen us counted, so it finds us linked.
        let counted = self.note(change);
        match (counted, as_oldest) {
            (true, true) => ring.push_oldest(node),
            (true, false) => ring.push_newest(node),
            (false, _) => {}
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

    /// R8: a writer has given up. Readers that were behind it wait no longer if it was all that kept them out; without this they
    /// would wait for other readers alone.
    fn settle(&self) {
        let mut more = !probe::has(Mutant::QuitWithoutReaders);
        while more {
            let mut ring = self.queue.hold();
            let mut readers = Popped::new(Verdict::Granted);
            while let Some(node) = ring.oldest().filter(|node| node.want() == READ && readers.len() < BATCH) {
                // Nobody is counted in or out while we hold the bit, except through the lock itself.
                // ORDERING of `enter`: the readers see, by way of their state, what we acquire here.
                if !self.enter(|word| word.settle(1)) {
                    break;
                }
                readers.push(ring.pop(node));
            }
            more = readers.len() == BATCH;
            drop(ring);
            drop(readers); // tells and wakes
        }
    }

    /// Comes into a lock that is free, or given to us.
    fn take(&self, place: Place) -> bool {
        match place {
            Place::Newcomer => self.try_write(),
            Place::Heir { .. } => self.enter(|word| word.take_up().or(word.inherit())),
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

    /// Leaves, letting in or waking who is next.
    #[inline]
    pub(super) fn leave(&self, leaves: Leaves) {
        let now = self.look();
        if let Some(next) = now.leave(leaves)
            && self.let_go(now, next)
        {
            return;
        }
        self.leave_slow(leaves);
    }

    #[cold]
    fn leave_slow(&self, leaves: Leaves) {
        let mut readers = Popped::new(Verdict::Granted);
        let mut writer = None;
        loop {
            // Read before the ring is: who joins after this look changes the word, so the exchange fails and we look again.
            // Hence no reader stays behind in a queue whose readers have been let in (R8).
            let now = self.look();
            let alone = readers.len() == 0 && writer.is_none();
            let next = now.leave(leaves).filter(|_| alone).or_else(|| {
                if writer.is_none() {
                    writer = self.pop(&mut readers, leaves);
                }
                match (&writer, readers.len()) {
                    (Some(_), _) => Some(now.leave_waking(leaves)),
                    (None, 0) if leaves == Leaves::WriterToRead => Some(now.leave_to_read()),
                    (None, 0) => None, // all of them have given up meanwhile
                    (None, count) => now.leave_granting(leaves, count),
                }
            });
            if next.is_some_and(|next| self.let_go(now, next)) {
                break;
            }
            model_yield();
        }
        model_yield();
        // The number of those who wait may be the same and yet they others: a writer that was next gave up, a reader joined (R8).
        // Looked for before the readers are told: until then they, or we, are in.
        if (readers.len() > 0 || leaves == Leaves::WriterToRead) && self.look().pending() > 0 {
            self.settle();
        }
        drop(readers); // tells and wakes
        if let Some(pop) = writer {
            let sleeper = pop.tell(Verdict::Woken);
            model_yield();
            sleeper.into_iter().for_each(Sleeper::wake);
        }
    }

    /// Pops all the readers at the old end; or the writer that is there instead, unless the lock stays with a reader.
    fn pop(&self, readers: &mut Popped, leaves: Leaves) -> Option<Pop> {
        let now = now_ns();
        loop {
            let mut ring = self.queue.hold();
            let full = readers.len() + BATCH;
            while let Some(node) = ring.oldest().filter(|node| node.want() == READ && readers.len() < full) {
                readers.push(ring.pop(node));
            }
            if readers.len() == full {
                continue; // the bit is never held for long
            }
            if readers.len() > 0 || leaves == Leaves::WriterToRead {
                return None;
            }
            let pop = ring.pop(ring.oldest()?);
            drop(ring);
            pop.node().mark_overdue(is_overdue(pop.node().since(), now));
            return Some(pop);
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
