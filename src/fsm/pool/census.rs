//! Who lives in a pool: each cell weakly, so that a drain reaches the idle too, and can say who is late.
//!
//! Sixteen stripes, chosen by the cell's name, each under a lock of its own. The dead are not taken out one by one, which would need an
//! index in each cell: when they are half of a list, the list is swept of all that nobody refers to any more, which takes one load for
//! each. So an idle cell costs 16 bytes here, a birth and a death one lock each, and the memory of the dead is held for at most as
//! many as live, or have an address left.

use crate::fsm::CellId;
use crate::fsm::cell::Node;
use crate::fsm::runner::Task;
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// In a model, where names are chosen, as many as it takes to close one after the other.
pub(super) const STRIPES: usize = if cfg!(rsm_loom) { 2 } else { 16 };
/// So many dead in a list are left alone.
const DEAD_MIN: usize = 64;

/// All cells of a pool.
pub(super) struct Census {
    stripes: [Stripe; STRIPES],
    /// Set when nobody is left, after the census was closed.
    pub(super) empty: Event,
}

#[repr(align(128))]
struct Stripe(Lock<Roll>);

#[derive(Default)]
struct Roll {
    listed: Vec<Weak<dyn Node>>,
    /// Cells born and not dead, listed or refused.
    live: usize,
    /// Deaths since the last sweep.
    dead: usize,
    closed: bool,
    /// What is still to be told to all: by whoever has the list.
    asked: u32,
    /// Somebody who tells has the list.
    lent: bool,
    /// Of those who have one.
    names: BTreeMap<CellId, Cow<'static, str>>,
}

impl Census {
    pub(super) fn new() -> Census {
        Census { stripes: std::array::from_fn(|_| Stripe(Lock::new(Roll::default()))), empty: Event::manual() }
    }

    fn stripe(&self, cell: CellId) -> &Lock<Roll> {
        &self.stripes[cell.0 as usize % STRIPES].0
    }

    /// Counts a newborn; false: nobody is taken in any more.
    pub(super) fn adopt(&self, newborn: &Task) -> bool {
        let (cell, name) = (newborn.cell(), newborn.name());
        let mut roll = self.stripe(cell).lock();
        roll.live += 1;
        if roll.closed {
            return false;
        }
        roll.listed.push(newborn.downgrade());
        if !name.is_empty() {
            roll.names.insert(cell, name);
        }
        true
    }

    /// Counts a death.
    pub(super) fn ended(&self, cell: CellId) {
        let mut roll = self.stripe(cell).lock();
        roll.live -= 1;
        roll.dead += 1;
        let mut name = None;
        if !roll.names.is_empty() {
            name = roll.names.remove(&cell);
        }
        let swept = roll.sweep();
        let last = roll.closed && roll.live == 0;
        drop(roll);
        drop((swept, name));
        if last {
            self.tell_if_empty();
        }
    }

    /// Each stripe under its lock: of two that come to 0 at once, the later one to look sees both. One that is still open counts as
    /// not empty, for who is born there lives; once closed and empty, a stripe has nobody again but those dead from birth.
    fn tell_if_empty(&self) {
        let is_over = |stripe: &Stripe| {
            let roll = stripe.0.lock();
            roll.closed && roll.live == 0
        };
        if self.stripes.iter().all(is_over) {
            self.empty.set();
        }
    }

    /// How many live.
    pub(super) fn live(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.0.lock().live).sum()
    }

    /// How many are listed, the dead that were not swept yet among them.
    #[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
    pub(super) fn listed(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.0.lock().listed.len()).sum()
    }

    /// Whether nobody is taken in any more, or soon nobody will be: the first stripe is closed before anyone is told.
    pub(super) fn is_closed(&self) -> bool {
        self.stripes[0].0.lock().closed
    }

    /// Takes nobody in any more, and hands out each who lives, with what it is to be told.
    pub(super) fn close(&self, flag: u32, mut act: impl FnMut(Arc<dyn Node>, u32)) {
        for stripe in &self.stripes {
            let mut roll = stripe.0.lock();
            roll.closed = true;
            roll.asked |= flag;
            // Nobody is added any more, so the list is lent and not copied. What a second asks meanwhile, who drops a pool that drains,
            // say, the first one tells, too.
            while roll.asked != 0 && !roll.lent {
                let flag = roll.asked & roll.asked.wrapping_neg();
                roll.asked &= !flag;
                roll.lent = true;
                let listed = std::mem::take(&mut roll.listed);
                drop(roll);
                listed.iter().filter_map(Weak::upgrade).for_each(|node| act(node, flag));
                roll = stripe.0.lock();
                (roll.listed, roll.lent) = (listed, false);
                let swept = roll.sweep(); // they died while the list was away
                if !swept.is_empty() {
                    drop(roll);
                    drop(swept);
                    roll = stripe.0.lock();
                }
            }
        }
        self.tell_if_empty();
    }

    /// The name of that one; empty if it has none, or is dead.
    pub(super) fn name(&self, cell: CellId) -> String {
        let named = |stripe: &Stripe| stripe.0.lock().names.get(&cell).map(|name| name.to_string());
        self.stripes.iter().find_map(named).unwrap_or_default()
    }

    /// Hands out some who live, with their names, until `act` says false.
    pub(super) fn each(&self, mut act: impl FnMut(Arc<dyn Node>, &str) -> bool) {
        for stripe in &self.stripes {
            let roll = stripe.0.lock();
            let (listed, names) = (roll.listed.clone(), roll.names.clone());
            drop(roll);
            for node in listed.iter().filter_map(Weak::upgrade) {
                let name = names.get(&node.head().id).map_or("", |name| name);
                if !node.word().is_dead() && !act(node, name) {
                    return;
                }
            }
        }
    }
}

impl Roll {
    /// Takes out whom nobody refers to if there are many of them: the memory of each is given back where this is dropped, after the
    /// unlock. One that is alive has an address, a task, or something else to keep it; one that is dead and has such stays.
    fn sweep(&mut self) -> Vec<Weak<dyn Node>> {
        if self.lent || self.dead <= DEAD_MIN.max(self.listed.len() / 2) {
            return Vec::new();
        }
        self.dead = 0;
        // One load each, and no read-modify-write: so the processor fetches the next cells while it waits for the first.
        let gone = self.listed.extract_if(.., |weak| weak.strong_count() == 0).collect();
        self.listed.shrink_to(2 * self.listed.len());
        gone
    }
}
