//! What counts as found: a model that fails of itself, and no other.

use loom::thread;
use rsm::sync::model::{fails, model};
use rsm::sync::turn::Turn;
use std::panic::catch_unwind;
use std::sync::Arc;

/// Whether a model with something wrong in it counts as found.
fn counts(run: fn()) -> bool {
    catch_unwind(|| fails("a model that ends badly", run)).is_ok()
}

#[test]
fn a_model_that_explores_too_little_or_only_spins_has_found_nothing() {
    // Asked for one model alone, nothing is said about others.
    if std::env::var_os("RSM_MODEL").is_some() {
        return;
    }
    assert!(!counts(|| model("too_small", 3, || {})));
    assert!(!counts(|| {
        model("spins", 1, || {
            let turn = Arc::new(Turn::new(0));
            let _inside = turn.try_enter();
            let turn = turn.clone();
            thread::spawn(move || {
                while turn.try_enter().is_none() {
                    thread::yield_now()
                }
            })
            .join()
            .unwrap();
        });
    }));
    assert!(!counts(|| ()), "nothing fails");
    assert!(counts(|| model("asserts", 3, || assert!(Turn::new(0).try_enter().is_none()))));
    assert!(counts(|| {
        model("sleeps_for_ever", 3, || {
            rsm::sync::event::Event::new().wait();
        });
    }));
}
