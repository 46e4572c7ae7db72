//! Threads that all do the same for a while.

use crate::machine::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Where the threads run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// On the processors by turns.
    Pinned,
    /// Where the system puts them.
    Free,
}

/// Says when a race is over. On lines of its own: it is read once per operation.
#[repr(align(128))]
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Whether it is.
    #[inline(always)]
    pub fn is_over(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Lets `threads` run `body` (given their number) until the time is over. What each returned, and how long it really took.
pub fn race<R: Send>(
    threads: usize,
    placing: Placing,
    time: Duration,
    body: impl Fn(usize, &Stop) -> R + Sync,
) -> (Vec<R>, Duration) {
    let stop = Stop::default();
    let start = Barrier::new(threads + 1);
    let run = |thread| {
        if placing == Placing::Pinned {
            pin(thread);
        }
        start.wait();
        body(thread, &stop)
    };
    let run = &run;
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        start.wait();
        let began = Instant::now();
        std::thread::sleep(time);
        stop.0.store(true, Relaxed);
        let took = began.elapsed();
        (racers.into_iter().map(|racer| racer.join().expect("a racer does not panic")).collect(), took)
    })
}
