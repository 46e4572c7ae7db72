//! `sync/semaphore`: permits are neither lost nor doubled, and nobody sleeps beside what it wants.

use crate::common::{Alarm, Cell, block_on, poll};
use loom::thread;
use rsm::sync::model::{Looks, Mutant, finds, model, model_with, strike};
use rsm::sync::semaphore::{Permit, Refused, Semaphore};
use rsm::sync::{Closed, WaitError};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

#[test]
fn acquire_release() {
    model("acquire_release", 3, || {
        let semaphore = Arc::new(Semaphore::new(1));
        let cell = Arc::new(Cell::new(0));
        let work = {
            let (semaphore, cell) = (semaphore.clone(), cell.clone());
            move || {
                let _permit = semaphore.acquire(1).expect("it is not closed");
                cell.set(cell.get() + 1);
            }
        };
        let other = thread::spawn(work.clone());
        work();
        other.join().unwrap();
        assert_eq!(cell.get(), 2);
        assert_eq!((semaphore.available(), semaphore.pending()), (1, 0));
    });
}

#[test]
fn acquire_two_release_release() {
    model("acquire_two_release_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let cells = [Arc::new(Cell::new(0)), Arc::new(Cell::new(0))];
        let releasing = cells.clone().map(|cell| {
            let semaphore = semaphore.clone();
            thread::spawn(move || {
                cell.set(1);
                semaphore.release(1);
            })
        });
        semaphore.acquire(2).expect("it is not closed").forget();
        assert!(cells.iter().all(|cell| cell.get() == 1), "what both releasers did is seen");
        releasing.into_iter().for_each(|releasing| releasing.join().unwrap());
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
    });
}

#[test]
fn acquire_until_release() {
    model("acquire_until_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let clock = thread::spawn(strike);
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        let acquired = match semaphore.acquire_timeout(1, SOON) {
            Ok(permit) => {
                permit.forget();
                1
            }
            Err(why) => {
                assert_eq!(why, WaitError::TimedOut);
                0
            }
        };
        releasing.join().unwrap();
        clock.join().unwrap();
        assert_eq!(semaphore.available() + acquired, 1, "S1");
        assert_eq!(semaphore.pending(), 0);
    });
}

#[test]
fn close_acquire_release() {
    model("close_acquire_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let acquiring = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire(1).map(|permit| permit.forget())
        });
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        semaphore.close();
        let acquired = acquiring.join().unwrap();
        releasing.join().unwrap();
        assert!(acquired.is_ok() || acquired == Err(Closed));
        assert_eq!(
            semaphore.available() + u32::from(acquired.is_ok()),
            1,
            "S1: a grant made before the closing stays made"
        );
        assert_eq!(semaphore.pending(), 0, "S3");
    });
}

/// What `first` does after it has written is seen by whoever finds it done, by `found`.
fn seen(
    name: &str,
    rounds: u32,
    first: impl Fn(&Semaphore) + Copy + Send + Sync + 'static,
    found: impl Fn(&Semaphore) -> bool + Send + Sync + 'static,
) {
    model(name, 3, move || {
        for _ in 0..rounds {
            let semaphore = Arc::new(Semaphore::new(0));
            let cell = Arc::new(Cell::new(0));
            let writing = thread::spawn({
                let (semaphore, cell) = (semaphore.clone(), cell.clone());
                move || {
                    cell.set(1);
                    first(&semaphore);
                }
            });
            assert!(!found(&semaphore) || cell.get() == 1);
            writing.join().unwrap();
        }
    });
}

#[test]
fn release_capped_take() {
    let take = |semaphore: &Semaphore| semaphore.try_acquire(1).map(Permit::forget).is_ok();
    seen("release_capped_take", 4, |semaphore| _ = semaphore.release_capped(1, 5), take);
}

#[test]
fn release_forget() {
    seen("release_forget", 4, |semaphore| semaphore.release(1), |semaphore| semaphore.forget_permits(1) == 1);
}

#[test]
fn close_seen() {
    let closed = |semaphore: &Semaphore| matches!(semaphore.try_acquire(1), Err(Refused::Closed));
    seen("close_seen", 2, Semaphore::close, move |semaphore| semaphore.is_closed() || closed(semaphore));
}

/// One wants two and gives up, one wants one, and one is released.
fn quit_settle_body() {
    let semaphore = Arc::new(Semaphore::new(0));
    let alarm = Alarm::new();
    let mut two = Box::pin(semaphore.acquire_async(2));
    assert!(poll(two.as_mut(), &alarm).is_pending());
    let one = thread::spawn({
        let semaphore = semaphore.clone();
        move || semaphore.acquire(1).expect("it is not closed").forget()
    });
    let releasing = thread::spawn({
        let semaphore = semaphore.clone();
        move || semaphore.release(1)
    });
    drop(two);
    one.join().unwrap();
    releasing.join().unwrap();
    assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
}

#[test]
fn quit_settle() {
    model("quit_settle", 2, quit_settle_body);
}

#[test]
fn a_quitter_that_does_not_settle_is_found() {
    finds(Mutant::QuitWithoutSettle, || model("quit_settle, mutant", 2, quit_settle_body));
}

#[test]
fn future_drop_release_acquire() {
    model("future_drop_release_acquire", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut dropped = Box::pin(semaphore.acquire_async(1));
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        let acquiring = thread::spawn({
            let semaphore = semaphore.clone();
            move || block_on(semaphore.acquire_async(1)).expect("it is not closed").forget()
        });
        drop(dropped);
        releasing.join().unwrap();
        acquiring.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
    });
}

#[test]
fn last_come_first_served() {
    model("last_come_first_served", 2, || {
        let semaphore = Arc::new(Semaphore::lifo(0));
        let waiters = [1, 2].map(|count| {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.acquire(count).expect("it is not closed").forget())
        });
        semaphore.release(3);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
    });
}

/// Two wait for one permit each. The one that comes is the second's: were it the first's, the second would wait for ever.
#[test]
fn the_permit_that_comes_is_the_last_ones() {
    model("last_come_last_queued_first_served", 3, || {
        let semaphore = Arc::new(Semaphore::lifo(0));
        let [mut first, mut second] = [(); 2].map(|()| Box::pin(semaphore.acquire_async(1)));
        assert!(poll(first.as_mut(), &Alarm::new()).is_pending());
        assert!(poll(second.as_mut(), &Alarm::new()).is_pending());
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        block_on(second).expect("it is not closed").forget();
        releasing.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 1));
        semaphore.release(1);
        block_on(first).expect("it is not closed").forget();
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
    });
}

/// Who only tries takes nothing from one who waits, or gives it back.
#[test]
fn acquire_try_release() {
    model("acquire_try_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let acquiring = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire(1).expect("it is not closed").forget()
        });
        let trying = thread::spawn({
            let semaphore = semaphore.clone();
            move || drop(semaphore.try_acquire(1))
        });
        semaphore.release(1);
        acquiring.join().unwrap();
        trying.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0), "S1");
    });
}

/// Two release up to one, and one waits: what was added is there, or was granted.
#[test]
fn acquire_release_capped_release_capped() {
    model("acquire_release_capped_release_capped", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let acquiring = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire(1).expect("it is not closed").forget()
        });
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release_capped(1, 1)
        });
        let added = semaphore.release_capped(1, 1) + releasing.join().unwrap();
        acquiring.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (added - 1, 0), "S1");
    });
}

/// Permits are taken out while one waits for them: it gets the next.
#[test]
fn acquire_forget_release() {
    model("acquire_forget_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let acquiring = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire(1).expect("it is not closed").forget()
        });
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        if semaphore.forget_permits(1) == 1 {
            semaphore.release(1);
        }
        releasing.join().unwrap();
        acquiring.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0), "S1");
    });
}

#[test]
fn close_acquire_until() {
    model("close_acquire_until", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let clock = thread::spawn(strike);
        let closing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.close()
        });
        let acquired = semaphore.acquire_timeout(1, SOON).map(Permit::forget);
        assert!(acquired == Err(WaitError::TimedOut) || acquired == Err(WaitError::Closed));
        clock.join().unwrap();
        closing.join().unwrap();
        assert!(semaphore.is_closed() && semaphore.pending() == 0, "S3");
    });
}

/// A future is dropped while it is granted or turned away: the permit is there again.
#[test]
fn close_release_future_drop() {
    model("close_release_future_drop", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut dropped = Box::pin(semaphore.acquire_async(1));
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let closing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.close()
        });
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        drop(dropped);
        closing.join().unwrap();
        releasing.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (1, 0), "S1, S3");
    });
}

/// Two tasks wait and two release: each has one.
#[test]
fn two_wait_release_release() {
    model("two_wait_release_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut waits = [(); 2].map(|()| Box::pin(semaphore.acquire_async(1)));
        assert!(waits.iter_mut().all(|wait| poll(wait.as_mut(), &Alarm::new()).is_pending()));
        let releasing = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.release(1))
        });
        waits.into_iter().for_each(|wait| block_on(wait).expect("it is not closed").forget());
        releasing.into_iter().for_each(|releasing| releasing.join().unwrap());
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0));
    });
}

/// How many permits a wait until the clock strikes has taken.
fn taken_until<Q: rsm::sync::lock::Strategy>(semaphore: &Semaphore<Q>) -> u32 {
    semaphore.acquire_timeout(1, SOON).map_or(0, |permit| {
        permit.forget();
        1
    })
}

/// Newest first: who came last gives up while it is served.
#[test]
fn lifo_until_release() {
    model("lifo_until_release", 2, || {
        let semaphore = Arc::new(Semaphore::lifo(0));
        let mut first = Box::pin(semaphore.acquire_async(1));
        assert!(poll(first.as_mut(), &Alarm::new()).is_pending());
        let clock = thread::spawn(strike);
        let late = thread::spawn({
            let semaphore = semaphore.clone();
            move || taken_until(&semaphore)
        });
        semaphore.release(1);
        clock.join().unwrap();
        let taken = late.join().unwrap();
        let served = match poll(first.as_mut(), &Alarm::new()) {
            Poll::Ready(permit) => {
                permit.expect("it is not closed").forget();
                1
            }
            Poll::Pending => 0,
        };
        assert_eq!(served, 1 - taken, "S2: it is the first's if the last has not taken it");
        assert_eq!((semaphore.available(), semaphore.pending()), (0, taken as usize), "S1");
    });
}

/// Newest first: a future that is dropped with its grant hands it on to the one that came before it.
#[test]
fn lifo_dropped_release() {
    model_with("lifo_dropped_release", 3, &[Looks::Newest], || {
        let semaphore = Arc::new(Semaphore::lifo(0));
        let [mut first, mut last] = [(); 2].map(|()| Box::pin(semaphore.acquire_async(1)));
        assert!(poll(first.as_mut(), &Alarm::new()).is_pending());
        assert!(poll(last.as_mut(), &Alarm::new()).is_pending());
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(1)
        });
        drop(last);
        block_on(first).expect("it is not closed").forget();
        releasing.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0), "handed on, once");
    });
}

/// Two give up at the same strike of the clock while one permit comes. One preemption, for its time.
#[test]
fn until_until_release() {
    model("until_until_release", 1, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let clock = thread::spawn(strike);
        let late = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || taken_until(&semaphore))
        });
        semaphore.release(1);
        clock.join().unwrap();
        let taken = late.into_iter().map(|late| late.join().unwrap()).sum::<u32>();
        assert_eq!((taken + semaphore.available(), semaphore.pending()), (1, 0), "S1");
    });
}

/// One release serves two, of whom one gives up: what it was granted is there again.
#[test]
fn release_two_dropped() {
    model_with("release_two_dropped", 3, &[Looks::Newest], || {
        let semaphore = Arc::new(Semaphore::new(0));
        let [mut stays, mut goes] = [(); 2].map(|()| Box::pin(semaphore.acquire_async(1)));
        assert!(poll(goes.as_mut(), &Alarm::new()).is_pending());
        assert!(poll(stays.as_mut(), &Alarm::new()).is_pending());
        let releasing = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.release(2)
        });
        drop(goes);
        block_on(stays).expect("it is not closed").forget();
        releasing.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.pending()), (1, 0), "S1");
    });
}

/// Two close, and one waits: it is turned away, once.
#[test]
fn close_close_acquire() {
    model("close_close_acquire", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let closing = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.close())
        });
        assert!(semaphore.acquire(1).is_err(), "S3");
        closing.into_iter().for_each(|closing| closing.join().unwrap());
        assert_eq!((semaphore.available(), semaphore.pending()), (0, 0), "S3");
    });
}
