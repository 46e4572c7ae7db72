use crate::{MOMENT, block_on, poll_and_drop, rounds, together};
use rsm::sync::WaitError;
use rsm::sync::mpsc::{self, Receiver, SendTimeoutError, Sender, TryRecvError};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// By whom, and the how-manieth.
type Message = (u32, u32);

const SENDERS: u32 = 4;

/// Messages of four senders, sent in all ways and received in all ways: each once, and each sender's in its order.
fn send_and_receive((sender, receiver): (Sender<Message>, Receiver<Message>)) {
    let receiver = Mutex::new(Some(receiver));
    let first = Mutex::new(Some(sender.clone()));
    let senders = Mutex::new((0..SENDERS).map(|_| sender.clone()).collect::<Vec<_>>());
    drop(sender);
    let sent = AtomicU32::new(0);
    together(SENDERS + 1, move |thread| {
        if thread == SENDERS {
            drop(first.lock().unwrap().take());
            let receiver = receiver.lock().unwrap().take().unwrap();
            let received = receive(receiver);
            assert_eq!(received, sent.load(Relaxed), "M1: all that was sent");
            return;
        }
        let sender = senders.lock().unwrap().pop().unwrap();
        send(thread, &sender, &sent);
    });
}

fn send(me: u32, sender: &Sender<Message>, sent: &AtomicU32) {
    for number in 0..rounds() {
        let message = (me, number);
        let mut many = 1;
        match (me + number) % 6 {
            0 => match sender.send_timeout(message, MOMENT) {
                Ok(()) => {}
                Err(SendTimeoutError::TimedOut(back)) => {
                    assert_eq!(back, message);
                    many = 0;
                }
                Err(SendTimeoutError::Closed(_)) => panic!("the receiver is there"),
            },
            1 => block_on(sender.send_async(message)).expect("the receiver is there"),
            2 => many = u32::from(poll_and_drop(sender.send_async(message)).is_some()),
            3 => {
                sender.send_all([message, message, message]).expect("the receiver is there");
                many = 3;
            }
            4 => many = u32::from(sender.try_send(message).is_ok()),
            _ => sender.send(message).expect("the receiver is there"),
        }
        sent.fetch_add(many, Relaxed);
    }
}

fn receive(mut receiver: Receiver<Message>) -> u32 {
    let mut last = [0; SENDERS as usize];
    let mut received = 0;
    let mut check = |(from, number): Message| {
        let last = &mut last[from as usize];
        assert!(*last <= number, "M3: in the order of its sender");
        *last = number;
        received += 1;
    };
    for turn in 0.. {
        let open = match turn % 6 {
            0 => receiver.recv().map(&mut check).is_ok(),
            1 => receiver.take().map(|batch| batch.for_each(&mut check)).is_ok(),
            2 => receiver.recv_timeout(MOMENT).map(&mut check) != Err(WaitError::Closed),
            3 => receiver.try_recv().map(&mut check) != Err(TryRecvError::Closed),
            4 => match poll_and_drop(receiver.recv_async()) {
                Some(Ok(message)) => {
                    check(message);
                    true
                }
                Some(Err(_)) => false,
                None => true,
            },
            _ => block_on(receiver.recv_async()).map(&mut check).is_ok(),
        };
        if !open {
            break;
        }
    }
    received
}

#[test]
fn messages_come_once_and_in_order() {
    send_and_receive(mpsc::unbounded());
    send_and_receive(mpsc::bounded(1));
    send_and_receive(mpsc::bounded(8));
}

/// The receiver goes while senders wait: all are turned away, and what lies there is dropped.
#[test]
fn a_receiver_that_goes_turns_all_away() {
    for _ in 0..rounds() / 20 {
        let (sender, receiver) = mpsc::bounded(1);
        let receiver = Mutex::new(Some(receiver));
        together(4, move |thread| {
            if thread == 0 {
                let mut receiver = receiver.lock().unwrap().take().unwrap();
                let _ = receiver.recv();
                drop(receiver);
            } else {
                while sender.send(Box::new(thread)).is_ok() {}
            }
        });
    }
}
