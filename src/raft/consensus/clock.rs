//! Every moment that the core knows, and its chance: all in one place.
//!
//! ```text
//!   alarms     election | heartbeat | check-quorum | writes | commit | hello | asks | reads      each armed, or not
//!   heard      when the leader was last heard, when each member was
//!   draws      the generator
//! ```
//! Whoever explores the states of a cluster swaps this one field: two states that differ by moments alone are the same
//! situation, and which alarm rings next is a choice.

use crate::mix::Draws;
use crate::raft::mutant::mutate;
use crate::raft::{NodeId, Time, Token};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the core may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alarm {
    /// Nobody was heard: time for an election (§5.2).
    Election,
    /// The leader's next pulse.
    Heartbeat,
    /// Does a quorum still answer? (thesis §6.2)
    CheckQuorum,
    /// No write has completed: the disk is stuck.
    Writes,
    /// A commit has found no append to ride on.
    Commit,
    /// A newborn says hello again.
    Hello,
    /// Open questions for a read index are asked again.
    Asks,
    /// A read's time is up.
    Reads,
}

const ALARMS: usize = Alarm::Reads as usize + 1;

/// All absolute times, and the generator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    now: Time,
    /// When each rings: at the end of time, if it is not armed.
    alarms: [Time; ALARMS],
    /// When what a leader says was last new to us.
    pub(super) heard: Option<Time>,
    /// A leader's: when each member last answered a round.
    pub(super) answered: BTreeMap<NodeId, Time>,
    /// When a member's stranger may be told again which life of it we know.
    pub(super) told: BTreeMap<NodeId, Time>,
    /// Until when each open read is worth an answer. A read is open while it stands here.
    pub(super) until: BTreeMap<Token, Time>,
    draws: Draws,
}

impl Clock {
    /// A clock with no alarm armed.
    #[must_use]
    pub fn new(seed: u64, now: Time) -> Clock {
        Clock {
            now,
            alarms: [Time::MAX; ALARMS],
            heard: None,
            answered: BTreeMap::new(),
            told: BTreeMap::new(),
            until: BTreeMap::new(),
            draws: Draws::new(seed),
        }
    }

    /// It is `now`; a step back is no step.
    pub fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Rings after this long, whatever was armed before.
    pub fn arm(&mut self, alarm: Alarm, after: Duration) {
        self.arm_at(alarm, self.now.after(after));
    }

    /// Rings then, whatever was armed before.
    pub fn arm_at(&mut self, alarm: Alarm, at: Time) {
        self.alarms[alarm as usize] = at;
    }

    /// Rings between once and twice this long from now, drawn anew each time, so that rivals part (§5.2).
    pub fn arm_between(&mut self, alarm: Alarm, least: Duration) {
        let spread = u64::try_from(least.as_nanos()).unwrap_or(u64::MAX);
        let more = Duration::from_nanos(mutate!(TimeoutsAlike, self.draws.below(spread), 0));
        self.arm(alarm, least.saturating_add(more));
    }

    /// Does not ring.
    pub fn disarm(&mut self, alarm: Alarm) {
        self.alarms[alarm as usize] = Time::MAX;
    }

    /// Whether it is to ring.
    #[must_use]
    pub fn is_armed(&self, alarm: Alarm) -> bool {
        self.alarms[alarm as usize] != Time::MAX
    }

    /// Whether it rings now; then it is disarmed.
    pub fn rings(&mut self, alarm: Alarm) -> bool {
        let due = self.alarms[alarm as usize] <= self.now && self.is_armed(alarm);
        if due {
            self.disarm(alarm);
        }
        due
    }

    /// When the next alarm rings.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.alarms.iter().fold(Time::MAX, |first, &at| first.min(at))
    }

    /// A read is open until then.
    pub(super) fn open_read(&mut self, token: Token, until: Time) {
        self.until.insert(token, until);
        self.arm_at(Alarm::Reads, self.alarms[Alarm::Reads as usize].min(until));
    }

    /// The reads whose time is up, which are open no more.
    pub(super) fn expire_reads(&mut self) -> Vec<Token> {
        let now = self.now;
        let expired: Vec<Token> =
            self.until.iter().filter(|(_, until)| **until <= now).map(|(&token, _)| token).collect();
        expired.iter().for_each(|token| {
            self.until.remove(token);
        });
        if let Some(&first) = self.until.values().min() {
            self.arm_at(Alarm::Reads, first);
        }
        expired
    }

    /// The next 64 bits of chance.
    pub fn draw(&mut self) -> u64 {
        self.draws.bits()
    }
}

/// What is left of it in so many bits of milliseconds, one of which is the sign.
#[cfg(any(test, rsm_mutant))]
pub(super) fn in_32_bits(time: Time) -> Time {
    const MS: u64 = 1_000_000;
    Time(time.0 % (MS << 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_nanos(300);

    #[test]
    fn each_arming_draws_anew_between_once_and_twice_the_timeout() {
        let mut clock = Clock::new(9, Time(1_000));
        let drawn: Vec<u64> = (0..200)
            .map(|_| {
                clock.arm_between(Alarm::Election, T);
                clock.deadline().0 - 1_000
            })
            .collect();
        assert!(drawn.iter().all(|after| (300..600).contains(after)));
        assert!(drawn.iter().any(|&after| after < 330) && drawn.iter().any(|&after| 570 <= after));
        assert!(drawn.windows(2).filter(|pair| pair[0] == pair[1]).count() < 10);
    }

    /// A draw of a few places only, far apart, would look fine to whoever asks for least and greatest: a hundred slots of
    /// three milliseconds have their share each.
    #[test]
    fn ten_thousand_timers_spread_over_all_slots_between_once_and_twice_the_timeout() {
        const SLOT: u64 = 3_000_000;
        let mut slots = [0_u32; 100];
        let mut clock = Clock::new(10, Time(7));
        for _ in 0..10_000 {
            clock.arm_between(Alarm::Election, Duration::from_millis(300));
            slots[((clock.deadline().0 - 7) / SLOT - 100) as usize] += 1;
        }
        assert!(slots.iter().all(|timers| (60..150).contains(timers)), "{slots:?}");
    }

    #[test]
    fn a_step_back_of_time_is_no_step() {
        let mut clock = Clock::new(0, Time(50));
        clock.advance(Time(20));
        assert_eq!(clock.now(), Time(50));
    }

    #[test]
    fn an_alarm_rings_once() {
        let mut clock = Clock::new(0, Time(0));
        clock.arm(Alarm::Commit, T);
        assert!(!clock.rings(Alarm::Commit));
        clock.advance(Time(300));
        assert!(clock.rings(Alarm::Commit));
        assert!(!clock.rings(Alarm::Commit));
        assert_eq!(clock.deadline(), Time::MAX);
    }

    #[test]
    fn time_at_its_end_saturates() {
        let mut clock = Clock::new(0, Time(u64::MAX - 5));
        clock.arm_between(Alarm::Election, T);
        assert_eq!(clock.deadline(), Time::MAX);
    }
}
