//! The models of a spin, which nobody outside the crate sees; `tests/loom/spin.rs` runs them.

use super::super::model::model;
use super::super::shim::{AtomicU64, Ordering::Relaxed};
use super::Spin;
use loom::sync::Arc;
use loom::thread;

/// S1, S2: two threads visit, again and again; what they count, in the value and in the payload, is exact.
pub fn enter_leave() {
    model("spin_enter_leave", 3, || {
        let spin = Arc::new(Spin::new(0, 0));
        let visit = |spin: &Spin<u64>| {
            let mut inside = spin.enter();
            *inside += 1;
            let counted = inside.payload() + 2;
            inside.leave_with(counted);
        };
        let other = {
            let spin = spin.clone();
            thread::spawn(move || (0..2).for_each(|_| visit(&spin)))
        };
        (0..2).for_each(|_| visit(&spin));
        other.join().unwrap();
        let inside = spin.enter();
        assert_eq!((*inside, inside.payload()), (4, 8), "S1");
    });
}

/// S1: two leave one payload for another in one step, twice: one of them does, each time.
pub fn replace_replace() {
    model("spin_replace_replace", 3, || {
        let spin = Arc::new(Spin::new(0, ()));
        let replaced = |spin: &Spin<()>| (0..6).filter(|round| spin.replace(2 * round, 2 * round + 2)).count();
        let other = {
            let spin = spin.clone();
            thread::spawn(move || replaced(&spin))
        };
        assert_eq!((replaced(&spin) + other.join().unwrap(), spin.payload()), (6, 12), "S1");
    });
}

/// S2, of a step that enters and leaves in one: it sees what came before the payload that it replaces, and what came before it is
/// seen by whoever finds the payload that it has left.
pub fn replace() {
    model("spin_replace", 3, || {
        let rounds: [_; 2] = std::array::from_fn(|_| Arc::new(Round::default()));
        let other = {
            let rounds = rounds.clone();
            thread::spawn(move || rounds.iter().for_each(|round| round.visit()))
        };
        rounds.iter().for_each(|round| round.replace());
        other.join().unwrap();
    });
}

struct Round {
    spin: Spin<()>,
    before: AtomicU64,
    since: AtomicU64,
}

impl Default for Round {
    fn default() -> Self {
        Round { spin: Spin::new(0, ()), before: AtomicU64::new(0), since: AtomicU64::new(0) }
    }
}

impl Round {
    fn visit(&self) {
        self.before.store(1, Relaxed);
        self.spin.enter().leave_with(2);
        let seen = self.spin.enter();
        let now = seen.payload();
        if now == 4 {
            assert_eq!(self.since.load(Relaxed), 1, "S2: it was left: what came before is seen");
        }
        seen.leave_with(now);
    }

    fn replace(&self) {
        self.since.store(1, Relaxed);
        if (0..2).any(|_| self.spin.replace(2, 4)) {
            assert_eq!(self.before.load(Relaxed), 1, "S2: it was entered: what the last one did is seen");
        }
    }
}
