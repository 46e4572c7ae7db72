//! `sync/gate`: each opening lets in whom it says and wakes all, and two gates by turns make a barrier, where one does not.

use crate::common::{Alarm, Cell, block_on, poll};
use loom::sync::atomic::{AtomicU32, Ordering::AcqRel};
use loom::thread;
use rsm::sync::gate::{Door, Gate};
use rsm::sync::model::{Looks, fails, model, model_with, strike};
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(1);

fn stay(_: u32) -> Door {
    Door::Stay
}

fn shut(_: u32) -> Door {
    Door::Shut
}

/// A gate, and a cell for each of two threads.
struct Shared {
    gate: Gate,
    cells: [Cell; 2],
}

fn shared(gate: Gate) -> Arc<Shared> {
    Arc::new(Shared { gate, cells: [Cell::new(0), Cell::new(0)] })
}

fn spawn<T: 'static>(shared: &Arc<Shared>, run: impl FnOnce(&Shared) -> T + 'static) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
}

#[test]
fn who_enters_sees_what_was_written_before_the_opening() {
    model("gate_open_enter", 3, || {
        let it = shared(Gate::new());
        let opening = spawn(&it, |it| {
            it.cells[0].set(1);
            it.gate.open()
        });
        assert_eq!((it.gate.enter(stay), it.cells[0].get()), (1, 1));
        assert!(opening.join().unwrap());
        assert_eq!((it.gate.entries(), it.gate.pending()), (1, 0));
    });
}

#[test]
fn one_who_comes_by_enters_before_those_who_are_being_woken() {
    model("gate_open_try", 3, || {
        for _ in 0..3 {
            let it = shared(Gate::new());
            let mut waiting = Box::pin(it.gate.enter_async(stay));
            assert!(poll(waiting.as_mut(), &Alarm::new()).is_pending());
            let opening = spawn(&it, |it| {
                it.cells[0].set(1);
                it.gate.open()
            });
            let entered = it.gate.try_enter(stay);
            assert!(entered.is_none() || it.cells[0].get() == 1);
            assert!(opening.join().unwrap());
            assert_eq!((block_on(waiting), it.gate.pending()), (entered.map_or(1, |number| number + 1), 0), "G1");
        }
    });
}

#[test]
fn who_enters_sees_what_those_wrote_who_entered_before() {
    model("gate_enter_enter", 3, || {
        for _ in 0..2 {
            let it = shared(Gate::opened());
            let come = |it: &Shared, mine: usize| {
                it.cells[mine].set(1);
                let number = it.gate.enter(stay);
                assert!(number == 1 || it.cells[1 - mine].get() == 1);
                number
            };
            let other = spawn(&it, move |it| come(it, 1));
            let numbers = [come(&it, 0), other.join().unwrap()];
            assert!(numbers == [1, 2] || numbers == [2, 1], "G1");
        }
    });
}

#[test]
fn who_shuts_sees_what_those_wrote_who_entered_before() {
    model("gate_enter_shut", 3, || {
        for _ in 0..2 {
            let it = shared(Gate::opened());
            let entering = spawn(&it, |it| {
                it.cells[0].set(1);
                it.gate.try_enter(stay).is_some()
            });
            let entered = it.gate.shut().expect("it was open");
            assert!(entered == 0 || it.cells[0].get() == 1);
            assert_eq!((u32::from(entering.join().unwrap()), it.gate.entries()), (entered, 0), "G3");
        }
    });
}

/// Whoever passes shuts it, works, and opens it for the other: one is in at a time, and none is forgotten.
#[test]
fn each_opening_lets_one_in_and_forgets_none() {
    model("gate_enter_enter_open", 2, || {
        let it = shared(Gate::new());
        let work = |it: &Shared| {
            assert_eq!(it.gate.enter(shut), 1, "G2");
            it.cells[0].set(it.cells[0].get() + 1);
            it.gate.open();
        };
        let workers = [spawn(&it, work), spawn(&it, work)];
        it.gate.open();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert!(it.gate.is_open() && it.gate.pending() == 0);
        // The last `open` was before its worker's end, so this sees all that was done.
        assert_eq!(it.cells[0].get(), 2);
    });
}

#[test]
fn one_who_is_woken_to_a_shut_gate_waits_for_the_next_opening() {
    model("gate_open_shut_enter", 3, || {
        let it = shared(Gate::new());
        let entering = spawn(&it, |it| it.gate.enter(shut));
        it.gate.open();
        let was_open = it.gate.shut();
        it.gate.open();
        assert_eq!(entering.join().unwrap(), 1);
        let entered_early = was_open.is_none();
        assert_eq!((it.gate.is_open(), it.gate.pending()), (entered_early, 0), "G2");
    });
}

#[test]
fn one_who_gives_up_has_entered_or_has_not() {
    model("gate_enter_until", 2, || {
        let it = shared(Gate::new());
        let clock = thread::spawn(strike);
        let opening = spawn(&it, |it| it.gate.open());
        let entered = it.gate.enter_timeout(SOON, shut).is_ok();
        opening.join().unwrap();
        clock.join().unwrap();
        assert_eq!((it.gate.is_open(), it.gate.pending()), (!entered, 0));
    });
}

#[test]
fn a_future_that_is_dropped_has_not_entered() {
    model("gate_future_drop", 2, || {
        let it = shared(Gate::new());
        let mut dropped = Box::pin(it.gate.enter_async(shut));
        assert!(poll(dropped.as_mut(), &Alarm::new()).is_pending());
        let opening = spawn(&it, |it| it.gate.open());
        let entering = spawn(&it, |it| block_on(it.gate.enter_async(shut)));
        drop(dropped);
        assert!(opening.join().unwrap());
        assert_eq!((entering.join().unwrap(), it.gate.pending()), (1, 0));
    });
}

/// A barrier of two on gates: the second to come opens the gate of the round, the first passes and shuts it.
struct OnGates<const GATES: usize> {
    gates: [Gate; GATES],
    arrived: AtomicU32,
}

impl<const GATES: usize> OnGates<GATES> {
    fn wait(&self) {
        let arrival = self.arrived.fetch_add(1, AcqRel) as usize;
        let gate = &self.gates[arrival / 2 % GATES];
        if arrival % 2 == 1 { _ = gate.open() } else { _ = gate.enter(shut) }
    }
}

/// Two threads meet twice; each writes before a meeting what the other reads after it.
fn meet_twice<const GATES: usize>(name: &str) {
    model_with(name, 3, &[Looks::Newest], || {
        let barrier = OnGates { gates: std::array::from_fn(|_| Gate::new()), arrived: AtomicU32::new(0) };
        let cells: [[Cell; 2]; 2] = std::array::from_fn(|_| std::array::from_fn(|_| Cell::new(0)));
        let it = Arc::new((barrier as OnGates<GATES>, cells));
        let meet = |it: &(OnGates<GATES>, [[Cell; 2]; 2]), mine: usize| {
            for round in 0..2 {
                it.1[round][mine].set(1);
                it.0.wait();
                assert_eq!(it.1[round][1 - mine].get(), 1, "nobody goes on before all have come");
            }
        };
        let other = thread::spawn({
            let it = it.clone();
            move || meet(&it, 1)
        });
        meet(&it, 0);
        other.join().unwrap();
    });
}

#[test]
fn a_barrier_on_two_gates_by_turns_holds() {
    meet_twice::<2>("gates_by_turns");
}

/// The fast one comes round again and passes in the slow one's place.
#[test]
fn a_barrier_on_one_gate_is_found() {
    fails("a barrier on one gate", || meet_twice::<1>("one_gate"));
}

/// Two open it, one shuts it as it enters: each opening that found it shut counts, and none is lost.
#[test]
fn of_two_openings_none_is_lost() {
    model("gate_open_open_enter", 2, || {
        let it = shared(Gate::new());
        let opening = [(); 2].map(|()| spawn(&it, |it| u32::from(it.gate.open())));
        assert_eq!(it.gate.enter(shut), 1, "G1");
        let openings: u32 = opening.map(|opening| opening.join().unwrap()).iter().sum();
        assert_eq!((it.gate.is_open(), it.gate.pending()), (openings == 2, 0), "G2");
    });
}

/// One opens it, another shuts it and opens it again: who waits comes in, whichever opening it was.
#[test]
fn who_waits_comes_in_though_it_is_shut_in_between() {
    model("gate_open_shut_two", 2, || {
        let it = shared(Gate::new());
        let opening = spawn(&it, |it| it.gate.open());
        let shutting = spawn(&it, |it| {
            it.gate.shut();
            it.gate.open()
        });
        let number = it.gate.enter(stay);
        opening.join().unwrap();
        shutting.join().unwrap();
        assert_eq!((number, it.gate.is_open(), it.gate.pending()), (1, true, 0), "G1");
    });
}

/// A door that panics has let nobody in, and keeps nobody out: neither one who enters, nor one who waits.
#[test]
fn a_door_that_panics_changes_nothing() {
    model("gate_panic_enter_open", 2, || {
        let it = shared(Gate::new());
        let opening = spawn(&it, |it| it.gate.open());
        let panics = spawn(&it, |it| {
            let run = || it.gate.enter(|_| std::panic::resume_unwind(Box::new("in the door")));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
        });
        assert_eq!(it.gate.enter(stay), 1, "G1");
        assert!(opening.join().unwrap() && panics.join().unwrap());
        assert_eq!((it.gate.entries(), it.gate.pending()), (1, 0), "G1");
    });
}

/// It is shut again while one who waits for it gives up: who has entered is counted, who has not is gone.
#[test]
fn one_who_gives_up_meets_a_shutting() {
    model("gate_until_shut", 2, || {
        let it = shared(Gate::new());
        let clock = thread::spawn(strike);
        let entering = spawn(&it, |it| u32::from(it.gate.enter_timeout(SOON, stay).is_ok()));
        it.gate.open();
        let counted = it.gate.shut();
        clock.join().unwrap();
        let entered = entering.join().unwrap();
        assert_eq!((counted, it.gate.pending()), (Some(entered), 0), "G1");
    });
}

/// Two give up at the same strike of the clock while one may enter: one has, or it is still open. One preemption, for its time.
#[test]
fn of_two_who_give_up_one_has_entered_or_it_is_open() {
    model("gate_until_until", 1, || {
        let it = shared(Gate::new());
        let clock = thread::spawn(strike);
        let entering = [(); 2].map(|()| spawn(&it, |it| u32::from(it.gate.enter_timeout(SOON, shut).is_ok())));
        it.gate.open();
        clock.join().unwrap();
        let entered = entering.map(|entering| entering.join().unwrap()).iter().sum::<u32>();
        assert_eq!((entered + u32::from(it.gate.is_open()), it.gate.pending()), (1, 0), "G2");
    });
}
