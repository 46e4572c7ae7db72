//! A long program over the ring of waiters, held against a `VecDeque`. Run from `tests/shuttle`.

use super::super::shim::{AtomicU64, Deadline, Ordering, thread};
use super::{Decision, End, Policy, Queue, Verdict, wait};
use shuttle::rand::Rng;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const THREADS: u32 = 6;
const STEPS: u32 = 4;

/// A ring, and what it should be.
struct Checked {
    /// How many are linked. Changes under the bit alone, so an exchange under it never fails.
    word: AtomicU64,
    queue: Queue,
    /// Touched under the ring's bit, or when all is over.
    expected: Mutex<Expected>,
}

/// Waiters by what they want, which is a number of their own.
#[derive(Default)]
struct Expected {
    linked: VecDeque<u32>,
    /// Those who were linked when all were to be woken, and are not popped yet; a list for each such call.
    spliced: Vec<VecDeque<u32>>,
    granted: BTreeSet<u32>,
}

impl Expected {
    /// One gives up: it stands in exactly one of the lists.
    fn quit(&mut self, who: u32) {
        let lists = std::iter::once(&mut self.linked).chain(&mut self.spliced);
        let mut left = 0;
        for list in lists {
            let before = list.len();
            list.retain(|other| *other != who);
            left += before - list.len();
        }
        assert_eq!(left, 1, "N1: who gives up was linked, once");
    }
}

/// One who waits.
struct Waiting<'a>(&'a Checked, u32);

impl Policy for Waiting<'_> {
    type Output = Verdict;

    fn word(&self) -> &AtomicU64 {
        &self.0.word
    }

    fn queue(&self) -> &Queue {
        &self.0.queue
    }

    fn want(&self) -> u32 {
        self.1
    }

    fn attempt(&self) -> Option<Verdict> {
        None
    }

    fn decide(&self, word: u64) -> Decision {
        self.0.expected().linked.push_back(self.1);
        Decision::Wait(word + 1)
    }

    fn quit(&self, word: u64) -> u64 {
        self.0.expected().quit(self.1);
        word - 1
    }

    fn finish(&self, verdict: Verdict) -> Verdict {
        verdict
    }

    fn give_back(&self, _: Verdict) {}
}

impl Checked {
    fn expected(&self) -> std::sync::MutexGuard<'_, Expected> {
        self.expected.lock().expect("nobody panics under it")
    }

    /// Waits until it is popped, or chance lets it give up.
    fn link(&self, who: u32) {
        let verdict = wait(&Waiting(self, who), Deadline::after(Duration::from_secs(1)));
        let granted = self.expected().granted.contains(&who);
        assert_eq!(verdict.is_some(), granted, "N3: a verdict, or unlinked by itself");
    }

    /// Pops one from this end.
    fn pop(&self, end: End) {
        let mut done = false;
        self.queue.grant(end, Verdict::Granted, |next| {
            if std::mem::replace(&mut done, true) {
                return false;
            }
            let mut expected = self.expected();
            let due = if end == End::Oldest { expected.linked.pop_front() } else { expected.linked.pop_back() };
            assert_eq!(next, due, "Q2");
            expected.granted.extend(due);
            drop(expected); // an atomic is where shuttle switches threads
            self.word.fetch_sub(u64::from(due.is_some()), Ordering::Relaxed);
            due.is_some()
        });
    }

    fn wake_all(&self) {
        let mine = std::cell::Cell::new(0);
        let begin = || {
            let mut expected = self.expected();
            let all = std::mem::take(&mut expected.linked);
            mine.set(expected.spliced.len());
            expected.spliced.push(all);
        };
        self.queue.wake_all(Verdict::Granted, begin, |count| {
            let mut expected = self.expected();
            let popped: Vec<_> = expected.spliced[mine.get()].drain(..count as usize).collect();
            expected.granted.extend(popped);
            drop(expected);
            self.word.fetch_sub(u64::from(count), Ordering::Relaxed);
        });
        assert!(self.expected().spliced[mine.get()].is_empty(), "all who were linked are woken or gone");
    }
}

/// Six threads link, give up, pop from both ends and wake all, as chance will have it.
pub fn ring() {
    let ring = Checked { word: AtomicU64::new(0), queue: Queue::new(), expected: Mutex::default() };
    let ring = Arc::new(ring);
    let threads = (0..THREADS).map(|thread| {
        let ring = ring.clone();
        shuttle::thread::spawn(move || {
            for step in 0..STEPS {
                match shuttle::rand::thread_rng().gen_range(0..6) {
                    0..=2 => ring.link(thread * STEPS + step),
                    3 => ring.pop(End::Oldest),
                    4 => ring.pop(End::Newest),
                    _ => ring.wake_all(),
                }
                thread::yield_now();
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    assert!(ring.expected().linked.is_empty() && ring.word.load(Ordering::Relaxed) == 0, "Q1: nobody is left");
}
