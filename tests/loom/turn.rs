use loom::sync::Arc;
use loom::thread;
use rsm::sync::model::{Mutant, finds, model};
use rsm::sync::turn::Turn;

/// T1, T2: two threads visit, again and again; what they count is exact.
fn enter_leave() {
    model("turn_enter_leave", 3, || {
        let turn = Arc::new(Turn::new(0));
        let visit = |turn: &Turn<u32>| turn.try_enter().map(|mut inside| *inside += 1).is_some() as u32;
        let other = {
            let turn = turn.clone();
            thread::spawn(move || (0..4).map(|_| visit(&turn)).sum::<u32>())
        };
        let visits = (0..4).map(|_| visit(&turn)).sum::<u32>() + other.join().unwrap();
        assert_eq!(*turn.try_enter().expect("nobody is in"), visits);
    });
}

#[test]
fn visits_are_one_at_a_time_and_each_sees_the_last() {
    enter_leave();
}

#[test]
fn an_entry_by_a_load_and_a_store_is_found() {
    finds(Mutant::TurnLoadStore, enter_leave);
}

#[test]
fn a_leave_that_orders_nothing_is_found() {
    finds(Mutant::TurnRelaxedLeave, enter_leave);
}
