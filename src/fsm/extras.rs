//! What an automaton has set aside for itself: raised and postponed commands, timers, the state timeout.
//!
//! ```text
//!   raised      before every command of others          next command:  raised, freed, batch, inbox
//!   postponed ──kind changes──> freed                   put back all together, in front, in order
//!   timers      slots by tag; the wheel knows cell and tag alone, so a command never leaves its automaton
//!   alarm       one movable timeout: `wanted` moves freely, the wheel holds `armed`
//! ```
//! Postponed commands need no numbers to keep their order of arrival: delivery runs along one list, from the left to the right,
//! and a change of kind goes back to its beginning. So they are appended in order, and put back in front they are in order.

use super::cell::{Node, Settings};
use super::inbox::{Notice, is_large};
use super::slots::{Slots, Timer};
use crate::time::Time;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// All of it, boxed at first use; what those who only have timers do not need, once more.
#[repr(C)]
pub(crate) struct Extras<C> {
    /// `None`: the defaults.
    pub(crate) settings: Option<Box<Settings>>,
    pub(crate) queues: Option<Box<Queues<C>>>,
    pub(crate) slots: Slots<C>,
    /// Draws of `random` so far.
    pub(crate) draws: u64,
    /// Children spawned so far.
    pub(crate) children: u64,
    /// What it lingers for: so often was `linger` said and not taken back.
    pub(crate) lingers: u32,
    /// The cell itself while it lingers: no address need be left by then, and all others know it weakly. Gone with its death.
    pub(crate) kept: Option<Arc<dyn Node>>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Extras<u64>>() <= 320, "a million automata with a timer each, and that timer in it");

/// Commands that do not come from the batch.
pub(crate) struct Queues<C> {
    pub(crate) raised: VecDeque<C>,
    pub(crate) freed: VecDeque<C>,
    pub(crate) postponed: VecDeque<C>,
    pub(crate) notices: VecDeque<Notice<C>>,
}

/// A timer whose time has come; kept apart from its command, which the automaton may still cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at: Time,
    pub(crate) arming: u64,
    pub(crate) timer: Timer,
}

impl<C: 'static> Extras<C> {
    pub(crate) fn new(settings: Option<Box<Settings>>) -> Extras<C> {
        Extras { settings, queues: None, slots: Slots::new(), draws: 0, children: 0, lingers: 0, kept: None }
    }

    pub(crate) fn settings(&self) -> Option<&Settings> {
        self.settings.as_deref()
    }

    pub(crate) fn name(&self) -> Cow<'static, str> {
        self.settings().map_or(Cow::Borrowed(""), |settings| settings.name.clone())
    }

    pub(crate) fn queues(&mut self) -> &mut Queues<C> {
        self.queues.get_or_insert_with(|| {
            let (raised, freed) = (VecDeque::new(), VecDeque::new());
            Box::new(Queues { raised, freed, postponed: VecDeque::new(), notices: VecDeque::new() })
        })
    }

    /// The kind of the state has changed: what was postponed comes again, in front of all that was freed before.
    pub(crate) fn free(&mut self) {
        if let Some(queues) = self.queues.as_mut() {
            queues.free();
        }
    }

    /// Whether the next turn follows by itself.
    pub(crate) fn has_more(&self) -> bool {
        let waits =
            |queues: &Queues<C>| !(queues.raised.is_empty() && queues.freed.is_empty() && queues.notices.is_empty());
        !self.slots.ready.is_empty() || self.queues.as_deref().is_some_and(waits)
    }

    /// The next command that does not come from the batch.
    pub(crate) fn next(&mut self) -> Option<C> {
        let queues = self.queues.as_mut()?;
        queues.raised.pop_front().or_else(|| queues.freed.pop_front())
    }

    pub(crate) fn next_notice(&mut self) -> Option<Notice<C>> {
        self.queues.as_mut()?.notices.pop_front()
    }

    pub(crate) fn notices(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.notices.len())
    }

    pub(crate) fn postponed(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.postponed.len())
    }

    /// What others sent and was set aside, in order of arrival. What was raised is the automaton's own.
    pub(crate) fn take_arrived(&mut self) -> Vec<C> {
        let Some(queues) = self.queues.as_mut() else { return Vec::new() };
        queues.postponed.drain(..).chain(queues.freed.drain(..)).collect()
    }

    /// Gives back what a burst took and nothing fills any more (F12).
    pub(crate) fn shrink(&mut self) {
        self.slots.shrink();
        if let Some(queues) = self.queues.as_mut() {
            shrink(&mut queues.raised);
            shrink(&mut queues.freed);
            shrink(&mut queues.postponed);
            shrink(&mut queues.notices);
        }
    }

    /// Commands that will never be delivered if it dies now.
    pub(crate) fn left(&self) -> usize {
        let left = |queues: &Queues<C>| queues.raised.len() + queues.freed.len() + queues.postponed.len();
        self.queues.as_deref().map_or(0, left)
    }
}

impl<C> Queues<C> {
    fn free(&mut self) {
        while let Some(command) = self.postponed.pop_back() {
            self.freed.push_front(command);
        }
    }
}

/// One that is filled to a quarter or less keeps twice what it holds: so each move of those left is paid for by what was taken out.
fn shrink<T>(queue: &mut VecDeque<T>) {
    if is_large::<T>(queue.capacity()) && queue.len() <= queue.capacity() / 4 {
        queue.shrink_to(2 * queue.len());
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
