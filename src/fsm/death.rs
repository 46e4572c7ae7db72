//! Death, in the order that watchers rely on: whoever is told of an end sees all its effects (F8).
//!
//! ```text
//!   posts refused ──> state, automaton, batch, inbox dropped ──> Dead ──> guards released ──> notices posted ──> `ended()` resolved
//! ```
//! All that is dropped is the user's, so it happens outside the inbox (F4), each thing under a `catch_unwind` of its own: a panic
//! in one `Drop` keeps neither the others from being dropped nor the watchers from being told. A `Drop` that panics while a
//! panic unwinds aborts the process, as everywhere in Rust.

use super::automaton::{Automaton, End};
use super::cell::{Body, Cell, Node};
use super::extras::Extras;
use super::inbox::{Keeper, Watcher};
use super::spans;
use super::word::Phase;
use crate::sync::turn::TurnGuard;
use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

/// Runs code of the user's whose panic concerns nobody any more. The hook has printed it.
pub(crate) fn contained(act: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(act)) {
        // Its own `Drop` might panic again, and then nothing would contain it.
        mem::forget(payload);
    }
}

/// Drops each for itself.
pub(crate) fn drop_all<T>(all: impl IntoIterator<Item = T>) {
    all.into_iter().for_each(|one| contained(move || drop(one)));
}

/// What an inbox held, the oldest first.
type Chunks<C> = VecDeque<Vec<C>>;

/// Wakes each for itself.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Arc<Waker>>) {
    wakers.into_iter().for_each(|waker| contained(move || waker.wake_by_ref()));
}

impl<A: Automaton> Cell<A> {
    /// Ends the life of this cell. The caller is in its turn.
    pub(crate) fn die(
        self: &Arc<Self>,
        mut guard: TurnGuard<'_, Body<A>>,
        mut extras: Option<Box<Extras<A::Command>>>,
        end: End,
    ) {
        let (mut queued, keeper) = self.close();
        if let Some(keeper) = keeper {
            let mut kept = extras.as_mut().map(|extras| extras.take_arrived()).unwrap_or_default();
            kept.extend(mem::take(&mut guard.batch).into_iter().rev());
            kept.extend(mem::take(&mut queued).into_iter().flatten());
            keeper.lock().extend(kept);
        }
        let name = extras.as_ref().map_or_else(Default::default, |extras| extras.name());
        let left = guard.batch.len()
            + queued.iter().map(Vec::len).sum::<usize>()
            + extras.as_ref().map_or(0, |extras| extras.left());
        self.head.tallies.dropped.add(left as u32);
        if let Some(live) = guard.live.take() {
            contained(move || drop(live.state));
            contained(move || drop(live.automaton));
        }
        drop_all(mem::take(&mut guard.batch).into_iter().rev());
        queued.into_iter().for_each(drop_all);
        if let Some(extras) = extras {
            self.bury(*extras);
        }
        drop(guard);
        spans::ended(self.head.id, &name, &end);
        let told = self.settle(&end);
        if let (0, End::Panicked(panic)) = (told, end) {
            self.head.home.get().panicked(&name, panic);
        }
        self.head.home.get().ended(self.head.id);
    }

    /// Refuses every post from here on, and takes out what is queued, and where to keep it.
    fn close(&self) -> (Chunks<A::Command>, Option<Keeper<A::Command>>) {
        let mut inbox = self.inbox.enter();
        self.head.tallies.unqueue(inbox.len(), inbox.len());
        let (queued, keeper, waiting) = (inbox.empty(), inbox.take_keeper(), inbox.take_waiting());
        let next = inbox.word().close().with_depth(0);
        inbox.leave(next);
        wake_all(waiting);
        (queued, keeper)
    }

    /// Drops what the automaton had set aside.
    fn bury(&self, extras: Extras<A::Command>) {
        let Extras { settings, queues, mut slots, .. } = extras;
        slots.disarm(self.head.home.get().timers());
        if let Some(queues) = queues {
            drop_all(queues.raised);
            drop_all(queues.freed);
            drop_all(queues.postponed);
            drop_all(queues.notices);
        }
        drop_all(slots.into_commands());
        contained(move || drop(settings)); // what the user put on the guard of its stage
    }

    /// Says that it is dead, to all who asked; returns how many they were.
    fn settle(&self, end: &End) -> usize {
        let phase = match end {
            End::Exited => Phase::Exited,
            End::Killed => Phase::Killed,
            End::Panicked(_) => Phase::Panicked,
        };
        let mut inbox = self.inbox.enter();
        let settled = inbox.settle(end);
        let next = inbox.word().die(phase);
        inbox.leave(next);
        drop_all(settled.system);
        drop_all(settled.guards);
        let (cells, tickets): (Vec<_>, Vec<_>) =
            settled.watchers.into_iter().partition(|watcher| matches!(watcher, Watcher::Cell(_)));
        let mut told = 0;
        for watcher in cells.into_iter().chain(tickets) {
            contained(|| told += usize::from(watcher.tell(end.clone())));
        }
        told
    }

    /// Death of a cell that is queued and will never be run.
    pub(crate) fn give_up(self: &Arc<Self>) {
        let mut guard = self.body.try_enter().expect("F1: one turn at a time: a task exists once");
        drop_all(self.take(&mut guard).system);
        let extras = guard.extras.take();
        self.die(guard, extras, End::Killed);
    }
}

/// What a watcher that came too late is told.
pub(crate) fn watch(node: &dyn Node, watcher: Watcher) {
    if let Some((watcher, end)) = node.watch(watcher) {
        watcher.tell(end);
    }
}
