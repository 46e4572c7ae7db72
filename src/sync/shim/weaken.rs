//! loom's atomics, made weaker at one place of the code if asked to: so `scripts/weaken` finds the orderings that no model needs.
//!
//! ```text
//!   RSM_WEAKEN=src/sync/turn.rs:90            the access called for on that line is Relaxed; a fence there is none
//!   RSM_WEAKEN=src/sync/event.rs:194:acquire  it loses that half alone; likewise `release`, and `failure` of an exchange
//! ```
//! The place is that of the caller, by `#[track_caller]`: functions that take an ordering from their caller carry it as well, under
//! `cfg(rsm_loom)`. One build of the models serves all flips.

use super::super::super::model;
use super::super::Ordering;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool as Flag;

/// What is taken from an access.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Acquire,
    Release,
    Failure,
}

struct Flip {
    file: String,
    line: u32,
    part: Part,
}

static FLIP: OnceLock<Option<Flip>> = OnceLock::new();
/// Whether a model has come by the place.
static REACHED: Flag = Flag::new(false);

impl Flip {
    fn read() -> Option<Flip> {
        let text = std::env::var("RSM_WEAKEN").ok()?;
        let mut words = text.split(':');
        let file = words.next().unwrap_or_default().to_owned();
        let line = words.next().and_then(|line| line.parse().ok());
        let line = line.unwrap_or_else(|| panic!("RSM_WEAKEN={text}: want FILE:LINE or FILE:LINE:PART"));
        let part = match words.next() {
            None => Part::Whole,
            Some("acquire") => Part::Acquire,
            Some("release") => Part::Release,
            Some("failure") => Part::Failure,
            Some(other) => panic!("RSM_WEAKEN={text}: {other} is none of acquire, release, failure"),
        };
        Some(Flip { file, line, part })
    }

    /// What is to be taken from an access that is called for here.
    #[track_caller]
    fn here() -> Option<Part> {
        let flip = FLIP.get_or_init(Flip::read).as_ref()?;
        let place = Location::caller();
        if place.line() != flip.line || place.file() != flip.file {
            return None;
        }
        if !REACHED.swap(true, Ordering::Relaxed) {
            eprintln!("weakened {}:{}", flip.file, flip.line);
        }
        Some(flip.part)
    }
}

/// The ordering of an access, or of an exchange that succeeds.
#[track_caller]
fn success(order: Ordering) -> Ordering {
    match (Flip::here(), order) {
        (None | Some(Part::Failure), _) => order,
        (Some(Part::Acquire), Ordering::AcqRel) => Ordering::Release,
        (Some(Part::Release), Ordering::AcqRel) => Ordering::Acquire,
        (Some(Part::Whole | Part::Acquire | Part::Release), _) => Ordering::Relaxed,
    }
}

/// The ordering of an exchange that fails.
#[track_caller]
fn failure(order: Ordering) -> Ordering {
    if Flip::here() == Some(Part::Failure) { Ordering::Relaxed } else { order }
}

/// loom's fence.
#[allow(dead_code, reason = "each of the three shims has what the floors may ask for")]
#[track_caller]
pub(crate) fn fence(order: Ordering) {
    match Flip::here() {
        None | Some(Part::Failure) => loom::sync::atomic::fence(order),
        Some(Part::Acquire) if order != Ordering::Acquire => loom::sync::atomic::fence(Ordering::Release),
        Some(Part::Release) if order != Ordering::Release => loom::sync::atomic::fence(Ordering::Acquire),
        Some(Part::Whole | Part::Acquire | Part::Release) => {}
    }
}

/// What all atomics have.
macro_rules! accesses {
    ($value:ty, $any:expr) => {
        #[track_caller]
        pub(crate) fn load(&self, order: Ordering) -> $value {
            self.0.load(success(order))
        }

        #[track_caller]
        pub(crate) fn store(&self, value: $value, order: Ordering) {
            self.0.store(value, success(order));
        }

        #[track_caller]
        pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
            self.0.swap(value, success(order))
        }

        #[track_caller]
        pub(crate) fn compare_exchange(
            &self,
            now: $value,
            next: $value,
            order: Ordering,
            otherwise: Ordering,
        ) -> Result<$value, $value> {
            self.0.compare_exchange(now, next, success(order), failure(otherwise))
        }

        #[track_caller]
        pub(crate) fn compare_exchange_weak(
            &self,
            now: $value,
            next: $value,
            order: Ordering,
            otherwise: Ordering,
        ) -> Result<$value, $value> {
            self.0.compare_exchange_weak(now, next, success(order), failure(otherwise))
        }

        #[track_caller]
        pub(crate) fn fetch_update(
            &self,
            order: Ordering,
            otherwise: Ordering,
            mut change: impl FnMut($value) -> Option<$value>,
        ) -> Result<$value, $value> {
            let (order, otherwise) = (success(order), failure(otherwise));
            // As `probe::look`: loom remembers one last access of a word, so a plain load would hide the looks of others.
            let mut now = match model::looks_are_new() {
                true => self.0.compare_exchange($any, $any, otherwise, otherwise).unwrap_or_else(|now| now),
                false => self.0.load(otherwise),
            };
            while let Some(next) = change(now) {
                match self.0.compare_exchange_weak(now, next, order, otherwise) {
                    Ok(before) => return Ok(before),
                    Err(seen) => now = seen,
                }
            }
            Err(now)
        }
    };
}

/// An atomic of a plain type, with its own exchanges besides.
macro_rules! atomic {
    ($name:ident, $value:ty, $($exchange:ident)*) => {
        /// loom's, which may be weakened.
        #[derive(Debug, Default)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "each has what that of std has, as far as the floors may ask for it")]
        impl $name {
            #[track_caller]
            pub(crate) fn new(value: $value) -> $name {
                $name(loom::sync::atomic::$name::new(value))
            }

            accesses!($value, <$value>::default());

            $(
                #[track_caller]
                pub(crate) fn $exchange(&self, value: $value, order: Ordering) -> $value {
                    self.0.$exchange(value, success(order))
                }
            )*
        }
    };
}

/// A number.
macro_rules! number {
    ($name:ident, $value:ty) => {
        atomic!($name, $value, fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min);

        #[allow(dead_code, reason = "as above")]
        impl $name {
            #[track_caller]
            pub(crate) fn with_mut<R>(&mut self, visit: impl FnOnce(&mut $value) -> R) -> R {
                self.0.with_mut(visit)
            }
        }
    };
}

atomic!(AtomicBool, bool, fetch_and fetch_or fetch_xor);
number!(AtomicU8, u8);
number!(AtomicU32, u32);
number!(AtomicU64, u64);
number!(AtomicUsize, usize);

/// loom's, which may be weakened.
#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(loom::sync::atomic::AtomicPtr<T>);

#[allow(dead_code, reason = "it has what that of std has, as far as the floors may ask for it")]
impl<T> AtomicPtr<T> {
    #[track_caller]
    pub(crate) fn new(value: *mut T) -> AtomicPtr<T> {
        AtomicPtr(loom::sync::atomic::AtomicPtr::new(value))
    }

    accesses!(*mut T, std::ptr::null_mut());

    #[track_caller]
    pub(crate) fn with_mut<R>(&mut self, visit: impl FnOnce(&mut *mut T) -> R) -> R {
        self.0.with_mut(visit)
    }
}
