//! Who sleeps, who searches, and who is woken, so that no work is left while all sleep (F5).
//!
//! The protocol and its proof stand in the page of the [pool](super#why-no-task-is-left-while-all-sleep): S1 is
//! [`lie_down`](Sleep::lie_down), S2 the look of `Floor::sleep`, S3 [`wait`](Sleep::wait); W1 is the push of `Floor::let_in`, W2
//! [`wake_one`](Sleep::wake_one).
//!
//! A worker empties its own queue before it sleeps, so what lies there needs no proof; whether another helps is a matter of speed:
//!
//! - **The last one searching** that finds something wakes another if there is more: so one wake by a waker becomes as many as
//!   there is work for. It looks at the way in under its lock, after it is counted out: so either it sees a task, or the task's W2
//!   sees that nobody searches. At most half of the workers search at a time, so that they are not in each other's way.
//! - **The watcher** is the lowest on the stack. While others are awake it sleeps for 3/4 ms at a time, and looks whether the way in
//!   holds work, or a turn stands still with work behind it. When all have been asleep for a while, it rests: nobody has a timeout, and nothing runs.
//!   Resting is begun by `watching = false`, then a look under the stack's lock that all sleep; so whoever is taken off the stack
//!   later sees `watching` false when it has found work, and rouses the watcher. None is needed for F5.

use crate::sync::lock::Lock;
use crate::sync::park::{Parker, Unparker};
use crate::sync::shim::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How long a watcher sleeps. A turn is known to stand still at the second look, hence within 2 ms.
const PERIOD: Duration = Duration::from_micros(750);
/// How many looks in a row must find all asleep before it rests.
const QUIET: u32 = 128;

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u32);

const SEARCHING_ONE: u32 = 1 << 16;

impl Word {
    const fn sleeping(self) -> u32 {
        self.0 & (SEARCHING_ONE - 1)
    }

    const fn searching(self) -> u32 {
        self.0 >> 16
    }

    /// One lies down, who was searching or not.
    const fn lie_down(self, searching: bool) -> Word {
        Word(self.0 + 1 - if searching { SEARCHING_ONE } else { 0 })
    }

    /// Whether a wake takes someone off the stack: nobody searches, and somebody sleeps.
    const fn takes(self) -> bool {
        self.searching() == 0 && self.sleeping() != 0
    }

    /// A sleeper was taken off the stack, and searches.
    const fn call(self) -> Word {
        Word(self.0 + SEARCHING_ONE - 1)
    }

    /// One of `workers` that is awake begins to search, unless half of them do.
    const fn search(self, workers: u32) -> Option<Word> {
        if self.searching() * 2 < workers { Some(Word(self.0 + SEARCHING_ONE)) } else { None }
    }

    /// One has found something.
    const fn found(self) -> Word {
        Word(self.0 - SEARCHING_ONE)
    }
}

/// The stack of sleepers, and their tokens.
pub(super) struct Sleep {
    stack: Lock<Vec<u32>>,
    watching: AtomicBool,
    tokens: Box<[Token]>,
    pub(super) wakes: AtomicU64,
    pub(super) parks: AtomicU64,
}

/// What one worker sleeps on.
struct Token {
    parker: Parker,
    unparker: Unparker,
}

impl Token {
    fn new() -> Token {
        let parker = Parker::new();
        Token { unparker: parker.unparker(), parker }
    }
}

/// What a watcher has seen in a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing has happened since the look before.
    Nothing,
    /// Turns were taken.
    Turns,
}

impl Sleep {
    /// All are awake, and none searches.
    pub(super) fn new(workers: usize) -> Sleep {
        Sleep {
            stack: Lock::new(Vec::with_capacity(workers)),
            watching: AtomicBool::new(true),
            tokens: (0..workers).map(|_| Token::new()).collect(),
            wakes: AtomicU64::new(0),
            parks: AtomicU64::new(0),
        }
    }

    fn workers(&self) -> u32 {
        self.tokens.len() as u32
    }

    fn word(&self) -> Word {
        Word(self.stack.payload())
    }

    /// One that is awake begins to search; false if enough do.
    pub(super) fn search(&self) -> bool {
        if self.word().search(self.workers()).is_none() {
            return false;
        }
        let stack = self.stack.lock();
        let next = Word(stack.payload()).search(self.workers());
        if let Some(next) = next {
            stack.unlock_with(|_| next.0);
        }
        next.is_some()
    }

    /// One that searched has found something. True if it was the last: then it wakes another if there is more.
    pub(super) fn found(&self) -> bool {
        let stack = self.stack.lock();
        let next = Word(stack.payload()).found();
        stack.unlock_with(|_| next.0);
        self.rouse();
        next.searching() == 0
    }

    /// S1: `me` goes on the stack. What follows is a look at the way in, then [`wait`](Self::wait).
    pub(super) fn lie_down(&self, me: usize, searching: bool) {
        let mut stack = self.stack.lock();
        stack.push(me as u32);
        stack.unlock_with(|word| Word(word).lie_down(searching).0);
    }

    /// W2: wakes one if nobody searches. One load if there is nobody to wake.
    pub(super) fn wake_one(&self) {
        if !self.word().takes() {
            return;
        }
        let mut stack = self.stack.lock();
        let now = Word(stack.payload());
        let called = if now.takes() { stack.pop() } else { None };
        let Some(called) = called else { return };
        stack.unlock_with(|_| now.call().0);
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.tokens[called as usize].unparker.unpark();
    }

    /// Wakes all, to tell them that it is over.
    pub(super) fn wake_all(&self) {
        loop {
            let mut stack = self.stack.lock();
            let now = Word(stack.payload());
            let Some(called) = stack.pop() else { return };
            stack.unlock_with(|_| now.call().0);
            self.tokens[called as usize].unparker.unpark();
        }
    }

    /// S3: sleeps until another has taken `me` off the stack, who searches from then on. `look` is what a watcher does.
    pub(super) fn wait(&self, me: usize, mut look: impl FnMut() -> Seen) {
        self.parks.fetch_add(1, Ordering::Relaxed);
        let mut quiet = 0;
        loop {
            let rank = self.stack.lock().iter().position(|&one| one == me as u32);
            match rank {
                None => return,
                // Alone it has nobody to watch.
                Some(0) if 1 < self.workers() && (quiet < QUIET || !self.rests()) => {
                    if !self.tokens[me].parker.park_timeout(PERIOD) {
                        let still = look() == Seen::Nothing && self.word().sleeping() == self.workers();
                        quiet = if still { quiet + 1 } else { 0 };
                    }
                }
                Some(_) => {
                    self.tokens[me].parker.park();
                    quiet = 0;
                }
            }
        }
    }

    /// The watcher would rest; true if it may: all sleep.
    fn rests(&self) -> bool {
        // ORDERING: Relaxed: the stack's lock, taken next, orders it before all who are taken off the stack later (model
        // `fsm_pool_rest_wake`).
        self.watching.store(false, Ordering::Relaxed);
        let stack = self.stack.lock();
        let rests = stack.len() as u32 == self.workers();
        drop(stack);
        if !rests {
            self.watching.store(true, Ordering::Relaxed);
        }
        rests
    }

    /// There is work again: somebody must watch.
    fn rouse(&self) {
        // ORDERING: Relaxed, as in `rests`: who was taken off the stack after a watcher began to rest sees it rest.
        if self.watching.load(Ordering::Relaxed) || self.watching.swap(true, Ordering::Relaxed) {
            return;
        }
        let lowest = self.stack.lock().first().copied();
        if let Some(lowest) = lowest {
            self.tokens[lowest as usize].unparker.unpark();
        }
    }
}

#[cfg(rsm_loom)]
impl Sleep {
    /// For a model: `me`, the lowest, would rest, and does if it may.
    pub(super) fn rest(&self, me: usize) {
        if self.rests() {
            self.tokens[me].parker.park();
        }
    }
}
