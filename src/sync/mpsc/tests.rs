use super::*;
use crate::sync::shim::{AtomicU64, Ordering::Relaxed};
use crate::sync::testing::{Wakes, block_on, poll};
use crate::sync::{Closed, WaitError};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

mod foreign;

const LONG: Duration = Duration::from_secs(60);

fn until(mut fact: impl FnMut() -> bool) {
    while !fact() {
        thread::yield_now();
    }
}

#[test]
fn each_senders_messages_come_in_order_and_none_is_lost() {
    for (sender, mut receiver) in [unbounded(), bounded(1), bounded(7), bounded(1024)] {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let sender = sender.clone();
                thread::spawn(move || (0..1_000u32).for_each(|number| sender.send((worker, number)).unwrap()))
            })
            .collect();
        drop(sender);
        let mut next = [0; 4];
        for (worker, number) in receiver.iter() {
            assert_eq!(number, next[worker]);
            next[worker] += 1;
        }
        assert_eq!(next, [1_000; 4]);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    }
}

#[test]
fn a_batch_is_all_that_is_there_and_knows_its_length() {
    let (sender, mut receiver) = unbounded();
    assert_eq!(receiver.try_take().unwrap_err(), TryRecvError::Empty);
    (0..1_300u64).for_each(|number| sender.send(number).unwrap());
    assert_eq!((sender.len(), receiver.len()), (1_300, 1_300));
    let batch = receiver.take().unwrap();
    assert_eq!(batch.len(), 1_300);
    assert_eq!(sender.len(), 0, "what is taken no longer lies in the channel");
    assert!(batch.eq(0..1_300));
    assert!(receiver.is_empty());
}

#[test]
fn receiving_one_by_one_and_by_batches_may_be_mixed() {
    let (sender, mut receiver) = unbounded();
    (0..5).for_each(|number| sender.send(number).unwrap());
    assert_eq!(receiver.recv(), Ok(0));
    sender.send(5).unwrap();
    assert_eq!(receiver.len(), 5);
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.take().unwrap().collect::<Vec<_>>(), [2, 3, 4], "first the rest of the batch at hand");
    assert_eq!(receiver.take().unwrap().collect::<Vec<_>>(), [5]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn the_channel_ends_when_all_senders_are_gone_and_all_is_read() {
    let (sender, mut receiver) = unbounded();
    let other = sender.clone();
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    other.send(2).unwrap();
    drop(other);
    assert!(receiver.is_closed());
    assert_eq!((receiver.recv(), receiver.recv(), receiver.recv()), (Ok(1), Ok(2), Err(Closed)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(receiver.recv_timeout(LONG), Err(WaitError::Closed));
    assert!(receiver.take().is_err());
}

#[test]
fn a_sleeping_receiver_is_woken_by_a_message_and_by_the_end() {
    let (sender, mut receiver) = unbounded();
    let worker = thread::spawn(move || (receiver.recv(), receiver.recv()));
    until(|| sender.is_napping());
    sender.send(1).unwrap();
    until(|| sender.is_napping() || worker.is_finished());
    drop(sender);
    assert_eq!(worker.join().unwrap(), (Ok(1), Err(Closed)));
}

#[test]
fn a_closed_channel_hands_messages_back_and_gives_what_is_there() {
    let (sender, mut receiver) = bounded(2);
    sender.send(1).unwrap();
    receiver.close();
    assert!(sender.is_closed());
    assert_eq!(sender.send(2), Err(SendError(2)));
    assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(sender.send_timeout(4, LONG), Err(SendTimeoutError::Closed(4)));
    assert_eq!(sender.send_all([5]), Err(SendError(vec![5])));
    assert_eq!(block_on(sender.send_async(7)), Err(SendError(7)));
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Err(Closed)));
}

#[test]
fn a_full_channel_refuses_or_makes_wait() {
    let (sender, mut receiver) = bounded(2);
    sender.send(1).unwrap();
    sender.try_send(2).unwrap();
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(sender.send_timeout(3, Duration::from_millis(5)), Err(SendTimeoutError::TimedOut(3)));
    assert_eq!(sender.send_until(3, Instant::now()), Err(SendTimeoutError::TimedOut(3)));
    let waiting = {
        let sender = sender.clone();
        thread::spawn(move || sender.send(3))
    };
    until(|| sender.waiting() == 1);
    assert_eq!(receiver.take().unwrap().collect::<Vec<_>>(), [1, 2]);
    waiting.join().unwrap().unwrap();
    assert_eq!(receiver.recv(), Ok(3));
    assert_eq!(sender.send_timeout(4, Duration::MAX), Ok(()));
}

#[test]
fn a_limit_of_zero_counts_as_one() {
    let (sender, mut receiver) = bounded(0);
    sender.try_send(1).unwrap();
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(receiver.recv(), Ok(1));
}

#[test]
fn waiting_senders_get_in_oldest_first() {
    let (sender, mut receiver) = bounded(1);
    sender.send(0).unwrap();
    let (wakes, waker) = Wakes::new();
    let mut sends: VecDeque<_> = (1..4).map(|number| Box::pin(sender.send_async(number))).collect();
    for send in &mut sends {
        assert!(poll(send.as_mut(), &waker).is_pending());
    }
    for number in 0..4 {
        assert_eq!(receiver.recv(), Ok(number));
        let Some(mut oldest) = sends.pop_front() else { break };
        assert_eq!(wakes.count(), number + 1);
        assert!(sends.iter_mut().all(|send| poll(send.as_mut(), &waker).is_pending()));
        assert!(sender.try_send(99).is_err(), "M6: its place is set aside");
        assert!(poll(oldest.as_mut(), &waker).is_ready());
    }
}

#[test]
fn a_place_for_who_waits_is_set_aside_in_the_step_that_frees_it() {
    let (channel, mut hand) = (chain::Channel::new(1), hand::Hand::new());
    assert!(channel.push(1, false).is_ok());
    assert!(channel.must_wait());
    let (_, set_aside) = channel.take(&mut hand);
    assert_eq!(set_aside, Some(1));
    assert!(channel.push(2, false).is_err(), "a newcomer cannot come between, however often it tries");
    assert!(channel.push(3, true).is_ok());
}

#[test]
fn a_dropped_send_hands_its_place_to_the_next() {
    let (sender, mut receiver) = bounded(1);
    sender.send(0).unwrap();
    let (wakes, waker) = Wakes::new();
    let mut first = Box::pin(sender.send_async(1));
    let mut second = Box::pin(sender.send_async(2));
    assert!(poll(first.as_mut(), &waker).is_pending());
    assert!(poll(second.as_mut(), &waker).is_pending());
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(wakes.count(), 1);
    drop(first); // it had been granted the place
    assert_eq!(wakes.count(), 2);
    assert!(poll(second.as_mut(), &waker).is_ready());
    assert_eq!(receiver.recv(), Ok(2));
    assert_eq!(sender.try_send(3), Ok(()), "no place is lost");
}

#[test]
fn a_sender_that_gives_up_leaves_its_place_to_all() {
    let (sender, mut receiver) = bounded(1);
    sender.send(0).unwrap();
    let mut gives_up = Box::pin(sender.send_async(1));
    assert!(poll(gives_up.as_mut(), std::task::Waker::noop()).is_pending());
    drop(gives_up);
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(sender.try_send(2), Ok(()), "the place that was set aside for it is free again");
    assert_eq!(sender.waiting(), 0);
}

#[test]
fn senders_that_wait_are_turned_away_when_the_receiver_goes() {
    let (sender, receiver) = bounded(1);
    sender.send(0).unwrap();
    let waiting: Vec<_> = (1..4)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(number))
        })
        .collect();
    until(|| sender.waiting() == 3);
    drop(receiver);
    for (number, worker) in waiting.into_iter().enumerate() {
        assert_eq!(worker.join().unwrap(), Err(SendError(number + 1)));
    }
}

#[test]
fn many_sent_at_once_come_in_order() {
    let (sender, mut receiver) = unbounded();
    sender.send_all(0..3).unwrap();
    sender.send(3).unwrap();
    sender.send_all(4..2_000u64).unwrap();
    sender.send_all(std::iter::empty()).unwrap();
    sender.send(2_000).unwrap();
    assert!(receiver.take().unwrap().eq(0..=2_000));

    let (sender, mut receiver) = bounded(3);
    let worker = thread::spawn(move || sender.send_all(0..1_000u64));
    assert!(receiver.iter().eq(0..1_000));
    worker.join().unwrap().unwrap();
}

#[test]
fn what_was_drawn_and_not_sent_is_handed_back() {
    let (sender, receiver) = bounded(2);
    let mut numbers = 0..100u64;
    let worker = thread::spawn(move || {
        let back = sender.send_all(numbers.by_ref()).unwrap_err().0;
        (back, numbers)
    });
    until(|| receiver.len() == 2);
    drop(receiver);
    let (back, rest) = worker.join().unwrap();
    assert!((2..100).eq(back.into_iter().chain(rest)), "nothing is lost between those handed back and those not drawn");
}

#[test]
fn many_go_in_as_far_as_there_is_room_and_the_rest_is_handed_back() {
    let (sender, mut receiver) = bounded(3);
    let mut numbers = 0..10;
    assert_eq!(sender.try_send_all(numbers.by_ref()), Err(TrySendError::Full(vec![3])));
    assert_eq!((numbers.next(), sender.len()), (Some(4), 3));
    assert_eq!(sender.try_send_all(5..5), Ok(()), "nothing always goes in");
    let soon = Duration::from_millis(1);
    assert_eq!(sender.send_all_timeout(5..7, soon), Err(SendTimeoutError::TimedOut(vec![5])));
    assert_eq!(sender.send_all_until(6..8, Instant::now()), Err(SendTimeoutError::TimedOut(vec![6])));
    assert!(receiver.take().unwrap().eq(0..3));
    assert_eq!(sender.send_all_timeout(0..3, Duration::ZERO), Ok(()), "who need not wait is not late");
    assert!(receiver.take().unwrap().eq(0..3));
    assert_eq!(sender.send_all_until(3..5, Instant::now()), Ok(()));
    receiver.close();
    assert_eq!(sender.try_send_all([5]), Err(TrySendError::Closed(vec![5])));
    assert_eq!(sender.send_all_timeout([5], LONG), Err(SendTimeoutError::Closed(vec![5])));
    assert_eq!(sender.send_all_until([5], Instant::now()), Err(SendTimeoutError::Closed(vec![5])));
    let mut left = VecDeque::from([5, 6]);
    assert_eq!((block_on(sender.send_all_async(&mut left)), left), (Err(Closed), VecDeque::from([5, 6])));
}

#[test]
fn many_with_a_deadline_wait_for_room_until_all_are_sent() {
    type Send = fn(Sender<usize>) -> Result<(), SendTimeoutError<Vec<usize>>>;
    let ways: [Send; 2] =
        [|sender| sender.send_all_timeout(0..9, LONG), |sender| sender.send_all_until(0..9, Instant::now() + LONG)];
    for by in ways {
        let (sender, mut receiver) = bounded(2);
        let worker = thread::spawn({
            let sender = sender.clone();
            move || by(sender)
        });
        for at in [0, 2, 4, 6, 8] {
            until(|| sender.len() == 2.min(9 - at) && (sender.waiting() == 1 || at > 6));
            (0..1_000).for_each(|_| thread::yield_now());
            assert!(sender.waiting() == 1 || at > 6, "the time is not over");
            assert_eq!(receiver.take().unwrap().next(), Some(at), "it waits as often as it must");
        }
        assert_eq!(worker.join().unwrap(), Ok(()));
    }
}

#[test]
fn a_task_sends_many_and_what_it_has_not_sent_when_it_is_dropped_is_left() {
    let (sender, mut receiver) = bounded(3);
    let (wakes, waker) = Wakes::new();
    let mut left: VecDeque<_> = (0..9).collect();
    {
        let mut sending = pin!(sender.send_all_async(&mut left));
        assert!(poll(sending.as_mut(), &waker).is_pending());
        assert!(receiver.take().unwrap().eq(0..3));
        assert_eq!(wakes.count(), 1);
        assert!(poll(sending.as_mut(), &waker).is_pending(), "three more went in");
        assert_eq!(receiver.recv(), Ok(3));
        // A place is granted to it, and it is dropped.
    }
    assert_eq!(left, [6, 7, 8]);
    assert_eq!(sender.try_send_all([10, 11, 12]), Ok(()), "B2: the place is given back");
    assert!(receiver.take().unwrap().eq([4, 5]), "the batch in hand first");
    assert!(receiver.take().unwrap().eq([10, 11, 12]));
    assert_eq!(block_on(sender.send_all_async(&mut left)), Ok(()));
    assert!(left.is_empty() && receiver.take().unwrap().eq([6, 7, 8]));

    let worker = thread::spawn(move || {
        let mut many = (0..1_000).collect();
        block_on(sender.send_all_async(&mut many))
    });
    assert!(receiver.iter().eq(0..1_000));
    assert_eq!(worker.join().unwrap(), Ok(()));
}

#[test]
fn a_task_that_waits_to_send_many_is_turned_away_when_the_receiver_goes() {
    let (sender, receiver) = bounded(1);
    let (wakes, waker) = Wakes::new();
    let mut left = VecDeque::from([1, 2, 3]);
    let mut sending = Box::pin(sender.send_all_async(&mut left));
    assert!(poll(sending.as_mut(), &waker).is_pending());
    drop(receiver);
    assert_eq!((wakes.count(), poll(sending.as_mut(), &waker)), (1, std::task::Poll::Ready(Err(Closed))));
    drop(sending);
    assert_eq!(left, [2, 3]);
}

#[test]
fn a_receive_gives_up_at_its_deadline_and_goes_on_afterwards() {
    let (sender, mut receiver) = unbounded();
    assert_eq!(receiver.recv_timeout(Duration::from_millis(5)), Err(WaitError::TimedOut));
    assert_eq!(receiver.recv_until(Instant::now()), Err(WaitError::TimedOut));
    assert_eq!(receiver.take_timeout(Duration::ZERO).unwrap_err(), WaitError::TimedOut);
    sender.send(1).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(1), "what is there is taken even if the time is over");
    assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(WaitError::TimedOut));
    sender.send(2).unwrap();
    assert_eq!(receiver.take_until(Instant::now() + LONG).unwrap().collect::<Vec<_>>(), [2]);
    sender.send(3).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::MAX), Ok(3), "a deadline beyond the clock means never");
}

#[test]
fn one_wake_per_burst() {
    let (sender, mut receiver) = unbounded();
    let (wakes, waker) = Wakes::new();
    let mut take = pin!(receiver.take_async());
    assert!(poll(take.as_mut(), &waker).is_pending());
    (0..100).for_each(|number| sender.send(number).unwrap());
    assert_eq!(wakes.count(), 1);
    let std::task::Poll::Ready(Ok(batch)) = poll(take.as_mut(), &waker) else { panic!("a woken take is ready") };
    assert!(batch.eq(0..100));
}

#[test]
fn a_task_receives_like_a_thread() {
    let (sender, mut receiver) = unbounded();
    let worker = thread::spawn(move || (0..1_000u64).for_each(|number| sender.send(number).unwrap()));
    block_on(async {
        for number in 0..1_000 {
            assert_eq!(receiver.recv_async().await, Ok(number));
        }
        assert_eq!(receiver.recv_async().await, Err(Closed));
        assert!(receiver.take_async().await.is_err());
    });
    worker.join().unwrap();
}

#[test]
fn a_dropped_receive_keeps_no_waker_and_takes_nothing() {
    let (sender, mut receiver) = unbounded();
    let (wakes, waker) = Wakes::new();
    {
        let mut recv = pin!(receiver.recv_async());
        assert!(poll(recv.as_mut(), &waker).is_pending());
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1, "the waker went with the future");
    sender.send(1).unwrap();
    assert_eq!(wakes.count(), 0);
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn polled_again_by_another_task_it_wakes_that_one_alone() {
    let (sender, mut receiver) = unbounded();
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    let mut recv = pin!(receiver.recv_async());
    assert!(poll(recv.as_mut(), &first_waker).is_pending());
    assert!(poll(recv.as_mut(), &second_waker).is_pending());
    sender.send(1).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn after_a_burst_two_chunks_remain() {
    let (sender, mut receiver) = unbounded();
    for burst in [10_000_000, 5, 100_000] {
        sender.send_all((0..burst).map(|number| number as u8)).unwrap();
        assert_eq!(receiver.take().unwrap().count(), burst);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert!(receiver.chunks() <= 2, "{} chunks remain", receiver.chunks());
    }
    assert_eq!(receiver.chunks(), 2);
    assert!(receiver.recv_timeout(Duration::from_millis(1)).is_err());
    assert_eq!(receiver.chunks(), 2);
    sender.send(1).unwrap();
    assert_eq!(receiver.chunks(), 1, "who sleeps gives them back: one of them holds the next message");
}

/// Sends to its channel when it is dropped, as often as it says.
struct Echo(u32, Sender<Echo>, Arc<AtomicU64>);

impl Drop for Echo {
    fn drop(&mut self) {
        self.2.fetch_add(1, Relaxed);
        if self.0 > 0 {
            let again = Echo(self.0 - 1, self.1.clone(), self.2.clone());
            // Refused, its drop begins the next round.
            let _ = self.1.send(again);
        }
    }
}

#[test]
fn a_message_may_send_to_its_own_channel_when_it_is_dropped() {
    let drops = Arc::new(AtomicU64::new(0));
    let (sender, mut receiver) = unbounded();
    sender.send(Echo(3, sender.clone(), drops.clone())).unwrap();
    for _ in 0..2 {
        drop(receiver.take().unwrap());
    }
    assert_eq!(drops.load(Relaxed), 2);
    drop(receiver); // the third lies in the channel; its drop is refused the fourth
    assert_eq!(drops.load(Relaxed), 4);
    drop(sender);
    assert_eq!(Arc::strong_count(&drops), 1);
}

/// Panics when it is dropped.
struct Bomb(bool, Arc<AtomicU64>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
        assert!(!self.0, "this one panics");
    }
}

#[test]
fn messages_are_dropped_once_even_if_the_drop_of_one_panics() {
    let drops = Arc::new(AtomicU64::new(0));
    let (sender, mut receiver) = unbounded();
    (0..1_000).for_each(|number| drop(sender.send(Bomb(number == 500, drops.clone()))));
    let batch = receiver.take().unwrap();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(batch))).is_err());
    assert_eq!(drops.load(Relaxed), 1_000);
    drop(sender.send(Bomb(false, drops.clone())));
    assert!(!receiver.recv().unwrap().0, "the channel goes on");
    assert_eq!(drops.load(Relaxed), 1_001);
}

#[test]
fn messages_without_size_and_with_much_of_it_go_through() {
    let (sender, mut receiver) = unbounded();
    (0..10_000).for_each(|_| sender.send(()).unwrap());
    sender.send_all(std::iter::repeat_n((), 10_000)).unwrap();
    assert_eq!(receiver.take().unwrap().count(), 20_000);

    let (sender, mut receiver) = unbounded();
    (0..100).for_each(|number| sender.send([number; 10_000]).unwrap());
    assert!(receiver.take().unwrap().map(|message| message[9_999]).eq(0..100u8));
}

#[test]
fn the_ends_may_be_sent_and_shared_where_the_messages_may_be_sent() {
    fn check<T: Send + Sync>(_: &T) {}
    let (sender, mut receiver) = bounded::<std::cell::Cell<u8>>(1);
    check(&sender);
    check(&receiver);
    fn check_send<T: Send>(_: &T) {}
    check_send(&sender.send_async(std::cell::Cell::new(1)));
    check_send(&sender.send_all_async(&mut VecDeque::new()));
    check_send(&receiver.recv_async());
}

#[test]
fn messages_may_be_aligned_to_more_than_a_chunk_is_long() {
    #[repr(align(8192))]
    struct Page(u8);
    assert_eq!(chunk::room::<Page>(), 8);
    let (sender, mut receiver) = unbounded();
    (0..20).for_each(|number| assert!(sender.send(Page(number)).is_ok()));
    let received: Vec<u8> = (0..20).map(|_| receiver.recv().expect("it was sent").0).collect();
    assert_eq!(received, (0..20).collect::<Vec<_>>());
}
