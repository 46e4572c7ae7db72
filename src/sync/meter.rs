//! A meter lets so many pass in a time, and a burst of them at once: a rate limit in one word.
//!
//! ```text
//!   100 a second, bursts of 3         word: when the next would be due if all came evenly ("theoretical arrival")
//!
//!        now                due   now + 3 x 10 ms
//!   ------|------------------|------------|--------> time
//!         |<- ahead of now ->|<-- room -->|           pass: due moves on by 10 ms, if it stays within the burst
//!                                                     reserve: due moves on in any case, and says from when one may
//! ```
//! Reach for it to bound how often something happens: requests to a server that counts them, lines in a log, bytes on a wire (a
//! count is what you make it). How many do it at the same time is for a [`Semaphore`](super::semaphore::Semaphore).
//!
//! ```
//! use rsm::sync::meter::{Meter, Refused};
//! use rsm::time::Time;
//! use std::time::Duration;
//!
//! // A hundred lines a second may go to the log, and five at once; of the others we say how many there were.
//! static LINES: Meter = Meter::new(100, Duration::from_secs(1), 5);
//! let mut suppressed = 0;
//! for tenth_ms in 0..1_000 {
//!     let now = Time(tenth_ms * 100_000); // an automaton's `context.now()`, or `Meter::now()`
//!     match LINES.try_pass(now, 1) {
//!         Ok(()) => { /* writes the line */ }
//!         Err(Refused::Until(_)) => suppressed += 1,
//!         Err(Refused::TooMany) => unreachable!("one is not more than the burst"),
//!     }
//! }
//! assert_eq!(suppressed, 1_000 - 14, "5 at once, then 9 in the rest of 100 ms");
//! ```
//! Time is an argument, so a meter runs in virtual time too; the forms that wait take it from [`Meter::now`]. **One meter, one
//! clock.** Who waits reserves its place by one exchange and sleeps until then: places are in order of asking, nobody
//! is passed over, no crowd wakes for one place, and a deadline that could not be kept is refused at once.
//!
//! G1 in any span of time at most the burst and what the rate allows for the span pass. G2 who waits goes in order of asking.
//! G3 who is refused changes nothing.

use super::park::NoSleep;
use super::shim::{AtomicU64, Deadline, Ordering::Relaxed, const_fn, now_ns, park};
use crate::time::Time;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

/// So many in a time, and a burst of them at once (GCRA, the generic cell rate algorithm). 24 bytes, no allocation, no queue.
///
/// What lies between two is a whole number of nanoseconds, rounded up: so the rate is never exceeded, and one of more than a
/// million a second falls short of it by up to the part that this rounding is (count in KiB what would be hundreds of
/// megabytes).
pub struct Meter {
    /// When the next would be due if all came evenly, in nanoseconds.
    due: AtomicU64,
    /// What lies between two, in nanoseconds.
    interval: u64,
    burst: u32,
}

/// Why it may not pass now. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It may pass at that time, if nobody does before. For a wait with a deadline, that lies behind it.
    Until(Time),
    /// More at once than the burst: it will never pass.
    TooMany,
}

/// More at once than the burst: it would never pass. Ask for less at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Meter {
    const_fn! {
        /// `count` in each `per`, evenly, and up to `burst` at once after a time of silence. With a count or a burst of 0 nothing
        /// passes; with a `per` of zero there is no bound but the burst at once.
        pub const fn new(count: u32, per: Duration, burst: u32) -> Meter {
            let burst = if count == 0 { 0 } else { burst };
            let interval = per.as_nanos().div_ceil(if count == 0 { 1 } else { count as u128 });
            let interval = if interval > u64::MAX as u128 { u64::MAX } else { interval as u64 };
            Meter { due: AtomicU64::new(0), interval, burst }
        }
    }

    /// Nanoseconds on the clock of the forms that wait.
    pub fn now() -> Time {
        Time(now_ns())
    }

    /// Lets `count` pass at `now`, all or none. Never waits; one exchange.
    ///
    /// A `now` may lie before one of an earlier call, as threads read their clocks in one order and come here in another: G1 holds
    /// of the times that are shown.
    ///
    /// # Errors
    /// [`Refused`]: when it may pass, or that it never will.
    pub fn try_pass(&self, now: Time, count: u32) -> Result<(), Refused> {
        self.place(now, now, count).map(drop)
    }

    /// Takes the next place for `count`, and says from when it may pass: now, if there is room. For who has a timer of its own: an
    /// automaton, a task.
    ///
    /// The place is spent, whether or not it is used.
    ///
    /// # Errors
    /// [`TooMany`]: more than the burst.
    pub fn reserve(&self, now: Time, count: u32) -> Result<Time, TooMany> {
        match self.place(now, Time::MAX, count) {
            Ok(place) => Ok(place.at),
            // Beyond 584 years.
            Err(Refused::Until(at)) => Ok(at),
            Err(Refused::TooMany) => Err(TooMany),
        }
    }

    /// Lets `count` pass. Waits for its place.
    ///
    /// # Errors
    /// [`TooMany`]: more than the burst.
    pub fn pass(&self, count: u32) -> Result<(), TooMany> {
        let now = Meter::now();
        sleep(now, self.reserve(now, count)?);
        Ok(())
    }

    /// Lets `count` pass. Waits for its place, if that comes in this time; else it is refused at once.
    ///
    /// # Errors
    /// [`Refused`]: when its place would come, or that it never will.
    pub fn pass_timeout(&self, count: u32, time: Duration) -> Result<(), Refused> {
        self.pass_within(Meter::now(), count, time)
    }

    /// Lets `count` pass. Waits for its place, if that comes until then; else it is refused at once.
    ///
    /// # Errors
    /// [`Refused`]: when its place would come, or that it never will.
    pub fn pass_until(&self, count: u32, instant: Instant) -> Result<(), Refused> {
        // In this order: what passes between the two looks makes the wait shorter, never longer than was asked for.
        let now = Meter::now();
        self.pass_within(now, count, instant.saturating_duration_since(Instant::now()))
    }

    fn pass_within(&self, now: Time, count: u32, time: Duration) -> Result<(), Refused> {
        let place = self.place(now, now.after(time), count)?;
        sleep(now, place.at);
        Ok(())
    }

    /// Lets `count` pass, as a task. There is no timer here: `sleep` is the runtime's own, called when one must wait
    /// (`|time| tokio::time::sleep(time)`).
    ///
    /// It does nothing until it is polled. Dropped while it sleeps, it gives its place back, unless others have come behind it.
    ///
    /// # Errors
    /// [`TooMany`]: more than the burst.
    pub async fn pass_async<S: Future>(&self, count: u32, sleep: impl FnOnce(Duration) -> S) -> Result<(), TooMany> {
        let now = Meter::now();
        let place = match self.place(now, Time::MAX, count) {
            Ok(place) => place,
            // Beyond 584 years.
            Err(Refused::Until(_)) => return std::future::pending().await,
            Err(Refused::TooMany) => return Err(TooMany),
        };
        if now < place.at {
            let given = Given { meter: self, place };
            sleep(given.place.at.since(now)).await;
            std::mem::forget(given);
        }
        Ok(())
    }

    /// Nanoseconds that `count` stand for.
    fn cost(&self, count: u32) -> u64 {
        self.interval.saturating_mul(u64::from(count))
    }

    /// Takes the next place, if it comes by `deadline`.
    fn place(&self, now: Time, deadline: Time, count: u32) -> Result<Place, Refused> {
        if self.burst < count {
            return Err(Refused::TooMany);
        }
        let (cost, ahead) = (self.cost(count), self.cost(self.burst));
        let mut place = Place { at: Time::MAX, before: 0, due: None };
        // ORDERING: Relaxed: who passes is told nothing of who passed before.
        let moved = self.due.fetch_update(Relaxed, Relaxed, |due| {
            place = Place::next(due, now, cost, ahead);
            place.due.filter(|_| place.at <= deadline)
        });
        if moved.is_ok() { Ok(place) } else { Err(Refused::Until(place.at)) }
    }
}

/// A place in the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// From when it may pass.
    at: Time,
    /// What was due before this place.
    before: u64,
    /// And with it; beyond what 64 bits can say there is none, and nothing comes: that is on the strict side.
    due: Option<u64>,
}

impl Place {
    /// The place behind `due` for what costs `cost`, where a burst may be `ahead` of the rate: the word's one transition.
    const fn next(due: u64, now: Time, cost: u64, ahead: u64) -> Place {
        let before = if due < now.0 { now.0 } else { due };
        let due = before.checked_add(cost);
        let at = match due {
            None => Time::MAX,
            Some(due) if due.saturating_sub(ahead) < now.0 => now,
            Some(due) => Time(due.saturating_sub(ahead)),
        };
        Place { at, before, due }
    }
}

/// A place of one that sleeps until it comes.
struct Given<'a> {
    meter: &'a Meter,
    place: Place,
}

impl Drop for Given<'_> {
    /// Only the last place may go: those behind have been told their times already.
    fn drop(&mut self) {
        let Some(due) = self.place.due else { return };
        // ORDERING: Relaxed, as in `place`.
        let _ = self.meter.due.compare_exchange(due, self.place.before, Relaxed, Relaxed);
    }
}

/// Sleeps from `now` until `at`; nobody wakes it before.
fn sleep(now: Time, at: Time) {
    if at <= now {
        return;
    }
    NoSleep::check();
    let deadline = if at == Time::MAX { Deadline::NEVER } else { Deadline::after(at.since(now)) };
    while !deadline.has_passed() {
        park(deadline); // tokens may come that are not for us
    }
}

impl From<TooMany> for Refused {
    fn from(_: TooMany) -> Refused {
        Refused::TooMany
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Until(at) => write!(f, "too early, try again at {at:?}"),
            Refused::TooMany => TooMany.fmt(f),
        }
    }
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more at once than the burst, ask for less at a time")
    }
}

impl Error for Refused {}
impl Error for TooMany {}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("interval", &Duration::from_nanos(self.interval))
            .field("burst", &self.burst)
            .field("due", &Time(self.due.load(Relaxed)))
            .finish()
    }
}

#[cfg(all(target_pointer_width = "64", not(any(rsm_loom, rsm_shuttle))))]
const _: () = assert!(size_of::<Meter>() == 24, "a meter is a word and its rate");

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
