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

const YES: (bool, bool) = (true, true);
const NO: (bool, bool) = (false, false);
const SENT: (bool, bool) = (true, false);
const SHARED: (bool, bool) = (false, true);

#[test]
fn what_may_be_sent_and_shared_is_as_the_table_says() {
    use super::{countdown, lock, mpsc, once, oneshot, renew, rwlock, turn};
    let table = bounds! {
        // Who shares it moves the value between threads; the guard lends it out.
        lock::Lock<_>: [YES, YES, NO, NO];
        lock::Guard<'static, _>: [SHARED, NO, SHARED, NO];
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
        oneshot::Sender<_>: [YES, YES, NO, NO];
        oneshot::Ticket<_>: [YES, YES, NO, NO];
        // The closure is run by one thread, whichever it is.
        countdown::Countdown<_>: [YES, YES, NO, NO];
    };
    for (name, found, expected) in table {
        assert_eq!(found, expected, "{name}, around what may be sent and shared, sent, shared, neither");
    }
}
