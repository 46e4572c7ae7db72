//! Who is told of an end: an automaton, by a command of its own making, until it wants to hear of it no more.
//!
//! ```text
//!   watch ──> Watching, held by the watched one, and by the Watch ──end──> a notice ──in the watcher's turn──> the command
//!   unwatch, or the watcher's death: nothing is told; the watched one forgets what is left at some later watch
//! ```
//! Erlang's `demonitor` must also flush what was told already. Here the closure that makes the command is what is taken, by the
//! notice or by `unwatch`, so one of the two finds it.

use super::address::WeakAddress;
use super::automaton::End;
use super::inbox::Watcher;
use crate::sync::lock::Lock;
use std::fmt;
use std::sync::Arc;

/// A watch that can be ended: see [`Context::watch`](super::Context::watch) and [`unwatch`](super::Context::unwatch). Dropped,
/// it goes on.
pub struct Watch(Arc<dyn Tell>);

impl Watch {
    pub(crate) fn new(watching: Arc<dyn Tell>) -> Watch {
        Watch(watching)
    }

    /// Nothing is told any more. False if it was.
    pub(crate) fn end(self) -> bool {
        self.0.forget()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// What the watched one does with it.
pub(crate) trait Tell: Send + Sync {
    /// Sends the notice.
    fn tell(self: Arc<Self>, end: End);
    /// Drops what would make the command; false if it is gone.
    fn forget(&self) -> bool;
    /// Whether nobody listens any more. Some loads, which wait for nobody, wake nobody, and run no code of the user's.
    fn is_gone(&self) -> bool;
}

/// An automaton that watches, and what it makes of the end.
pub(crate) struct Watching<D: 'static, F> {
    watcher: WeakAddress<D>,
    /// Its payload says whether it was taken: so that can be asked without the lock.
    tell: Lock<Option<F>>,
}

/// A payload: it was taken.
const TAKEN: u32 = 1;

impl<D: Send + 'static, F: FnOnce(End) -> D + Send + 'static> Watching<D, F> {
    pub(crate) fn new(watcher: WeakAddress<D>, tell: F) -> Arc<Self> {
        Arc::new(Watching { watcher, tell: Lock::new(Some(tell)) })
    }

    fn take(&self) -> Option<F> {
        let mut tell = self.tell.lock();
        let taken = tell.take();
        tell.unlock_with(|_| TAKEN);
        taken
    }
}

impl<D: Send + 'static, F: FnOnce(End) -> D + Send + 'static> Tell for Watching<D, F> {
    fn tell(self: Arc<Self>, end: End) {
        let watching = self.clone();
        self.watcher.notice(Box::new(move || watching.take().map(|tell| tell(end))));
    }

    fn forget(&self) -> bool {
        self.take().is_some()
    }

    fn is_gone(&self) -> bool {
        self.watcher.is_gone() || self.tell.payload() == TAKEN
    }
}

impl Watcher {
    /// False if nobody listens any more.
    pub(crate) fn tell(self, end: End) -> bool {
        match self {
            Watcher::Cell(tell) => {
                let listens = !tell.is_gone();
                tell.tell(end);
                listens
            }
            Watcher::Ticket(sender) => sender.send(end).is_ok(),
        }
    }

    /// Whether nobody listens any more. Runs no code of the user's.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Watcher::Cell(tell) => tell.is_gone(),
            Watcher::Ticket(sender) => sender.is_closed(),
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::{Tell, Watching};
    use crate::fsm::{Address, Automaton, Context, Input, Runner, VirtualTime};
    use std::sync::Arc;

    struct Server;

    impl Automaton for Server {
        type State = ();
        type Command = ();
        fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
    }

    /// Watches the server, by a closure that holds a token.
    struct Session(Address<()>, Arc<()>);

    impl Automaton for Session {
        type State = ();
        type Command = ();
        fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
            if let Input::Start = input {
                let token = self.1.clone();
                context.watch(&self.0, move |_| drop(token));
            }
        }
    }

    #[test]
    fn whoever_asks_for_the_dead_among_watchers_waits_for_no_lock() {
        let server = VirtualTime::new(1).spawn(Server, ());
        let watching = Watching::new(server.downgrade(), |_| ());
        let taken = watching.tell.lock();
        assert!(!watching.is_gone(), "F4: it is asked inside an inbox, where others wait: so this does not");
        drop(taken);
        assert!(watching.forget() && watching.is_gone());
    }

    #[test]
    fn watchers_that_have_died_do_not_pile_up_on_one_that_lives_long() {
        let (time, token) = (VirtualTime::new(1), Arc::new(()));
        let server = time.spawn(Server, ());
        let session = || time.spawn(Session(server.clone(), token.clone()), ());
        let living = [session(), session(), session()];
        for nth in 0..10_000 {
            // In another language too: what is asked is the automaton behind it.
            drop(session());
            if nth % 100 == 0 {
                time.run_until_idle(&mut ());
                let held = Arc::strong_count(&token);
                assert!(held < 500, "F12: {held} closures are held after {nth} sessions");
            }
        }
        server.stop();
        time.run_until_idle(&mut ());
        assert_eq!(Arc::strong_count(&token), 1 + living.len(), "each closure has run or was dropped");
    }
}
