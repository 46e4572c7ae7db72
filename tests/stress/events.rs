use crate::{MOMENT, block_on, poll_and_drop, rounds, together};
use rsm::sync::cancel::Cancel;
use rsm::sync::drain::Drain;
use rsm::sync::event::Event;
use rsm::sync::oneshot;
use rsm::sync::park::Parker;
use rsm::sync::{Closed, WaitError};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// One set goes round: who passes passes it on, and those who give up take it along in no case.
#[test]
fn a_set_is_never_lost() {
    let event = Arc::new(Event::new());
    event.set();
    let shared = event.clone();
    together(6, move |thread| {
        for round in 0..rounds() {
            let passes = match (thread + round) % 5 {
                0 => shared.wait_timeout(MOMENT).is_ok(),
                1 => poll_and_drop(shared.wait_async()).is_some(),
                2 => {
                    block_on(shared.wait_async());
                    true
                }
                _ => {
                    shared.wait();
                    true
                }
            };
            if passes {
                shared.set();
            }
        }
    });
    assert!(event.try_wait() && !event.try_wait() && event.pending() == 0, "E2: it is there, once");
}

#[test]
fn the_last_guard_speaks_for_all() {
    for _ in 0..rounds() / 20 {
        let event = Arc::new(Event::manual());
        let work = AtomicU32::new(0);
        let first = event.owned_guard();
        let guards = Mutex::new([0; 3].map(|_| first.clone()).to_vec());
        drop(first);
        together(5, move |thread| match thread {
            0 | 1 => {
                if thread == 0 {
                    event.wait()
                } else {
                    block_on(event.wait_async())
                }
                assert_eq!(work.load(Relaxed), 3, "E1: the last one speaks for all");
            }
            _ => {
                let guard = guards.lock().unwrap().pop();
                let another = guard.clone();
                drop(guard);
                work.fetch_add(1, Relaxed);
                drop(another);
            }
        });
    }
}

#[test]
fn a_token_goes_to_and_fro() {
    let parkers = [Parker::new(), Parker::new()];
    let unparkers = [parkers[1].unparker(), parkers[0].unparker()];
    unparkers[1].unpark();
    together(2, move |thread| {
        let (mine, other) = (&parkers[thread as usize], &unparkers[thread as usize]);
        for round in 0..rounds() {
            match round % 3 {
                0 => mine.park(),
                1 => poll_and_drop(mine.park_async()).unwrap_or_else(|| block_on(mine.park_async())),
                _ => while !mine.park_timeout(MOMENT) {},
            }
            other.unpark();
        }
    });
}

/// Each round two threads hold both ends of a ticket: whatever they do, each value is dropped once.
#[test]
fn a_ticket_always_resolves() {
    let value = Arc::new(());
    let (senders, tickets): (Vec<_>, Vec<_>) = (0..rounds()).map(|_| oneshot::channel::<Arc<()>>()).unzip();
    let ends = Mutex::new((Some(senders), Some(tickets)));
    let sent = value.clone();
    together(2, move |thread| {
        if thread == 0 {
            let senders = ends.lock().unwrap().0.take().unwrap();
            for (round, sender) in senders.into_iter().enumerate() {
                if round % 7 != 0 {
                    let _ = sender.send(sent.clone());
                }
            }
            return;
        }
        let tickets = ends.lock().unwrap().1.take().unwrap();
        for (round, mut ticket) in tickets.into_iter().enumerate() {
            let got = match round % 5 {
                0 => continue, // dropped
                1 => block_on(ticket),
                2 => poll_and_drop(ticket).unwrap_or(Ok(sent.clone())),
                3 => loop {
                    match ticket.wait_timeout(MOMENT) {
                        Ok(value) => break Ok(value),
                        Err(WaitError::Closed) => break Err(Closed),
                        Err(WaitError::TimedOut) => {}
                    }
                },
                _ => ticket.wait(),
            };
            assert!(got.is_ok() || round % 7 == 0, "what was sent is received");
        }
    });
    assert_eq!(Arc::strong_count(&value), 1, "T3");
}

/// Two manual events by turns: each round all pass the one, and it is reset before the other is set.
#[test]
fn a_manual_event_lets_all_pass_until_it_is_reset() {
    const WAITERS: u32 = 3;
    let events = [Event::manual(), Event::manual()];
    let (passed, all_passed) = (AtomicU32::new(0), Event::new());
    together(WAITERS + 1, move |thread| {
        for round in 0..rounds() / 4 {
            let event = &events[round as usize % 2];
            if thread == WAITERS {
                event.set();
                all_passed.wait();
                assert_eq!(passed.load(Relaxed), WAITERS * (round + 1), "each has passed, once");
                assert!(event.reset(), "nobody else resets");
                continue;
            }
            match (thread + round) % 3 {
                0 => event.wait(),
                1 => poll_and_drop(event.wait_async()).unwrap_or_else(|| block_on(event.wait_async())),
                _ => while event.wait_timeout(MOMENT).is_err() {},
            }
            if passed.fetch_add(1, Relaxed) + 1 == WAITERS * (round + 1) {
                all_passed.set();
            }
        }
    });
}

/// A tree grows, sheds leaves and is cancelled: from then on all that is in it, or comes, is cancelled.
#[test]
fn a_tree_that_grows_is_cancelled_whole() {
    for _ in 0..rounds() / 50 {
        let top = Cancel::new();
        let branches = [top.child(), top.child(), top.child()];
        together(4, move |thread| {
            let Some(branch) = branches.get(thread as usize) else {
                std::thread::yield_now();
                return top.cancel();
            };
            let mut leaf = branch.child();
            for round in 0.. {
                match round % 3 {
                    0 => leaf = leaf.child_until(Instant::now() + MOMENT),
                    1 => leaf = branch.child(),
                    _ => _ = poll_and_drop(leaf.cancelled()),
                }
                if leaf.wait_timeout(MOMENT).is_ok() && branch.is_cancelled() {
                    break;
                }
            }
            block_on(branch.child().cancelled());
            assert!(branch.child().child().is_cancelled(), "C1: born cancelled");
        });
    }
}

/// Three stages of two workers each end one after the other.
#[test]
fn stages_end_in_their_order() {
    for _ in 0..rounds() / 50 {
        let drain = Drain::new();
        let stages = ["doors", "rooms", "lights"].map(|name| drain.stage(name).expect("it is not draining yet"));
        let guards = [0, 0, 1, 1, 2, 2].map(|stage: usize| Mutex::new(Some(stages[stage].guard("worker").unwrap())));
        let ended = AtomicU32::new(0);
        together(7, move |thread| {
            let Some(guard) = guards.get(thread as usize).and_then(|guard| guard.lock().unwrap().take()) else {
                drain.drain();
                assert_eq!(ended.load(Relaxed), 6, "D1");
                return;
            };
            if thread % 2 == 0 {
                guard.wait_draining()
            } else {
                poll_and_drop(guard.draining()).unwrap_or_else(|| block_on(guard.draining()));
            }
            assert!(ended.fetch_add(1, Relaxed) / 2 >= thread / 2, "D1: the stages before are over");
            drop(guard);
        });
    }
}
