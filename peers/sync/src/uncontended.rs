//! One thread locks and unlocks.

use crate::locks::{Mutual, Payload, Saa};
use rsm::sync::lock::Lock;
use rsm_peers_kit::rounds::{Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::locks::Guarded;

/// Nanoseconds of one operation.
pub(crate) const NS: &str = "ns/op";

/// Repeats an operation for about that long, on one thread. What counts is the fastest stretch of some microseconds: the others
/// have been interrupted.
#[inline]
pub(crate) fn alone(time: Duration, mut operation: impl FnMut()) -> Run {
    const STRETCH: u32 = 4096;
    let (began, mut operations, mut least) = (Instant::now(), 0.0, f64::INFINITY);
    while began.elapsed() < time {
        let begins = Instant::now();
        (0..STRETCH).for_each(|_| operation());
        least = least.min(begins.elapsed().as_nanos() as f64 / f64::from(STRETCH));
        operations += f64::from(STRETCH);
    }
    Run { operations, figures: vec![(NS, least)] }
}

fn contender<L: Mutual>() -> Subject {
    subject(L::NAME, |time| {
        let lock = L::new();
        alone(time, || black_box(&lock).with(|guarded| guarded.chain += 1))
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let subjects = vec![
        contender::<Lock<Guarded>>(),
        contender::<Payload>(),
        contender::<Mutex<Guarded>>(),
        contender::<parking_lot::Mutex<Guarded>>(),
        contender::<parking_lot::FairMutex<Guarded>>(),
        contender::<usync::Mutex<Guarded>>(),
        contender::<Saa>(),
        contender::<tokio::sync::Mutex<Guarded>>(),
        contender::<async_lock::Mutex<Guarded>>(),
    ];
    let mut section = Section::new(
        "Lock and unlock, one thread",
        "20 runs of each, by turns; the least counts, as whatever else happens on the machine only adds to it.",
    );
    section.points.push(rounds.measure("uncontended", 1, 20, Duration::from_millis(5), subjects));
    section.table("uncontended", NS);
    let least = |name: &str| section.points[0].spread(name, NS).min;
    let best = least("std").min(least("parking_lot"));
    let (plain, payload) = (least("rsm") / best, least("rsm lock_with") / best);
    section.at_most("lock and unlock: at most 1.05 x the best of std and parking_lot, on minima", plain, 1.05);
    section.at_most("with a payload closure: at most 1.25 x", payload, 1.25);
    section
}
