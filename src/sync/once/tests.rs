use super::*;
use crate::sync::testing::{Wakes, block_on, poll};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

const LONG: Duration = Duration::from_secs(60);

fn until_pending<T>(once: &Once<T>, count: usize) {
    while once.pending() != count {
        thread::yield_now();
    }
}

#[test]
fn of_many_who_need_the_value_one_makes_it() {
    let once = Once::new();
    let made = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let value = once.get_or_init(|| made.fetch_add(1, Relaxed) + 41);
                assert_eq!(*value, 41);
            });
        }
    });
    assert_eq!((made.into_inner(), once.pending()), (1, 0));
}

#[test]
fn a_value_is_set_once_and_a_second_is_handed_back() {
    let once = Once::new();
    assert_eq!((once.get(), once.is_set()), (None, false));
    assert_eq!(format!("{once:?}"), "Once(empty)");
    assert_eq!(once.set("first".to_string()), Ok(()));
    assert_eq!(once.set("second".to_string()), Err("second".to_string()));
    assert_eq!(once.get_or_init(|| unreachable!()), "first");
    assert_eq!(once.get_or_try_init(|| Err("no")), Ok(&"first".to_string()));
    assert_eq!((once.is_set(), format!("{once:?}")), (true, "Once(\"first\")".to_string()));
}

#[test]
fn a_failed_run_leaves_nothing_and_the_next_may_try() {
    let once = Once::new();
    assert_eq!(once.get_or_try_init(|| Err("no")), Err("no"));
    assert!(catch_unwind(|| once.get_or_init(|| panic!("in the making"))).is_err());
    assert!(!once.is_set());
    assert_eq!(once.get_or_try_init(|| Ok::<_, ()>(7)), Ok(&7));
}

#[test]
fn the_oldest_who_waits_runs_when_a_run_fails_and_each_sees_its_own_error() {
    let once: Once<u32> = Once::new();
    let order = crate::sync::lock::Lock::new(Vec::new());
    thread::scope(|scope| {
        let failing = once.get_or_try_init(|| {
            for number in 0..4 {
                let (once, order) = (&once, &order);
                scope.spawn(move || {
                    let result = once.get_or_try_init(|| {
                        order.lock().push(number);
                        if number == 2 { Ok(number) } else { Err(number) }
                    });
                    assert_eq!(result, if number < 2 { Err(number) } else { Ok(&2) });
                });
                until_pending(once, number as usize + 1);
            }
            Err(100)
        });
        assert_eq!(failing, Err(100));
    });
    assert_eq!((order.into_inner(), once.get()), (vec![0, 1, 2], Some(&2)));
}

#[test]
fn those_who_merely_wait_stand_in_nobodys_way_when_a_run_fails() {
    let once: Once<u32> = Once::new();
    let (wakes, waker) = Wakes::new();
    let mut watching: Vec<_> = (0..70).map(|_| Box::pin(once.wait_async())).collect();
    thread::scope(|scope| {
        let failed = once.get_or_try_init(|| {
            for future in &mut watching {
                assert!(poll(future.as_mut(), &waker).is_pending());
            }
            scope.spawn(|| assert_eq!(once.get_or_init(|| 5), &5));
            until_pending(&once, 71);
            Err(())
        });
        assert_eq!(failed, Err(()));
        assert_eq!(once.wait_timeout(LONG), Ok(&5));
    });
    for future in &mut watching {
        assert_eq!(poll(future.as_mut(), &waker), Poll::Ready(&5));
    }
    assert!(wakes.count() >= 70 && once.pending() == 0);
}

#[test]
fn those_who_merely_wait_go_on_waiting_when_a_run_fails() {
    let once: Once<u32> = Once::new();
    let (wakes, waker) = Wakes::new();
    let mut watching = std::pin::pin!(once.wait_async());
    assert!(poll(watching.as_mut(), &waker).is_pending());
    assert_eq!(once.get_or_try_init(|| Err(())), Err(()));
    assert!(poll(watching.as_mut(), &waker).is_pending());
    assert_eq!((wakes.count(), once.pending(), once.set(3)), (0, 1, Ok(())));
    assert_eq!(poll(watching.as_mut(), &waker), Poll::Ready(&3));
}

#[test]
fn a_wait_gives_up_at_its_deadline() {
    let once: Once<u32> = Once::new();
    assert_eq!(once.wait_timeout(Duration::from_millis(5)), Err(TimedOut));
    assert_eq!(once.wait_until(Instant::now()), Err(TimedOut));
    thread::scope(|scope| {
        let value = once.get_or_init(|| {
            let late = scope.spawn(|| once.get_or_init_timeout(Duration::from_millis(5), || 2));
            assert_eq!(late.join().unwrap(), Err(TimedOut));
            let over = scope.spawn(|| once.get_or_init_until(Instant::now(), || 2));
            assert_eq!(over.join().unwrap(), Err(TimedOut));
            1
        });
        assert_eq!(value, &1);
    });
    assert_eq!(once.pending(), 0);
    assert_eq!(once.wait_timeout(Duration::ZERO), Ok(&1), "what is there is taken even if the time is over");
    assert_eq!(once.get_or_init_until(Instant::now(), || 2), Ok(&1));
    let empty = Once::new();
    assert_eq!(empty.get_or_init_timeout(Duration::ZERO, || 3), Ok(&3), "one who need not wait is not late");
}

#[test]
fn a_dropped_future_leaves_no_trace() {
    let once: Once<u32> = Once::new();
    let mut future = Box::pin(once.wait_async());
    assert!(poll(future.as_mut(), std::task::Waker::noop()).is_pending());
    assert_eq!(once.pending(), 1);
    drop(future);
    assert_eq!((once.pending(), once.set(1)), (0, Ok(())));
}

#[test]
fn a_value_is_dropped_once_whatever_becomes_of_it() {
    let value = Arc::new(());
    let mut once = Once::from(value.clone());
    assert_eq!(Arc::strong_count(&value), 2);
    once.reset();
    assert_eq!((Arc::strong_count(&value), once.is_set()), (1, false));
    once.reset();
    once.set(value.clone()).unwrap();
    assert!(once.get_mut().is_some());
    assert_eq!(once.take().map(|taken| Arc::ptr_eq(&taken, &value)), Some(true));
    assert_eq!((once.take(), once.get_mut()), (None, None));
    once.set(value.clone()).unwrap();
    assert_eq!(once.into_inner(), Some(value.clone()));
    drop(Once::from(value.clone()));
    drop(Once::<Arc<()>>::new());
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn threads_and_tasks_wait_for_a_value_that_another_makes() {
    static VALUE: Once<u32> = Once::new();
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| assert_eq!(VALUE.wait(), &9))));
        (0..4).for_each(|_| drop(scope.spawn(|| assert_eq!(block_on(VALUE.wait_async()), &9))));
        until_pending(&VALUE, 8);
        VALUE.set(9).unwrap();
    });
    assert_eq!(VALUE.pending(), 0);
}

#[test]
fn every_run_may_fail_but_one_and_nobody_is_forgotten() {
    for _ in 0..50 {
        let once: Once<u64> = Once::new();
        let tries = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let fail_thrice = || match tries.fetch_add(1, Relaxed) {
                        3 => Ok(3),
                        other => Err(other),
                    };
                    once.get_or_try_init(fail_thrice)
                        .map_or_else(|error| assert!(error < 3), |value| assert_eq!(*value, 3));
                });
            }
            scope.spawn(|| assert_eq!(once.wait(), &3));
        });
        assert_eq!((tries.into_inner(), once.pending()), (4, 0));
    }
}

#[test]
fn a_set_says_why_it_came_to_nothing_and_hands_the_value_back() {
    let once: Once<&str> = Once::new();
    thread::scope(|scope| {
        once.get_or_init(|| {
            let bring = || {
                assert_eq!(once.try_set("mine"), Err(TrySetError::Busy("mine")));
                let soon = Duration::from_millis(1);
                assert_eq!(once.set_timeout("mine", soon), Err(SetTimeoutError::TimedOut("mine")));
                assert_eq!(once.set_until("mine", Instant::now()), Err(SetTimeoutError::TimedOut("mine")));
                assert_eq!((once.try_get_or_init(|| "mine"), once.pending()), (None, 0));
                let make = || Err("not asked");
                assert_eq!(once.try_get_or_try_init(make), None);
                assert_eq!(once.get_or_try_init_timeout(soon, make), Err(InitError::TimedOut));
                assert_eq!(once.get_or_try_init_until(Instant::now(), make), Err(InitError::TimedOut));
            };
            scope.spawn(bring).join().unwrap();
            "made"
        });
    });
    assert_eq!(once.try_set("mine"), Err(TrySetError::Set("mine")));
    assert_eq!(once.set_timeout("mine", LONG), Err(SetTimeoutError::Set("mine")));
    assert_eq!(once.set_until("mine", Instant::now()), Err(SetTimeoutError::Set("mine")));
    assert_eq!(block_on(once.set_async("mine")), Err("mine"));
    assert_eq!(once.try_get_or_try_init(|| Err(())), Some(Ok(&"made")));
}

#[test]
fn each_way_to_bring_a_value_brings_it_if_nobody_makes_one() {
    type Bring = dyn Fn(&Once<u32>) -> bool;
    let brought: [&Bring; 8] = [
        &|once| once.try_set(1).is_ok(),
        &|once| once.set_timeout(1, Duration::ZERO).is_ok(),
        &|once| once.set_until(1, Instant::now()).is_ok(),
        &|once| block_on(once.set_async(1)).is_ok(),
        &|once| once.try_get_or_init(|| 1).is_some(),
        &|once| once.get_or_try_init_timeout(Duration::MAX, || Ok::<_, ()>(1)).is_ok(),
        &|once| once.get_or_try_init_until(Instant::now(), || Ok::<_, ()>(1)).is_ok(),
        &|once| block_on(once.get_or_init_async(async || 1)) == &1,
    ];
    for bring in brought {
        let once = Once::new();
        let failed = once.get_or_try_init_timeout(Duration::ZERO, || Err("no"));
        assert_eq!((failed, once.is_set()), (Err(InitError::Failed("no")), false));
        assert_eq!(block_on(once.get_or_try_init_async(async || Err("no"))), Err("no"));
        assert!(bring(&once));
        assert_eq!(once.get(), Some(&1));
    }
}

#[test]
fn a_task_that_makes_the_value_keeps_others_waiting_until_it_is_dropped() {
    let once: Once<u32> = Once::new();
    let waker = std::task::Waker::noop();
    let mut making = Box::pin(once.get_or_init_async(std::future::pending));
    assert!(poll(making.as_mut(), waker).is_pending());
    assert_eq!(once.try_get_or_init(|| 1), None, "it makes it");
    let (wakes, next_waker) = Wakes::new();
    let mut next = std::pin::pin!(once.get_or_init_async(async || 2));
    assert!(poll(next.as_mut(), &next_waker).is_pending());
    thread::scope(|scope| {
        let last = scope.spawn(|| *once.get_or_init(|| 3));
        until_pending(&once, 2);
        drop(making);
        assert_eq!(wakes.count(), 1, "O4: the oldest, a task, runs now");
        assert_eq!(poll(next.as_mut(), &next_waker), Poll::Ready(&2));
        assert_eq!(last.join().unwrap(), 2);
    });
    assert_eq!(once.pending(), 0);
}

#[test]
fn a_task_that_is_dropped_with_the_run_it_was_handed_hands_it_on() {
    let once: Once<u32> = Once::new();
    let waker = std::task::Waker::noop();
    let (wakes, next_waker) = Wakes::new();
    let mut dropped = Box::pin(once.set_async(1));
    let mut next = Box::pin(once.set_async(2));
    let failed = once.get_or_try_init(|| {
        assert!(poll(dropped.as_mut(), waker).is_pending());
        assert!(poll(next.as_mut(), &next_waker).is_pending());
        Err(())
    });
    assert_eq!((failed, wakes.count(), once.pending()), (Err(()), 0, 1));
    drop(dropped);
    assert_eq!((wakes.count(), once.pending()), (1, 0));
    assert_eq!((poll(next.as_mut(), &next_waker), once.get()), (Poll::Ready(Ok(())), Some(&2)));
}

/// Each of them waits to run, is told that there is a value, and is dropped before it hears of it.
#[test]
fn a_task_that_is_dropped_after_another_has_made_the_value_changes_nothing() {
    let once: Once<u32> = Once::new();
    let mut setting = Box::pin(once.set_async(1));
    let mut making = Box::pin(once.get_or_init_async(async || 2));
    let mut trying = Box::pin(once.get_or_try_init_async(async || Err(())));
    once.get_or_init(|| {
        let waker = std::task::Waker::noop();
        assert!(poll(setting.as_mut(), waker).is_pending());
        assert!(poll(making.as_mut(), waker).is_pending());
        assert!(poll(trying.as_mut(), waker).is_pending());
        7
    });
    drop((setting, making, trying));
    assert_eq!((once.get(), once.pending()), (Some(&7), 0));
}

#[test]
fn a_make_of_a_task_that_panics_hands_the_run_on() {
    let once: Once<u32> = Once::new();
    let mut making = Box::pin(once.get_or_init_async(async || panic!("in the making")));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(making.as_mut(), std::task::Waker::noop()).is_ready())).is_err());
    assert_eq!(once.get_or_init(|| 4), &4);
}

#[cfg(debug_assertions)]
#[test]
fn what_makes_a_value_does_not_ask_for_it() {
    let once: Once<u32> = Once::new();
    let again = catch_unwind(AssertUnwindSafe(|| *once.get_or_init(|| *once.get_or_init(|| 1))));
    let rule = again.unwrap_err().downcast::<&str>().map(|text| text.to_string());
    assert!(rule.unwrap().starts_with("O5: "));
    assert!(catch_unwind(AssertUnwindSafe(|| *once.get_or_init(|| *once.wait()))).is_err());
    assert_eq!(once.get_or_init(|| 2), &2, "the panic ended the run");
}

#[test]
fn a_once_may_be_shared_and_its_wait_sent_if_the_value_may() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe>(_: &T) {}
    fn check_send<T: Send>(_: &T) {}
    let once = Once::<String>::new();
    check(&once);
    check_send(&once.wait_async());
    check_send(&once.set_async(String::new()));
    check_send(&once.get_or_init_async(async || String::new()));
}
