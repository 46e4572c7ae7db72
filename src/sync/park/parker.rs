//! A token between one who waits and those who wake it.
//!
//! ```text
//!   63                            1    0
//!  +-------------------------------+-------+     TOKEN    one was left while nobody waited: the next to come goes on at once
//!  |            pending            | TOKEN |     pending  those who wait for one
//!  +-------------------------------+-------+
//! ```
//! P1 TOKEN => pending = 0: while somebody waits a token is his, not the word's.

use super::super::shim::{Arc, AtomicU64, Deadline, Ordering};
use super::future::Wait;
use super::node::Verdict;
use super::queue::{End, Queue};
use super::wait::{Decision, Policy, wait};
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

const TOKEN: u64 = 1;
const PENDING_ONE: u64 = 2;

impl Word {
    /// A token is left, and kept, as nobody waits; one that is there already is the same.
    const fn leave(self) -> Option<Word> {
        if self.0 < PENDING_ONE { Some(Word(self.0 | TOKEN)) } else { None }
    }

    /// The token is taken.
    const fn take(self) -> Option<Word> {
        if self.0 & TOKEN != 0 { Some(Word(self.0 - TOKEN)) } else { None }
    }

    /// One more waits, as there is no token.
    const fn wait(self) -> Option<Word> {
        if self.0 & TOKEN == 0 { Some(Word(self.0 + PENDING_ONE)) } else { None }
    }

    /// One less waits: it was granted a token, or gave up.
    const fn quit(self) -> Option<Word> {
        if self.0 < PENDING_ONE { None } else { Some(Word(self.0 - PENDING_ONE)) }
    }
}

/// Waits for a token, as a thread or as a task.
///
/// The building block for one's own primitives: whoever waits keeps the parker, whoever wakes it holds an [`Unparker`]. A token
/// that comes early is kept, so no wake is lost; two that come early are one.
///
/// ```
/// use rsm::sync::lock::Lock;
/// use rsm::sync::park::{Parker, Unparker};
/// use std::thread;
///
/// /// The newest of what comes in: its reader misses older ones, and never that there is a new one.
/// struct Newest<T> {
///     value: Lock<Option<T>>,
///     reader: Unparker,
/// }
///
/// impl<T> Newest<T> {
///     fn put(&self, value: T) {
///         *self.value.lock() = Some(value);
///         self.reader.unpark();
///     }
///
///     fn next(&self, parker: &Parker) -> T {
///         loop {
///             let value = self.value.lock().take();
///             match value {
///                 Some(value) => return value,
///                 None => parker.park(), // returns at once if one was put in since we looked
///             }
///         }
///     }
/// }
///
/// // Ten thermometers report; the display shows what came last.
/// let parker = Parker::new();
/// let newest = Newest { value: Lock::new(None), reader: parker.unparker() };
/// thread::scope(|scope| {
///     for _ in 0..10 {
///         scope.spawn(|| (0..=20).for_each(|degrees| newest.put(degrees)));
///     }
///     while newest.next(&parker) < 20 { /* shows it */ }
/// });
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
        self.try_park() || wait(&ForToken(&self.token), Deadline::after(time)).is_some()
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
        if self.change(Ordering::Release, Word::leave) {
            return;
        }
        let mut left = false;
        self.queue.grant(End::Oldest, Verdict::Granted, |waiter| {
            if left {
                return false;
            }
            left = true;
            let changed = match waiter {
                // ORDERING: Relaxed: the grant itself travels by the waiter's state.
                Some(_) => self.change(Ordering::Relaxed, Word::quit),
                // ORDERING: Release, as above: the one that was waiting has given up (model `park_token_left`).
                None => self.change(Ordering::Release, Word::leave),
            };
            assert!(changed, "sync/park P1: under the bit those are counted who are in the ring");
            waiter.is_some()
        });
    }

    /// Applies a transition; whether it fits.
    #[cfg_attr(rsm_loom, track_caller)]
    fn change(&self, success: Ordering, transition: impl Fn(Word) -> Option<Word>) -> bool {
        let next = |word| transition(Word(word)).map(|next| next.0);
        self.word.fetch_update(success, Ordering::Relaxed, next).is_ok()
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
        // ORDERING: Acquire pairs with the Release in `leave`: the waiter sees what was done before the wake (model
        // `park_token_taken`).
        self.0.change(Ordering::Acquire, Word::take).then_some(())
    }

    fn decide(&self, word: u64) -> Decision {
        match (Word(word).take(), Word(word).wait()) {
            (Some(next), _) => Decision::Take(next.0),
            (None, Some(next)) => Decision::Wait(next.0),
            (None, None) => unreachable!("a token is there, or is not"),
        }
    }

    fn quit(&self, word: u64) -> u64 {
        Word(word).quit().expect("who is in the ring is counted").0
    }

    fn finish(&self, _: Verdict) {}

    fn give_back(&self, _: Verdict) {
        self.0.leave();
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_every_word_keeps_p1_and_says_what_it_does() {
        let holds = |word: Word| word.0 & TOKEN == 0 || word.0 < PENDING_ONE;
        let words =
            [0, 1, 2, 1 << 20].map(|pending| pending * PENDING_ONE).into_iter().flat_map(|word| [word, word | TOKEN]);
        // (whether a token is there, how many wait) before, and after each change that applies.
        let read = |word: Word| (word.0 & TOKEN != 0, word.0 / PENDING_ONE);
        for word in words.map(Word).filter(|word| holds(*word)) {
            let (token, pending) = read(word);
            let after = [word.leave(), word.take(), word.wait(), word.quit()].map(|next| next.map(read));
            assert!([word.leave(), word.take(), word.wait(), word.quit()].into_iter().flatten().all(holds), "P1");
            let expected = [
                (pending == 0).then_some((true, 0)),
                token.then_some((false, 0)),
                (!token).then_some((false, pending + 1)),
                pending.checked_sub(1).map(|pending| (token, pending)),
            ];
            assert_eq!(after, expected, "{word:?}");
        }
    }
}
