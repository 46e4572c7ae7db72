//! What a moment is answered by: one fault of the node that has met it, or some that make harm of that moment together.

use crate::aim::{Act, Aim};
use crate::effects::Came;
use crate::event::Event;
use crate::plan::{Fault, MS, Shape, What};
use crate::tell::Tell;
use crate::world::World;
use rsm::raft::storage::simulated::Spares;
use rsm::time::Time;

/// What a moment is answered by, at the node that has met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Power is cut at once: nothing of that turn is said.
    Crash,
    /// Power is cut at the nth disk operation from now.
    CrashAtDisk(u64),
    /// The same, and what was not synced lands in pieces; and it hears nobody for so long that its disk lies idle before.
    TornAtDisk(u64),
    /// It hears nobody.
    Deaf,
    /// Nobody hears it.
    Mute,
    /// Neither.
    Alone,
    /// What it says next comes later.
    Hold,
    /// What it says next comes again, later.
    Repeat,
    /// It stands still.
    Pause,
    /// Its disk completes nothing.
    Stuck,
    /// Its disk has no room.
    Full,
    /// It stands still and hears of nothing that happens meanwhile; for the second half of it clients reach nobody else. It
    /// goes on with what they ask it for, before its clock.
    Besieged,
    /// It is cut off, and clients reach nobody else for a quarter of it.
    Cornered,
    /// Votes for it come late, and meanwhile nobody hears that it asks again.
    VotesLate,
    /// It leads, and is told in the name of another that this one does, in its very term.
    Rival,
    /// To one other its entries and snapshots come late, and only they do; as they come, the disk there is stuck.
    EntriesLate,
}

impl Answer {
    /// The faults that it is; none if it is of packets.
    pub(super) fn faults(self, node: usize, lasts: u64) -> Vec<What> {
        let cut = |shape| What::Cut { shape, lasts };
        match self {
            Answer::Crash => vec![What::Crash { node, down: lasts }],
            Answer::CrashAtDisk(operations) => vec![What::CrashAtDisk { node, operations, spares: None, down: lasts }],
            Answer::TornAtDisk(operations) => {
                let idle = What::Cut { shape: Shape::Deaf(node), lasts: IDLE };
                vec![What::CrashAtDisk { node, operations, spares: Some(Spares::Pieces), down: lasts }, idle]
            }
            Answer::Deaf => vec![cut(Shape::Deaf(node))],
            Answer::Mute => vec![cut(Shape::Mute(node))],
            Answer::Alone => vec![cut(Shape::Isolate(node))],
            Answer::Pause => vec![What::Pause { node, lasts }],
            Answer::Stuck => vec![What::Stuck { node, lasts }],
            Answer::Full => vec![What::Full { node, slack: 0, lasts }],
            Answer::Besieged => vec![What::Pause { node, lasts: lasts | 1 }, cut(Shape::Deaf(node))],
            Answer::Cornered => {
                vec![cut(Shape::Isolate(node)), What::Aside { nodes: 1 << node, lasts: lasts / 4 }]
            }
            Answer::Hold | Answer::Repeat | Answer::VotesLate | Answer::EntriesLate | Answer::Rival => Vec::new(),
        }
    }

    /// As a case writes it.
    pub(crate) fn words(self) -> String {
        match self {
            Answer::CrashAtDisk(operations) => format!("crash-at-disk {operations}"),
            Answer::TornAtDisk(operations) => format!("torn-at-disk {operations}"),
            other => WORDS.iter().find(|(_, answer)| *answer == other).map_or("crash", |(word, _)| word).to_owned(),
        }
    }

    /// Reads what `words` writes.
    pub(crate) fn parse(words: &[&str]) -> Option<Answer> {
        match *words {
            ["crash-at-disk", operations] => operations.parse().ok().map(Answer::CrashAtDisk),
            ["torn-at-disk", operations] => operations.parse().ok().map(Answer::TornAtDisk),
            [word] => WORDS.iter().find(|(known, _)| *known == word).map(|(_, answer)| *answer),
            _ => None,
        }
    }
}

/// Those of one word.
const WORDS: [(&str, Answer); 14] = [
    ("crash", Answer::Crash),
    ("deaf", Answer::Deaf),
    ("mute", Answer::Mute),
    ("alone", Answer::Alone),
    ("hold", Answer::Hold),
    ("repeat", Answer::Repeat),
    ("pause", Answer::Pause),
    ("stuck", Answer::Stuck),
    ("full", Answer::Full),
    ("besieged", Answer::Besieged),
    ("cornered", Answer::Cornered),
    ("votes-late", Answer::VotesLate),
    ("entries-late", Answer::EntriesLate),
    ("rival", Answer::Rival),
];

/// A disk that is asked for nothing for so long testifies to its last flush.
const IDLE: u64 = 15 * MS;

impl World {
    /// Carries out an answer that is no matter of what is said in one turn, `whose` being the kind as which it counts. None
    /// while it waits for an operation of the disk.
    pub(super) fn befall(
        &mut self,
        node: usize,
        answer: Answer,
        lasts: u64,
        whose: Option<&'static str>,
    ) -> Option<Came> {
        let faults = answer.faults(node, lasts).into_iter();
        let parts: Vec<Option<Came>> = faults.map(|what| self.carry_out(what, whose)).collect();
        let has_struck = match answer {
            Answer::Rival => self.name_a_rival(node),
            _ => parts.contains(&Some(Came::Struck)) || self.delay_of_a_kind(node, answer, lasts),
        };
        let other = (node + 1) % self.nodes.len();
        match answer {
            Answer::Besieged if has_struck => {
                self.plan_on(lasts / 2, What::Aside { nodes: 1 << node, lasts: lasts / 2 })
            }
            Answer::EntriesLate if has_struck => {
                self.plan_on(lasts - lasts / 4, What::Stuck { node: other, lasts: 2 * lasts });
            }
            _ => {}
        }
        let came = if has_struck { Came::Struck } else { Came::Idle };
        Some(came).filter(|_| !parts.contains(&None))
    }

    /// Who leads is told that its neighbour does: no member says that, and rather than follow it stops.
    fn name_a_rival(&mut self, node: usize) -> bool {
        let leads = self.nodes[node].look(|_, role| role.is_leader()) == Some(true);
        let from = (node + 1) % self.nodes.len();
        let says = Tell { to: node, from, kind: "Heartbeat", says: Vec::new(), is_lie: false };
        leads && self.forge(&says)
    }

    /// Another fault, so much later.
    fn plan_on(&mut self, by: u64, what: What) {
        let at = Time(self.now.0.saturating_add(by));
        self.plan.push(Fault { at, what });
        self.push(at, Event::Fault(self.plan.len() - 1));
    }

    fn delay_of_a_kind(&mut self, node: usize, answer: Answer, lasts: u64) -> bool {
        let (now, nodes) = (self.now, self.nodes.len());
        let end = |times: u64| Time(now.0.saturating_add(times.saturating_mul(lasts)));
        let mut aim = |from, to, kind, act, end| {
            let aim = Aim { from, to, kind: Some(kind), skip: 0, act };
            self.net.aim_for(aim, now, end);
        };
        let (me, other) = (Some(node), Some((node + 1) % nodes));
        match answer {
            Answer::VotesLate if 1 < nodes => {
                aim(None, me, "VoteReply", Act::Delay(lasts), end(1));
                aim(me, None, "Vote", Act::Drop, end(2));
            }
            Answer::EntriesLate if 1 < nodes => {
                ["Append", "Chunk"].into_iter().for_each(|kind| aim(me, other, kind, Act::Delay(lasts), end(2)));
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Weather;
    use crate::plan::{Families, swarm};
    use rsm::fsm::VirtualTime;
    use rsm::raft::storage::Disk;

    /// Three nodes after a second in which nothing went wrong, and who leads them.
    fn led() -> (VirtualTime, World, usize) {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families, swarm.weather) = (3, Families::default(), Weather::fair(MS, MS));
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        let leader = world.leader().expect("nothing goes wrong");
        (time, world, leader)
    }

    #[test]
    fn who_is_besieged_stands_still_hears_nobody_and_is_asked_by_all_for_the_second_half() {
        let (time, mut world, leader) = led();
        let (now, other) = (world.now, (leader + 1) % 3);
        assert_eq!(world.befall(leader, Answer::Besieged, 10 * MS, None), Some(Came::Struck));
        assert!(world.net.is_cut(other, leader, now) && !world.net.is_cut(leader, other, now));
        assert_eq!((world.nodes[leader].paused_until, world.aside.1), (Time(now.0 + 10 * MS + 1), 0));
        time.run_until(Time(now.0 + 6 * MS), &mut world);
        assert_eq!((world.aside.1, world.plan.len()), (1 << leader, 1));
    }

    #[test]
    fn who_is_cornered_reaches_nobody_and_is_asked_by_all_at_first() {
        let (_, mut world, leader) = led();
        let (now, other) = (world.now, (leader + 1) % 3);
        assert_eq!(world.befall(leader, Answer::Cornered, 8 * MS, None), Some(Came::Struck));
        assert!(world.net.is_cut(other, leader, now) && world.net.is_cut(leader, other, now));
        assert_eq!(world.aside, (Time(now.0 + 2 * MS), 1 << leader));
    }

    #[test]
    fn a_disk_that_is_torn_lies_idle_before_and_loses_its_power_in_that_operation() {
        let (_, mut world, leader) = led();
        let (now, other) = (world.now, (leader + 1) % 3);
        assert_eq!(world.befall(leader, Answer::TornAtDisk(0), MS, None), None);
        assert!(world.net.is_cut(other, leader, now) && !world.net.is_cut(other, leader, Time(now.0 + IDLE)));
        world.nodes[leader].disk.sync_dir().expect_err("power fails in it");
    }

    #[test]
    fn who_leads_and_is_told_of_a_rival_stops_and_starts_again_and_nobody_else_is_told() {
        let (time, mut world, leader) = led();
        assert_eq!(world.befall((leader + 1) % 3, Answer::Rival, 0, None), Some(Came::Idle));
        assert_eq!(world.befall(leader, Answer::Rival, 0, None), Some(Came::Struck));
        let life = world.nodes[leader].life;
        let end = Time(world.now.0 + 3_000 * MS);
        while time.now() < end && world.step(&time).is_some() {}
        assert_eq!((world.sums.stops, world.nodes[leader].life), (1, life + 1));
        assert!(world.leader().is_some() && !world.is_broken(), "{:?}", world.check.lock().broken());
    }

    /// When packets of this kind arrive that are sent a little later, if they are not lost.
    fn sent(world: &mut World, from: usize, to: usize, kind: &str) -> Option<u64> {
        let now = Time(world.now.0 + MS);
        let [copy, _] = world.net.send_aimed(from, to, now, 100, &[kind]);
        copy.map(|copy| copy.at.since(now).as_nanos() as u64 / (100 * MS))
    }

    #[test]
    fn late_votes_come_so_much_later_and_nobody_hears_that_their_candidate_asks_again() {
        let (_, mut world, leader) = led();
        let other = (leader + 1) % 3;
        assert_eq!(world.befall(leader, Answer::VotesLate, 100 * MS, None), Some(Came::Struck));
        assert_eq!(sent(&mut world, other, leader, "VoteReply"), Some(1));
        assert_eq!(sent(&mut world, leader, other, "Vote"), None);
        assert_eq!(sent(&mut world, other, leader, "Vote"), Some(0));
        assert_eq!(sent(&mut world, leader, other, "PreVote"), Some(0));
    }

    #[test]
    fn late_entries_and_snapshots_are_those_of_one_link_and_the_disk_behind_it_is_stuck_as_they_come() {
        let (time, mut world, leader) = led();
        let (now, one, other) = (world.now, (leader + 1) % 3, (leader + 2) % 3);
        assert_eq!(world.befall(leader, Answer::EntriesLate, 100 * MS, None), Some(Came::Struck));
        let late = ["Append", "Chunk", "Heartbeat"].map(|kind| sent(&mut world, leader, one, kind));
        assert_eq!(late, [Some(1), Some(1), Some(0)]);
        assert_eq!(sent(&mut world, leader, other, "Append"), Some(0));
        time.run_until(Time(now.0 + 80 * MS), &mut world);
        assert_eq!(world.nodes[one].stuck_until, Time(now.0 + 275 * MS));
    }

    #[test]
    fn every_answer_is_read_as_it_is_written() {
        let all = WORDS.iter().map(|(_, answer)| *answer).chain([Answer::CrashAtDisk(7), Answer::TornAtDisk(0)]);
        for answer in all {
            let words = answer.words();
            assert_eq!(Answer::parse(&words.split(' ').collect::<Vec<_>>()), Some(answer), "{words}");
        }
        assert_eq!(Answer::parse(&["crash-at-disk"]), None);
    }
}
