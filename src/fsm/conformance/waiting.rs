//! Waiting in a task: for room in an inbox, and for an end.

use super::probe::{Ctx, Word, born, builder, post, probe, until};
use crate::fsm::{Bounded, End, Posting, Rejected, Runner};
use crate::sync::lock::Lock;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Whether a waker was called.
#[derive(Default)]
struct Flag(Lock<bool>);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
    }
}

impl Flag {
    fn is_up(&self) -> bool {
        *self.0.lock()
    }
}

fn poll(posting: &mut Posting<Word>, flag: &Arc<Flag>) -> Poll<Result<(), Rejected<Word>>> {
    Pin::new(posting).poll(&mut Context::from_waker(&Waker::from(flag.clone())))
}

/// Postings that wait, each with a flag that its wake raises.
type Waiters = Arc<Lock<Vec<(Posting<Word>, Arc<Flag>)>>>;

/// Has them wait for room in our own inbox, which is full.
fn wait(words: &[Word], waiters: &Waiters, context: &Ctx) {
    for &word in words {
        let (mut posting, flag) = (context.address().post_async(word), Arc::default());
        assert!(poll(&mut posting, &flag).is_pending(), "the inbox is full");
        waiters.lock().push((posting, flag));
    }
}

/// A task that posts more than the inbox holds waits for room each time, and none is lost.
pub fn one_that_waits_for_room_posts_when_there_is_some<R: Runner>(runner: &R) {
    let (plain, log) = builder(runner, |_, state, _| state);
    let subject = born(runner, plain.inbox(Bounded(2)), log);
    let address = subject.address.clone();
    runner.block_on(async {
        for _ in 0..10 {
            for word in ["one", "two", "three"] {
                address.post_async(word).await.expect("it runs");
            }
        }
    });
    assert!(address.counters().depth_max <= 2, "never over its bound");
    address.drain();
    let (_, log) = subject.end();
    let heard: Vec<_> = log.iter().filter(|word| ["one", "two", "three"].contains(&word.as_str())).collect();
    assert_eq!(heard, ["one", "two", "three"].repeat(10), "F3");
}

/// Those who wait for room are served in the order in which they came, whoever asks first.
pub fn those_who_wait_for_room_are_served_in_order<R: Runner>(runner: &R) {
    let waiters = Waiters::default();
    let waits = waiters.clone();
    let (plain, log) = builder(runner, move |word, state, context| {
        if word == "start" {
            post(&context.address(), &["full"]);
            wait(&["one", "two", "three", "four"], &waits, context);
        }
        state
    });
    let subject = born(runner, plain.inbox(Bounded(1)), log);
    until(runner, || waiters.lock().len() == 4);
    runner.block_on(poll_fn(|context| {
        // The last one asks first.
        let mut left = std::mem::take(&mut *waiters.lock());
        left.reverse();
        left.retain_mut(|(posting, _)| match Pin::new(posting).poll(context) {
            Poll::Ready(posted) => {
                posted.expect("it runs");
                false
            }
            Poll::Pending => true,
        });
        left.reverse();
        let done = left.is_empty();
        *waiters.lock() = left;
        if done { Poll::Ready(()) } else { Poll::Pending }
    }));
    subject.address.drain();
    let (_, log) = subject.end();
    let heard: Vec<_> =
        log.iter().filter(|word| !["start", "flush", "drain", "exit"].contains(&word.as_str())).collect();
    assert_eq!(heard, ["full", "one", "two", "three", "four"], "U5");
}

/// One that stops waiting posts nothing, and passes on the wake that it had.
pub fn one_that_stops_waiting_for_room_posts_nothing_and_keeps_nobody_from_it<R: Runner>(runner: &R) {
    let waiters = Waiters::default();
    let waits = waiters.clone();
    let (plain, log) = builder(runner, move |word, state, context| {
        if word == "start" {
            post(&context.address(), &["full"]);
            wait(&["never", "two"], &waits, context);
        }
        state
    });
    let subject = born(runner, plain.inbox(Bounded(1)), log);
    until(runner, || waiters.lock().first().is_some_and(|(_, flag)| flag.is_up()));
    let (mut second, second_flag) = waiters.lock().pop().expect("two wait");
    assert!(poll(&mut second, &second_flag).is_pending(), "there is room, but another comes first");
    assert!(!second_flag.is_up(), "its turn has not come");
    let first = waiters.lock().pop();
    drop(first);
    assert!(second_flag.is_up(), "U5: its turn has come");
    assert!(matches!(poll(&mut second, &second_flag), Poll::Ready(Ok(()))));
    drop(second);
    subject.address.drain();
    let (_, log) = subject.end();
    assert!(log.contains(&"two".to_owned()) && !log.contains(&"never".to_owned()), "{log:?}");
}

/// Who waits for room is woken and refused, and has its command back, once there will be none: whatever the end.
pub fn those_who_wait_for_room_are_refused_once_there_will_be_none<R: Runner>(runner: &R) {
    for way in ["drain", "stop", "kill", "panic"] {
        let waiters = Waiters::default();
        let waits = waiters.clone();
        let (plain, log) = builder(runner, move |word, state, context| {
            if word == "start" {
                post(&context.address(), &["full"]);
                wait(&["one", "two"], &waits, context);
                match way {
                    "drain" => context.drain(),
                    "stop" => context.stop(),
                    "kill" => context.address().kill(),
                    _ => resume_unwind(Box::new("asked to")),
                }
            }
            state
        });
        let subject = born(runner, plain.inbox(Bounded(1)), log);
        subject.end();
        let waiters = std::mem::take(&mut *waiters.lock());
        for ((posting, flag), word) in waiters.into_iter().zip(["one", "two"]) {
            assert!(flag.is_up(), "U5: {way}: it is told");
            let refused = runner.block_on(posting).expect_err("it has ended");
            assert!(!matches!(refused, Rejected::Full(_)) && refused.into_inner() == word, "F6: {way}");
        }
    }
}

/// `ended().await`: before and after the end, for each who asks; one that gives up keeps nobody from it.
pub fn a_task_awaits_the_end_of_an_automaton<R: Runner>(runner: &R) {
    for way in ["drain", "stop", "kill", "panic"] {
        let subject = probe(runner, move |word, state, context| {
            match word {
                "drain it" => context.drain(),
                "stop it" => context.stop(),
                "kill it" => context.address().kill(),
                "panic it" => resume_unwind(Box::new("asked to")),
                _ => {}
            }
            state
        });
        let address = subject.address.clone();
        let fits = |end| match end {
            End::Exited => way == "drain" || way == "stop",
            End::Killed => way == "kill",
            End::Panicked(panic) => way == "panic" && panic.message() == "asked to",
        };
        runner.block_on(async {
            let (early, given_up) = (address.ended(), address.ended());
            drop(given_up);
            let word = match way {
                "drain" => "drain it",
                "stop" => "stop it",
                "kill" => "kill it",
                _ => "panic it",
            };
            address.post_async(word).await.expect("it runs");
            assert!(fits(early.await.expect("an end is always told")), "{way}");
            assert!(fits(address.ended().await.expect("an end is always told")), "{way}: asked late");
        });
        drop(subject);
    }
}
