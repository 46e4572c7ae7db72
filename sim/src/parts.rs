//! Where the time of a run goes: a clock for each part of the simulator, for `--bench` alone.
//!
//! ```text
//!   rest ──> core ──> rest ──> disk ──> checks ──> disk ──> rest        the innermost part is charged, all others wait
//! ```
//! Off, as it is unless a bench turns it on, it costs a look at one flag.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it measures real time, and no run depends on it"
)]

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// A part of a simulated step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that is none of the others: the executor, and the turns of the automata, their encoding too.
    Rest,
    /// Network, clients, faults, starts; what a peer does in a call of theirs, too.
    World,
    /// The thinking: `next` and `flush`.
    Core,
    /// A packet at the door.
    Wire,
    /// The log on its disk.
    Disk,
    /// The queue of events.
    Queue,
    /// The rules.
    Checks,
}

/// All of them, by name.
pub const ALL: [(Part, &str); 7] = [
    (Part::Core, "core"),
    (Part::Wire, "wire, at the door"),
    (Part::Disk, "disk"),
    (Part::Queue, "queue"),
    (Part::Checks, "checks"),
    (Part::World, "network, clients, faults, starts"),
    (Part::Rest, "rest: executor, automata, encoding"),
];

struct Meter {
    part: Part,
    since: Instant,
    spent: [Duration; ALL.len()],
    switches: [u32; ALL.len()],
}

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// From here on that part is charged; the part that was charged before.
#[inline]
pub(crate) fn enter(part: Part) -> Part {
    if IS_ON.get() { switch(part) } else { Part::Rest }
}

#[cold]
fn switch(part: Part) -> Part {
    METER.with_borrow_mut(|meter| meter.as_mut().map_or(Part::Rest, |meter| meter.enter(part)))
}

/// Charges a part with what this takes.
pub(crate) fn spend<T>(part: Part, act: impl FnOnce() -> T) -> T {
    let before = enter(part);
    let done = act();
    enter(before);
    done
}

impl Meter {
    fn enter(&mut self, part: Part) -> Part {
        let now = Instant::now();
        self.spent[self.part as usize] += now - self.since;
        self.switches[self.part as usize] += 1;
        self.since = now;
        std::mem::replace(&mut self.part, part)
    }
}

/// Runs this with the clocks on; what each part took, without what the clocks took themselves.
pub fn measure(act: impl FnOnce()) -> Vec<(&'static str, Duration)> {
    let begin = || {
        let (part, since) = (Part::Rest, Instant::now());
        METER.set(Some(Meter { part, since, spent: Default::default(), switches: Default::default() }));
    };
    begin();
    IS_ON.set(true);
    // All of a switch, not the reading of the clock alone.
    let began = Instant::now();
    (0..READINGS).for_each(|_| _ = enter(Part::Rest));
    let reading = began.elapsed() / READINGS;
    begin();
    act();
    enter(Part::Rest);
    IS_ON.set(false);
    let Some(meter) = METER.take() else { return Vec::new() };
    let spent = |part: Part| {
        let at = part as usize;
        meter.spent[at].saturating_sub(reading * meter.switches[at])
    };
    ALL.iter().map(|&(part, name)| (name, spent(part))).collect()
}

/// So many switches show what one costs.
const READINGS: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_part_is_charged_and_nothing_is_while_nobody_measures() {
        assert_eq!(enter(Part::Disk), Part::Rest);
        assert_eq!(enter(Part::Rest), Part::Rest, "nothing was noted");
        let spent = measure(|| {
            spend(Part::Disk, || {
                assert_eq!(enter(Part::Checks), Part::Disk);
                enter(Part::Disk);
            });
        });
        assert_eq!(spent.len(), ALL.len());
    }
}
