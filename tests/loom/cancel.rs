//! `sync/cancel`: whoever finds one cancelled finds all below it cancelled, and nobody sleeps on.
//!
//! loom does not see the counts of std's `Arc`, by which the tree holds together: so here all handles outlive the threads.

use crate::common::{Alarm, Cell, poll};
use loom::thread;
use rsm::sync::cancel::Cancel;
use rsm::sync::model::{Looks, model, model_with, strike};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One is born while the top is cancelled.
#[test]
fn child_against_cancel() {
    model_with("child_against_cancel", 3, &[Looks::Newest], || {
        let top = Cancel::new();
        let middle = top.child();
        let born = thread::spawn({
            let middle = middle.clone();
            move || middle.child()
        });
        top.cancel();
        assert!(middle.is_cancelled(), "C1");
        assert!(born.join().unwrap().is_cancelled(), "C1: born before, or cancelled");
    });
}

/// Two cancel, and each finds all below cancelled when it returns.
#[test]
fn cancel_cancel() {
    model_with("cancel_cancel", 3, &[Looks::Newest], || {
        let top = Cancel::new();
        let middle = top.child();
        let leaf = middle.child();
        let other = thread::spawn({
            let (middle, leaf) = (middle.clone(), leaf.clone());
            move || {
                middle.cancel();
                assert!(leaf.is_cancelled(), "C1");
            }
        });
        top.cancel();
        assert!(leaf.is_cancelled(), "C1");
        other.join().unwrap();
    });
}

/// What was written before is seen by whoever finds it cancelled, by a wait or by a look.
#[test]
fn cancel_wait_look() {
    model("cancel_wait_look", 2, || {
        let top = Cancel::new();
        let child = top.child();
        let cell = Arc::new(Cell::new(0));
        let waiting = thread::spawn({
            let (child, cell) = (child.clone(), cell.clone());
            move || {
                child.wait();
                assert_eq!(cell.get(), 1);
            }
        });
        let looking = thread::spawn({
            let (child, cell) = (child.clone(), cell.clone());
            move || assert!(!child.is_cancelled() || cell.get() == 1)
        });
        cell.set(1);
        top.cancel();
        waiting.join().unwrap();
        looking.join().unwrap();
    });
}

/// A wait that sees the deadline cancels, and so wakes the others.
#[test]
fn deadline_against_cancel() {
    model("deadline_against_cancel", 2, || {
        let request = Cancel::until(Instant::now() + Duration::from_secs(1_000_000));
        let part = request.child();
        let alarm = Alarm::new();
        let mut task = Box::pin(part.cancelled());
        assert!(poll(task.as_mut(), &alarm).is_pending());
        let clock = thread::spawn(strike);
        let cancelling = thread::spawn({
            let request = request.clone();
            move || request.cancel()
        });
        request.wait();
        assert!(part.is_cancelled(), "C1: whoever cancelled it");
        alarm.wait();
        assert!(poll(task.as_mut(), &alarm).is_ready());
        clock.join().unwrap();
        cancelling.join().unwrap();
    });
}

/// A task gives up waiting while it is cancelled, and a thread waits on.
#[test]
fn cancelled_dropped_against_cancel() {
    model("cancelled_dropped_against_cancel", 2, || {
        let top = Cancel::new();
        let child = top.child();
        let mut dropped = Box::pin(child.cancelled());
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let waiting = thread::spawn({
            let child = child.clone();
            move || child.wait()
        });
        let cancelling = thread::spawn({
            let top = top.clone();
            move || top.cancel()
        });
        drop(dropped);
        waiting.join().unwrap();
        assert!(child.is_cancelled(), "C2");
        cancelling.join().unwrap();
    });
}

/// A pause is over by the clock, or is cut short.
#[test]
fn pause_against_cancel() {
    model("pause_against_cancel", 2, || {
        let top = Cancel::new();
        let child = top.child();
        let cell = Arc::new(Cell::new(0));
        let clock = thread::spawn(strike);
        let cancelling = thread::spawn({
            let (top, cell) = (top.clone(), cell.clone());
            move || {
                cell.set(1);
                top.cancel();
            }
        });
        let cut = child.wait_timeout(Duration::from_secs(1)).is_ok();
        assert!(!cut || cell.get() == 1);
        clock.join().unwrap();
        cancelling.join().unwrap();
        assert!(child.is_cancelled() && child.wait_timeout(Duration::ZERO).is_ok());
    });
}

/// A child's own deadline strikes while its parent is cancelled: it is cancelled, and the parent by its own end alone.
#[test]
fn child_deadline_against_cancel() {
    model("child_deadline_against_cancel", 2, || {
        let top = Cancel::new();
        let child = top.child_until(Instant::now() + Duration::from_secs(1_000_000));
        let clock = thread::spawn(strike);
        let waiting = thread::spawn({
            let child = child.clone();
            move || child.wait()
        });
        top.cancel();
        assert!(child.is_cancelled(), "C1");
        waiting.join().unwrap();
        clock.join().unwrap();
    });
}
