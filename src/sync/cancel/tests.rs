use super::*;
use crate::sync::testing::{Wakes, block_on, poll};
use std::pin::pin;
use std::task::{Wake, Waker};
use std::thread;

const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn cancelling_ends_what_is_below_and_nothing_above_or_beside() {
    let top = Cancel::new();
    let (left, right) = (top.child(), top.child());
    let below = [left.child(), left.child().child()];
    left.cancel();
    assert!(left.is_cancelled() && below.iter().all(Cancel::is_cancelled), "C1");
    assert!(!top.is_cancelled() && !right.is_cancelled());
    top.cancel();
    top.cancel();
    assert!(right.is_cancelled(), "C1");
}

#[test]
fn who_is_born_of_a_cancelled_one_is_cancelled() {
    let top = Cancel::new();
    let clone = top.clone();
    clone.cancel();
    let child = top.child();
    let grandchild = child.child_until(Instant::now() + LONG);
    assert!(child.is_cancelled() && grandchild.is_cancelled(), "C1");
    assert_eq!(top.node.below.lock().children.len(), 0, "and takes no seat");
}

#[test]
fn the_way_down_leads_through_handles_that_nobody_holds() {
    let top = Cancel::new();
    let leaf = top.child().child().child();
    top.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn of_a_child_that_nobody_holds_nothing_is_left() {
    let top = Cancel::new();
    (0..1_000).for_each(|_| drop(top.child().child()));
    assert!(top.node.below.lock().children.is_empty());
    let children: Vec<_> = (0..3).map(|_| top.child()).collect();
    assert_eq!(top.node.below.lock().children.len(), 3);
    top.cancel();
    drop(children);
    assert_eq!(Arc::strong_count(&top.node), 1, "of those below nothing is left that holds us");
}

#[test]
fn a_branch_of_a_hundred_thousand_is_cancelled_and_dropped_without_recursion() {
    for cancels in [true, false] {
        let top = Cancel::new();
        let leaf = (0..100_000).fold(top.clone(), |above, _| above.child());
        if cancels {
            top.cancel();
        }
        assert_eq!(leaf.is_cancelled(), cancels);
        drop(top);
        drop(leaf);
    }
}

#[test]
fn a_deadline_is_never_later_than_one_further_up() {
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let top = Cancel::until(at(50));
    assert_eq!(top.child().deadline(), Some(at(50)), "C3");
    assert_eq!(top.child_until(at(90)).deadline(), Some(at(50)), "C3");
    assert_eq!(top.child_until(at(20)).child().deadline(), Some(at(20)));
    assert_eq!(Cancel::new().child().deadline(), None);
    assert_eq!(Cancel::new().child_until(at(9)).deadline(), Some(at(9)));
}

#[test]
fn a_wait_that_sees_the_deadline_cancels() {
    let soon = || Instant::now() + Duration::from_millis(3);
    let top = Cancel::new();
    let request = top.child_until(soon());
    let part = request.child();
    assert!(!request.is_cancelled(), "no clock is read");
    request.wait();
    assert!(request.is_cancelled() && part.is_cancelled() && !top.is_cancelled());

    let request = top.child_until(soon());
    assert_eq!(request.wait_timeout(LONG), Ok(()), "the deadline comes first");
    let request = top.child_until(Instant::now() + LONG);
    assert_eq!(request.wait_timeout(Duration::from_millis(2)), Err(TimedOut), "the pause is over first");
    assert_eq!(request.wait_until(Instant::now()), Err(TimedOut));
    assert!(!request.is_cancelled());
    request.cancel();
    assert_eq!((request.wait_timeout(Duration::ZERO), request.wait_timeout(Duration::MAX)), (Ok(()), Ok(())));
}

#[test]
fn threads_and_tasks_that_wait_wake_when_it_is_cancelled() {
    let top = Cancel::new();
    thread::scope(|scope| {
        for number in 0..6 {
            let child = top.child();
            scope.spawn(move || match number % 3 {
                0 => child.wait(),
                1 => block_on(child.cancelled()),
                _ => assert_eq!(child.wait_timeout(LONG), Ok(())),
            });
        }
        while top
            .node
            .below
            .lock()
            .children
            .iter()
            .any(|child| child.upgrade().is_some_and(|it| it.done.pending() == 0))
        {
            thread::yield_now();
        }
        top.cancel();
    });
}

#[test]
fn a_future_that_is_dropped_is_not_woken() {
    let cancel = Cancel::new();
    let (wakes, waker) = Wakes::new();
    let mut waits = pin!(cancel.cancelled());
    assert!(poll(waits.as_mut(), &waker).is_pending());
    {
        let mut dropped = pin!(cancel.cancelled());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
    }
    cancel.cancel();
    assert_eq!(wakes.count(), 1);
    assert!(poll(waits.as_mut(), &waker).is_ready());
}

/// A waker that meddles with the tree while it is cancelled, and panics.
struct Meddles(Cancel);

impl Wake for Meddles {
    fn wake(self: Arc<Self>) {
        assert!(self.0.child().is_cancelled(), "C1: born meanwhile");
        self.0.cancel();
        std::panic::resume_unwind(Box::new("a waker that panics"));
    }
}

#[test]
fn a_waker_meets_no_lock_and_one_that_panics_keeps_nobody_from_being_cancelled() {
    let top = Cancel::new();
    let children: Vec<_> = (0..3).map(|_| top.child().child()).collect();
    let mut wait = pin!(top.cancelled());
    assert!(poll(wait.as_mut(), &Waker::from(Arc::new(Meddles(top.clone())))).is_pending());
    let cancelled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| top.cancel()));
    assert!(cancelled.is_err(), "the panic is its canceller's");
    assert!(children.iter().all(Cancel::is_cancelled), "C1");
}

#[test]
fn children_come_and_go_while_the_tree_is_cancelled() {
    for _ in 0..200 {
        let top = Cancel::new();
        let middle = top.child();
        thread::scope(|scope| {
            for _ in 0..2 {
                let middle = middle.clone();
                scope.spawn(move || {
                    let kept: Vec<_> = (0..20).map(|_| (middle.child().child(), drop(middle.child()))).collect();
                    middle.wait();
                    assert!(kept.iter().all(|(child, ())| child.is_cancelled()), "C1");
                });
            }
            top.cancel();
            assert!(middle.is_cancelled() && middle.child().is_cancelled(), "C1");
        });
        drop(middle);
        assert_eq!(Arc::strong_count(&top.node), 1, "of those below nothing is left that holds us");
    }
}

#[test]
fn handles_are_sent_and_shared() {
    fn check<T: Send + Sync + 'static>(_: &T) {}
    fn check_send<T: Send>(_: &T) {}
    let cancel = Cancel::new();
    check(&cancel);
    check_send(&cancel.cancelled());
}
