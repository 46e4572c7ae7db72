//! The order of the values, from the times at which each must have stood in the register.
//!
//! ```text
//!   operations on one value:   first return f ──────── last call s      f < s: it stood there from f to s, whatever else
//!                                                                       s < f: it stood there at some moment in between
//!   two values at once?                 one whose moment lies wholly within another's time?        then there is no order
//! ```
//! After Gibbons and Korach, "Testing Shared Memories" (1997): exact for writes and reads of values that are written once,
//! and necessary with swaps, each of which is a read and a write here.

use super::{Call, Events, INITIAL};
use std::collections::BTreeMap;

/// When a value must have stood in the register. Ranks are shifted by one: the initial value was written at 0.
#[derive(Clone, Copy, Debug)]
struct Zone {
    first_return: usize,
    last_call: usize,
    written_from: usize,
    is_written: bool,
}

/// Whether the values can be put in an order.
pub(super) fn holds(events: &Events) -> bool {
    let Some(zones) = zones(events) else { return false };
    let (mut forward, backward): (Vec<Zone>, Vec<Zone>) =
        zones.into_iter().partition(|zone| zone.first_return < zone.last_call);
    forward.sort_by_key(|zone| zone.first_return);
    let apart = forward.windows(2).all(|pair| pair[0].last_call < pair[1].first_return);
    let within = |zone: &Zone| {
        let before = forward.partition_point(|other| other.first_return < zone.last_call);
        before.checked_sub(1).is_some_and(|nth| zone.first_return < forward[nth].last_call)
    };
    apart && !backward.iter().any(within)
}

/// One for each value; `None` if one was seen before it was written, or never was.
fn zones(events: &Events) -> Option<Vec<Zone>> {
    let initial = Zone { first_return: 0, last_call: 0, written_from: 0, is_written: true };
    let mut zones = BTreeMap::from([(INITIAL, initial)]);
    for operation in &events.operations {
        let (called, returned) = (operation.called + 1, operation.returned.saturating_add(1));
        let mut touch = |value: u64, writes: bool| {
            let none = Zone { first_return: usize::MAX, last_call: 0, written_from: 0, is_written: false };
            let zone = zones.entry(value).or_insert(none);
            zone.first_return = zone.first_return.min(returned);
            zone.last_call = zone.last_call.max(called);
            if writes {
                (zone.written_from, zone.is_written) = (called, true);
            }
        };
        match operation.call {
            Call::Write(value) => touch(value, true),
            Call::Read(value) => touch(value, false),
            Call::Swap { found, .. } if operation.call.has_lost() => touch(found, false),
            Call::Swap { expected, new, .. } => {
                touch(expected, false);
                touch(new, true);
            }
        }
    }
    let all = zones.into_values().collect::<Vec<_>>();
    all.iter().all(|zone| zone.is_written && zone.written_from <= zone.first_return).then_some(all)
}
