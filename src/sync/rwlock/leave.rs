//! Leaving, and letting in or waking who is next.
//!
//! ```text
//!   who leaves            the oldest waits to read, or to be upgradable      the oldest waits to write
//!   the last reader       is let in first, then the reader leaves            becomes the heir
//!   an upgradable reader  comes in, with all readers next to it              becomes the heir, if no reader is left
//!   a writer              comes in, with all readers next to it              becomes the heir
//! ```
//! Whoever is let in or woken has been popped before the word says so, and is told afterwards. A writer's exchange is its last
//! access to the lock, as in a [`Lock`](super::super::lock::Lock), unless it lets in readers, who are in until they are told. A
//! reader may look at the queue once more after its own: there may be one who waits for it to leave.

use super::super::park::{BATCH, Pop, Popped, Sleeper, Verdict, is_overdue};
use super::super::probe::{self, model_yield};
use super::super::shim::{Ordering, now_ns};
use super::raw::{DRAIN, READ, Raw, UPGRADE, WRITE, Way};
use super::spread::Slot;
use super::word::{Leaves, Run, Word};

/// Whom one who leaves lets in, or wakes.
struct Next {
    run: Run,
    granted: Popped,
    heir: Option<Pop>,
}

impl Next {
    /// Leaves with those who have been popped; or not, if they are nobody and somebody must be.
    fn way_out(&self, now: Word, leaves: Leaves) -> Option<Word> {
        match (&self.heir, self.run.len()) {
            (Some(_), _) => Some(now.leave_waking(leaves)),
            (None, 0) => now.leave_others(leaves),
            (None, _) => now.leave_granting(leaves, self.run),
        }
    }

    fn is_nobody(&self) -> bool {
        self.run.len() == 0 && self.heir.is_none()
    }

    fn tell(self) {
        drop(self.granted); // tells and wakes
        if let Some(pop) = self.heir {
            wake(pop);
        }
    }
}

fn wake(pop: Pop) {
    pop.tell(Verdict::Woken).into_iter().for_each(Sleeper::wake);
}

impl Raw {
    /// Leaves, letting in or waking who is next.
    #[inline]
    pub(super) fn leave(&self, leaves: Leaves) {
        if probe::is_over() {
            return;
        }
        let now = self.look();
        let gone = now.leave_alone(leaves).is_some_and(|next| self.let_go(now, next));
        if !gone {
            self.leave_slow(leaves);
        }
    }

    /// A reader leaves by the way it came.
    #[inline]
    pub(super) fn leave_read(&self, way: Way<'_>) {
        match way {
            Way::Counted => self.leave(Leaves::Reader),
            Way::Slot(_) if probe::is_over() => {}
            Way::Slot(slot) => self.leave_slot(slot),
        }
    }

    /// Leaves by a slot, whether or not it was in.
    #[inline]
    pub(super) fn leave_slot(&self, slot: &Slot) {
        slot.lower();
        if self.look_seqcst().drains_slots() {
            self.wake_if_last();
        }
    }

    #[cold]
    fn wake_if_last(&self) {
        if self.spread.is_empty() {
            self.wake_drainer();
        }
    }

    #[inline]
    fn let_go(&self, now: Word, next: Word) -> bool {
        // ORDERING: Release hands what was done inside to the Acquire of who comes in (models `rwlock_read_write`,
        // `rwlock_write_write`); from a reader it says that it reads no more (model `rwlock_upgrade`). It is also what the granted
        // readers see, by way of their state.
        let gone = self.exchange(now, next, Ordering::Release).is_ok();
        if gone && next.is_drained() {
            self.wake_drainer();
        }
        gone
    }

    #[cold]
    fn leave_slow(&self, leaves: Leaves) {
        let mut next = Next { run: Run::default(), granted: Popped::new(Verdict::Granted), heir: None };
        loop {
            // Read before the ring is: who joins after this look changes the word, so the exchange fails and we look again.
            // Hence no reader stays behind in a queue whose readers have been let in (R8).
            let now = self.look();
            let alone = next.is_nobody();
            let word = now.leave(leaves).filter(|_| alone).or_else(|| {
                self.find(&mut next, now, leaves);
                next.way_out(now, leaves)
            });
            if word.is_some_and(|word| self.let_go(now, word)) {
                break;
            }
            model_yield();
        }
        model_yield();
        // The number of those who wait may be the same and yet they others: a writer that was next gave up, a reader joined (R8).
        // Looked for before the granted are told: until then they are in.
        if (next.run.len() > 0 || leaves.may_leave_others()) && self.look().pending() > 0 {
            self.settle();
        }
        next.tell();
    }

    /// Pops those who are let in by our leaving: all readers at the old end, with one upgradable among them; or the writer that is
    /// there instead, unless somebody stays.
    fn find(&self, next: &mut Next, now: Word, leaves: Leaves) {
        let time = now_ns();
        while next.heir.is_none() {
            let mut ring = self.queue.hold();
            let full = next.granted.len() + BATCH;
            while let Some(node) = ring.oldest().filter(|_| next.granted.len() < full) {
                match node.want() {
                    // Their turn has come by a writer that gave up, who lets them in, too. Two who both do it outside the bit
                    // could let in two upgradable ones.
                    READ | UPGRADE if leaves == Leaves::Reader => {
                        drop(ring);
                        return self.settle();
                    }
                    READ => next.run.readers += 1,
                    UPGRADE if next.run.upgraders == 0 && leaves != Leaves::WriterToUpgrader => next.run.upgraders = 1,
                    _ => break,
                }
                next.granted.push(ring.pop(node));
            }
            if next.granted.len() == full {
                continue; // the bit is never held for long
            }
            let stays = next.run.len() > 0 || now.leave_others(leaves).is_some();
            let Some(writer) = ring.oldest().filter(|node| !stays && node.want() == WRITE) else { return };
            let pop = ring.pop(writer);
            drop(ring);
            pop.node().mark_overdue(is_overdue(pop.node().since(), time));
            next.heir = Some(pop);
        }
    }

    /// Wakes who waits for the last of those who were in: it is the oldest, if it sleeps.
    #[cold]
    fn wake_drainer(&self) {
        let mut ring = self.queue.hold();
        let drainer = ring.oldest().filter(|node| node.want() == DRAIN).map(|node| ring.pop(node));
        drop(ring);
        probe::mark(if drainer.is_some() { "drainer woken" } else { "drainer awake" });
        drainer.into_iter().for_each(wake);
    }
}
