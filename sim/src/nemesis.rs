//! Faults that answer rare moments.
//!
//! ```text
//!   plan: from here on, wait for the 3rd `cut-durable` ── a step meets it ──> the node of that step: loses power in the
//!                                                          midst of its turn, is cut off, stands still, ..
//! ```
//! Chance alone rarely hits a window of microseconds. What waits is part of the plan, and can be left out like any fault.
//! A build that counts no marks meets none.

use crate::marks::{Floor, floors, place};
use crate::plan::{MS, Shape, What};
use crate::stream::log_uniform;
use crate::world::{Event, World};
use rsm::fsm::CellId;
use rsm::mix::Draws;

/// What a moment is answered by, at the node that has met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Power is cut at once: nothing of that turn is said.
    Crash,
    /// Power is cut at the nth disk operation from now.
    CrashAtDisk(u64),
    /// It hears nobody.
    Deaf,
    /// Nobody hears it.
    Mute,
    /// Neither.
    Alone,
    /// What it says in this turn comes later.
    Hold,
    /// It stands still.
    Pause,
    /// Its disk completes nothing.
    Stuck,
}

/// A moment that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aimed {
    /// The mark.
    pub mark: &'static str,
    /// How often it must be met from now on.
    pub nth: u64,
    /// What answers it.
    pub answer: Answer,
    /// For how long, in nanoseconds.
    pub lasts: u64,
}

/// One that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    place: usize,
    /// The count at which it strikes.
    at: u64,
    answer: Answer,
    lasts: u64,
}

/// Draws one.
pub(crate) fn draw(draws: &mut Draws) -> Aimed {
    let aims = floors().iter().filter(|(_, floor)| **floor != Floor::Never);
    let marks: Vec<&'static str> = aims.map(|(name, _)| *name).collect();
    let mark = marks[draws.below(marks.len() as u64) as usize];
    let nth = log_uniform(draws.bits(), 1, 16);
    let answer = match draws.below(12) {
        0..=3 => Answer::Crash,
        4 => Answer::CrashAtDisk(draws.below(4)),
        5 => Answer::Deaf,
        6 => Answer::Mute,
        7 => Answer::Alone,
        8..=9 => Answer::Hold,
        10 => Answer::Pause,
        _ => Answer::Stuck,
    };
    Aimed { mark, nth, answer, lasts: log_uniform(draws.bits(), 2 * MS, 1_000 * MS) }
}

impl World {
    /// From now on it waits. False if this build never meets its mark.
    pub(crate) fn arm(&mut self, aimed: Aimed) -> bool {
        let Aimed { mark, nth, answer, lasts } = aimed;
        let Some(place) = place(mark) else { return false };
        self.armed.push(Armed { place, at: self.marks.count(place) + nth, answer, lasts });
        true
    }

    /// What the step that was just taken has met, if it was waited for.
    fn met(&mut self) -> Option<Armed> {
        let met = |armed: &Armed| armed.at <= self.marks.count(armed.place);
        let nth = self.armed.iter().position(met)?;
        Some(self.armed.swap_remove(nth))
    }

    /// A cell has taken a turn, none of whose words have left yet.
    pub(crate) fn answer_turn(&mut self, cell: CellId) {
        while let Some(armed) = self.met() {
            let node = self.nodes.iter().find(|node| node.cells().contains(&cell));
            if let Some(node) = node.map(|node| node.id) {
                self.answer(node, armed);
            }
        }
    }

    /// An event has happened there.
    pub(crate) fn answer_event(&mut self, node: Option<usize>) {
        while let Some(armed) = self.met() {
            if let Some(node) = node {
                self.answer(node, armed);
            }
        }
    }

    fn answer(&mut self, node: usize, armed: Armed) {
        let Armed { answer, lasts, .. } = armed;
        let cut = |shape| What::Cut { shape, lasts };
        let what = match answer {
            Answer::Crash => What::Crash { node, down: lasts },
            Answer::CrashAtDisk(operations) => What::CrashAtDisk { node, operations, down: lasts },
            Answer::Deaf => cut(Shape::Deaf(node)),
            Answer::Mute => cut(Shape::Mute(node)),
            Answer::Alone => cut(Shape::Isolate(node)),
            Answer::Pause => What::Pause { node, lasts },
            Answer::Stuck => What::Stuck { node, lasts },
            Answer::Hold => {
                self.held = Some((node, lasts));
                self.sums.answered += 1;
                return;
            }
        };
        let has_struck = self.apply(what);
        self.sums.answered += u64::from(has_struck);
    }
}

impl Event {
    /// The node at which it happens.
    pub(crate) fn node(&self) -> Option<usize> {
        match *self {
            Event::Arrive { to: node, .. }
            | Event::Flushed { node, .. }
            | Event::Start { node }
            | Event::Resume { node, .. }
            | Event::Room { node } => Some(node),
            Event::Fault(_) | Event::Client(_) => None,
        }
    }
}

impl Answer {
    /// As a case writes it.
    pub(crate) fn words(self) -> String {
        match self {
            Answer::Crash => "crash".to_owned(),
            Answer::CrashAtDisk(operations) => format!("crash-at-disk {operations}"),
            Answer::Deaf => "deaf".to_owned(),
            Answer::Mute => "mute".to_owned(),
            Answer::Alone => "alone".to_owned(),
            Answer::Hold => "hold".to_owned(),
            Answer::Pause => "pause".to_owned(),
            Answer::Stuck => "stuck".to_owned(),
        }
    }

    /// Reads what `words` writes.
    pub(crate) fn parse(words: &[&str]) -> Option<Answer> {
        Some(match *words {
            ["crash"] => Answer::Crash,
            ["crash-at-disk", operations] => Answer::CrashAtDisk(operations.parse().ok()?),
            ["deaf"] => Answer::Deaf,
            ["mute"] => Answer::Mute,
            ["alone"] => Answer::Alone,
            ["hold"] => Answer::Hold,
            ["pause"] => Answer::Pause,
            ["stuck"] => Answer::Stuck,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, Fault, swarm};
    use rsm::fsm::VirtualTime;
    use rsm::raft::Time;

    /// The world meets one of its own marks, as it crashes a newborn: who waited for it is answered.
    #[test]
    fn what_waits_for_a_moment_strikes_the_node_that_meets_it_once() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let aimed = Aimed { mark: "crash-of-a-newborn", nth: 1, answer: Answer::Hold, lasts: MS };
        let fault = |at, what| Fault { at: Time(at), what };
        let plan = vec![fault(3, What::Await(aimed)), fault(4, What::Crash { node: 1, down: MS })];
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, plan, &time);
        time.run_until(Time(5), &mut world);
        assert_eq!((world.sums.crashes, world.sums.answered, world.armed.len()), (1, 0, 0), "no node has met it");
        let place = place("crash-of-a-newborn").expect("it is one of our own");
        world.armed.push(Armed { place, at: 1, answer: Answer::Crash, lasts: MS });
        world.answer_event(Some(2));
        assert_eq!((world.sums.crashes, world.sums.answered), (2, 1));
        assert!(world.nodes[2].process.is_none());
    }
}
