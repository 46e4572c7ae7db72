//! `sync/mpsc`: senders that give up beside each other and beside the end, and the last sender beside each way to receive.

use crate::common::{Alarm, poll};
use loom::thread;
use rsm::sync::model::{Looks, model, model_with, strike};
use rsm::sync::mpsc::{SendTimeoutError, bounded, unbounded};
use rsm::sync::{Closed, WaitError};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

/// Two senders give up while one place comes free, the one when the clock strikes, the other at once.
#[test]
fn two_senders_that_give_up_lose_no_place() {
    model("bounded_until_until_recv", 2, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let sending = [1, 2].map(|number| {
            let sender = sender.clone();
            thread::spawn(move || {
                if number == 2 {
                    strike();
                }
                sender.send_timeout(number, SOON).map_or(0, |()| number)
            })
        });
        assert_eq!(receiver.try_recv(), Ok(0));
        let sent = sending.map(|sending| sending.join().unwrap());
        assert!(sent.contains(&0), "M6: there was one place");
        assert_eq!(receiver.try_recv().unwrap_or(0), sent[0] + sent[1], "M1");
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

/// The channel is closed while a sender gives up: its message comes back, for one reason or the other.
#[test]
fn a_sender_that_gives_up_meets_the_closing() {
    model("bounded_close_until", 2, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let clock = thread::spawn(strike);
        let sending = thread::spawn(move || sender.send_timeout(1, SOON));
        receiver.close();
        clock.join().unwrap();
        let sent = sending.join().unwrap();
        assert!(sent == Err(SendTimeoutError::TimedOut(1)) || sent == Err(SendTimeoutError::Closed(1)));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(0), Err(Closed)));
    });
}

/// The channel is closed while a task that waits for room is dropped: the one behind it is turned away, and woken.
#[test]
fn a_task_that_is_dropped_meets_the_closing() {
    model_with("bounded_close_dropped", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let [mut dropped, mut waits] = [1, 2].map(|number| Box::pin(sender.send_async(number)));
        let alarm = Alarm::new();
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending() && poll(waits.as_mut(), &alarm).is_pending());
        let closing = thread::spawn(move || {
            receiver.close();
            receiver // which turns them away once more when it is dropped
        });
        drop(dropped);
        let receiver = closing.join().unwrap();
        assert!(alarm.has_rung(), "it is woken by the closing");
        assert!(matches!(poll(waits.as_mut(), &alarm), Poll::Ready(Err(why)) if why.0 == 2));
        drop(receiver);
    });
}

/// The last sender goes while a task receives: it is told, at once or by a wake.
#[test]
fn the_last_sender_goes_while_a_task_receives() {
    model("drop_last_sender_poll", 3, || {
        for _ in 0..2 {
            let (sender, mut receiver) = unbounded::<u32>();
            let leaving = thread::spawn(move || drop(sender));
            let alarm = Alarm::new();
            let mut recv = Box::pin(receiver.recv_async());
            let mut polled = poll(recv.as_mut(), &alarm);
            if polled.is_pending() {
                alarm.wait();
                polled = poll(recv.as_mut(), &alarm);
            }
            assert_eq!(polled, Poll::Ready(Err(Closed)));
            leaving.join().unwrap();
        }
    });
}

/// The last sender sends and goes while a wait gives up: what it sent is there.
#[test]
fn the_last_sender_goes_while_a_receive_gives_up() {
    model("drop_last_sender_until", 2, || {
        let (sender, mut receiver) = unbounded::<u32>();
        let clock = thread::spawn(strike);
        let leaving = thread::spawn(move || drop(sender));
        let received = receiver.recv_timeout(SOON);
        assert!(received == Err(WaitError::Closed) || received == Err(WaitError::TimedOut));
        clock.join().unwrap();
        leaving.join().unwrap();
        assert_eq!(receiver.recv(), Err(Closed));
    });
}

/// Both ends go: what lies there is dropped once.
#[test]
fn the_last_sender_goes_while_the_receiver_goes() {
    model("drop_last_sender_receiver", 3, || {
        let value = Arc::new(());
        let (sender, receiver) = unbounded();
        sender.send(value.clone()).expect("the receiver is there");
        let leaving = thread::spawn(move || drop(sender));
        drop(receiver);
        leaving.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1, "each message is dropped once");
    });
}
