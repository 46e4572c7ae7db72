//! `sync/mpsc`: no message and no wake is lost, and nothing is dropped twice.

use crate::common::{Alarm, block_on, poll};
use loom::thread;
use rsm::sync::model::{Looks, model, model_with, strike};
use rsm::sync::mpsc::{self, SendTimeoutError, TryRecvError, bounded, unbounded};
use rsm::sync::{Closed, WaitError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

#[test]
fn send_send_take() {
    // The sums that the first take has found. Not of the model's state: it says what its executions have come by.
    static FOUND: [AtomicBool; 4] = [const { AtomicBool::new(false) }; 4];
    model("send_send_take", 2, || {
        let (sender, mut receiver) = unbounded();
        let sending = [1, 2].map(|number| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(Box::new(number)).map(|()| sender).expect("the receiver is there"))
        });
        let mut take = || receiver.try_take().map_or(0, |batch| batch.map(|number| *number).sum::<i32>());
        let early = take();
        FOUND[early as usize].store(true, Relaxed);
        sending.into_iter().for_each(|sending| drop(sending.join().unwrap()));
        assert_eq!((early + take(), receiver.len()), (3, 0), "M1");
    });
    let found = FOUND.each_ref().map(|found| found.load(Relaxed));
    let is_run = found.contains(&true);
    assert!(!is_run || found == [true; 4], "a take beside the sends comes before, between and after them: {found:?}");
}

#[test]
fn send_park() {
    model_with("send_park", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = unbounded();
        let sending = thread::spawn(move || {
            sender.send(1).expect("the receiver is there");
            sender.send(2).expect("the receiver is there");
            sender
        });
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        drop(sending.join().unwrap());
        assert_eq!(receiver.recv(), Err(Closed));
    });
}

#[test]
fn drop_receiver_send() {
    model("drop_receiver_send", 3, || {
        let value = Arc::new(());
        let (sender, receiver) = unbounded();
        let sending = thread::spawn({
            let value = value.clone();
            move || {
                let _ = sender.send(value.clone());
                let _ = sender.send(value);
            }
        });
        drop(receiver);
        sending.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1, "each message is dropped once");
    });
}

/// One preemption, as two take 9 s.
#[test]
fn drop_last_sender() {
    model("drop_last_sender", 1, || {
        let (sender, mut receiver) = unbounded();
        let other = sender.clone();
        let first = thread::spawn(move || sender.send(1).expect("the receiver is there"));
        let second = thread::spawn(move || drop(other));
        assert_eq!(receiver.recv(), Ok(1), "the end comes behind all that was sent");
        assert_eq!(receiver.recv(), Err(Closed));
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn bounded_send_send_take() {
    model_with("bounded_send_send_take", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = bounded(1);
        sender.send(1).expect("there is room");
        let sending = thread::spawn(move || sender.send(2).map(|()| sender).expect("the receiver is there"));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        let sender = sending.join().unwrap();
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

#[test]
fn bounded_send_until_take() {
    model("bounded_send_until_take", 2, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(1).expect("there is room");
        let clock = thread::spawn(strike);
        let sending = thread::spawn({
            let sender = sender.clone();
            move || sender.send_timeout(2, SOON)
        });
        assert_eq!(receiver.recv(), Ok(1));
        let sent = sending.join().unwrap();
        clock.join().unwrap();
        match sent {
            Ok(()) => assert_eq!(receiver.try_recv(), Ok(2)),
            Err(why) => assert_eq!(why, SendTimeoutError::TimedOut(2)),
        }
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

/// Many with a deadline where one goes in: what was drawn and not sent is handed back.
#[test]
fn bounded_send_all_until_take() {
    model("bounded_send_all_until_take", 2, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let clock = thread::spawn(strike);
        let sending = thread::spawn({
            let sender = sender.clone();
            move || sender.send_all_timeout([1, 2], SOON)
        });
        assert_eq!(receiver.recv(), Ok(0));
        let back = sending.join().unwrap().expect_err("one place is too few for two").into_inner();
        clock.join().unwrap();
        match receiver.try_recv() {
            Ok(one) => assert_eq!((one, back), (1, vec![2])),
            Err(_) => assert_eq!(back, [1]),
        }
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

/// A task that sends many is dropped at any moment: what it has not sent is left, and its place is free again.
#[test]
fn bounded_send_all_dropped_take() {
    model("bounded_send_all_dropped_take", 3, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let giving_up = thread::spawn({
            let sender = sender.clone();
            move || {
                let mut left = VecDeque::from([1, 2]);
                let mut dropped = Box::pin(sender.send_all_async(&mut left));
                let (first, second) = (Alarm::new(), Alarm::new());
                assert!(poll(dropped.as_mut(), &first).is_pending());
                assert!(poll(dropped.as_mut(), &second).is_pending(), "one place is too few for two");
                drop(dropped);
                left
            }
        });
        assert_eq!(receiver.recv(), Ok(0));
        let left = giving_up.join().unwrap();
        match receiver.try_recv() {
            Ok(one) => assert_eq!((one, left), (1, VecDeque::from([2]))),
            Err(_) => assert_eq!(left, [1, 2]),
        }
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

#[test]
fn bounded_send_dropped_take() {
    model("bounded_send_dropped_take", 3, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(1).expect("there is room");
        let giving_up = thread::spawn({
            let sender = sender.clone();
            move || {
                let mut dropped = Box::pin(sender.send_async(2));
                poll(dropped.as_mut(), &Alarm::new()).is_ready()
            }
        });
        assert_eq!(receiver.recv(), Ok(1));
        if giving_up.join().unwrap() {
            assert_eq!(receiver.recv(), Ok(2));
        }
        assert!(sender.try_send(3).is_ok(), "B2: the place is free again");
    });
}

#[test]
fn bounded_gave_up_send_take() {
    model_with("bounded_gave_up_send_take", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let mut gives_up = Box::pin(sender.send_async(1));
        assert!(poll(gives_up.as_mut(), &Alarm::new()).is_pending());
        drop(gives_up);
        let sending = thread::spawn(move || sender.send(2).map(|()| sender).expect("the receiver is there"));
        assert_eq!(receiver.try_recv(), Ok(0));
        drop(sending.join().unwrap());
        assert_eq!(receiver.try_recv(), Ok(2), "B1: a place set aside for nobody keeps nobody out");
    });
}

#[test]
fn close_while_a_sender_waits() {
    model("close_while_a_sender_waits", 3, || {
        let value = Arc::new(());
        let (sender, receiver) = bounded(1);
        sender.send(value.clone()).expect("there is room");
        let sending = thread::spawn({
            let value = value.clone();
            move || sender.send(value).is_err()
        });
        drop(receiver);
        assert!(sending.join().unwrap(), "it was full until the end");
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn recv_dropped_send() {
    model("recv_dropped_send", 3, || {
        let (sender, mut receiver) = unbounded();
        let sending = thread::spawn(move || sender.send(1).map(|()| sender).expect("the receiver is there"));
        let mut recv = Box::pin(receiver.recv_async());
        let polled = poll(recv.as_mut(), &Alarm::new());
        drop(recv);
        if polled.is_pending() {
            assert_eq!(receiver.recv(), Ok(1), "the dropped future has taken nothing");
        }
        drop(sending.join().unwrap());
    });
}

#[test]
fn recv_until_send() {
    model("recv_until_send", 2, || {
        let (sender, mut receiver) = unbounded();
        let clock = thread::spawn(strike);
        let sending = thread::spawn(move || sender.send(1).map(|()| sender).expect("the receiver is there"));
        let received = receiver.recv_timeout(SOON);
        drop(sending.join().unwrap());
        clock.join().unwrap();
        match received {
            Ok(one) => assert_eq!((one, receiver.try_recv()), (1, Err(TryRecvError::Closed))),
            Err(why) => assert_eq!((why, receiver.try_recv()), (WaitError::TimedOut, Ok(1))),
        }
    });
}

#[test]
fn poll_again_send() {
    model("poll_again_send (mpsc)", 3, || {
        let (sender, mut receiver) = unbounded();
        let sending = thread::spawn(move || sender.send(1).expect("the receiver is there"));
        let (first, second) = (Alarm::new(), Alarm::new());
        let mut recv = Box::pin(receiver.recv_async());
        if poll(recv.as_mut(), &first).is_pending() && poll(recv.as_mut(), &second).is_pending() {
            second.wait();
            assert!(poll(recv.as_mut(), &first).is_ready());
        }
        sending.join().unwrap();
    });
}

/// A task and a thread wait for a place: each that is freed lets one in, and none is forgotten. Two preemptions, as three take 17 s.
#[test]
fn bounded_wait_wait_recv() {
    model("bounded_wait_wait_recv", 2, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let mut waits = Box::pin(sender.send_async(1));
        assert!(poll(waits.as_mut(), &Alarm::new()).is_pending());
        let sending = thread::spawn({
            let sender = sender.clone();
            move || sender.send(2).expect("the receiver is there")
        });
        assert_eq!(receiver.try_recv(), Ok(0));
        block_on(waits).expect("the receiver is there");
        assert_eq!(receiver.try_recv(), Ok(1), "B1: the place was set aside for who has waited longest");
        sending.join().unwrap();
        assert_eq!(receiver.try_recv(), Ok(2));
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

/// The receiver takes no more, while one sends: what was taken in before is read, and then it ends.
#[test]
fn close_send_recv() {
    model("close_send_recv", 3, || {
        let (sender, mut receiver) = unbounded();
        let sending = thread::spawn(move || {
            let sent = [1, 2].map(|number| sender.send(number).is_ok());
            assert!(sent[0] || !sent[1], "closed is closed");
            (sent.into_iter().filter(|sent| *sent).count(), sender)
        });
        receiver.close();
        let received = std::iter::from_fn(|| receiver.recv().ok()).count();
        let (sent, sender) = sending.join().unwrap();
        assert_eq!((received, sender.is_closed()), (sent, true), "M1");
    });
}

/// Many at once, beside one: each sender's come in its order.
#[test]
fn send_all_send_recv() {
    model_with("send_all_send_recv", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = unbounded();
        let other = sender.clone();
        let all = thread::spawn(move || sender.send_all([1, 2]).expect("the receiver is there"));
        other.send(3).expect("the receiver is there");
        let received = [(); 3].map(|()| receiver.recv().expect("three are sent"));
        assert!(matches!(received, [1, 2, 3] | [1, 3, 2] | [3, 1, 2]), "M3: {received:?}");
        all.join().unwrap();
    });
}

/// Two try where there is one place: what was taken in comes out, what was not is handed back.
#[test]
fn bounded_try_try_recv() {
    model_with("bounded_try_try_recv", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = bounded(1);
        let send = |sender: &mpsc::Sender<i32>, number| match sender.try_send(number) {
            Ok(()) => number,
            Err(why) => {
                assert_eq!(why.into_inner(), number);
                0
            }
        };
        let other = sender.clone();
        let trying = thread::spawn(move || send(&other, 1));
        let mut sent = send(&sender, 2);
        let mut received = receiver.try_recv().unwrap_or(0);
        sent += trying.join().unwrap();
        received += receiver.try_recv().unwrap_or(0);
        assert_eq!((received, sent > 0, receiver.len()), (sent, true, 0), "M1");
    });
}

/// The receiver takes no more while a sender waits for a place: it has its message back.
#[test]
fn bounded_close_send() {
    model_with("bounded_close_send", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = bounded(1);
        sender.send(1).expect("there is room");
        let sending = thread::spawn(move || sender.send(2).map_err(|why| why.0));
        receiver.close();
        assert_eq!(sending.join().unwrap(), Err(2), "it was full until the end");
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Err(Closed)));
    });
}

/// A task that has been given a place gives up: the place goes to the one that waits behind it.
#[test]
fn bounded_dropped_send_recv() {
    model_with("bounded_dropped_send_recv", 3, &[Looks::Newest], || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let [mut gives_up, mut waits] = [1, 2].map(|number| Box::pin(sender.send_async(number)));
        assert!(poll(gives_up.as_mut(), &Alarm::new()).is_pending());
        assert!(poll(waits.as_mut(), &Alarm::new()).is_pending());
        let receiving = thread::spawn(move || {
            assert_eq!(receiver.try_recv(), Ok(0));
            receiver
        });
        drop(gives_up);
        let mut receiver = receiving.join().unwrap();
        assert_eq!(poll(waits.as_mut(), &Alarm::new()), Poll::Ready(Ok(())), "B2: the place is handed on");
        assert_eq!(receiver.try_recv(), Ok(2));
        assert!(sender.try_send(3).is_ok(), "B2: no place is lost");
    });
}

/// Many at once meet the receiver's end: each is dropped once, or handed back.
#[test]
fn send_all_drop_receiver() {
    model("send_all_drop_receiver", 3, || {
        let value = Arc::new(());
        let (sender, receiver) = unbounded();
        let sending = thread::spawn({
            let value = value.clone();
            move || drop(sender.send_all([value.clone(), value]))
        });
        drop(receiver);
        sending.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1, "each message is dropped once");
    });
}

/// M6: one who only tries takes no place that was set aside for one who waits.
#[test]
fn bounded_try_send_recv() {
    model("bounded_try_send_recv", 3, || {
        let (sender, mut receiver) = bounded(1);
        sender.send(0).expect("there is room");
        let mut waits = Box::pin(sender.send_async(1));
        assert!(poll(waits.as_mut(), &Alarm::new()).is_pending());
        let trying = thread::spawn({
            let sender = sender.clone();
            move || sender.try_send(2).is_ok()
        });
        assert_eq!(receiver.try_recv(), Ok(0));
        block_on(waits).expect("the receiver is there");
        let tried = trying.join().unwrap();
        assert_eq!(receiver.try_recv(), Ok(1), "B1: the place was set aside for who has waited longest");
        assert_eq!((tried, receiver.try_recv().is_err()), (false, true), "B1");
    });
}
