//! M4: nothing of the user's runs under BUSY: no waker, no message's drop.

use super::super::bounded::Shared;
use super::super::{bounded, unbounded};
use crate::sync::oneshot;
use crate::sync::shim::{AtomicU64, Ordering::Relaxed};
use crate::sync::testing::poll;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

/// Looks whether one could come in whenever something of the user's runs.
struct Watch {
    channel: Weak<Shared<Message>>,
    acts: AtomicU64,
    under_busy: AtomicU64,
}

impl Watch {
    fn of(shared: &Arc<Shared<Message>>) -> Arc<Watch> {
        let counts = [AtomicU64::new(0), AtomicU64::new(0)];
        let [acts, under_busy] = counts;
        Arc::new(Watch { channel: Arc::downgrade(shared), acts, under_busy })
    }

    /// Another thread comes in and out meanwhile, unless BUSY is held.
    fn look(&self) {
        let shared = self.channel.upgrade().expect("an end of the channel is there");
        self.acts.fetch_add(1, Relaxed);
        let (came, mut visitor) = oneshot::channel();
        thread::spawn(move || {
            shared.channel.must_wait();
            came.send(()).expect("it is waited for");
        });
        let held = visitor.wait_timeout(Duration::from_secs(20)).is_err();
        self.under_busy.fetch_add(u64::from(held), Relaxed);
    }

    /// So much of the user's has run since it was asked last.
    fn ran(&self) -> u64 {
        assert_eq!(self.under_busy.load(Relaxed), 0, "M4");
        self.acts.swap(0, Relaxed)
    }
}

/// Whose drop is the user's.
struct Message(Arc<Watch>);

impl Drop for Message {
    fn drop(&mut self) {
        self.0.look();
    }
}

/// Whose wake and last drop are the user's.
struct Bell(Arc<Watch>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.look();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.look();
    }
}

fn bell(watch: &Arc<Watch>) -> Waker {
    Arc::new(Bell(watch.clone())).into()
}

#[test]
fn nothing_of_a_wakers_runs_under_busy() {
    let (sender, mut receiver) = unbounded();
    let watch = Watch::of(&sender.shared);
    {
        let mut recv = pin!(receiver.recv_async());
        assert!(poll(recv.as_mut(), &bell(&watch)).is_pending());
        assert!(poll(recv.as_mut(), &bell(&watch)).is_pending());
        assert_eq!(watch.ran(), 1, "the first is dropped");
        assert!(sender.send(Message(watch.clone())).is_ok());
        assert_eq!(watch.ran(), 2, "the second is woken, and dropped");
        assert!(poll(recv.as_mut(), &bell(&watch)).is_ready());
        assert_eq!(watch.ran(), 2, "a message, and a waker that was not needed");
    }
    {
        let mut recv = pin!(receiver.recv_async());
        assert!(poll(recv.as_mut(), &bell(&watch)).is_pending());
    }
    assert_eq!(watch.ran(), 1, "it goes with its future");
    let mut recv = pin!(receiver.recv_async());
    assert!(poll(recv.as_mut(), &bell(&watch)).is_pending());
    drop(sender);
    assert_eq!(watch.ran(), 2, "the end wakes it");
}

#[test]
fn no_message_is_dropped_and_no_waiting_sender_woken_under_busy() {
    let (sender, mut receiver) = bounded(2);
    let watch = Watch::of(&sender.shared);
    let message = || Message(watch.clone());
    assert!(sender.send_all([message(), message()]).is_ok());
    assert!(sender.try_send(message()).is_err());
    assert_eq!(watch.ran(), 1, "what was handed back");
    let mut sending = Box::pin(sender.send_async(message()));
    assert!(poll(sending.as_mut(), &bell(&watch)).is_pending());
    drop(receiver.recv());
    assert_eq!(watch.ran(), 3, "a message, and the waiting sender's waker, woken and dropped");
    assert!(poll(sending.as_mut(), Waker::noop()).is_ready());
    let mut turned_away = Box::pin(sender.send_async(message()));
    assert!(poll(turned_away.as_mut(), Waker::noop()).is_ready(), "there is room for one more");
    let mut turned_away = Box::pin(sender.send_async(message()));
    assert!(poll(turned_away.as_mut(), &bell(&watch)).is_pending());
    drop(receiver);
    assert_eq!(watch.ran(), 5, "one in hand, two that lay there, a waker woken and dropped");
    drop((sending, turned_away));
    assert_eq!(watch.ran(), 1, "what was not sent");
}
