//! Every order that may matter, found just in time: nothing takes effect before some return demands it.
//!
//! ```text
//!   configurations: (value, which of the open operations are done)
//!   call:     one more is open
//!   return:   from each configuration, let open operations take effect until this one has; forget those that cannot
//!   none left: there is no order
//! ```
//! After Lowe, "Testing for linearizability" (2017), with three shortcuts that are sound for values that are written once,
//! and without which sixteen clients on one key would be out of reach:
//!
//! 1. what only looks takes effect at once where it matches: nothing that comes later could need it to wait;
//! 2. a write whose value nobody saw goes just before any other write: it shows nowhere, and is done;
//! 3. what has not returned and whose value nobody saw is left out: it may as well never have been.

use super::{Call, Events, INITIAL, Ranked, Refused};
use std::collections::BTreeSet;

/// As many operations may be open at once.
const SLOTS: usize = 64;

type Configuration = (u64, u64);

struct Search {
    /// The open operations, each in its bit.
    slots: [Option<(usize, Ranked)>; SLOTS],
    configurations: BTreeSet<Configuration>,
    most: usize,
}

/// Judges, with at most so many configurations at once.
pub(super) fn run(events: &Events, most: usize) -> Result<(), Refused> {
    let mut search = Search { slots: [None; SLOTS], configurations: BTreeSet::from([(INITIAL, 0)]), most };
    for &(nth, returns) in &events.order {
        if returns {
            search.on_return(nth)?
        } else {
            search.on_call(nth, events.operations[nth])?
        }
        if search.configurations.is_empty() {
            return Err(Refused::NotLinearizable(Vec::new()));
        }
    }
    Ok(())
}

impl Search {
    fn on_call(&mut self, nth: usize, operation: Ranked) -> Result<(), Refused> {
        let free = self.slots.iter().position(Option::is_none).ok_or(Refused::GaveUp)?;
        self.slots[free] = Some((nth, operation));
        self.configurations = self.configurations.iter().map(|&one| self.look(one)).collect();
        Ok(())
    }

    fn on_return(&mut self, nth: usize) -> Result<(), Refused> {
        let open = |slot: &Option<(usize, Ranked)>| slot.is_some_and(|(other, _)| other == nth);
        let slot = self.slots.iter().position(open).expect("what returns was called, and has not returned before");
        let done = 1 << slot;
        let (mut left, mut met): (Vec<Configuration>, _) =
            (self.configurations.iter().copied().collect(), self.configurations.clone());
        let mut kept = BTreeSet::new();
        while let Some(one) = left.pop() {
            if one.1 & done != 0 {
                kept.insert((one.0, one.1 & !done));
                continue;
            }
            for next in self.after(one) {
                if met.insert(next) {
                    left.push(next);
                }
            }
            if self.most < met.len() {
                return Err(Refused::GaveUp);
            }
        }
        self.slots[slot] = None;
        self.configurations = kept;
        self.forget();
        Ok(())
    }

    /// What has not returned, and has taken effect in every configuration, is open no more.
    fn forget(&mut self) {
        let everywhere = self.configurations.iter().fold(u64::MAX, |all, one| all & one.1);
        let is_over = |slot: usize| {
            self.slots[slot].is_some_and(|(_, operation)| operation.returned == usize::MAX)
                && everywhere >> slot & 1 == 1
        };
        let over = (0..SLOTS).filter(|&slot| is_over(slot)).fold(0, |bits, slot| bits | 1 << slot);
        if over != 0 {
            (0..SLOTS).filter(|slot| over >> slot & 1 == 1).for_each(|slot| self.slots[slot] = None);
            self.configurations = self.configurations.iter().map(|&(value, bits)| (value, bits & !over)).collect();
        }
    }

    /// The configurations that one more effect leads to.
    fn after(&self, (value, bits): Configuration) -> Vec<Configuration> {
        let mut next = Vec::new();
        for (slot, (_, operation)) in self.open(bits) {
            let changed = match operation.call {
                Call::Write(new) => Some((new, bits | 1 << slot | self.unseen(bits))),
                Call::Swap { expected, new, .. } if !operation.call.has_lost() && expected == value => {
                    Some((new, bits | 1 << slot))
                }
                Call::Swap { .. } | Call::Read(_) => None, // where it matches, it is done
            };
            next.extend(changed.map(|one| self.look(one)));
        }
        next
    }

    /// Those that are open and not done.
    fn open(&self, bits: u64) -> impl Iterator<Item = (usize, (usize, Ranked))> + '_ {
        let open = self.slots.iter().enumerate().filter_map(|(slot, held)| Some((slot, (*held)?)));
        open.filter(move |(slot, _)| bits >> slot & 1 == 0)
    }

    /// Shortcut 2: the writes that may go before any other.
    fn unseen(&self, bits: u64) -> u64 {
        let unseen = |operation: &Ranked| matches!(operation.call, Call::Write(_)) && !operation.is_seen;
        self.open(bits).filter(|(_, (_, one))| unseen(one)).fold(0, |all, (slot, _)| all | 1 << slot)
    }

    /// Shortcut 1: what only looks, and sees this value, is done.
    fn look(&self, (value, bits): Configuration) -> Configuration {
        let matches = |operation: &Ranked| match operation.call {
            Call::Read(seen) => seen == value,
            Call::Swap { found, .. } => operation.call.has_lost() && found == value,
            Call::Write(_) => false,
        };
        let looked = self.open(bits).filter(|(_, (_, one))| matches(one)).fold(0, |all, (slot, _)| all | 1 << slot);
        (value, bits | looked)
    }
}
