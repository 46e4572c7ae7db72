use crate::{SOON, explore, together};
use rsm::sync::mpsc::{self, Receiver, SendTimeoutError, Sender, TryRecvError};
use rsm::sync::{WaitError, oneshot};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

const SENDERS: usize = 4;
const EACH: usize = 4;

/// What was sent and not yet received, by sender.
type Expected = Arc<[Mutex<VecDeque<usize>>; SENDERS]>;

/// Four send, some by batches and some with a deadline; one receives in all ways. Each sender's messages come in its order.
fn send_and_receive(channel: impl Fn() -> (Sender<(usize, usize)>, Receiver<(usize, usize)>)) {
    let (sender, receiver) = channel();
    let expected: Expected = Arc::default();
    let mut threads: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for me in 0..SENDERS {
        let (sender, expected) = (sender.clone(), expected.clone());
        threads.push(Box::new(move || send(me, &sender, &expected[me])));
    }
    drop(sender);
    let left = expected.clone();
    threads.push(Box::new(move || receive(receiver, &left)));
    together(threads);
    assert!(expected.iter().all(|sent| sent.lock().unwrap().is_empty()), "M1: none is lost");
}

fn send(me: usize, sender: &Sender<(usize, usize)>, expected: &Mutex<VecDeque<usize>>) {
    let note = |number| expected.lock().unwrap().push_back(number);
    match me {
        0 => {
            (0..EACH).for_each(note);
            sender.send_all((0..EACH).map(|number| (me, number))).expect("the receiver is there");
        }
        1 => (0..EACH).for_each(|number| {
            note(number);
            if let Err(why) = sender.send_timeout((me, number), SOON) {
                assert_eq!(why, SendTimeoutError::TimedOut((me, number)));
                expected.lock().unwrap().pop_back();
            }
        }),
        2 => (0..EACH).for_each(|number| {
            note(number);
            shuttle::future::block_on(sender.send_async((me, number))).expect("the receiver is there");
        }),
        _ => (0..EACH).for_each(|number| {
            note(number);
            sender.send((me, number)).expect("the receiver is there");
        }),
    }
}

fn receive(mut receiver: Receiver<(usize, usize)>, expected: &Expected) {
    let check = |(from, number): (usize, usize)| {
        assert_eq!(expected[from].lock().unwrap().pop_front(), Some(number), "M3: in the order of its sender, once");
    };
    for turn in 0.. {
        let open = match turn % 5 {
            0 => receiver.recv().map(check).is_ok(),
            1 => receiver.take().map(|batch| batch.for_each(check)).is_ok(),
            2 => receiver.recv_timeout(SOON).map(check) != Err(WaitError::Closed),
            3 => receiver.try_recv().map(check) != Err(TryRecvError::Closed),
            _ => shuttle::future::block_on(receiver.recv_async()).map(check).is_ok(),
        };
        if !open {
            return;
        }
    }
}

#[test]
fn messages_of_four_come_once_and_in_order() {
    explore("mpsc_unbounded", || send_and_receive(mpsc::unbounded));
    explore("mpsc_bounded", || send_and_receive(|| mpsc::bounded(2)));
}

/// Four questions, answered or not, by two threads; the tickets wait, give up and wait again, or are dropped.
#[test]
fn each_ticket_resolves() {
    explore("oneshot", || {
        let value = Arc::new(());
        let mut threads: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        for way in 0..4 {
            let (sender, mut ticket) = oneshot::channel();
            let value = value.clone();
            let answers = way != 3;
            threads.push(Box::new(move || {
                if answers {
                    let _ = sender.send(value);
                }
            }));
            threads.push(Box::new(move || match way {
                0 => drop(ticket.wait().expect("it was sent")),
                1 => {
                    while ticket.wait_timeout(SOON) == Err(WaitError::TimedOut) {
                        shuttle::thread::yield_now();
                    }
                }
                2 => drop(ticket),
                _ => assert!(shuttle::future::block_on(ticket).is_err(), "its sender was dropped"),
            }));
        }
        together(threads);
        assert_eq!(Arc::strong_count(&value), 1, "T3: each value is dropped once");
    });
}
