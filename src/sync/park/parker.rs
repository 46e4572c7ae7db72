//! A token between one who waits and those who wake it.

use super::super::shim::{Arc, AtomicU64, Deadline, Ordering};
use super::future::Wait;
use super::node::Verdict;
use super::queue::{End, Queue};
use super::wait::{Decision, Policy, wait};
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

/// The word: bit 0 is the token; above it the number of those who wait for one.
const TOKEN: u64 = 1;
const PENDING_ONE: u64 = 2;

/// Waits for a token, as a thread or as a task.
///
/// The building block for one's own primitives: whoever waits keeps the parker, whoever wakes it holds an [`Unparker`]. A token
/// that comes early is kept, so no wake is lost; two that come early are one.
///
/// ```
/// use rsm::sync::park::Parker;
///
/// let parker = Parker::new();
/// let unparker = parker.unparker();
/// let worker = std::thread::spawn(move || unparker.unpark());
/// parker.park(); // returns at once if the worker was faster
/// worker.join().unwrap();
/// assert!(!parker.try_park()); // the token is used up
/// ```
pub struct Parker {
    token: Arc<Token>,
}

/// Leaves the token that a [`Parker`] waits for. Cloned freely, used from anywhere.
#[derive(Clone)]
pub struct Unparker {
    token: Arc<Token>,
}

struct Token {
    word: AtomicU64,
    queue: Queue,
}

impl Parker {
    /// Without a token.
    pub fn new() -> Parker {
        Parker { token: Arc::new(Token { word: AtomicU64::new(0), queue: Queue::new() }) }
    }

    /// A handle that leaves tokens for this parker.
    pub fn unparker(&self) -> Unparker {
        Unparker { token: self.token.clone() }
    }

    /// Takes the token if there is one.
    pub fn try_park(&self) -> bool {
        ForToken(&self.token).attempt().is_some()
    }

    /// Blocks until there is a token, and takes it.
    pub fn park(&self) {
        wait(&ForToken(&self.token), Deadline::NEVER);
    }

    /// Blocks until there is a token and takes it (true), or until the time is over (false).
    pub fn park_timeout(&self, time: Duration) -> bool {
        wait(&ForToken(&self.token), Deadline::after(time)).is_some()
    }

    /// Blocks until there is a token and takes it (true), or until that instant (false).
    pub fn park_until(&self, instant: Instant) -> bool {
        wait(&ForToken(&self.token), Deadline::at(instant)).is_some()
    }

    /// Waits as a task until there is a token, and takes it. Dropped early, it leaves the token for the next.
    pub fn park_async(&self) -> impl Future<Output = ()> + Send + '_ {
        Wait::new(ForToken(&self.token))
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
impl Parker {
    /// Those who wait.
    pub(super) fn queue(&self) -> &Queue {
        &self.token.queue
    }
}

impl Default for Parker {
    fn default() -> Self {
        Parker::new()
    }
}

impl Unparker {
    /// Leaves a token; if someone is waiting for it, it is theirs at once.
    pub fn unpark(&self) {
        self.token.leave();
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parker").finish_non_exhaustive()
    }
}

impl fmt::Debug for Unparker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unparker").finish_non_exhaustive()
    }
}

impl Token {
    fn leave(&self) {
        // ORDERING: Release pairs with the Acquire of whoever takes the token (model `park_token`); who finds one already there
        // adds its writes to it, so this is an exchange even then.
        let left = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, |word| (word < PENDING_ONE).then_some(word | TOKEN));
        if left.is_ok() {
            return;
        }
        let mut left = false;
        self.queue.grant(End::Oldest, Verdict::Granted, |waiter| {
            if left {
                return false;
            }
            left = true;
            match waiter {
                // ORDERING: Relaxed: the grant itself travels by the waiter's state.
                Some(_) => self.word.fetch_sub(PENDING_ONE, Ordering::Relaxed),
                // ORDERING: Release, as above: the one that was waiting has given up (model `park_token_left`).
                None => self.word.fetch_or(TOKEN, Ordering::Release),
            };
            waiter.is_some()
        });
    }
}

/// Taking the token.
struct ForToken<'a>(&'a Token);

impl Policy for ForToken<'_> {
    type Output = ();

    fn word(&self) -> &AtomicU64 {
        &self.0.word
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn attempt(&self) -> Option<()> {
        let take = |word| (word & TOKEN != 0).then_some(word & !TOKEN);
        // ORDERING: Acquire pairs with the Release in `leave`: the waiter sees what was done before the wake (model
        // `park_token_taken`).
        self.0.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, take).ok().map(drop)
    }

    fn decide(&self, word: u64) -> Decision {
        if word & TOKEN != 0 { Decision::Take(word - TOKEN) } else { Decision::Wait(word + PENDING_ONE) }
    }

    fn quit(&self, word: u64) -> u64 {
        word - PENDING_ONE
    }

    fn finish(&self, _: Verdict) {}

    fn give_back(&self, _: Verdict) {
        self.0.leave();
    }
}
