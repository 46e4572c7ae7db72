use super::*;
use crate::sync::testing::{Wakes, block_on, poll};
use std::sync::Arc;
use std::thread;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_value_sent_before_or_after_the_wait_arrives() {
    let (sender, ticket) = channel();
    sender.send(7).unwrap();
    assert_eq!(ticket.wait(), Ok(7));

    let (sender, ticket) = channel();
    let worker = thread::spawn(move || ticket.wait());
    sender.send(8).unwrap();
    assert_eq!(worker.join().unwrap(), Ok(8));
}

#[test]
fn a_dropped_sender_is_closed_and_never_a_hang() {
    let (sender, ticket) = channel::<u8>();
    let worker = thread::spawn(move || ticket.wait());
    drop(sender);
    assert_eq!(worker.join().unwrap(), Err(Closed));

    let (sender, mut ticket) = channel::<u8>();
    let panicked = thread::spawn(move || {
        let _sender = sender;
        std::panic::resume_unwind(Box::new("the worker dies"));
    });
    assert_eq!(ticket.wait_timeout(LONG), Err(WaitError::Closed));
    assert!(panicked.join().is_err());
}

#[test]
fn a_send_to_a_dropped_ticket_hands_the_value_back() {
    let (sender, ticket) = channel();
    assert!(!sender.is_closed());
    drop(ticket);
    assert!(sender.is_closed());
    assert_eq!(sender.send("mine"), Err("mine"));
}

#[test]
fn after_a_timeout_the_ticket_is_as_good_as_before() {
    let (sender, mut ticket) = channel();
    assert_eq!(ticket.wait_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut));
    assert_eq!(ticket.wait_timeout(Duration::ZERO), Err(WaitError::TimedOut));
    assert_eq!(ticket.wait_until(Instant::now()), Err(WaitError::TimedOut));
    assert_eq!(ticket.try_take(), Ok(None));
    sender.send(3).unwrap();
    assert_eq!(ticket.wait_timeout(Duration::MAX), Ok(3));
    assert_eq!(ticket.try_take(), Err(Closed), "what has been taken is gone");
    assert_eq!(ticket.wait_timeout(Duration::MAX), Err(WaitError::Closed));
}

#[test]
fn a_value_nobody_takes_is_dropped_once() {
    let value = Arc::new(());
    let (sender, ticket) = channel();
    sender.send(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(ticket);
    assert_eq!(Arc::strong_count(&value), 1);

    let (sender, ticket) = channel();
    drop(ticket);
    let back = sender.send(value.clone()).unwrap_err();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(back);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_ticket_is_a_future() {
    let (sender, ticket) = channel();
    let worker = thread::spawn(move || block_on(ticket));
    sender.send(5).unwrap();
    assert_eq!(worker.join().unwrap(), Ok(5));

    let (sender, ticket) = channel::<u8>();
    drop(sender);
    assert_eq!(block_on(ticket), Err(Closed));
}

#[test]
fn polled_again_by_another_task_it_wakes_that_one_alone() {
    let (sender, mut ticket) = channel();
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    assert!(poll(Pin::new(&mut ticket), &first_waker).is_pending());
    assert!(poll(Pin::new(&mut ticket), &second_waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(poll(Pin::new(&mut ticket), &first_waker), Poll::Ready(Ok(1)));
}

#[test]
fn a_dropped_ticket_keeps_no_waker() {
    let (sender, mut ticket) = channel::<u8>();
    let (wakes, waker) = Wakes::new();
    assert!(poll(Pin::new(&mut ticket), &waker).is_pending());
    drop(ticket);
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1, "the waker went with the ticket");
    drop(sender);
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_polled_ticket_may_be_waited_for_by_a_thread() {
    let (sender, mut ticket) = channel();
    let (wakes, waker) = Wakes::new();
    assert!(poll(Pin::new(&mut ticket), &waker).is_pending());
    assert_eq!(ticket.wait_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut));
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1, "the thread waits in the task's place");
    let (wakes, waker) = Wakes::new();
    assert!(poll(Pin::new(&mut ticket), &waker).is_pending());
    let worker = thread::spawn(move || ticket.wait());
    sender.send(2).unwrap();
    assert_eq!(worker.join().unwrap(), Ok(2));
    assert!(wakes.count() <= 1);
}

#[test]
fn a_hundred_tickets_from_ten_threads_all_resolve() {
    let workers: Vec<_> = (0..10)
        .map(|worker| {
            let (senders, tickets): (Vec<_>, Vec<_>) = (0..10).map(|_| channel::<usize>()).unzip();
            let sending = thread::spawn(move || {
                for (number, sender) in senders.into_iter().enumerate() {
                    if number % 3 < 2 {
                        sender.send(worker * 10 + number).unwrap();
                    }
                }
            });
            (worker, sending, tickets)
        })
        .collect();
    for (worker, sending, tickets) in workers {
        for (number, ticket) in tickets.into_iter().enumerate() {
            let expected = if number % 3 < 2 { Ok(worker * 10 + number) } else { Err(Closed) };
            assert_eq!(ticket.wait(), expected);
        }
        sending.join().unwrap();
    }
}

#[test]
fn both_sides_may_be_sent_and_shared_where_the_value_may_be_sent() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Sender<std::cell::Cell<u8>>>();
    check::<Ticket<std::cell::Cell<u8>>>();
}
