//! `sync/oneshot`: the box is freed once, by the side that leaves second, and no wake is lost.

use crate::common::{Alarm, poll};
use loom::thread;
use rsm::sync::model::{Mutant, finds, model, strike};
use rsm::sync::oneshot::channel;
use rsm::sync::{Closed, WaitError};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

/// A value that is dropped exactly once, or the count says so.
type Counted = Arc<()>;

#[test]
fn send_recv() {
    model("send_recv", 3, || {
        let value = Counted::default();
        let (sender, ticket) = channel();
        let sending = thread::spawn({
            let value = value.clone();
            move || sender.send(value).expect("the ticket is there")
        });
        drop(ticket.wait().expect("it was sent"));
        sending.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn send_try_take() {
    model("send_try_take", 3, || {
        for _ in 0..4 {
            let (sender, mut ticket) = channel();
            let sending = thread::spawn(move || sender.send(Counted::default()).is_ok());
            let early = ticket.try_take().expect("the sender is there, or has sent").is_some();
            assert!(sending.join().unwrap());
            assert_eq!(ticket.try_take().is_ok(), !early, "a value is taken once");
        }
    });
}

fn send_recv_until_body() {
    let value = Counted::default();
    let (sender, mut ticket) = channel();
    let sending = thread::spawn({
        let value = value.clone();
        move || sender.send(value).is_ok()
    });
    let clock = thread::spawn(strike);
    let received = ticket.wait_timeout(SOON);
    assert_ne!(received, Err(WaitError::Closed));
    // The box may be freed here while the sender leaves.
    drop(ticket);
    let sent = sending.join().unwrap();
    clock.join().unwrap();
    assert!(sent || received.is_err(), "what was handed back was not received");
    drop(received);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn send_recv_until() {
    model("send_recv_until", 2, send_recv_until_body);
}

#[test]
fn a_receiver_that_does_not_wait_for_the_sender_is_found() {
    finds(Mutant::WaitingNotAwaited, || model("send_recv_until, mutant", 2, send_recv_until_body));
}

#[test]
fn drop_sender() {
    model("drop_sender", 3, || {
        let (sender, ticket) = channel::<Counted>();
        let dropping = thread::spawn(move || drop(sender));
        assert_eq!(ticket.wait(), Err(Closed));
        dropping.join().unwrap();
    });
}

#[test]
fn send_drop() {
    model("send_drop", 3, || {
        for _ in 0..4 {
            let value = Counted::default();
            let (sender, ticket) = channel();
            let sending = thread::spawn({
                let value = value.clone();
                move || drop(sender.send(value))
            });
            drop(ticket);
            sending.join().unwrap();
            assert_eq!(Arc::strong_count(&value), 1);
        }
    });
}

#[test]
fn poll_again_send() {
    model("poll_again_send", 3, || {
        let (sender, mut ticket) = channel();
        let (first, second) = (Alarm::new(), Alarm::new());
        let sending = thread::spawn(move || sender.send(5).expect("the ticket is there"));
        let mut polled = poll(Pin::new(&mut ticket), &first);
        if polled.is_pending() {
            polled = poll(Pin::new(&mut ticket), &second);
        }
        if polled.is_pending() {
            second.wait();
            polled = poll(Pin::new(&mut ticket), &first);
        }
        assert_eq!(polled, Poll::Ready(Ok(5)));
        sending.join().unwrap();
    });
}

#[test]
fn poll_drop_send() {
    model("poll_drop_send", 3, || {
        for _ in 0..2 {
            let value = Counted::default();
            let (sender, mut ticket) = channel();
            let alarm = Alarm::new();
            let sending = thread::spawn({
                let value = value.clone();
                move || drop(sender.send(value))
            });
            drop(poll(Pin::new(&mut ticket), &alarm));
            drop(ticket);
            sending.join().unwrap();
            assert_eq!(Arc::strong_count(&value), 1);
        }
    });
}

/// A task polls the ticket; then a thread waits for it. The waker lies where the thread would put its handle.
#[test]
fn poll_wait_send() {
    model("poll_wait_send", 3, || {
        let value = Counted::default();
        let (sender, mut ticket) = channel();
        let alarm = Alarm::new();
        let sending = thread::spawn({
            let value = value.clone();
            move || sender.send(value).expect("the ticket is there")
        });
        match poll(Pin::new(&mut ticket), &alarm) {
            Poll::Ready(received) => drop(received.expect("it was sent")),
            Poll::Pending => drop(ticket.wait().expect("it was sent")),
        }
        sending.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

/// The same until the clock strikes: then a task may poll it again, and is woken.
#[test]
fn poll_wait_until_send() {
    model("poll_wait_until_send", 2, || {
        let (sender, mut ticket) = channel();
        let (first, second) = (Alarm::new(), Alarm::new());
        let sending = thread::spawn(move || sender.send(5).expect("the ticket is there"));
        let clock = thread::spawn(strike);
        let mut received = poll(Pin::new(&mut ticket), &first).map_err(WaitError::from);
        if received.is_pending() {
            received = Poll::Ready(ticket.wait_timeout(SOON));
        }
        if received == Poll::Ready(Err(WaitError::TimedOut)) {
            received = poll(Pin::new(&mut ticket), &second).map_err(WaitError::from);
        }
        if received.is_pending() {
            second.wait();
            received = poll(Pin::new(&mut ticket), &first).map_err(WaitError::from);
        }
        assert_eq!(received, Poll::Ready(Ok(5)));
        sending.join().unwrap();
        clock.join().unwrap();
    });
}

/// Both sides leave without a value.
#[test]
fn drop_drop() {
    model("drop_drop", 3, || {
        for _ in 0..4 {
            let (sender, ticket) = channel::<Counted>();
            let dropping = thread::spawn(move || drop(sender));
            drop(ticket);
            dropping.join().unwrap();
        }
    });
}

/// A task polls while the sender goes: it is told so, at once or by a wake.
#[test]
fn poll_drop_sender() {
    model("poll_drop_sender", 3, || {
        for _ in 0..2 {
            let (sender, mut ticket) = channel::<Counted>();
            let alarm = Alarm::new();
            let dropping = thread::spawn(move || drop(sender));
            let mut polled = poll(Pin::new(&mut ticket), &alarm);
            if polled.is_pending() {
                alarm.wait();
                polled = poll(Pin::new(&mut ticket), &alarm);
            }
            assert_eq!(polled, Poll::Ready(Err(Closed)));
            dropping.join().unwrap();
        }
    });
}

/// The sender goes while the ticket's wait gives up: the box is freed once, by whoever is second.
#[test]
fn drop_sender_until() {
    model("drop_sender_until", 2, || {
        let (sender, mut ticket) = channel::<Counted>();
        let dropping = thread::spawn(move || drop(sender));
        let clock = thread::spawn(strike);
        let received = ticket.wait_timeout(SOON);
        assert!(received == Err(WaitError::TimedOut) || received == Err(WaitError::Closed));
        drop(ticket);
        dropping.join().unwrap();
        clock.join().unwrap();
    });
}

/// The sender goes while the ticket only looks: it is told so from then on.
#[test]
fn try_take_drop_sender() {
    model("try_take_drop_sender", 3, || {
        for _ in 0..4 {
            let (sender, mut ticket) = channel::<Counted>();
            let dropping = thread::spawn(move || drop(sender));
            let early = ticket.try_take();
            assert!(early == Ok(None) || early == Err(Closed));
            dropping.join().unwrap();
            assert_eq!(ticket.try_take(), Err(Closed));
        }
    });
}

/// A ticket is polled, by one task or two, and then left, while its sender goes: nobody sleeps on, and the box is freed once.
#[test]
fn poll_again_drop_sender() {
    model("poll_again_drop_sender", 3, || {
        let (sender, mut ticket) = channel::<Counted>();
        let (first, second) = (Alarm::new(), Alarm::new());
        let dropping = thread::spawn(move || drop(sender));
        let mut polled = poll(Pin::new(&mut ticket), &first);
        if polled.is_pending() {
            polled = poll(Pin::new(&mut ticket), &second);
        }
        if polled.is_pending() {
            second.wait();
            polled = poll(Pin::new(&mut ticket), &first);
        }
        assert_eq!(polled, Poll::Ready(Err(Closed)));
        dropping.join().unwrap();
    });
}

#[test]
fn poll_wait_drop_sender() {
    model("poll_wait_drop_sender", 3, || {
        let (sender, mut ticket) = channel::<Counted>();
        let dropping = thread::spawn(move || drop(sender));
        let polled = poll(Pin::new(&mut ticket), &Alarm::new());
        assert!(polled == Poll::Pending && ticket.wait() == Err(Closed) || polled == Poll::Ready(Err(Closed)));
        dropping.join().unwrap();
    });
}

#[test]
fn poll_drop_drop_sender() {
    model("poll_drop_drop_sender", 3, || {
        for _ in 0..2 {
            let (sender, mut ticket) = channel::<Counted>();
            let dropping = thread::spawn(move || drop(sender));
            drop(poll(Pin::new(&mut ticket), &Alarm::new()));
            drop(ticket);
            dropping.join().unwrap();
        }
    });
}
