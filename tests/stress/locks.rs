use crate::{MOMENT, block_on, meet_others, poll_and_drop, rounds, together};
use rsm::sync::lock::{Lock, Strategy};
use rsm::sync::rwlock::RwLock;
use rsm::sync::semaphore::Semaphore;
use rsm::sync::turn::Turn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The value counts the owners, and so does the payload.
fn own<Q: Strategy + Send + Sync + 'static>(lock: Lock<u32, Q>) {
    let lock = Arc::new(lock);
    let owners = Arc::new(AtomicU32::new(0));
    let (shared, counted) = (lock.clone(), owners.clone());
    together(6, move |thread| {
        for round in 0..rounds() {
            let guard = match (thread + round) % 4 {
                0 => shared.try_lock(),
                1 => shared.lock_timeout(MOMENT).ok(),
                _ => Some(shared.lock()),
            };
            let Some(mut count) = guard else { continue };
            counted.fetch_add(1, Relaxed);
            *count += 1;
            meet_others(round);
            let owners = *count;
            if round % 16 == 0 {
                std::mem::forget(count);
                // SAFETY: the lock is held by the guard that was just forgotten, and nobody else unlocks on its behalf.
                let before = unsafe { shared.force_unlock_with(|payload| payload + 1) };
                assert_eq!(before + 1, owners);
            } else {
                assert_eq!(
                    count.unlock_with(|payload| payload + 1) + 1,
                    owners,
                    "W5: the payload changes with the owner"
                );
            }
        }
    });
    let owners = owners.load(Relaxed);
    assert_eq!((*lock.lock(), lock.payload(), lock.pending()), (owners, owners, 0));
}

#[test]
fn a_lock_has_one_owner_and_forgets_nobody() {
    own(Lock::new(0));
    own(Lock::lifo(0));
}

#[test]
fn a_fair_lock_serves_all() {
    let lock = Arc::new(Lock::new(0));
    let shared = lock.clone();
    together(4, move |_| {
        for round in 0..rounds() / 4 {
            let mut count = shared.lock();
            *count += 1;
            meet_others(round);
            count.unlock_fair();
        }
    });
    assert_eq!(*lock.lock(), 4 * (rounds() / 4));
}

#[test]
fn readers_see_a_writers_work_whole() {
    let lock = Arc::new(RwLock::new((0, 0)));
    let writes = Arc::new(AtomicU32::new(0));
    let (shared, counted) = (lock.clone(), writes.clone());
    together(6, move |thread| {
        for round in 0..rounds() {
            let pair = match (thread + round) % 8 {
                0 => Some(shared.write()),
                1 => shared.write_timeout(MOMENT).ok(),
                2 => shared.try_write(),
                3 => {
                    let pair = shared.read_timeout(MOMENT).ok();
                    assert!(pair.is_none_or(|pair| pair.0 == pair.1), "R1");
                    None
                }
                4 => {
                    let reader = shared.upgradable_read();
                    let seen = *reader;
                    let upgraded = if round % 2 == 0 { Ok(reader.upgrade()) } else { reader.upgrade_timeout(MOMENT) };
                    let now = upgraded.as_ref().map_or_else(|reader| **reader, |writer| **writer);
                    assert_eq!(now, seen, "R4: no writer comes between");
                    upgraded.ok()
                }
                _ => {
                    let pair = shared.read();
                    meet_others(round);
                    assert_eq!(pair.0, pair.1, "R1: no writer beside a reader");
                    None
                }
            };
            let Some(mut pair) = pair else { continue };
            pair.0 += 1;
            meet_others(round);
            pair.1 += 1;
            counted.fetch_add(1, Relaxed);
            if round % 3 == 0 {
                let (wrote, pair) = (*pair, pair.downgrade());
                assert_eq!(*pair, wrote, "no writer comes between");
            }
        }
    });
    let writes = writes.load(Relaxed);
    assert_eq!((lock.pending(), lock.readers(), *lock.read()), (0, 0, (writes, writes)));
}

/// The payload counts owners, and those who change it by the way in the free lock.
#[test]
fn a_payload_counts_all_who_change_it() {
    let lock = Arc::new(Lock::new(()));
    let changes = Arc::new(AtomicU32::new(0));
    let (shared, counted) = (lock.clone(), changes.clone());
    together(4, move |thread| {
        for round in 0..rounds() {
            let payload = shared.payload();
            let changed = match (thread + round) % 4 {
                0 => shared.lock_with_timeout(MOMENT, |payload| payload + 1).is_ok(),
                1 => {
                    let owner = shared.lock();
                    let found = owner.payload();
                    meet_others(round / 4);
                    assert_eq!(
                        owner.unlock_with(|payload| payload + 1),
                        found,
                        "W5: nobody changes it beside the owner"
                    );
                    true
                }
                _ => shared.replace_payload(payload, payload + 1),
            };
            counted.fetch_add(u32::from(changed), Relaxed);
        }
    });
    assert_eq!((lock.payload(), lock.pending()), (changes.load(Relaxed), 0), "W5");
}

const PERMITS: u32 = 5;

#[test]
fn permits_are_neither_lost_nor_doubled() {
    hold(Semaphore::new(PERMITS));
    hold(Semaphore::lifo(PERMITS));
}

fn hold<Q: Strategy + Send + Sync + 'static>(semaphore: Semaphore<Q>) {
    let semaphore = Arc::new(semaphore);
    let held = AtomicU32::new(0);
    let shared = semaphore.clone();
    together(6, move |thread| {
        for round in 0..rounds() / 2 {
            let want = 1 + round % 3;
            let permit = match (thread + round) % 6 {
                0 | 1 => shared.acquire(want).ok(),
                2 => shared.acquire_timeout(want, MOMENT).ok(),
                3 => block_on(shared.acquire_async(want)).ok(),
                4 => poll_and_drop(shared.acquire_async(want)).and_then(Result::ok),
                _ => shared.try_acquire(want).ok(),
            };
            let Some(permit) = permit else { continue };
            assert!(held.fetch_add(want, Relaxed) + want <= PERMITS, "S1: no more are held than there are");
            meet_others(round);
            held.fetch_sub(want, Relaxed);
            if round % 5 == 0 {
                permit.forget();
                shared.release(want);
            }
        }
    });
    assert_eq!((semaphore.available(), semaphore.pending()), (PERMITS, 0), "S1: all are back");
}

/// Permits trickle in up to a number, and are taken out of the world, beside those who use them.
#[test]
fn permits_that_are_added_are_used_or_taken_out() {
    let semaphore = Arc::new(Semaphore::new(0));
    let counts = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let (shared, counted) = (semaphore.clone(), counts.clone());
    together(4, move |thread| {
        let [added, taken_out] = &*counted;
        for round in 0..rounds() / 2 {
            match thread {
                0 => _ = added.fetch_add(shared.release_capped(2, PERMITS), Relaxed),
                1 => _ = taken_out.fetch_add(shared.forget_permits(1 + round % 2), Relaxed),
                _ => drop(shared.acquire_timeout(thread - 1, MOMENT)),
            }
            meet_others(round);
        }
    });
    let [added, taken_out] = [&counts[0], &counts[1]].map(|count| count.load(Relaxed));
    assert_eq!((semaphore.available(), semaphore.pending()), (added - taken_out, 0), "S1");
}

#[test]
fn closing_turns_all_who_wait_away() {
    for round in 0..rounds() / 20 {
        let semaphore = Arc::new(Semaphore::new(1));
        together(4, move |thread| {
            if thread == round % 4 {
                semaphore.close();
            } else {
                let _ = semaphore.acquire(2 - thread % 2);
            }
        });
    }
}

#[test]
fn a_turn_has_one_visitor() {
    let turn = Arc::new(Turn::new(0));
    let visits = Arc::new(AtomicU32::new(0));
    let (shared, counted) = (turn.clone(), visits.clone());
    together(4, move |_| {
        for _ in 0..4 * rounds() {
            if let Some(mut inside) = shared.try_enter() {
                let before = *inside;
                meet_others(before);
                *inside = before + 1;
                counted.fetch_add(1, Relaxed);
            }
        }
    });
    assert_eq!(*turn.try_enter().expect("nobody is in"), visits.load(Relaxed), "T1");
}
