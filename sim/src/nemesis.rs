//! Faults that answer rare moments.
//!
//! ```text
//!   plan: from here on, wait for the 3rd `cut-durable` ── a step meets it ──> the node of that step: loses power in the
//!                                                          midst of its turn, is cut off, stands still, ..
//! ```
//! Chance alone rarely hits a window of microseconds. What waits is part of the plan, and can be left out like any fault.
//! A build that counts no marks meets those of the simulator's own alone.

use crate::effects::Came;
use crate::event::Event;
use crate::marks::{Floor, floors, place};
use crate::node::Node;
use crate::plan::{MS, Shape, What};
use crate::stream::log_uniform;
use crate::world::World;
use rsm::fsm::CellId;
use rsm::mix::{Draws, mix};
use rsm::raft::consensus::{Consensus, Role, RoleName};

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
    /// What it says in this turn comes again, later.
    Repeat,
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

/// Moments that at least one seed in five meets, most of them more than once in its course.
const AIMS: [&str; 57] = [
    "vote-granted",
    "grant-held",
    "request-held",
    "refusal-held",
    "vote-reply-late",
    "vote-split",
    "pre-vote-reply-late",
    "pre-vote-reply-held",
    "pre-vote-in-vain",
    "pre-vote-refused-log",
    "pre-vote-refused-term",
    "term-learned-from-pre-vote",
    "campaign-forborne",
    "elected",
    "elected-with-entries-uncommitted",
    "leader-first-heard",
    "leader-leaves-uncommitted",
    "leader-leaves-no-quorum",
    "commit-waits-for-own-term",
    "commit-brings-old-terms",
    "commit-told-is-capped",
    "commit-beyond-durable",
    "ack-held",
    "ack-old",
    "append-repeated",
    "append-partly-known",
    "append-beyond-our-end",
    "append-lost-and-noticed",
    "append-read-from-disk",
    "conflict-goes-back-far",
    "conflict-old",
    "cut-durable",
    "window-full",
    "read-confirmed",
    "read-before-own-commit",
    "read-while-a-round-is-under-way",
    "read-waits-to-be-applied",
    "reads-taken-over",
    "round-answered-behind-disk",
    "round-heard-twice",
    "forward-placed",
    "copies-forgotten-with-the-lead",
    "retry-met-in-flight",
    "retry-answered-from-the-table",
    "ticket-tried-again",
    "apply-from-disk",
    "snapshot-begun",
    "snapshot-offered",
    "snapshot-brought",
    "state-installed",
    "installed-ahead",
    "mark-empties-the-log",
    "segment-begun",
    "segment-removed",
    "recovery-copies-a-tail",
    "recovery-finds-a-spare",
    "recovery-of-many-segments",
];

/// What one node says in one turn.
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

/// Draws one.
pub(crate) fn draw(draws: &mut Draws) -> Aimed {
    let (rare, common) = (draws.bits(), draws.below(AIMS.len() as u64));
    // Most wait for what is not too rare: who waits in vain strikes nobody.
    let mark = if draws.chance(15, 16) { AIMS[common as usize] } else { any(rare) };
    let kth = log_uniform(draws.bits(), 1, 6);
    let nth = if draws.chance(2, 3) { 1 } else { kth };
    let answer = draw_answer(draws, true);
    Aimed { mark, nth, answer, lasts: log_uniform(draws.bits(), 2 * MS, 1_000 * MS) }
}

/// Any mark that something leads to. One more or one less leaves nearly all draws as they were.
fn any(draw: u64) -> &'static str {
    let weigh = |name: &&'static str| name.bytes().fold(draw, |sum, byte| mix(sum, u64::from(byte), 0));
    let met = floors().iter().filter(|(_, floor)| **floor != Floor::Never).map(|(name, _)| *name);
    met.min_by_key(weigh).expect("there are marks")
}

/// Draws what happens to a node, in the midst of a turn or between two.
pub(crate) fn draw_answer(draws: &mut Draws, in_turn: bool) -> Answer {
    match draws.below(if in_turn { 13 } else { 10 }) {
        0..=3 => Answer::Crash,
        4 => Answer::CrashAtDisk(draws.below(4)),
        5 => Answer::Deaf,
        6 => Answer::Mute,
        7 => Answer::Alone,
        8 => Answer::Pause,
        9 => Answer::Stuck,
        10..=11 => Answer::Hold,
        _ => Answer::Repeat,
    }
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
        let has_struck = match node.map(|node| (node, answer.what(node, lasts))) {
            None => false,
            Some((_, Some(what))) => self.apply(what),
            // Nothing is said at an event, and what is said in a turn is held once.
            Some((_, None)) if !in_turn || self.held.is_some() => false,
            Some((node, None)) => {
                let twice = answer == Answer::Repeat;
                self.held = Some(Held { node, by: lasts, twice, has_held: false });
                return; // until it is seen whether anything is said
            }
        };
        self.has_answered(has_struck);
    }

    fn has_answered(&mut self, has_struck: bool) {
        self.sums.answered += u64::from(has_struck);
        self.effects.note_awaited(if has_struck { Came::Struck } else { Came::Idle });
    }

    /// A turn is over, and all that was said in it has left.
    pub(crate) fn holds_no_more(&mut self) {
        if let Some(held) = self.held.take() {
            self.has_answered(held.has_held);
        }
    }

    /// Nobody waits for a moment any more.
    pub(crate) fn disarm(&mut self) {
        let armed = std::mem::take(&mut self.armed);
        armed.iter().for_each(|_| self.effects.note_awaited(Came::Idle));
    }

    /// The same to whoever leads, or is about to, at no particular moment.
    pub(crate) fn strike_leader(&mut self, answer: Answer, lasts: u64) -> bool {
        let stands = |node: &Node| {
            let of = |core: &Consensus, role: &Role| {
                (!matches!(role.name(), RoleName::Newborn | RoleName::Follower)).then_some(core.term())
            };
            node.look(of).flatten().map(|term| (term, node.id))
        };
        let candidate = || self.nodes.iter().filter_map(stands).max().map(|(_, id)| id);
        let what = self.leader().or_else(candidate).and_then(|node| answer.what(node, lasts));
        let has_struck = what.is_some_and(|what| self.apply(what));
        self.sums.at_leader += u64::from(has_struck);
        has_struck
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

impl Answer {
    /// The fault that it is; `None` if it is of a turn's packets.
    fn what(self, node: usize, lasts: u64) -> Option<What> {
        let cut = |shape| What::Cut { shape, lasts };
        Some(match self {
            Answer::Crash => What::Crash { node, down: lasts },
            Answer::CrashAtDisk(operations) => What::CrashAtDisk { node, operations, down: lasts },
            Answer::Deaf => cut(Shape::Deaf(node)),
            Answer::Mute => cut(Shape::Mute(node)),
            Answer::Alone => cut(Shape::Isolate(node)),
            Answer::Pause => What::Pause { node, lasts },
            Answer::Stuck => What::Stuck { node, lasts },
            Answer::Hold | Answer::Repeat => return None,
        })
    }

    /// As a case writes it.
    pub(crate) fn words(self) -> String {
        match self {
            Answer::Crash => "crash".to_owned(),
            Answer::CrashAtDisk(operations) => format!("crash-at-disk {operations}"),
            Answer::Deaf => "deaf".to_owned(),
            Answer::Mute => "mute".to_owned(),
            Answer::Alone => "alone".to_owned(),
            Answer::Hold => "hold".to_owned(),
            Answer::Repeat => "repeat".to_owned(),
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
            ["repeat"] => Answer::Repeat,
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

    #[test]
    fn every_aim_is_a_mark() {
        AIMS.iter().for_each(|name| assert!(floors().contains_key(name), "{name}"));
    }

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
