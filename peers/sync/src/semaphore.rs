//! Permits, by one thread and by several.

use crate::uncontended::{NS, alone};
use rsm::sync::lock::Lifo;
use rsm_peers_kit::block_on::block_on;
use rsm_peers_kit::race::{Placing, race};
use rsm_peers_kit::rounds::{CPU, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::time::Duration;

const RATE: &str = "Mops/s";

/// A semaphore.
pub(crate) trait Permits: Sync + Send + 'static {
    const NAME: &'static str;
    fn new(permits: u32) -> Self;
    /// Takes so many and gives them back.
    fn cycle(&self, count: u32);
}

impl Permits for rsm::sync::semaphore::Semaphore {
    const NAME: &'static str = "rsm";
    fn new(permits: u32) -> Self {
        rsm::sync::semaphore::Semaphore::new(permits)
    }
    #[inline]
    fn cycle(&self, count: u32) {
        drop(self.acquire(count));
    }
}

impl Permits for rsm::sync::semaphore::Semaphore<Lifo> {
    const NAME: &'static str = "rsm lifo";
    fn new(permits: u32) -> Self {
        rsm::sync::semaphore::Semaphore::lifo(permits)
    }
    #[inline]
    fn cycle(&self, count: u32) {
        drop(self.acquire(count));
    }
}

impl Permits for saa::Semaphore {
    const NAME: &'static str = "saa";
    fn new(permits: u32) -> Self {
        saa::Semaphore::with_permits(permits as usize)
    }
    #[inline]
    fn cycle(&self, count: u32) {
        self.acquire_many_sync(count as usize);
        self.release_many(count as usize);
    }
}

impl Permits for tokio::sync::Semaphore {
    const NAME: &'static str = "tokio";
    fn new(permits: u32) -> Self {
        tokio::sync::Semaphore::new(permits as usize)
    }
    #[inline]
    fn cycle(&self, count: u32) {
        match self.try_acquire_many(count) {
            Ok(permit) => drop(permit),
            Err(_) => drop(block_on(self.acquire_many(count))),
        }
    }
}

impl Permits for async_lock::Semaphore {
    const NAME: &'static str = "async-lock";
    fn new(permits: u32) -> Self {
        async_lock::Semaphore::new(permits as usize)
    }
    /// One at a time: it has no other way, and several would deadlock.
    #[inline]
    fn cycle(&self, _: u32) {
        drop(self.acquire_blocking());
    }
}

/// The textbook's: a number, a mutex and a condition variable.
pub(crate) struct Textbook(parking_lot::Mutex<u32>, parking_lot::Condvar);

impl Permits for Textbook {
    const NAME: &'static str = "parking_lot Condvar";
    fn new(permits: u32) -> Self {
        Textbook(parking_lot::Mutex::new(permits), parking_lot::Condvar::new())
    }
    #[inline]
    fn cycle(&self, count: u32) {
        let mut permits = self.0.lock();
        self.1.wait_while(&mut permits, |permits| *permits < count);
        *permits -= count;
        drop(permits);
        *self.0.lock() += count;
        if count == 1 { _ = self.1.notify_one() } else { _ = self.1.notify_all() }
    }
}

/// The C library's, which takes one at a time.
pub(crate) struct Posix(Box<UnsafeCell<libc::sem_t>>);

// SAFETY: a sem_t is made to be shared.
unsafe impl Sync for Posix {}
// SAFETY: it lies in a box, so it does not move with its owner.
unsafe impl Send for Posix {}

impl Permits for Posix {
    const NAME: &'static str = "sem_t";
    fn new(permits: u32) -> Self {
        // SAFETY: zeroed memory is what `sem_init` wants.
        let semaphore = Box::new(UnsafeCell::new(unsafe { std::mem::zeroed() }));
        // SAFETY: it lies in a box, where it stays.
        unsafe { libc::sem_init(semaphore.get(), 0, permits) };
        Posix(semaphore)
    }
    #[inline]
    fn cycle(&self, _: u32) {
        // SAFETY: it was initialized.
        unsafe { libc::sem_wait(self.0.get()) };
        // SAFETY: as above.
        unsafe { libc::sem_post(self.0.get()) };
    }
}

fn uncontended<S: Permits>() -> Subject {
    subject(S::NAME, |time| {
        let semaphore = S::new(8);
        alone(time, || black_box(&semaphore).cycle(1))
    })
}

fn contended<S: Permits>(threads: usize, permits: u32, count: u32) -> Subject {
    subject(S::NAME, move |time| {
        let semaphore = S::new(permits);
        let (counts, took) = race(threads, Placing::Pinned, time, |_, stop| {
            let mut cycles = 0;
            while !stop.is_over() {
                semaphore.cycle(count);
                cycles += 1;
            }
            cycles
        });
        Run::throughput(RATE, counts.iter().sum(), took)
    })
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    use rsm::sync::semaphore::Semaphore;
    let mut section = Section::new(
        "Semaphore",
        "Acquire and release. `semaphore 4 by 1`: four permits, one taken at a time. Four threads, pinned by turns. The last \
         three take one at a time or keep no order, as do `rsm lifo` and the condition variable; `rsm`, `saa`, `tokio` serve in \
         order.",
    );
    let alone = vec![
        uncontended::<Semaphore>(),
        uncontended::<Semaphore<Lifo>>(),
        uncontended::<saa::Semaphore>(),
        uncontended::<tokio::sync::Semaphore>(),
        uncontended::<Textbook>(),
        uncontended::<async_lock::Semaphore>(),
        uncontended::<Posix>(),
    ];
    section.points.push(rounds.measure("semaphore alone", 1, 20, Duration::from_millis(4), alone));
    for (permits, count) in [(1, 1), (4, 1), (4, 4)] {
        let mut subjects = vec![
            contended::<Semaphore>(4, permits, count),
            contended::<Semaphore<Lifo>>(4, permits, count),
            contended::<saa::Semaphore>(4, permits, count),
            contended::<tokio::sync::Semaphore>(4, permits, count),
            contended::<Textbook>(4, permits, count),
        ];
        if count == 1 {
            subjects.push(contended::<async_lock::Semaphore>(4, permits, count));
            subjects.push(contended::<Posix>(4, permits, count));
        }
        let bench = format!("semaphore {permits} by {count}");
        section.points.push(rounds.measure(bench, 4, 5, Duration::from_millis(40), subjects));
    }
    section.table("semaphore alone", NS);
    section.table("semaphore 1", RATE);
    section.table("semaphore 4", RATE);
    section.table("semaphore 4", CPU);
    let point = &section.points[0];
    let best = point.best_peer(NS, false);
    let ratio = point.spread("rsm", NS).min / point.spread(best, NS).min;
    section.at_most(format!("alone: at most the best of the rows ({best}), on minima"), ratio, 1.0);
    section
}
