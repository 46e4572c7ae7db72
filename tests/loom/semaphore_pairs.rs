//! `sync/semaphore`: newest first, capped releases, and permits that are forgotten, beside all others.

use crate::common::{Alarm, poll};
use loom::thread;
use rsm::sync::lock::{Fifo, Strategy};
use rsm::sync::model::{Looks, model, model_with, strike};
use rsm::sync::semaphore::{Permit, Semaphore};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

fn spawn<T: 'static, Q: Strategy + 'static>(
    semaphore: &Arc<Semaphore<Q>>,
    run: impl FnOnce(&Semaphore<Q>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let semaphore = semaphore.clone();
    thread::spawn(move || run(&semaphore))
}

/// What a task that asked for permits has: whether it was granted them, or turned away.
type Asked<'a, Q> = Pin<Box<dyn Future<Output = Result<Permit<'a, Q>, rsm::sync::Closed>> + 'a>>;

/// A task that waits for so many.
fn waiting<Q: Strategy>(semaphore: &Semaphore<Q>, count: u32) -> Asked<'_, Q> {
    let mut asked: Asked<'_, Q> = Box::pin(semaphore.acquire_async(count));
    assert!(poll(asked.as_mut(), &Alarm::new()).is_pending());
    asked
}

/// How many permits of one it has been granted; it keeps none.
fn granted<Q: Strategy>(asked: &mut Asked<'_, Q>) -> u32 {
    match poll(asked.as_mut(), &Alarm::new()) {
        Poll::Ready(Ok(permit)) => {
            permit.forget();
            1
        }
        Poll::Ready(Err(_)) | Poll::Pending => 0,
    }
}

/// How many permits a wait until the clock strikes has taken.
fn taken_until(semaphore: &Semaphore) -> u32 {
    semaphore.acquire_timeout(1, SOON).map(Permit::forget).is_ok() as u32
}

/// Newest first: one who only tries may pass those who wait, and then it has the permit and they have not.
#[test]
fn newest_first_one_who_tries_has_the_permit_or_the_newest_has() {
    model("lifo_try_release", 3, || {
        for _ in 0..2 {
            let semaphore = Arc::new(Semaphore::lifo(0));
            let [mut first, mut last] = [(); 2].map(|()| waiting(&semaphore, 1));
            let releasing = spawn(&semaphore, |semaphore| semaphore.release(1));
            let tried = semaphore.try_acquire(1).map(Permit::forget).is_ok() as u32;
            releasing.join().unwrap();
            let served = granted(&mut last);
            assert_eq!((granted(&mut first), tried + served), (0, 1), "S1: the newest, or who came by");
            drop((first, last));
            assert_eq!((semaphore.available(), semaphore.pending()), (0, 0), "S1");
        }
    });
}

/// Newest first: it is closed while a permit comes for one of two.
#[test]
fn newest_first_a_closing_turns_away_who_has_no_grant() {
    model_with("lifo_close_release", 3, &[Looks::Newest], || {
        let semaphore = Arc::new(Semaphore::lifo(0));
        let [mut first, mut last] = [(); 2].map(|()| waiting(&semaphore, 1));
        let releasing = spawn(&semaphore, |semaphore| semaphore.release(1));
        semaphore.close();
        releasing.join().unwrap();
        assert_eq!(semaphore.pending(), 0, "S3");
        let taken = granted(&mut last);
        assert_eq!((granted(&mut first), taken + semaphore.available()), (0, 1), "S1: a grant stays made");
    });
}

/// What a capped release has added meets one who is turned away, gives up, or is dropped: it was granted, or is there.
fn capped(name: &str, asks: fn(&Semaphore) -> u32, meanwhile: fn(&Semaphore)) {
    model_with(name, 3, &[Looks::Newest], move || {
        let semaphore = Arc::new(Semaphore::new(0));
        let asking = spawn(&semaphore, asks);
        let added = semaphore.release_capped(1, 1);
        meanwhile(&semaphore);
        let taken = asking.join().unwrap();
        assert_eq!((added, taken + semaphore.available(), semaphore.pending()), (1, 1, 0), "S1");
    });
}

#[test]
fn what_a_capped_release_adds_is_never_lost() {
    capped(
        "close_release_capped",
        |semaphore| semaphore.acquire(1).map(Permit::forget).is_ok() as u32,
        Semaphore::close,
    );
    capped("until_release_capped", taken_until, |_| strike());
    let dropped = |semaphore: &Semaphore| {
        let mut asked: Asked<'_, Fifo> = Box::pin(semaphore.acquire_async(1));
        granted(&mut asked)
    };
    capped("dropped_release_capped", dropped, |_| ());
}

/// A permit is released, another taken out, and one who waits gives up: each permit is with one of them, or there.
#[test]
fn permits_are_taken_out_beside_one_who_gives_up() {
    model("forget_until_release", 2, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let late = spawn(&semaphore, taken_until);
        let releasing = spawn(&semaphore, |semaphore| {
            semaphore.release(1);
            strike();
        });
        let forgotten = semaphore.forget_permits(1);
        releasing.join().unwrap();
        let taken = late.join().unwrap();
        assert_eq!((forgotten + taken + semaphore.available(), semaphore.pending()), (1, 0), "S1");
    });
}

/// A permit is taken out while it is closed, and one who wants more than there are waits: it is turned away, and no permit is lost.
#[test]
fn permits_are_taken_out_beside_a_closing() {
    model("forget_close", 3, || {
        for _ in 0..3 {
            let semaphore = Arc::new(Semaphore::new(1));
            let mut asked = waiting(&semaphore, 2);
            let closing = spawn(&semaphore, |semaphore| semaphore.close());
            let forgotten = semaphore.forget_permits(1);
            closing.join().unwrap();
            assert!(matches!(poll(asked.as_mut(), &Alarm::new()), Poll::Ready(Err(_))), "S3");
            assert_eq!((forgotten, semaphore.available(), semaphore.pending()), (1, 0, 0), "S1");
        }
    });
}
