//! A lock keeps a value for one thread at a time, and 32 bits beside it: its payload. They change in the same atomic step in
//! which the lock is taken or let go, so they never disagree with the value, and anyone may read them without the lock.
//!
//! ```text
//! ten threads put in 10 coins each: 100 coins, 10 visits
//! while someone is in, a try finds it locked
//! a wait with a deadline ends: timed out, try again later
//! closed: who comes later is told so, and the coins are 100
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::sync::lock::Lock;
use std::thread;
use std::time::Duration;

/// The payload: the highest bit says that the box is closed, the others count the visits.
const CLOSED: u32 = 1 << 31;

/// A money box. A lock is made at compile time, so it may be a static.
static COINS: Lock<u32> = Lock::new(0);

/// Puts in a coin, unless the box is closed. The mark is read under the lock, so it is not about to change.
fn put() -> Result<(), &'static str> {
    let mut coins = COINS.lock();
    if coins.payload() & CLOSED != 0 {
        return Err("closed");
    }
    *coins += 1;
    Ok(())
}

fn main() {
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                // Counts the visit in the same step that takes the lock.
                *COINS.lock_with(|visits| visits + 1) += 3;
                (0..7).for_each(|_| put().expect("it is open"));
            });
        }
    });
    println!("ten threads put in 10 coins each: {} coins, {} visits", *COINS.lock(), COINS.payload());

    let inside = COINS.lock();
    assert!(COINS.try_lock().is_none());
    println!("while someone is in, a try finds it locked");
    let late = thread::scope(|scope| {
        let waits = scope.spawn(|| COINS.lock_timeout(Duration::from_millis(1)).map(drop));
        waits.join().expect("it gives up, which is no panic").expect_err("we are inside all the while")
    });
    println!("a wait with a deadline ends: {late}");

    // Closes the box in the same step that lets go of the lock.
    inside.unlock_with(|visits| visits | CLOSED);
    let why = put().expect_err("nobody puts in a coin now");
    println!("{why}: who comes later is told so, and the coins are {}", *COINS.lock());
}
