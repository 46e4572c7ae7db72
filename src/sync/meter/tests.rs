use super::*;
use crate::mix::mix;
use crate::sync::testing::{Wakes, block_on, poll};
use std::pin::pin;
use std::thread;

const MS: u64 = 1_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// A meter of 100 a second.
fn meter(burst: u32) -> Meter {
    Meter::new(100, SECOND, burst)
}

#[test]
fn a_burst_passes_at_once_and_then_one_each_interval() {
    let meter = meter(3);
    let start = Time(1_000 * MS);
    (0..3).for_each(|_| assert_eq!(meter.try_pass(start, 1), Ok(())));
    let next = Time(1_010 * MS);
    assert_eq!(meter.try_pass(start, 1), Err(Refused::Until(next)));
    assert_eq!(meter.try_pass(Time(next.0 - 1), 1), Err(Refused::Until(next)), "G3: nothing has changed");
    assert_eq!(meter.try_pass(next, 1), Ok(()));
    assert_eq!(meter.try_pass(next, 1), Err(Refused::Until(Time(1_020 * MS))));
    let later = Time(9_000 * MS);
    (0..3).for_each(|_| assert_eq!(meter.try_pass(later, 1), Ok(())));
    assert!(meter.try_pass(later, 1).is_err(), "silence earns a burst, and not more");
}

#[test]
fn a_count_passes_whole_or_not_at_all() {
    let meter = meter(10);
    let now = Time(MS);
    assert_eq!(meter.try_pass(now, 7), Ok(()));
    assert_eq!(meter.try_pass(now, 4), Err(Refused::Until(Time(MS + 10 * MS))));
    assert_eq!(meter.try_pass(now, 3), Ok(()));
    assert_eq!(meter.try_pass(now, 11), Err(Refused::TooMany));
    assert_eq!((meter.reserve(now, 11), meter.pass(11)), (Err(TooMany), Err(TooMany)));
    assert_eq!(meter.try_pass(now, 0), Ok(()));
}

/// G1 against all that passed, for rates that divide no second, counts and times drawn at random, and clocks that step back.
#[test]
fn in_any_span_at_most_the_burst_and_what_the_rate_allows_pass() {
    for seed in 0..200 {
        let draw = |step, what, below: u64| mix(seed, step, what) % below;
        let (count, burst) = (1 + draw(0, 1, 5_000) as u32, 1 + draw(0, 2, 9) as u32);
        let per = Duration::from_nanos(1 + draw(0, 3, 10_000_000));
        let meter = Meter::new(count, per, burst);
        let even = per.as_nanos() as u64 / u64::from(count) + 1;
        let (mut now, mut passed) = (0, Vec::new());
        for step in 1..300 {
            now += draw(step, 1, 3 * even);
            let shown = now.saturating_sub(draw(step, 2, even));
            let wants = 1 + draw(step, 3, u64::from(burst)) as u32;
            if draw(step, 4, 4) == 0 {
                let at = meter.reserve(Time(now), wants).expect("no more than the burst");
                passed.push((at.0, wants));
            } else if meter.try_pass(Time(shown), wants).is_ok() {
                passed.push((shown, wants));
            }
        }
        passed.sort_unstable();
        for first in 0..passed.len() {
            let mut sum = 0;
            for &(at, wants) in &passed[first..] {
                sum += u128::from(wants);
                let span = u128::from(at - passed[first].0);
                let allowed = u128::from(burst) * per.as_nanos() + span * u128::from(count);
                assert!(sum * per.as_nanos() <= allowed, "G1: {sum} passed in {span} ns, seed {seed}");
            }
        }
        assert!(passed.len() > 20, "some pass");
    }
}

#[test]
fn a_full_burst_of_ones_passes_whatever_the_rate_divides() {
    for count in [1, 3, 7, 999, 1_000_000_007] {
        let meter = Meter::new(count, SECOND, 6);
        assert!((0..6).all(|_| meter.try_pass(Time(5), 1).is_ok()), "{count} a second");
        assert!(meter.try_pass(Time(5), 1).is_err());
    }
}

#[test]
fn places_are_given_in_order_of_asking_and_nobody_passes_them() {
    let meter = meter(1);
    let now = Time(MS);
    let places: Vec<_> = (0..4).map(|_| meter.reserve(now, 1).unwrap()).collect();
    assert_eq!(places, [MS, 11 * MS, 21 * MS, 31 * MS].map(Time), "G2");
    assert_eq!(meter.try_pass(Time(21 * MS), 1), Err(Refused::Until(Time(41 * MS))));
    assert_eq!(meter.try_pass(Time(41 * MS), 1), Ok(()));
}

#[test]
fn each_place_follows_from_the_word_and_the_clock_alone() {
    let scale = [0, 1, 2, 10, 100, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    for (due, now) in scale.into_iter().flat_map(|due| scale.map(|now| (due, now))) {
        for (cost, ahead) in scale.into_iter().flat_map(|cost| scale.map(|ahead| (cost, ahead))) {
            let place = Place::next(due, Time(now), cost, ahead);
            let wide = u128::from(due.max(now)) + u128::from(cost);
            assert_eq!(place.before, due.max(now), "G2: nobody's place lies before one that is given, nor before now");
            assert_eq!(place.due.map(u128::from), Some(wide).filter(|&wide| wide <= u128::from(u64::MAX)));
            let at = wide.saturating_sub(u128::from(ahead)).max(u128::from(now));
            let never = place.due.is_none();
            assert_eq!(place.at, Time(if never { u64::MAX } else { at as u64 }), "G1: {due} {now} {cost} {ahead}");
        }
    }
}

#[test]
fn the_ends_of_the_scale_are_strict_and_never_panic() {
    let now = Time(7);
    for nothing in [Meter::new(0, SECOND, 9), Meter::new(9, SECOND, 0)] {
        assert_eq!(nothing.try_pass(now, 1), Err(Refused::TooMany));
        assert_eq!(nothing.try_pass(now, 0), Ok(()));
    }
    let free = Meter::new(1, Duration::ZERO, 5);
    (0..1_000).for_each(|_| assert_eq!(free.try_pass(now, 5), Ok(())));
    let slow = Meter::new(1, Duration::MAX, 2);
    assert_eq!(slow.try_pass(now, 1), Err(Refused::Until(Time::MAX)), "beyond 584 years");
    assert_eq!(slow.reserve(now, 1), Ok(Time::MAX));
    let late = meter(1);
    assert_eq!(late.try_pass(Time::MAX, 1), Err(Refused::Until(Time::MAX)));
}

#[test]
fn one_that_waits_sleeps_until_its_place_and_a_deadline_before_it_is_refused_at_once() {
    let meter = Meter::new(500, SECOND, 1);
    let start = Instant::now();
    thread::scope(|scope| {
        for number in 0..6 {
            let meter = &meter;
            scope.spawn(move || match number % 3 {
                0 => meter.pass(1).expect("one is not more than the burst"),
                1 => meter.pass_timeout(1, 60 * SECOND).expect("its place comes"),
                _ => meter.pass_until(1, Instant::now() + 60 * SECOND).expect("its place comes"),
            });
        }
    });
    assert!(start.elapsed() >= Duration::from_millis(10), "G1: six of 500 a second, the first at once");
    let slow = Meter::new(1, 3_600 * SECOND, 1);
    slow.pass(1).unwrap();
    let before = slow.due.load(Relaxed);
    assert!(matches!(slow.pass_timeout(1, SECOND), Err(Refused::Until(_))));
    assert!(matches!(slow.pass_until(1, Instant::now()), Err(Refused::Until(_))));
    assert_eq!(slow.due.load(Relaxed), before, "G3");
    assert_eq!(slow.pass_timeout(2, SECOND), Err(Refused::TooMany));
}

#[test]
fn a_task_sleeps_by_a_timer_of_its_own_and_gives_its_place_back_if_it_is_dropped() {
    let meter = Meter::new(1, 3_600 * SECOND, 1);
    block_on(meter.pass_async(1, |_| -> std::future::Ready<()> { panic!("there is room: nobody sleeps") })).unwrap();
    let slept = std::cell::Cell::new(Duration::ZERO);
    let sleeper = |time| {
        slept.set(time);
        std::future::ready(())
    };
    let before = meter.due.load(Relaxed);
    let (_, waker) = Wakes::new();
    {
        let mut dropped = pin!(meter.pass_async(1, |_| std::future::pending::<()>()));
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        assert_ne!(meter.due.load(Relaxed), before);
    }
    assert_eq!(meter.due.load(Relaxed), before, "the last gives its place back");
    {
        let mut dropped = pin!(meter.pass_async(1, |_| std::future::pending::<()>()));
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        block_on(meter.pass_async(1, sleeper)).unwrap();
    }
    assert!(slept.get() > 7_100 * SECOND, "two hours, less what has passed");
    assert_eq!(meter.due.load(Relaxed), before + 2 * 3_600_000 * MS, "one with others behind it does not: G1");
    assert_eq!(block_on(meter.pass_async(2, sleeper)), Err(TooMany));
}

#[test]
fn threads_that_ask_at_once_get_the_burst_and_no_more() {
    static METER: Meter = Meter::new(100, SECOND, 50);
    let passed: u32 = thread::scope(|scope| {
        let ask = || (0..100).filter(|_| METER.try_pass(Time(MS), 1).is_ok()).count() as u32;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 50, "G1");
    fn check<T: Send + Sync>(_: &T) {}
    check(&METER);
    fn check_send<T: Send>(_: &T) {}
    check_send(&METER.pass_async(1, |_| std::future::ready(())));
}
