//! A clock, and the wheel that runs by it.
//!
//! ```text
//!   an automaton arms  ──>  Timers { clock, wheel, roster }  ──fire──>  cells: "tag 7 is due"
//!                                    | wake()
//!                           whoever drives it sleeps until then: an own thread, the thread of `Timers::thread`, virtual time
//! ```
//! The wheel knows a cell's number and a tag, the roster knows the cell, weakly; the command stays with its automaton, which alone
//! delivers or cancels it. What a turn sets and cancels comes here at its end, all under one lock: [`Timers::open`].

mod roster;

use super::cell::Node;
use super::few::Few;
use super::runner::Task;
use super::wheel::{Handle, Wheel};
use super::word::Duty;
use crate::sync::lock::{Guard, Lock};
use crate::sync::park::{Parker, Unparker};
use crate::sync::shim::{AtomicBool, Ordering, thread};
use crate::time::Time;
pub(crate) use roster::Member;
use roster::Roster;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A thread of timers that has signalled someone sleeps at least so long: of timers that lie close together many cost one wake, of
/// the thread and of those it signals. One alone is not held up.
const SPACING: Duration = Duration::from_micros(50);

/// So many of those who are due are looked at together: as many lines as fit into the processor's nearest cache.
const TOUCHED: usize = 128;

/// A clock, and the timers of those who live by it.
pub struct Timers {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    shard: Lock<Shard>,
    /// Wakes the thread that drives these timers, if there is one.
    sleeper: Option<Unparker>,
    /// Something was armed or cancelled since the last look, by [`Clock::Other`] alone.
    changed: AtomicBool,
}

/// Where the time comes from.
enum Clock {
    Real(Instant),
    Other(Box<dyn Fn() -> Time + Send + Sync>, Arc<AtomicBool>),
}

struct Shard {
    wheel: Wheel<Due>,
    roster: Roster,
    /// Until when the driving thread sleeps; `ZERO` while it is awake. Under the lock, so either an armer sees it, or the
    /// sleeper sees what was armed.
    sleeping_until: Time,
    /// Until when that thread rests after it has signalled someone, whatever is armed.
    rested: Time,
    over: bool,
}

/// Which timer of which cell.
#[derive(Clone, Copy)]
struct Due {
    member: u32,
    tag: u32,
}

const _: () = assert!(
    Wheel::<Due>::ENTRY_BYTES <= 32,
    "a million timers are 32 MB in the wheel, besides what room its slots have to spare"
);

/// The wheel and the roster, for one who sets and cancels: as many as it likes under one lock.
pub(crate) struct Opened<'a> {
    shared: &'a Shared,
    shard: Guard<'a, Shard>,
    /// The earliest that was armed.
    earliest: Time,
}

impl Timers {
    /// A clock that begins now, driven by whoever owns it: call [`fire`](Self::fire) when [`wake`](Self::wake) says.
    #[must_use]
    pub fn new() -> Timers {
        Timers::with(Clock::Real(Instant::now()), None)
    }

    /// By another clock; it must never go back. The flag, which many may share, is set when anything is armed or cancelled.
    pub(crate) fn by(clock: impl Fn() -> Time + Send + Sync + 'static, stirred: Arc<AtomicBool>) -> Timers {
        Timers::with(Clock::Other(Box::new(clock), stirred), None)
    }

    /// A clock that begins now, driven by a thread of its own, for a home that has no thread to spare. The thread sleeps
    /// while nothing is due, and ends when this is dropped.
    ///
    /// # Panics
    /// If the system has no thread left.
    #[must_use]
    pub fn thread() -> Timers {
        let parker = Parker::new();
        let timers = Timers::with(Clock::Real(Instant::now()), Some(parker.unparker()));
        let shared = timers.shared.clone();
        let life = move || {
            be_punctual();
            shared.drive(&parker);
        };
        thread::spawn("timers", life).expect("the system has a thread left for timers");
        timers
    }

    fn with(clock: Clock, sleeper: Option<Unparker>) -> Timers {
        let wheel = Wheel::new(clock.now());
        let roster = Roster::new();
        let shard = Lock::new(Shard { wheel, roster, sleeping_until: Time::ZERO, rested: Time::ZERO, over: false });
        Timers { shared: Arc::new(Shared { clock, shard, sleeper, changed: AtomicBool::new(false) }) }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.shared.clock.now()
    }

    /// A time before which nothing is due; `None` if nothing ever will be.
    #[must_use]
    pub fn wake(&self) -> Option<Time> {
        self.shared.shard.lock().wheel.wake()
    }

    /// Whether anything was armed or cancelled since this was last asked. Of timers by another clock alone.
    pub(crate) fn have_changed(&self) -> bool {
        let changed = &self.shared.changed;
        // ORDERING: Relaxed, and no exchange: who drives such timers is the one thread on which they change.
        let have_changed = changed.load(Ordering::Relaxed);
        if have_changed {
            changed.store(false, Ordering::Relaxed);
        }
        have_changed
    }

    /// The instant of a time of this clock; `None` is never.
    #[must_use]
    pub fn instant(&self, time: Time) -> Option<Instant> {
        self.shared.clock.instant(time)
    }

    /// Signals the cells whose timers are due by now.
    pub fn fire(&self) {
        let _when = self.shared.fire();
    }

    /// The same, and the earliest deadline of what is left.
    pub(crate) fn fire_and_next(&self) -> Option<Time> {
        self.shared.fire_then(Wheel::next).1.flatten()
    }

    /// Opens the wheel; no code of a user's may run until it is [closed](Opened::close).
    pub(crate) fn open(&self) -> Opened<'_> {
        Opened { shared: &self.shared, shard: self.shared.shard.lock(), earliest: Time::MAX }
    }
}

impl Opened<'_> {
    /// Gives a cell its number.
    pub(crate) fn enrol(&mut self, cell: Weak<dyn Node>) -> Member {
        self.shard.roster.enrol(cell)
    }

    /// The dead need no number, once all their timers are cancelled. What comes back is to be dropped after the close: it may be the
    /// last of a cell's memory.
    pub(crate) fn leave(&mut self, member: Member) -> Option<Weak<dyn Node>> {
        self.shard.roster.leave(member)
    }

    pub(crate) fn arm(&mut self, at: Time, tag: u32, member: &Member) -> Handle {
        self.earliest = self.earliest.min(at);
        self.shard.wheel.insert(at, Due { member: member.number(), tag })
    }

    pub(crate) fn cancel(&mut self, handles: &[Handle]) {
        self.shard.wheel.cancel_all(handles, |_| ());
    }

    /// Unlocks, and wakes the thread that drives these timers if it would sleep too long.
    pub(crate) fn close(self) {
        let Opened { shared, shard, earliest } = self;
        let early = earliest.max(shard.rested) < shard.sleeping_until;
        drop(shard);
        shared.change();
        if early && let Some(sleeper) = &shared.sleeper {
            sleeper.unpark();
        }
    }
}

/// Has the system wake the calling thread as soon as its sleep is over. Linux would wait for up to 50 us more, so as to wake several
/// threads at once; where there is no such setting, or it may not be written, nothing changes.
fn be_punctual() {
    if cfg!(all(target_os = "linux", not(rsm_loom), not(rsm_shuttle)))
        && let Ok(path) = std::fs::read_link("/proc/thread-self")
        && let Some(thread) = path.file_name()
    {
        let setting = std::path::Path::new("/proc").join(thread).join("timerslack_ns");
        let _ = std::fs::write(setting, "1");
    }
}

impl Default for Timers {
    fn default() -> Self {
        Timers::new()
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Clock {
    fn now(&self) -> Time {
        match self {
            Clock::Real(start) => Time::ZERO.after(start.elapsed()),
            Clock::Other(now, _) => now(),
        }
    }

    fn instant(&self, time: Time) -> Option<Instant> {
        match self {
            Clock::Real(start) => start.checked_add(Duration::from_nanos(time.0)),
            Clock::Other(..) => None,
        }
    }
}

impl Shared {
    fn change(&self) {
        if let Clock::Other(_, stirred) = &self.clock {
            // ORDERING: Relaxed, as in `have_changed`.
            self.changed.store(true, Ordering::Relaxed);
            stirred.store(true, Ordering::Relaxed);
        }
    }

    /// Signals what is due; at what time, if there was any.
    fn fire(&self) -> Option<Time> {
        self.fire_then(|_| ()).0
    }

    /// The same, and what a look at the wheel finds once that is taken out, unless it was empty.
    fn fire_then<T>(&self, look: impl FnOnce(&Wheel<Due>) -> T) -> (Option<Time>, Option<T>) {
        let mut shard = self.shard.lock();
        if shard.wheel.is_empty() {
            return (None, None);
        }
        let (now, mut due) = (self.clock.now(), Few::None);
        let Shard { wheel, roster, .. } = &mut *shard;
        wheel.advance(now, |_, one| due.push(one));
        let found = look(wheel);
        let fired = (!due.is_empty()).then_some(now);
        let mut all = Vec::with_capacity(due.len());
        for some in due.as_slice().chunks(TOUCHED) {
            // A first look at all of them lets the processor fetch these cells together, and not one after the other.
            std::hint::black_box(some.iter().fold(0, |seen, one| seen ^ roster.touch(one.member)));
            all.extend(some.iter().filter_map(|one| Some((roster.cell(one.member)?, one.tag))));
        }
        drop(shard);
        for (node, tag) in all {
            match node.due(tag, now) {
                Duty::Nothing => {}
                Duty::Schedule => node.head().home.get().schedule(Task::new(node.clone())),
            }
        }
        (fired, Some(found))
    }

    /// Ends the thread that drives these timers, if there is one.
    fn end(&self) {
        if let Some(sleeper) = &self.sleeper {
            self.shard.lock().over = true;
            sleeper.unpark();
        }
    }

    /// The life of a thread of timers.
    fn drive(&self, parker: &Parker) {
        while let Some(wake) = self.round() {
            match self.clock.instant(wake) {
                Some(at) => {
                    let _ = parker.park_until(at);
                }
                None => parker.park(),
            }
        }
    }

    /// One waking of a thread of timers: until when it sleeps then, `MAX` if nothing is armed; `None` at its end.
    fn round(&self) -> Option<Time> {
        // Here alone: whoever else fires says nothing about whether this thread sleeps.
        self.shard.lock().sleeping_until = Time::ZERO;
        let fired = self.fire();
        let mut shard = self.shard.lock();
        if let Some(fired) = fired {
            shard.rested = fired.after(SPACING);
        }
        if shard.over {
            return None;
        }
        shard.sleeping_until = shard.wheel.wake().map_or(Time::MAX, |at| at.max(shard.rested));
        Some(shard.sleeping_until)
    }
}

#[cfg(rsm_loom)]
pub(super) mod models;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
