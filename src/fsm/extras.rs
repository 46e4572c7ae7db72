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
use super::inbox::Notice;
use super::slots::{Slots, Timer};
use crate::time::Time;
use std::collections::VecDeque;
use std::sync::Arc;

/// All of it, boxed at first use.
pub(crate) struct Extras<C> {
    pub(crate) settings: Settings,
    pub(crate) raised: VecDeque<C>,
    pub(crate) freed: VecDeque<C>,
    pub(crate) postponed: VecDeque<C>,
    pub(crate) notices: VecDeque<Notice<C>>,
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

/// A timer whose time has come; kept apart from its command, which the automaton may still cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at: Time,
    pub(crate) arming: u64,
    pub(crate) timer: Timer,
}

impl<C: 'static> Extras<C> {
    pub(crate) fn new(settings: Settings) -> Extras<C> {
        Extras {
            settings,
            raised: VecDeque::new(),
            freed: VecDeque::new(),
            postponed: VecDeque::new(),
            notices: VecDeque::new(),
            slots: Slots::new(),
            draws: 0,
            children: 0,
            lingers: 0,
            kept: None,
        }
    }

    /// The kind of the state has changed: what was postponed comes again, in front of all that was freed before.
    pub(crate) fn free(&mut self) {
        while let Some(command) = self.postponed.pop_back() {
            self.freed.push_front(command);
        }
    }

    /// Whether the next turn follows by itself.
    pub(crate) fn has_more(&self) -> bool {
        !(self.raised.is_empty() && self.freed.is_empty() && self.notices.is_empty() && self.slots.ready.is_empty())
    }

    /// The next command that does not come from the batch.
    pub(crate) fn next(&mut self) -> Option<C> {
        self.raised.pop_front().or_else(|| self.freed.pop_front())
    }

    /// What others sent and was set aside, in order of arrival. What was raised is the automaton's own.
    pub(crate) fn take_arrived(&mut self) -> Vec<C> {
        self.postponed.drain(..).chain(self.freed.drain(..)).collect()
    }

    /// Commands that will never be delivered if it dies now.
    pub(crate) fn left(&self) -> usize {
        self.raised.len() + self.freed.len() + self.postponed.len()
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
