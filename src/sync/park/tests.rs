use super::*;
use crate::sync::shim::Deadline;
use std::time::{Duration, Instant};

#[test]
fn a_token_that_comes_early_is_kept_and_two_are_one() {
    let parker = Parker::new();
    assert!(!parker.try_park());
    parker.unparker().unpark();
    parker.unparker().unpark();
    parker.park();
    assert!(!parker.try_park());
}

#[test]
fn a_thread_and_its_worker_pass_a_token_to_and_fro() {
    let (here, there) = (Parker::new(), Parker::new());
    let (to_here, to_there) = (here.unparker(), there.unparker());
    let worker = std::thread::spawn(move || {
        for _ in 0..1000 {
            there.park();
            to_here.unpark();
        }
    });
    for _ in 0..1000 {
        to_there.unpark();
        here.park();
    }
    worker.join().unwrap();
}

#[test]
fn a_wait_gives_up_at_its_deadline() {
    let parker = Parker::new();
    let start = Instant::now();
    assert!(!parker.park_timeout(Duration::from_millis(20)));
    assert!(!parker.park_until(start));
    assert!(start.elapsed() >= Duration::from_millis(20));
    parker.unparker().unpark();
    assert!(parker.park_until(start), "a token that is there is taken even if the deadline has passed");
}

#[test]
#[should_panic(expected = "never waits")]
fn under_no_sleep_a_wait_panics_before_it_links() {
    let _turn = NoSleep::new();
    Parker::new().park();
}

#[test]
fn under_no_sleep_what_need_not_wait_does_not_mind() {
    let _turn = NoSleep::new();
    let parker = Parker::new();
    parker.unparker().unpark();
    parker.park();
    let _ = Deadline::NEVER;
}
