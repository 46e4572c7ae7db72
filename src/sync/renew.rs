//! A value that is made when it is first needed, and anew after each [`renew`](Renew::renew); whoever has the old one keeps it.
//!
//! ```text
//!            get_or_init: one makes it
//!   empty ------------------------------> value ---- get_or_init: an Arc of it ----> readers, for as long as they like
//!         <------------------------------
//!                     renew
//! ```
//! Reach for it for what goes stale: a configuration read from a file, a resolved address, a table that depends on either. It may
//! be a static. What never goes stale wants a [`Once`](super::once::Once), which lends a plain `&T` for the price of one load:
//! and for that reason can't be emptied while it is shared.
//!
//! ```
//! use rsm::sync::renew::Renew;
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//! use std::thread;
//!
//! struct Config { version: u32 }
//!
//! static CONFIG: Renew<Config> = Renew::new();
//! static READS: AtomicU32 = AtomicU32::new(0);
//!
//! fn read_the_file() -> Config {
//!     Config { version: READS.fetch_add(1, Relaxed) + 1 }
//! }
//!
//! thread::scope(|scope| {
//!     // Ten requests need the configuration at once; one of them reads the file.
//!     for _ in 0..10 {
//!         scope.spawn(|| assert_eq!(CONFIG.get_or_init(read_the_file).version, 1));
//!     }
//! });
//! let mine = CONFIG.get_or_init(read_the_file);
//! CONFIG.renew(); // somebody has changed the file
//! assert_eq!(CONFIG.get_or_init(read_the_file).version, 2);
//! assert_eq!(mine.version, 1); // a request under way goes on with what it began with
//! ```
//! **The value is made under the lock**, so that it is made once: who needs it meanwhile waits, and so does `renew`. A `make` that
//! fails or panics leaves it empty. One that asks for the value it makes would wait for itself for ever; builds with debug
//! assertions panic instead.
//!
//! It is for threads, and has no futures: it is made of an [`RwLock`], which is never held across an await. A task that
//! would wait for what is made anew, by waiting for others itself, asks an automaton for it.
//!
//! N1 between two calls of `renew` at most one value is made. N2 who has a value keeps it.

use super::once::InitError;
use super::once::owner::Owner;
use super::rwlock::{ReadGuard, RwLock, WriteGuard};
use super::shim::const_fn;
use super::{Busy, TimedOut};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A value that is made when it is needed and can be made anew. Each reader has a share of it.
///
/// It may be shared if its value may be sent and shared:
///
/// ```compile_fail,E0277
/// static CELL: rsm::sync::renew::Renew<std::cell::Cell<u32>> = rsm::sync::renew::Renew::new();
/// ```
pub struct Renew<T> {
    owner: Owner,
    value: RwLock<Option<Arc<T>>>,
}

impl<T> Renew<T> {
    const_fn! {
        /// No value yet.
        pub const fn new() -> Renew<T> {
            Renew { owner: Owner::new(), value: RwLock::new(None) }
        }
    }

    /// The value, if it is there. Waits only while one is being made.
    pub fn get(&self) -> Option<Arc<T>> {
        self.owner.check();
        self.value.read().clone()
    }

    /// The value, if it is there and neither being made nor renewed. Never waits.
    pub fn try_get(&self) -> Option<Arc<T>> {
        self.value.try_read()?.clone()
    }

    /// As [`get`](Renew::get), that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making or renewing it.
    pub fn get_timeout(&self, time: Duration) -> Result<Option<Arc<T>>, TimedOut> {
        self.get_by(|| Limit::after(time))
    }

    /// As [`get`](Renew::get), until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making or renewing it.
    pub fn get_until(&self, instant: Instant) -> Result<Option<Arc<T>>, TimedOut> {
        self.get_by(|| Limit(Some(instant)))
    }

    /// The value; made by `make` if it is not there. If another makes it now, waits for that one.
    ///
    /// # Panics
    /// If `make` does; then there is still no value. With debug assertions, if `make` asks for this very value.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let Ok(value) = self.get_or_try_init(|| Ok::<T, Infallible>(make()));
        value
    }

    /// As [`get_or_init`](Renew::get_or_init), with a `make` that may fail: then there is still no value.
    ///
    /// # Errors
    /// That of `make`. Others' errors are theirs.
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        self.get().map_or_else(|| self.fill(self.value.write(), make), Ok)
    }

    /// As [`get_or_init`](Renew::get_or_init), but never waits for others: `None` if another makes, renews or fetches it just now.
    pub fn try_get_or_init(&self, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        let Ok(value) = self.try_get_or_try_init(|| Ok::<T, Infallible>(make()))?;
        Some(value)
    }

    /// As [`get_or_try_init`](Renew::get_or_try_init), but never waits for others: `None` if another makes, renews or fetches it just
    /// now.
    ///
    /// # Errors
    /// That of `make`.
    pub fn try_get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Option<Result<Arc<T>, E>> {
        match self.try_get() {
            Some(value) => Some(Ok(value)),
            None => Some(self.fill(self.value.try_write()?, make)),
        }
    }

    /// As [`get_or_init`](Renew::get_or_init), waiting for others that long at most. The time that `make` takes does not count.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making it.
    pub fn get_or_init_timeout(&self, time: Duration, make: impl FnOnce() -> T) -> Result<Arc<T>, TimedOut> {
        unfailing(self.fill_by(|| Limit::after(time), || Ok(make())))
    }

    /// As [`get_or_init`](Renew::get_or_init), waiting for others until then at most. The time that `make` takes does not count.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making it.
    pub fn get_or_init_until(&self, instant: Instant, make: impl FnOnce() -> T) -> Result<Arc<T>, TimedOut> {
        unfailing(self.fill_by(|| Limit(Some(instant)), || Ok(make())))
    }

    /// As [`get_or_try_init`](Renew::get_or_try_init), waiting for others that long at most. The time that `make` takes does not
    /// count.
    ///
    /// # Errors
    /// [`InitError`]: another was still making it, or `make` failed.
    pub fn get_or_try_init_timeout<E>(
        &self,
        time: Duration,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, InitError<E>> {
        self.fill_by(|| Limit::after(time), make)
    }

    /// As [`get_or_try_init`](Renew::get_or_try_init), waiting for others until then at most. The time that `make` takes does not
    /// count.
    ///
    /// # Errors
    /// [`InitError`]: another was still making it, or `make` failed.
    pub fn get_or_try_init_until<E>(
        &self,
        instant: Instant,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, InitError<E>> {
        self.fill_by(|| Limit(Some(instant)), make)
    }

    /// Empties it: the next who needs the value makes it anew. Returns the old one. Waits only while one is being made.
    pub fn renew(&self) -> Option<Arc<T>> {
        self.owner.check();
        self.value.write().take()
    }

    /// As [`renew`](Renew::renew), but never waits: `Err` if another makes, renews or fetches it just now, and nothing was changed.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn try_renew(&self) -> Result<Option<Arc<T>>, Busy> {
        Ok(self.value.try_write().ok_or(Busy)?.take())
    }

    /// As [`renew`](Renew::renew), that long at most.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making it. Nothing was changed.
    pub fn renew_timeout(&self, time: Duration) -> Result<Option<Arc<T>>, TimedOut> {
        self.owner.check();
        Ok(self.value.write_timeout(time)?.take())
    }

    /// As [`renew`](Renew::renew), until then at most.
    ///
    /// # Errors
    /// [`TimedOut`]: another was still making it. Nothing was changed.
    pub fn renew_until(&self, instant: Instant) -> Result<Option<Arc<T>>, TimedOut> {
        self.owner.check();
        Ok(self.value.write_until(instant)?.take())
    }

    /// The clock is read only by who has to wait.
    fn get_by(&self, limit: impl FnOnce() -> Limit) -> Result<Option<Arc<T>>, TimedOut> {
        if let Some(value) = self.value.try_read() {
            return Ok(value.clone());
        }
        self.owner.check();
        Ok(limit().read(&self.value)?.clone())
    }

    /// First as one who reads, as others may do so besides; then, if there is nothing, as one who makes it.
    fn fill_by<E>(
        &self,
        limit: impl FnOnce() -> Limit,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, InitError<E>> {
        if let Some(value) = self.try_get() {
            return Ok(value);
        }
        self.owner.check();
        let limit = limit();
        let found = limit.read(&self.value)?.clone();
        match found {
            Some(value) => Ok(value),
            None => self.fill(limit.write(&self.value)?, make).map_err(InitError::Failed),
        }
    }

    fn fill<E>(
        &self,
        mut place: WriteGuard<'_, Option<Arc<T>>>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        // Another may have made it while we waited for the lock.
        if let Some(value) = &*place {
            return Ok(value.clone());
        }
        let _owned = self.owner.enter();
        let value = Arc::new(make()?);
        *place = Some(value.clone());
        Ok(value)
    }
}

/// How long to wait for the lock, reading and writing together; `None` is for ever.
#[derive(Clone, Copy)]
struct Limit(Option<Instant>);

impl Limit {
    fn after(time: Duration) -> Limit {
        Limit(Instant::now().checked_add(time))
    }

    fn read<T>(self, value: &RwLock<T>) -> Result<ReadGuard<'_, T>, TimedOut> {
        self.0.map_or_else(|| Ok(value.read()), |instant| value.read_until(instant))
    }

    fn write<T>(self, value: &RwLock<T>) -> Result<WriteGuard<'_, T>, TimedOut> {
        self.0.map_or_else(|| Ok(value.write()), |instant| value.write_until(instant))
    }
}

/// The outcome of a `make` that does not fail.
fn unfailing<T>(outcome: Result<Arc<T>, InitError<Infallible>>) -> Result<Arc<T>, TimedOut> {
    outcome.map_err(|InitError::TimedOut| TimedOut)
}

impl<T> Default for Renew<T> {
    fn default() -> Self {
        Renew::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for Renew<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value.try_read().as_deref() {
            Some(Some(value)) => f.debug_tuple("Renew").field(value).finish(),
            Some(None) => f.write_str("Renew(empty)"),
            None => f.write_str("Renew(busy)"),
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use crate::sync::shim::{AtomicU64, Ordering::Relaxed};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    #[test]
    fn a_value_is_made_once_until_it_is_renewed() {
        static VALUE: Renew<u64> = Renew::new();
        static MADE: AtomicU64 = AtomicU64::new(0);
        let make = || MADE.fetch_add(1, Relaxed) + 1;
        assert_eq!((VALUE.get(), VALUE.try_get(), VALUE.renew()), (None, None, None));
        for round in 1..=3 {
            thread::scope(|scope| {
                (0..8).for_each(|_| drop(scope.spawn(|| assert_eq!(*VALUE.get_or_init(make), round))));
            });
            assert_eq!((MADE.load(Relaxed), VALUE.get().as_deref()), (round, Some(&round)), "N1");
            assert_eq!(VALUE.renew().as_deref(), Some(&round), "N2");
        }
    }

    #[test]
    fn who_has_a_value_keeps_it_and_the_last_one_drops_it() {
        let renew = Renew::new();
        let (first, second) = (renew.get_or_init(|| 1), renew.get_or_init(|| 2));
        assert!(Arc::ptr_eq(&first, &second));
        drop(renew.renew());
        assert_eq!((*first, Arc::strong_count(&first)), (1, 2), "N2");
        assert_eq!(*renew.get_or_init(|| 3), 3);
    }

    #[test]
    fn a_make_that_fails_leaves_it_empty() {
        let renew = Renew::new();
        assert_eq!(renew.get_or_try_init(|| Err("no")), Err("no"));
        assert!(catch_unwind(AssertUnwindSafe(|| renew.get_or_init(|| panic!("in the making")))).is_err());
        assert_eq!(format!("{renew:?}"), "Renew(empty)");
        assert_eq!(renew.get_or_try_init(|| Ok::<_, ()>(1)).as_deref(), Ok(&1));
        assert_eq!(format!("{renew:?}"), "Renew(1)");
    }

    #[test]
    fn a_wait_for_one_who_makes_the_value_gives_up_at_its_deadline() {
        let renew = Renew::new();
        thread::scope(|scope| {
            renew.get_or_init(|| {
                let late = scope.spawn(|| renew.get_or_init_timeout(Duration::from_millis(5), || 2));
                assert_eq!(late.join().unwrap(), Err(TimedOut));
                let over = scope.spawn(|| renew.get_or_init_until(Instant::now(), || 2));
                assert_eq!(over.join().unwrap(), Err(TimedOut));
                let asking = scope.spawn(|| renew.try_get());
                assert_eq!((asking.join().unwrap(), format!("{renew:?}")), (None, "Renew(busy)".to_string()));
                1
            });
        });
        assert_eq!(renew.get_or_init_timeout(Duration::ZERO, || 2).as_deref(), Ok(&1));
        renew.renew();
        assert_eq!(
            renew.get_or_init_until(Instant::now(), || 3).as_deref(),
            Ok(&3),
            "one who need not wait is not late"
        );
    }

    #[test]
    fn a_look_and_a_renewal_give_up_at_their_deadlines() {
        let renew = Renew::new();
        thread::scope(|scope| {
            renew.get_or_init(|| {
                let ask = || {
                    let soon = Duration::from_millis(1);
                    assert_eq!(
                        (renew.get_timeout(soon), renew.get_until(Instant::now())),
                        (Err(TimedOut), Err(TimedOut))
                    );
                    assert_eq!(renew.renew_timeout(soon), Err(TimedOut));
                    assert_eq!(renew.renew_until(Instant::now()), Err(TimedOut));
                    let make = || Err("not asked");
                    assert_eq!(renew.get_or_try_init_timeout(soon, make), Err(InitError::TimedOut));
                    assert_eq!(renew.get_or_try_init_until(Instant::now(), make), Err(InitError::TimedOut));
                    assert_eq!((renew.try_get_or_init(|| 2), renew.try_get_or_try_init(make)), (None, None));
                    assert_eq!(renew.try_renew(), Err(Busy));
                };
                scope.spawn(ask).join().unwrap();
                1
            });
        });
        assert_eq!(renew.get_timeout(Duration::ZERO).unwrap().as_deref(), Some(&1), "who need not wait is not late");
        assert_eq!(renew.get_until(Instant::now()).unwrap().as_deref(), Some(&1));
        assert_eq!(renew.try_get_or_init(|| 2).as_deref(), Some(&1));
        assert_eq!(renew.try_renew().unwrap().as_deref(), Some(&1));
        assert_eq!(renew.try_get_or_try_init(|| Err(3)), Some(Err(3)));
        assert_eq!(renew.get_or_try_init_timeout(Duration::MAX, || Err(4)), Err(InitError::Failed(4)));
        assert_eq!(renew.get_or_try_init_until(Instant::now(), || Ok::<_, ()>(5)).as_deref(), Ok(&5));
        assert_eq!(renew.renew_timeout(Duration::ZERO).unwrap().as_deref(), Some(&5));
        assert_eq!((renew.renew_until(Instant::now()), renew.try_renew()), (Ok(None), Ok(None)));
    }

    /// Threads that look at a value with a deadline that is over do not keep each other out.
    #[test]
    fn one_who_only_reads_is_not_late_because_another_reads() {
        let renew = Renew::new();
        renew.get_or_init(|| 1);
        let inside = renew.value.read();
        assert_eq!(renew.get_or_init_timeout(Duration::ZERO, || 2).as_deref(), Ok(&1));
        assert_eq!(renew.get_or_init_until(Instant::now(), || 2).as_deref(), Ok(&1));
        drop(inside);
    }

    #[cfg(debug_assertions)]
    #[test]
    fn what_makes_a_value_does_not_ask_for_it() {
        let renew: Renew<u32> = Renew::new();
        let asks: [&dyn Fn() -> u32; 5] = [
            &|| *renew.get_or_init(|| 1),
            &|| renew.renew().map_or(1, |old| *old),
            &|| renew.get_or_init_timeout(Duration::MAX, || 1).map_or(1, |value| *value),
            &|| renew.get_timeout(Duration::MAX).map_or(1, |_| 1),
            &|| renew.renew_until(Instant::now()).map_or(1, |_| 1),
        ];
        for ask in asks {
            let again = catch_unwind(AssertUnwindSafe(|| *renew.get_or_init(ask)));
            let rule = again.unwrap_err().downcast::<&str>().map(|text| text.to_string());
            assert!(rule.unwrap().starts_with("O5: "));
        }
        assert_eq!(*renew.get_or_init(|| 2), 2, "the panic ended the run");
    }
}
