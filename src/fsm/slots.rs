//! The timers of one automaton: their commands, by tag, and its movable alarm.
//!
//! ```text
//!   set, cancel ──> slots by tag, at once ──> changes: tags to arm, handles to cancel ──end of the turn──> the wheel, one lock
//! ```
//! Nobody can miss what comes to the wheel only then: what falls due is delivered to this automaton alone, and that in a later turn.

use super::cell::Port;
use super::extras::Due;
use super::few::Few;
use super::inbox::is_large;
use super::timers::{Member, Timers};
use super::wheel::Handle;
use crate::mix::mix;
use crate::time::Time;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// Names a timer of one automaton, for [`cancel`](super::Context::cancel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer {
    tag: u32,
    generation: u32,
}

/// The state timeout, among tags.
const ALARM: u32 = u32::MAX;
/// No tag.
const NO_TAG: u32 = u32::MAX;

/// What a timer does when its time has come.
enum What<C> {
    /// The next free tag.
    Free(u32),
    Once(C),
    /// Boxed, as most timers come once.
    Every(Box<Every<C>>),
}

/// A timer that comes again and again.
struct Every<C> {
    /// The present deadline without jitter. The next is this one and a period, however late we are.
    base: Time,
    period: Duration,
    /// In 2^-32 of a period.
    jitter: u64,
    make: fn() -> C,
}

struct Slot<C> {
    at: Time,
    arming: u64,
    what: What<C>,
    generation: u32,
    /// `None` if the wheel has not got it, or has it no more.
    handle: Option<Handle>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Slot<u64>>() <= 48, "a timer with a small command is 48 bytes here");

/// The state timeout: it moves far more often than it fires, so it is moved here and the wheel left alone.
struct Alarm<C> {
    wanted: Option<(Time, u64, C)>,
    armed: Option<Armed>,
}

/// When the wheel wakes us for the alarm.
struct Armed {
    at: Time,
    arming: u64,
    /// `None` until it comes to the wheel.
    handle: Option<Handle>,
}

/// What the wheel is yet to be told.
#[derive(Default)]
struct Changes {
    /// Tags and their armings: one that is another's by then, or free, is passed over.
    arm: Few<(u32, u64)>,
    cancel: Few<Handle>,
}

/// A turn that sets or cancels so many tells the wheel without waiting for its end.
const CHANGES_MAX: usize = 64;

/// Where a timer is armed: the wheel, and whom it signals.
pub(crate) struct Wire<'a, C: 'static> {
    pub(crate) port: &'a Arc<dyn Port<C>>,
    pub(crate) now: Time,
}

impl<C> Wire<'_, C> {
    /// For jitter.
    fn seed(&self) -> u64 {
        let head = self.port.node().head();
        head.home.seed() ^ head.id.0
    }
}

/// In this order: what a timer that fires needs comes first.
#[repr(C)]
pub(crate) struct Slots<C> {
    slots: Table<C>,
    /// What is due.
    pub(crate) ready: Few<Due>,
    /// How many slots are not free.
    live: u32,
    /// The first free tag.
    free: u32,
    changes: Changes,
    /// The alarm was set by the call in progress: then a change of kind leaves it, for it belongs to the state entered.
    fresh: bool,
    alarm: Alarm<C>,
    armings: u64,
    /// Our number among those whom the timers signal; `None` until we set one.
    member: Option<Member>,
}

impl<C: 'static> Slots<C> {
    pub(crate) fn new() -> Slots<C> {
        Slots {
            slots: Table::new(),
            live: 0,
            free: NO_TAG,
            fresh: false,
            alarm: Alarm { wanted: None, armed: None },
            armings: 0,
            changes: Changes::default(),
            member: None,
            ready: Few::None,
        }
    }

    /// Begins a call of `next` or `flush`.
    pub(crate) fn begin_call(&mut self) {
        self.fresh = false;
    }

    /// Ends the state timeout of the kind that was left (F7).
    pub(crate) fn leave_kind(&mut self) -> Option<C> {
        if self.fresh { None } else { self.clear_alarm() }
    }

    /// Forgets the state timeout; the wheel finds nothing when it comes there.
    pub(crate) fn clear_alarm(&mut self) -> Option<C> {
        self.alarm.wanted.take().map(|(_, _, command)| command)
    }

    /// Sets or moves the state timeout. Hands back the command of the one before.
    pub(crate) fn set_alarm(&mut self, at: Time, command: C, wire: &Wire<'_, C>) -> Option<C> {
        let before = self.clear_alarm();
        self.armings += 1;
        self.alarm.wanted = Some((at, self.armings, command));
        self.fresh = true;
        self.arm_alarm(wire);
        before
    }

    /// Sees to it that the wheel wakes us no later than the alarm is wanted.
    fn arm_alarm(&mut self, wire: &Wire<'_, C>) {
        let Some(&(at, arming, _)) = self.alarm.wanted.as_ref() else { return };
        let timer = Timer { tag: ALARM, generation: 0 };
        if at <= wire.now {
            self.ready.push(Due { at, arming, timer });
        } else if self.alarm.armed.as_ref().is_none_or(|armed| at < armed.at) {
            let before = self.alarm.armed.replace(Armed { at, arming, handle: None });
            self.cancel_soon(before.and_then(|armed| armed.handle), wire.port);
            self.arm_soon(timer.tag, arming, wire.port);
        }
    }

    fn arm_soon(&mut self, tag: u32, arming: u64, port: &Arc<dyn Port<C>>) {
        self.changes.arm.push((tag, arming));
        if CHANGES_MAX <= self.changes.arm.len() {
            self.tell_wheel(port);
        }
    }

    fn cancel_soon(&mut self, handle: Option<Handle>, port: &Arc<dyn Port<C>>) {
        handle.into_iter().for_each(|handle| self.changes.cancel.push(handle));
        if CHANGES_MAX <= self.changes.cancel.len() {
            self.tell_wheel(port);
        }
    }

    /// Whether [`tell_wheel`](Self::tell_wheel) has something to tell.
    pub(crate) fn has_changes(&self) -> bool {
        !(self.changes.arm.is_empty() && self.changes.cancel.is_empty())
    }

    /// Arms and cancels what this turn has set and cancelled.
    pub(crate) fn tell_wheel(&mut self, port: &Arc<dyn Port<C>>) {
        let Slots { slots, alarm, changes, member, .. } = self;
        let unknown = member.is_none() && !changes.arm.is_empty();
        // The roster holds the cell weakly (F9).
        let cell = unknown.then(|| Arc::downgrade(&port.clone().into_node()));
        let mut wheel = port.node().head().home.get().timers().open();
        wheel.cancel(changes.cancel.as_slice());
        if let Some(cell) = cell {
            *member = Some(wheel.enrol(cell));
        }
        if let Some(member) = member {
            for &(tag, arming) in changes.arm.as_slice() {
                let place = match tag {
                    ALARM => alarm.armed.as_mut().map(|armed| (armed.at, armed.arming, &mut armed.handle)),
                    tag => slots.get_mut(tag).filter(|slot| !matches!(slot.what, What::Free(_))).map(Slot::place),
                };
                match place {
                    Some((at, same, handle)) if same == arming => *handle = Some(wheel.arm(at, tag, member)),
                    Some(_) | None => {}
                }
            }
        }
        wheel.close();
        // Their memory serves the next ones of this turn: to grow anew for each 64 would cost as much as all else here.
        changes.arm.clear();
        changes.cancel.clear();
    }

    /// Sets a timer that comes once.
    pub(crate) fn set(&mut self, at: Time, command: C, wire: &Wire<'_, C>) -> Timer {
        self.insert(at, What::Once(command), wire)
    }

    /// Sets a timer that comes again and again, first after one period.
    pub(crate) fn set_every(&mut self, period: Duration, jitter: f64, make: fn() -> C, wire: &Wire<'_, C>) -> Timer {
        let period = period.max(Duration::from_nanos(1));
        let jitter = share(jitter);
        let every = Every { base: wire.now.after(period), period, jitter, make };
        self.insert(every.deadline(wire.seed(), self.armings), What::Every(Box::new(every)), wire)
    }

    fn insert(&mut self, at: Time, what: What<C>, wire: &Wire<'_, C>) -> Timer {
        self.live += 1;
        self.armings += 1;
        // Not counted by the slot: slots are given back, and a `Timer` of one that was must not be another's.
        let (arming, generation) = (self.armings, self.armings as u32);
        let slot = Slot { at, arming, what, generation, handle: None };
        let tag = match self.slots.get_mut(self.free) {
            Some(place) => {
                let tag = self.free;
                if let What::Free(next) = mem::replace(place, slot).what {
                    self.free = next;
                }
                tag
            }
            None => self.slots.push(slot),
        };
        let timer = Timer { tag, generation };
        self.begin(Due { at, arming, timer }, wire);
        timer
    }

    /// How many timers it has room for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Gives back what a burst of timers took, once none is left (F12). No command is here then, so none is dropped.
    pub(crate) fn shrink(&mut self) {
        if !self.has_changes() {
            self.changes = Changes::default();
        }
        if self.live == 0 && self.ready.is_empty() && is_large::<Slot<C>>(self.slots.capacity()) {
            (self.slots, self.free) = (Table::new(), NO_TAG);
        }
    }

    fn arm(&mut self, tag: u32, at: Time, wire: &Wire<'_, C>) {
        self.armings += 1;
        let Some(slot) = self.slots.get_mut(tag) else { return };
        (slot.at, slot.arming) = (at, self.armings);
        let timer = Timer { tag, generation: slot.generation };
        self.begin(Due { at, arming: self.armings, timer }, wire);
    }

    /// A timer is armed: ready, if it is due, else the wheel's.
    fn begin(&mut self, due: Due, wire: &Wire<'_, C>) {
        if due.at <= wire.now {
            self.ready.push(due);
        } else {
            self.arm_soon(due.timer.tag, due.arming, wire.port);
        }
    }

    /// Ends a timer: its command, if it was to come once and was not delivered.
    pub(crate) fn cancel(&mut self, timer: Timer, port: &Arc<dyn Port<C>>) -> Option<C> {
        let same = |slot: &&mut Slot<C>| slot.generation == timer.generation && !matches!(slot.what, What::Free(_));
        let slot = self.slots.get_mut(timer.tag).filter(same)?;
        let handle = slot.handle.take();
        self.live -= 1;
        let what = slot.release(timer.tag, &mut self.free);
        self.cancel_soon(handle, port);
        match what {
            What::Once(command) => Some(command),
            What::Every(_) | What::Free(_) => None,
        }
    }

    /// The wheel came to `now` and named this tag. Perhaps the timer was cancelled meanwhile, and the tag is another's: what
    /// counts is whether what stands there now is due.
    pub(crate) fn signalled(&mut self, tag: u32, now: Time, wire: &Wire<'_, C>) {
        if tag == ALARM {
            self.alarm.armed = None;
            match self.alarm.wanted {
                Some((at, arming, _)) if at <= now => {
                    self.ready.push(Due { at, arming, timer: Timer { tag, generation: 0 } });
                }
                Some(_) => self.arm_alarm(wire),
                None => {}
            }
        } else if let Some(slot) = self.slots.get_mut(tag)
            && slot.at <= now
            && !matches!(slot.what, What::Free(_))
        {
            slot.handle = None;
            let timer = Timer { tag, generation: slot.generation };
            self.ready.push(Due { at: slot.at, arming: slot.arming, timer });
        }
    }

    /// What is due, in order of deadline, then of arming.
    pub(crate) fn take_ready(&mut self) -> Few<Due> {
        let mut ready = mem::take(&mut self.ready);
        ready.as_mut_slice().sort_unstable();
        ready
    }

    /// The command of a timer that is due, unless it was cancelled, or moved, since.
    pub(crate) fn fire(&mut self, due: Due, wire: &Wire<'_, C>) -> Option<C> {
        if due.timer.tag == ALARM {
            let same = self.alarm.wanted.as_ref().is_some_and(|wanted| wanted.1 == due.arming);
            return if same { self.clear_alarm() } else { None };
        }
        let slot = self.slots.get_mut(due.timer.tag)?;
        if slot.generation != due.timer.generation || slot.arming != due.arming {
            return None;
        }
        let make = match &mut slot.what {
            What::Free(_) => return None,
            What::Once(_) => None,
            What::Every(every) => Some((every.make, every.again(wire.now, wire.seed(), self.armings))),
        };
        match (make, due.timer.tag) {
            (Some((make, at)), tag) => {
                self.arm(tag, at, wire);
                Some(make())
            }
            (None, tag) => {
                self.live -= 1;
                match slot.release(tag, &mut self.free) {
                    What::Once(command) => Some(command),
                    What::Every(_) | What::Free(_) => None,
                }
            }
        }
    }

    /// At death: takes what is armed out of the wheel, and ourselves out of the roster.
    pub(crate) fn disarm(&mut self, timers: &Timers) {
        let Some(member) = self.member.take() else { return };
        let slots = self.slots.iter_mut().filter_map(|slot| slot.handle.take());
        let alarm = self.alarm.armed.take().and_then(|armed| armed.handle);
        let handles: Vec<_> = mem::take(&mut self.changes.cancel).into_iter().chain(slots).chain(alarm).collect();
        for few in handles.chunks(CHANGES_MAX) {
            let mut wheel = timers.open();
            wheel.cancel(few);
            wheel.close();
        }
        let mut wheel = timers.open();
        let cell = wheel.leave(member);
        wheel.close();
        drop(cell);
    }

    /// What was to come.
    pub(crate) fn into_commands(self) -> impl Iterator<Item = C> {
        let once = self.slots.first.into_iter().chain(self.slots.others).filter_map(|slot| match slot.what {
            What::Once(command) => Some(command),
            What::Every(_) | What::Free(_) => None,
        });
        once.chain(self.alarm.wanted.map(|(_, _, command)| command))
    }
}

/// A share between 0 and 1, in units of 2^-32.
pub(super) fn share(of_one: f64) -> u64 {
    (of_one.clamp(0.0, 1.0) * 4_294_967_296.0) as u64
}

/// Up to that share of a time, by a draw of 64 bits.
pub(super) fn jittered(time: Duration, share: u64, draw: u64) -> Duration {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let most = (u128::from(nanos) * u128::from(share)) >> 32;
    Duration::from_nanos(((most * u128::from(draw)) >> 64) as u64)
}

/// Slots by tag: the first lies here, as most automata have one timer, so that neither to set it allocates, nor to fire it leads on
/// to memory that nobody has touched for long.
#[repr(C)]
struct Table<C> {
    first: Option<Slot<C>>,
    others: Vec<Slot<C>>,
}

impl<C> Table<C> {
    const fn new() -> Table<C> {
        Table { first: None, others: Vec::new() }
    }

    #[inline]
    fn get_mut(&mut self, tag: u32) -> Option<&mut Slot<C>> {
        match tag {
            0 => self.first.as_mut(),
            _ => self.others.get_mut(tag as usize - 1),
        }
    }

    /// Adds one; returns its tag.
    #[inline]
    fn push(&mut self, slot: Slot<C>) -> u32 {
        if self.first.is_none() {
            self.first = Some(slot);
            return 0;
        }
        self.others.push(slot);
        self.others.len() as u32
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<C>> {
        self.first.iter_mut().chain(&mut self.others)
    }

    /// For how many there is room besides the first.
    fn capacity(&self) -> usize {
        self.others.capacity()
    }
}

impl<C> Slot<C> {
    /// The tag is free; hands back what it was.
    #[inline]
    fn release(&mut self, tag: u32, free: &mut u32) -> What<C> {
        self.handle = None;
        mem::replace(&mut self.what, What::Free(mem::replace(free, tag)))
    }

    /// When it is due, its arming, and where its handle goes.
    fn place(&mut self) -> (Time, u64, &mut Option<Handle>) {
        (self.at, self.arming, &mut self.handle)
    }
}

impl<C> Every<C> {
    /// This deadline with its jitter.
    fn deadline(&self, seed: u64, draw: u64) -> Time {
        self.base.after(jittered(self.period, self.jitter, mix(seed, ALARM.into(), draw)))
    }

    /// Moves to the next period that is not over: those missed are skipped, none is made up for in a burst, and no lateness
    /// adds up.
    fn again(&mut self, now: Time, seed: u64, draw: u64) -> Time {
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        let missed = now.0.saturating_sub(self.base.0) / period;
        self.base = Time(self.base.0.saturating_add(period.saturating_mul(missed + 1)));
        self.deadline(seed, draw)
    }
}
