//! `sync/once`: the value is made once, and one who waits for a run that fails is not forgotten.

use crate::common::{Alarm, Cell, block_on, poll};
use loom::thread;
use rsm::sync::TimedOut;
use rsm::sync::model::{Looks, Mutant, finds, model, model_with, strike};
use rsm::sync::once::{Once, TrySetError};
use rsm::sync::renew::Renew;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(1);

/// A once, and a cell that whoever runs writes: loom sees whether runs come one after the other, and before what they made.
struct Shared {
    once: Once<u32>,
    cell: Cell,
}

impl Shared {
    fn new() -> Arc<Shared> {
        Arc::new(Shared { once: Once::new(), cell: Cell::new(0) })
    }

    fn make(&self, value: u32) -> u32 {
        self.cell.set(self.cell.get() + 1);
        value
    }

    fn fail(&self) {
        let failed = self.once.get_or_try_init(|| {
            self.make(0);
            Err(())
        });
        assert!(failed.is_err() || failed == Ok(&7));
    }
}

fn spawn<T: 'static>(shared: &Arc<Shared>, run: impl FnOnce(&Shared) -> T + 'static) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
}

#[test]
fn one_makes_the_value_and_all_see_it() {
    model("once_init_init_get", 2, || {
        let shared = Shared::new();
        let making = [1, 2].map(|value| spawn(&shared, move |it| *it.once.get_or_init(|| it.make(value))));
        if let Some(&seen) = shared.once.get() {
            assert!(shared.cell.get() == 1 && (seen == 1 || seen == 2));
        }
        let made = making.map(|making| making.join().unwrap());
        assert_eq!((made[0], shared.once.get(), shared.cell.get()), (made[1], Some(&made[0]), 1));
        assert_eq!(shared.once.pending(), 0);
    });
}

#[test]
fn one_who_comes_by_sees_the_value_before_those_who_are_being_woken() {
    model_with("once_finish_get", 3, &[Looks::Newest], || {
        let shared = Shared::new();
        let mut waiting = Box::pin(shared.once.wait_async());
        assert!(poll(waiting.as_mut(), &Alarm::new()).is_pending());
        let making = spawn(&shared, |it| *it.once.get_or_init(|| it.make(7)));
        let seen = shared.once.get_or_init_until(Instant::now(), || shared.make(7));
        assert!(seen.is_err() || seen == Ok(&7) && shared.cell.get() == 1);
        assert_eq!((block_on(waiting), making.join().unwrap()), (&7, 7));
        assert_eq!(shared.once.pending(), 0);
    });
}

fn fail_init() {
    model("once_fail_init", 3, || {
        let shared = Shared::new();
        let failing = spawn(&shared, Shared::fail);
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7);
        failing.join().unwrap();
        assert!(shared.cell.get() <= 2 && shared.once.pending() == 0);
    });
}

#[test]
fn one_who_waits_for_a_run_that_fails_runs_next() {
    fail_init();
}

#[test]
fn a_run_that_fails_and_looks_for_nobody_is_found() {
    finds(Mutant::OnceFailsSilently, fail_init);
}

#[test]
fn a_panic_hands_the_run_on() {
    model("once_panic_init", 3, || {
        let shared = Shared::new();
        let failing = spawn(&shared, |it| {
            let run = || _ = it.once.get_or_init(|| std::panic::resume_unwind(Box::new("in the making")));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
        });
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7);
        failing.join().unwrap();
        assert_eq!((shared.cell.get(), shared.once.pending()), (1, 0));
    });
}

/// Two wait: one to try itself, one to watch, who stands before it.
#[test]
fn a_run_that_fails_is_handed_past_those_who_watch() {
    model_with("once_fail_watch_init", 3, &[Looks::Newest], || {
        let shared = Shared::new();
        let alarm = Alarm::new();
        let mut watching = Box::pin(shared.once.wait_async());
        assert!(poll(watching.as_mut(), &alarm).is_pending());
        let failing = spawn(&shared, Shared::fail);
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7);
        failing.join().unwrap();
        assert_eq!(block_on(watching), &7);
        assert_eq!(shared.once.pending(), 0);
    });
}

/// One who gives up is told at that moment that the run is now its own: it takes it, or nobody would.
#[test]
fn one_who_gives_up_has_the_run_or_leaves_it() {
    model("once_fail_init_until", 2, || {
        let shared = Shared::new();
        let clock = thread::spawn(strike);
        let failing = spawn(&shared, Shared::fail);
        let made = shared.once.get_or_init_timeout(SOON, || shared.make(7)).copied();
        clock.join().unwrap();
        failing.join().unwrap();
        assert!(made == Ok(7) || made == Err(TimedOut));
        assert_eq!((shared.once.is_set(), shared.once.pending()), (made.is_ok(), 0));
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7, "there is no run that nobody runs");
    });
}

#[test]
fn a_wait_that_gives_up_leaves_no_trace() {
    model_with("once_wait_until", 3, &[Looks::Newest], || {
        let shared = Shared::new();
        let making = spawn(&shared, |it| {
            it.once.get_or_init(|| {
                strike();
                it.make(7)
            });
        });
        if let Ok(value) = shared.once.wait_timeout(SOON) {
            assert_eq!((value, shared.cell.get()), (&7, 1));
        }
        making.join().unwrap();
        assert_eq!((shared.once.get(), shared.once.pending()), (Some(&7), 0));
    });
}

#[test]
fn a_future_that_is_dropped_while_the_value_is_made_leaves_no_trace() {
    model("once_future_drop", 3, || {
        let shared = Shared::new();
        let mut dropped = Box::pin(shared.once.wait_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let making = spawn(&shared, |it| *it.once.get_or_init(|| it.make(7)));
        drop(dropped);
        assert_eq!((block_on(shared.once.wait_async()), making.join().unwrap()), (&7, 7));
        assert_eq!(shared.once.pending(), 0);
    });
}

/// N1: a value that is renewed while others need it is made again, and whoever had it keeps it.
#[test]
fn a_value_is_renewed_while_others_need_it() {
    model_with("renew_init_renew", 3, &[Looks::Newest], || {
        let renew = Arc::new(Renew::new());
        let made = Arc::new(Cell::new(0));
        let need = {
            let (renew, made) = (renew.clone(), made.clone());
            move || {
                let value = renew.get_or_init(|| {
                    made.set(made.get() + 1);
                    made.get()
                });
                assert!(*value == 1 || *value == 2);
                *value
            }
        };
        let other = thread::spawn(need.clone());
        let old = renew.renew();
        let mine = need();
        let theirs = other.join().unwrap();
        assert!(old.as_deref().is_none_or(|old| *old == 1));
        assert_eq!(made.get(), mine.max(theirs), "made once, and once more if it was renewed in between");
        assert_eq!(made.get() == 2, old.is_some());
    });
}

/// Two bring a value: one is taken, the other handed back, and who only looks sees the one that was taken.
#[test]
fn of_two_values_one_is_taken() {
    model("once_set_set_get", 2, || {
        let shared = Shared::new();
        let setting = [1, 2].map(|value| spawn(&shared, move |it| it.once.set(value).is_ok()));
        let seen = shared.once.get().copied();
        let taken = setting.map(|setting| setting.join().unwrap());
        assert!(taken[0] != taken[1]);
        let value = if taken[0] { 1 } else { 2 };
        assert!(seen.is_none_or(|seen| seen == value));
        assert_eq!((shared.once.get(), shared.once.pending()), (Some(&value), 0));
    });
}

/// N1: of two who renew one has the old value, and who has it keeps it.
#[test]
fn a_value_is_renewed_by_two() {
    model("renew_renew_get", 2, || {
        let renew = Arc::new(Renew::new());
        renew.get_or_init(|| 1);
        let renewing = [(); 2].map(|()| {
            let renew = renew.clone();
            thread::spawn(move || renew.renew().is_some())
        });
        let seen = renew.get();
        let had = renewing.map(|renewing| renewing.join().unwrap());
        assert!(had[0] != had[1], "one took it out");
        assert!(seen.is_none_or(|seen| *seen == 1));
        assert!(renew.get().is_none());
    });
}

/// A value is brought while another is made, and a task waits for either.
#[test]
fn a_value_is_brought_while_another_is_made() {
    model_with("once_set_init_wait", 3, &[Looks::Newest], || {
        let shared = Shared::new();
        let mut waiting = Box::pin(shared.once.wait_async());
        assert!(poll(waiting.as_mut(), &Alarm::new()).is_pending());
        let setting = spawn(&shared, |it| it.once.set(1).is_ok());
        let made = *shared.once.get_or_init(|| shared.make(7));
        let value = if setting.join().unwrap() { 1 } else { 7 };
        assert_eq!((made, block_on(waiting), shared.cell.get()), (value, &value, u32::from(value == 7)));
        assert_eq!(shared.once.pending(), 0);
    });
}

/// A task was making the value and is dropped, while a thread comes to wait for it: the thread makes it.
#[test]
fn a_task_that_is_dropped_while_it_makes_the_value_hands_the_run_on() {
    model("once_task_drop_init", 3, || {
        let shared = Shared::new();
        let mut making = Box::pin(shared.once.get_or_init_async(std::future::pending));
        assert!(poll(making.as_mut(), &Alarm::new()).is_pending());
        let other = spawn(&shared, |it| *it.once.get_or_init(|| it.make(7)));
        drop(making);
        assert_eq!((other.join().unwrap(), shared.once.get(), shared.cell.get()), (7, Some(&7), 1));
        assert_eq!(shared.once.pending(), 0);
    });
}

/// A task waits for its turn to make the value and is dropped, perhaps with the run that it was handed: the thread behind it has it.
#[test]
fn a_task_that_is_dropped_with_the_run_hands_it_on() {
    model("once_handed_drop_init", 2, || {
        let shared = Shared::new();
        let mut making = Box::pin({
            let shared = shared.clone();
            async move { *shared.once.get_or_init_async(std::future::pending).await }
        });
        assert!(poll(making.as_mut(), &Alarm::new()).is_pending());
        let mut next = Box::pin(shared.once.set_async(1));
        assert!(poll(next.as_mut(), &Alarm::new()).is_pending());
        let last = spawn(&shared, |it| *it.once.get_or_init(|| it.make(7)));
        let failing = thread::spawn(move || drop(making));
        drop(next);
        failing.join().unwrap();
        assert_eq!((last.join().unwrap(), shared.once.get(), shared.once.pending()), (7, Some(&7), 0));
    });
}

/// A task waits to bring a value and is dropped while another makes one, perhaps after it was told so.
#[test]
fn a_task_that_would_bring_a_value_is_dropped_while_one_is_made() {
    model("once_set_dropped_init", 3, || {
        let shared = Shared::new();
        let making = spawn(&shared, |it| *it.once.get_or_init(|| it.make(7)));
        let mut setting = Box::pin(shared.once.set_async(1));
        let set = poll(setting.as_mut(), &Alarm::new());
        drop(setting);
        let value = if set == Poll::Ready(Ok(())) { 1 } else { 7 };
        assert_eq!((making.join().unwrap(), shared.once.get(), shared.once.pending()), (value, Some(&value), 0));
    });
}

/// The deadline comes while another makes the value: who would make it has it, or has changed nothing.
#[test]
fn one_who_would_make_the_value_gives_up_while_it_is_made() {
    model("once_init_until_init", 3, || {
        let shared = Shared::new();
        let making = spawn(&shared, |it| {
            let make = || {
                strike();
                it.make(7)
            };
            *it.once.get_or_init(make)
        });
        let made = shared.once.get_or_init_timeout(SOON, || shared.make(1)).copied();
        let value = making.join().unwrap();
        assert!(made == Ok(value) || (made, value) == (Err(TimedOut), 7));
        assert_eq!((shared.once.get(), shared.cell.get(), shared.once.pending()), (Some(&value), 1, 0));
    });
}

/// One who brings a value and does not wait, while a run fails: it is put in, or handed back.
#[test]
fn a_value_that_is_brought_without_waiting_is_taken_or_handed_back() {
    model("once_fail_try_set", 3, || {
        let shared = Shared::new();
        let failing = spawn(&shared, Shared::fail);
        let brought = shared.once.try_set(7);
        failing.join().unwrap();
        assert_eq!(shared.once.get(), brought.is_ok().then_some(&7));
        assert!(brought.is_ok() || brought == Err(TrySetError::Busy(7)));
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7, "there is no run that nobody runs");
    });
}

/// The deadline comes while another makes the value: whoever gives up has changed nothing.
#[test]
fn a_renewal_gives_up_or_empties_it() {
    model_with("renew_until_init", 3, &[Looks::Newest], || {
        let renew = Arc::new(Renew::new());
        let making = thread::spawn({
            let renew = renew.clone();
            move || {
                let make = || {
                    strike();
                    Ok::<u32, ()>(1)
                };
                *renew.get_or_try_init_timeout(SOON, make).expect("it waits for nobody who stays")
            }
        });
        let old = renew.renew_timeout(SOON);
        assert_eq!(making.join().unwrap(), 1);
        let had = matches!(old, Ok(Some(_)));
        assert_eq!(renew.get().is_none(), had, "N1: it was emptied, or it is there");
    });
}

/// A task that watches gives up while a run fails, and another waits to run: it does, whoever was told.
#[test]
fn one_who_watches_gives_up_while_a_run_fails() {
    model_with("once_watch_dropped_fail_init", 3, &[Looks::Newest], || {
        let shared = Shared::new();
        let mut dropped = Box::pin(shared.once.wait_async());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let failing = spawn(&shared, Shared::fail);
        drop(dropped);
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7);
        failing.join().unwrap();
        assert_eq!(shared.once.pending(), 0);
    });
}

/// Two runs fail one after the other, and one waits for either.
#[test]
fn two_runs_that_fail_are_handed_on() {
    model_with("once_fail_fail_init", 3, &[Looks::Newest], || {
        let shared = Shared::new();
        let failing = spawn(&shared, |it| {
            it.fail();
            it.fail();
        });
        assert_eq!(shared.once.get_or_init(|| shared.make(7)), &7);
        failing.join().unwrap();
        assert!(shared.cell.get() <= 3 && shared.once.pending() == 0);
    });
}

/// Two need the value at once, or one of them fails to make it: it is made once, and both that have it have the same.
#[test]
fn of_two_who_need_a_value_one_makes_it() {
    model_with("renew_make_make", 3, &[Looks::Newest], || {
        let it = Arc::new((Renew::new(), Cell::new(0)));
        let make = |it: &(Renew<u32>, Cell)| {
            *it.0.get_or_init(|| {
                it.1.set(it.1.get() + 1);
                it.1.get()
            })
        };
        let other = thread::spawn({
            let it = it.clone();
            move || make(&it)
        });
        assert_eq!((make(&it), other.join().unwrap(), it.1.get()), (1, 1, 1), "N1");
    });
    model_with("renew_fail_make", 3, &[Looks::Newest], || {
        let renew = Arc::new(Renew::new());
        let failing = thread::spawn({
            let renew = renew.clone();
            move || renew.get_or_try_init(|| Err(7)).map(|value| *value)
        });
        let made = *renew.get_or_init(|| 1);
        let failed = failing.join().unwrap();
        assert!(failed == Err(7) || failed == Ok(1), "one who fails leaves it empty, or finds what is there");
        assert_eq!((made, renew.get().as_deref()), (1, Some(&1)));
    });
}
