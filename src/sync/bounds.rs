//! What may be sent to another thread, and what may be shared with it: each type of the floor around each kind of value.
//!
//! A bound that is too wide is unsound and compiles; so each "no" of this table is asked for, too.

use std::marker::PhantomData;

/// Asks whether a type is `Send`, and whether it is `Sync`: an inherent constant is found before one of a trait.
struct Ask<T: ?Sized>(PhantomData<T>);

trait Not {
    const SEND: bool = false;
    const SYNC: bool = false;
}

impl<T: ?Sized> Not for Ask<T> {}

struct AskSync<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Not for AskSync<T> {}

impl<T: ?Sized + Send> Ask<T> {
    const SEND: bool = true;
}

impl<T: ?Sized + Sync> AskSync<T> {
    const SYNC: bool = true;
}

/// May be sent and shared.
type Both = u32;
/// May be sent, not shared.
type Sent = std::cell::Cell<u32>;
/// May be shared, not sent (its own pages refuse to compile what would send it).
type Shared = super::lock::Guard<'static, u32>;
/// Neither.
type Neither = std::rc::Rc<u32>;

/// For a type with one parameter: what it is around each of the four, in the order above, as (may be sent, may be shared).
macro_rules! bounds {
    ($($type:ident $(:: $rest:ident)* <$($lifetime:lifetime,)? _ $(, $more:ty)?>: $expected:expr;)*) => {
        [$((
            stringify!($type $(:: $rest)*),
            [
                bounds!(@ask $type $(:: $rest)* <$($lifetime,)? Both $(, $more)?>),
                bounds!(@ask $type $(:: $rest)* <$($lifetime,)? Sent $(, $more)?>),
                bounds!(@ask $type $(:: $rest)* <$($lifetime,)? Shared $(, $more)?>),
                bounds!(@ask $type $(:: $rest)* <$($lifetime,)? Neither $(, $more)?>),
            ],
            $expected,
        ),)*]
    };
    (@ask $type:ty) => { (Ask::<$type>::SEND, AskSync::<$type>::SYNC) };
}

/// For types without one.
macro_rules! plain {
    ($($type:ident :: $rest:ident $(<$more:tt $(,)?>)?;)*) => {
        [$((
            stringify!($type :: $rest),
            (Ask::<$type :: $rest $(<$more>)?>::SEND, AskSync::<$type :: $rest $(<$more>)?>::SYNC),
        ),)*]
    };
}

const YES: (bool, bool) = (true, true);
const NO: (bool, bool) = (false, false);
const SENT: (bool, bool) = (true, false);
const SHARED: (bool, bool) = (false, true);

#[test]
fn what_may_be_sent_and_shared_is_as_the_table_says() {
    use super::lock::Lifo;
    use super::{countdown, lock, mpsc, once, oneshot, renew, rwlock, turn};
    let table = bounds! {
        // Who shares it moves the value between threads; the guard lends it out.
        lock::Lock<_>: [YES, YES, NO, NO];
        lock::Lock<_, Lifo>: [YES, YES, NO, NO];
        lock::Guard<'static, _>: [SHARED, NO, SHARED, NO];
        lock::Guard<'static, _, Lifo>: [SHARED, NO, SHARED, NO];
        turn::Turn<_>: [YES, YES, NO, NO];
        turn::TurnGuard<'static, _>: [YES, SENT, SHARED, NO];
        // Readers share the value, a writer may move it.
        rwlock::RwLock<_>: [YES, SENT, NO, NO];
        rwlock::ReadGuard<'static, _>: [YES, NO, NO, NO];
        rwlock::WriteGuard<'static, _>: [SHARED, NO, SHARED, NO];
        rwlock::UpgradableGuard<'static, _>: [YES, NO, NO, NO];
        rwlock::ReadOnly<_>: [YES, NO, NO, NO];
        // As `OnceLock`: who shares it may put a value in that another reads.
        once::Once<_>: [YES, SENT, NO, NO];
        renew::Renew<_>: [YES, NO, NO, NO];
        // Values go from one side to the other, and are never lent out.
        mpsc::Sender<_>: [YES, YES, NO, NO];
        mpsc::Receiver<_>: [YES, YES, NO, NO];
        mpsc::Batch<'static, _>: [YES, YES, NO, NO];
        mpsc::RecvFuture<'static, _>: [YES, YES, NO, NO];
        mpsc::TakeFuture<'static, _>: [YES, YES, NO, NO];
        oneshot::Sender<_>: [YES, YES, NO, NO];
        oneshot::Ticket<_>: [YES, YES, NO, NO];
        // The closure is run by one thread, whichever it is.
        countdown::Countdown<_>: [YES, YES, NO, NO];
        // What is handed back lies in the open.
        mpsc::SendError<_>: [YES, SENT, SHARED, NO];
        mpsc::TrySendError<_>: [YES, SENT, SHARED, NO];
        mpsc::SendTimeoutError<_>: [YES, SENT, SHARED, NO];
        once::TrySetError<_>: [YES, SENT, SHARED, NO];
        once::SetTimeoutError<_>: [YES, SENT, SHARED, NO];
        once::InitError<_>: [YES, SENT, SHARED, NO];
    };
    for (name, found, expected) in table {
        assert_eq!(found, expected, "{name}, around what may be sent and shared, sent, shared, neither");
    }
}

#[test]
fn what_holds_nothing_of_the_users_may_be_sent_and_shared() {
    use super::lock::Lifo;
    use super::{
        barrier, cancel, countdown, drain, error, event, event_guard, gate, latch, lock, meter, mpsc, park, permit,
        semaphore,
    };
    let table = plain! {
        barrier::Barrier; cancel::Cancel; event::Event; gate::Gate; gate::Door; latch::Latch; meter::Meter;
        drain::Drain; drain::Stage; drain::Guard; drain::Late; drain::Alive;
        event_guard::Guard<'static>; event_guard::OwnedGuard;
        semaphore::Semaphore; semaphore::Semaphore<Lifo>;
        // Dropped on another thread, they return all the same: they are no owner's, as a lock's guard is.
        permit::Permit<'static>; permit::OwnedPermit; permit::OwnedPermit<Lifo>;
        park::Parker; park::Unparker;
        lock::Fifo; lock::Lifo; lock::Snapshot;
        countdown::Failed; countdown::Spent; countdown::WaitError;
        semaphore::Refused; meter::Refused; meter::TooMany; mpsc::TryRecvError;
        error::Busy; error::Closed; error::Draining; error::TimedOut; error::WaitError;
    };
    for (name, found) in table {
        assert_eq!(found, YES, "{name}");
    }
}

/// Asks a value whose type has no name. What may not be sent does not compile: that is asked on the pages of `Once`, `Gate` and
/// `mpsc::Sender`.
fn sent<T: Send>(_: T) {}

#[test]
fn a_future_may_be_sent_if_what_it_reaches_may() {
    use super::{barrier, cancel, countdown, drain, event, gate, latch, meter, mpsc, once, park, semaphore};
    use std::collections::VecDeque;
    use std::future::ready;
    sent(barrier::Barrier::new(2).wait_async());
    sent(cancel::Cancel::new().cancelled());
    sent(countdown::Countdown::new(1, |_| ()).wait_async());
    let drain = drain::Drain::new();
    sent(drain.drain_async());
    sent(drain.stage("one").expect("nobody drains").guard("one").expect("nobody drains").draining());
    sent(event::Event::new().wait_async());
    sent(gate::Gate::new().enter_async(|_| gate::Door::Stay));
    sent(latch::Latch::new(1).wait_async());
    sent(park::Parker::new().park_async());
    sent(semaphore::Semaphore::new(1).acquire_async(1));
    sent(meter::Meter::new(1, std::time::Duration::from_secs(1), 1).pass_async(1, |_| ready(())));

    // The message goes with the future, and need not be shared.
    let (sender, mut receiver) = mpsc::bounded::<Sent>(1);
    sent(sender.send_async(Sent::new(1)));
    sent(sender.send_all_async(&mut VecDeque::new()));
    sent(receiver.recv_async());
    sent(receiver.take_async());

    let once = once::Once::<Both>::new();
    sent(once.wait_async());
    sent(once.set_async(1));
    sent(once.get_or_init_async(|| ready(1)));
    sent(once.get_or_try_init_async(|| ready(Ok::<_, ()>(1))));
}
