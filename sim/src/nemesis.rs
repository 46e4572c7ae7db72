//! Faults that answer rare moments.
//!
//! ```text
//!   plan: from here on, wait for the 3rd `cut-durable` ── a step meets it ──> the node of that step: loses power in the
//!                                                          midst of its turn, is cut off, stands still, ..
//! ```
//! Chance alone rarely hits a window of microseconds. What waits is part of the plan, and can be left out like any fault.
//! A build that counts no marks meets those of the simulator's own alone.

mod answer;
mod draws;

pub use answer::Answer;
pub(crate) use draws::{draw, draw_answer};

use crate::effects::{AWAIT, Came, UNMET};
use crate::event::Event;
use crate::marks::place;
use crate::node::Node;
use crate::world::World;
use rsm::fsm::CellId;
use rsm::raft::consensus::{Consensus, Role, RoleName};

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

/// What one node says in the next turn in which it says anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Which node.
    pub(crate) node: usize,
    /// It comes so much later, in nanoseconds.
    pub(crate) by: u64,
    /// It comes in time, and then again.
    pub(crate) twice: bool,
    /// Something was said.
    pub(crate) has_held: bool,
}

impl World {
    /// From now on it waits, unless this build never meets its mark; for a later time, if one that answers alike waits for
    /// that one.
    pub(crate) fn arm(&mut self, aimed: Aimed) -> Option<Came> {
        let Aimed { mark, nth, answer, lasts } = aimed;
        let Some(place) = place(mark) else { return Some(Came::Idle) };
        let is_free = |at: &u64| {
            let is_there = |armed: &Armed| (armed.place, armed.at, armed.answer) == (place, *at, answer);
            !self.armed.iter().any(is_there)
        };
        let at = (self.marks.count(place) + nth..).find(is_free).expect("few wait");
        self.armed.push(Armed { place, at, answer, lasts });
        None
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
            self.answer(node.map(|node| node.id), armed, true);
        }
    }

    /// An event has happened there.
    pub(crate) fn answer_event(&mut self, node: Option<usize>) {
        while let Some(armed) = self.met() {
            self.answer(node, armed, false);
        }
    }

    fn answer(&mut self, node: Option<usize>, armed: Armed, in_turn: bool) {
        let Armed { answer, lasts, .. } = armed;
        let came = match node {
            None => Some(Came::Idle),
            Some(node) if matches!(answer, Answer::Hold | Answer::Repeat) => {
                // Nothing is said at an event, and what is said is held once.
                if in_turn && self.held.is_none() {
                    let twice = answer == Answer::Repeat;
                    self.held = Some(Held { node, by: lasts, twice, has_held: false });
                    return; // until something is said
                }
                Some(Came::Idle)
            }
            Some(node) => self.befall(node, answer, lasts, Some(AWAIT)),
        };
        came.into_iter().for_each(|came| self.effects.note(AWAIT, came));
    }

    /// A turn is over, and all that was said in it has left. Who has said nothing is waited for: a vote that is given leaves
    /// once it is durable. Who is gone says nothing more, and its next life other things.
    pub(crate) fn holds_no_more(&mut self) {
        let is_over = |held: &mut Held| held.has_held || self.nodes[held.node].process.is_none();
        if let Some(held) = self.held.take_if(is_over) {
            self.effects.note(AWAIT, if held.has_held { Came::Struck } else { Came::Idle });
        }
    }

    /// Nobody waits for a moment any more.
    pub(crate) fn disarm(&mut self) {
        let armed = std::mem::take(&mut self.armed);
        armed.iter().for_each(|_| self.effects.note(UNMET, Came::Idle));
        if self.held.take().is_some() {
            self.effects.note(AWAIT, Came::Idle);
        }
    }

    /// The same to whoever leads, or is about to, at no particular moment.
    pub(crate) fn strike_leader(&mut self, answer: Answer, lasts: u64, whose: Option<&'static str>) -> Option<Came> {
        let stands = |node: &Node| {
            let of = |core: &Consensus, role: &Role| {
                (!matches!(role.name(), RoleName::Newborn | RoleName::Follower)).then_some(core.term())
            };
            node.look(of).flatten().map(|term| (term, node.id))
        };
        let candidate = || self.nodes.iter().filter_map(stands).max().map(|(_, id)| id);
        let struck = self.leader().or_else(candidate);
        struck.map_or(Some(Came::Idle), |node| self.befall(node, answer, lasts, whose))
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
            | Event::Quick { node, .. }
            | Event::Room { node } => Some(node),
            Event::Fault(_) | Event::Client(_) | Event::Calls(_) | Event::Pass => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Families, Fault, MS, What, swarm};
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
        assert_eq!(
            (world.sums.crashes, world.effects.struck(AWAIT), world.armed.len()),
            (1, 0, 0),
            "no node has met it"
        );
        let place = place("crash-of-a-newborn").expect("it is one of our own");
        world.armed.push(Armed { place, at: 1, answer: Answer::Crash, lasts: MS });
        world.answer_event(Some(2));
        assert_eq!((world.sums.crashes, world.effects.struck(AWAIT)), (2, 1));
        assert!(world.nodes[2].process.is_none());
    }

    #[test]
    fn of_two_that_answer_a_moment_alike_the_second_waits_for_the_next() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let of = |(nth, answer)| What::Await(Aimed { mark: "crash-of-a-newborn", nth, answer, lasts: MS });
        let plan = [(1, Answer::Crash), (1, Answer::Crash), (1, Answer::Pause), (2, Answer::Crash)];
        let plan = plan.map(|awaited| Fault { at: Time::MAX, what: of(awaited) }).into();
        let mut world = World::new(3, swarm, plan, &VirtualTime::new(3));
        (0..4).for_each(|nth| world.strike(nth));
        let at = |world: &World| world.armed.iter().map(|armed| armed.at).collect::<Vec<_>>();
        assert_eq!(at(&world), [1, 2, 1, 3]);
        world.marks.hit("crash-of-a-newborn");
        world.strike(0);
        assert_eq!(at(&world), [1, 2, 1, 3, 4], "of the times from now on");
    }

    #[test]
    fn who_is_gone_before_it_says_anything_leaves_its_place_to_the_next() {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(5), &mut world);
        let holds = Armed { place: 0, at: 0, answer: Answer::Hold, lasts: MS };
        world.answer(Some(1), holds, true);
        world.answer(Some(2), holds, true);
        assert_eq!(world.held.map(|held| held.node), Some(1), "one at a time");
        world.nodes[1].kill();
        world.holds_no_more();
        assert!(world.held.is_none());
        world.answer(Some(2), holds, true);
        assert_eq!(world.held.map(|held| held.node), Some(2));
    }
}
