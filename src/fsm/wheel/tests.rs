use super::slot::FEW;
use super::*;
use crate::mix::Draws;
use std::collections::BTreeMap;

/// The wheel beside a sorted map of (deadline, arming).
struct Twins {
    wheel: Wheel<u64>,
    map: BTreeMap<(u64, u64), Handle>,
    handles: Vec<(Handle, (u64, u64))>,
    now: u64,
    armings: u64,
    draws: Draws,
}

impl Twins {
    fn new(seed: u64) -> Twins {
        let mut draws = Draws::new(seed);
        let now = draws.bits() >> draws.below(64);
        Twins { wheel: Wheel::new(Time(now)), map: BTreeMap::new(), handles: Vec::new(), now, armings: 0, draws }
    }

    fn insert(&mut self) {
        // Log-uniform up to 2^60, now and then on the edge of a slot, in the past, or just where another is.
        let far = self.draws.bits() >> (4 + self.draws.below(60));
        let at = match self.draws.below(8) {
            0 => self.now.saturating_add(far) >> 26 << 26,
            1 => self.now.saturating_sub(far),
            2 => self.map.keys().next_back().map_or(self.now, |key| key.0),
            _ => self.now.saturating_add(far),
        };
        self.armings += 1;
        let handle = self.wheel.insert(Time(at), self.armings);
        self.map.insert((at, self.armings), handle);
        self.handles.push((handle, (at, self.armings)));
    }

    fn cancel(&mut self) {
        if self.handles.is_empty() {
            return;
        }
        // Also of what has fired or was cancelled long ago.
        let chosen = self.draws.below(self.handles.len() as u64) as usize;
        let (handle, key) = self.handles[chosen];
        let there = self.map.remove(&key).map(|_| key.1);
        assert_eq!(self.wheel.cancel(handle), there, "F7: cancelled once, and never after it was due");
    }

    fn cancel_all(&mut self) {
        // Some of them twice.
        let mut chosen = Vec::new();
        for _ in 0..self.draws.below(8).min(self.handles.len() as u64) {
            chosen.push(self.handles[self.draws.below(self.handles.len() as u64) as usize]);
        }
        let expected: Vec<_> = chosen.iter().filter_map(|(_, key)| self.map.remove(key).map(|_| key.1)).collect();
        let (handles, mut cancelled): (Vec<_>, _) = (chosen.iter().map(|chosen| chosen.0).collect(), Vec::new());
        self.wheel.cancel_all(&handles, |value| cancelled.push(value));
        assert_eq!(cancelled, expected, "F7: each is cancelled once, and never after it was due");
    }

    fn advance(&mut self) {
        let far = self.draws.bits() >> (4 + self.draws.below(60));
        self.now = match self.draws.below(4) {
            0 => self.map.keys().next().map_or(self.now, |key| key.0.max(self.now)),
            _ => self.now.saturating_add(far),
        };
        let mut due = Vec::new();
        self.wheel.advance(Time(self.now), |at, value| due.push((at.0, value)));
        let later = self.map.split_off(&(self.now, u64::MAX));
        let expected: Vec<_> = std::mem::replace(&mut self.map, later).into_keys().collect();
        assert_eq!(due, expected, "F7: what is due, in order of (deadline, arming)");
    }

    fn agree(&self) {
        let first = self.map.keys().next().map(|key| Time(key.0));
        assert_eq!(self.wheel.next(), first);
        assert_eq!(self.wheel.len(), self.map.len());
        assert_eq!(self.wheel.wake().is_some(), first.is_some());
        assert!(self.wheel.wake() <= first, "a sleeper would wake too late");
    }
}

#[test]
fn a_wheel_is_a_sorted_map_of_deadline_and_arming() {
    for seed in 0..300 {
        let mut twins = Twins::new(seed);
        for _ in 0..700 {
            match twins.draws.below(10) {
                0..5 => twins.insert(),
                5 => twins.cancel_all(),
                6..8 => twins.cancel(),
                _ => twins.advance(),
            }
            twins.agree();
        }
    }
}

#[test]
fn one_who_sleeps_until_wake_is_exact_and_wakes_at_most_once_per_level_in_vain() {
    let mut draws = Draws::new(3);
    for _ in 0..1_000 {
        let mut wheel = Wheel::new(Time(draws.bits() >> 20));
        let at = Time(wheel.now + (draws.bits() >> (5 + draws.below(50))));
        wheel.insert(at, ());
        let (mut wakes, mut fired) = (0, None);
        while let Some(wake) = wheel.wake() {
            wheel.advance(wake, |at, ()| fired = Some((wake, at)));
            wakes += 1;
        }
        assert_eq!(fired, Some((at, at)), "F7: neither early nor late");
        assert!(wakes <= 1 + LEVELS, "{wakes} wakes for one timer");
    }
}

#[test]
fn the_memory_of_a_crowd_is_given_back() {
    let mut wheel = Wheel::new(Time::ZERO);
    let handles: Vec<_> = (0..20_000u64).map(|n| wheel.insert(Time(n << 22), n)).collect();
    assert_eq!(wheel.entries.chunks(), 5);
    handles.into_iter().for_each(|handle| assert!(wheel.cancel(handle).is_some()));
    assert_eq!((wheel.entries.chunks(), wheel.len(), wheel.wake()), (1, 0, None));
}

#[test]
fn a_crowd_that_moves_around_a_full_chunk_neither_makes_nor_gives_back_another() {
    for crowd in [1, 4_096, 8_192] {
        let mut wheel = Wheel::new(Time::ZERO);
        (1..crowd).for_each(|n| _ = wheel.insert(Time(n << 22), n));
        let mut chunks = Vec::new();
        for n in 0..100 {
            let handles = [crowd, crowd + 1].map(|n| wheel.insert(Time(n << 22), n));
            let before = wheel.entries.chunks();
            assert!(handles.into_iter().all(|handle| wheel.cancel(handle).is_some()));
            chunks.extend([before, wheel.entries.chunks()]);
            assert!(chunks.iter().all(|&one| one == before), "{n} of {crowd}: {chunks:?}");
        }
    }
}

#[test]
fn a_crowd_cancelled_within_the_present_tick_leaves_no_stale_copies_behind() {
    let mut wheel = Wheel::new(Time::ZERO);
    wheel.insert(Time(5), 0);
    for n in 1..10_000 {
        let handle = wheel.insert(Time(n % 1_000), n);
        assert_eq!(wheel.cancel(handle), Some(n));
        assert!(wheel.near.len() <= 2 * wheel.len() + 1);
    }
}

#[test]
fn an_entry_cancelled_long_ago_is_not_taken_for_one_of_the_same_generation() {
    let generation = |number| std::num::NonZeroU32::new(number).expect("it is not 0");
    let mut wheel = Wheel::new(Time::ZERO);
    let (at, other) = (Time(5 << TICK_SHIFT), Time((5 << TICK_SHIFT) + 1));
    wheel.entries.set_generation(generation(41));
    let first = wheel.insert(at, 1);
    wheel.insert(other, 2);
    assert_eq!(wheel.cancel(first), Some(1));
    wheel.entries.set_generation(generation(u32::MAX));
    let passing = wheel.insert(Time(6 << TICK_SHIFT), 3);
    assert_eq!(wheel.cancel(passing), Some(3));
    wheel.entries.set_generation(generation(41));
    assert_eq!(wheel.insert(at, 4), first, "the same entry, four thousand million later");
    let mut due = Vec::new();
    wheel.advance(other, |_, value| due.push(value));
    assert_eq!((due, wheel.near.len(), wheel.stale), (vec![4, 2], 0, 0), "F7: each once");
}

#[test]
fn an_entry_that_has_seen_the_generations_begin_anew_is_forgotten_when_it_is_cancelled() {
    let generation = |number| std::num::NonZeroU32::new(number).expect("it is not 0");
    for at in [Time(3), Time(5 << TICK_SHIFT)] {
        let mut wheel = Wheel::new(Time::ZERO);
        wheel.entries.set_generation(generation(41));
        let first = wheel.insert(at, 1);
        (2..5).for_each(|number| _ = wheel.insert(at, number));
        wheel.entries.set_generation(generation(u32::MAX));
        let passing = wheel.insert(Time(6 << TICK_SHIFT), 5);
        assert_eq!((wheel.cancel(passing), wheel.cancel(first)), (Some(5), Some(1)));
        wheel.entries.set_generation(generation(41));
        assert_eq!(wheel.insert(at, 6), first, "the same entry, four thousand million later");
        let mut due = Vec::new();
        wheel.advance(at, |_, value| due.push(value));
        assert_eq!((due, wheel.near.len(), wheel.stale), (vec![2, 3, 4, 6], 0, 0), "F7: each once, in order of arming");
    }
}

#[test]
fn the_memory_of_a_crowd_in_one_slot_is_given_back_when_it_is_due() {
    let (mut wheel, at) = (Wheel::new(Time::ZERO), Time(9 << TICK_SHIFT));
    (0..20_000).for_each(|number| _ = wheel.insert(at, number));
    wheel.advance(at, |_, _| {});
    let (live, room) = wheel.levels[0].as_ref().expect("it is used")[9].live_and_room();
    assert!(live == 0 && room <= FEW, "{room}");
}

#[test]
fn the_cancelled_of_a_slot_are_fewer_than_eight_times_those_who_wait_in_it() {
    let (mut wheel, at, mut draws) = (Wheel::new(Time::ZERO), Time(9 << TICK_SHIFT), Draws::new(3));
    let mut handles = Vec::new();
    for round in 0..200_000 {
        let fewer = (round / 20_000) % 2 == 1;
        if draws.below(10) < if fewer { 3 } else { 7 } || handles.is_empty() {
            handles.push(wheel.insert(at, round));
        } else {
            let one = handles.swap_remove(draws.below(handles.len() as u64) as usize);
            assert!(wheel.cancel(one).is_some());
        }
        let (live, room) = wheel.levels[0].as_ref().expect("it is used")[9].live_and_room();
        assert_eq!(live, handles.len());
        assert!(room <= FEW.max(8 * live), "{live} of {room}");
    }
}

#[test]
fn a_slot_where_as_many_come_as_are_cancelled_makes_room_among_those_cancelled() {
    let (mut wheel, at, mut draws) = (Wheel::new(Time::ZERO), Time(9 << TICK_SHIFT), Draws::new(4));
    let mut handles: Vec<_> = (0..1_000).map(|number| wheel.insert(at, number)).collect();
    for number in 0..100_000 {
        let one = handles.swap_remove(draws.below(1_000) as usize);
        assert!(wheel.cancel(one).is_some());
        handles.push(wheel.insert(at, number));
        let (live, room) = wheel.levels[0].as_ref().expect("it is used")[9].live_and_room();
        assert!(live == 1_000 && room <= 4_000, "{room}");
    }
}
