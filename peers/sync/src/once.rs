//! A value that is there: how long it takes to get at it.

use crate::uncontended::{NS, alone};
use rsm_peers_kit::rounds::{Rounds, subject};
use rsm_peers_kit::section::Section;
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

/// Ours, filled.
pub(crate) fn ours() -> rsm::sync::once::Once<u64> {
    let once = rsm::sync::once::Once::new();
    assert!(once.set(7).is_ok(), "it was empty");
    once
}

/// std's, filled.
pub(crate) fn std() -> OnceLock<u64> {
    OnceLock::from(7)
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let (ours, std) = (ours(), std());
    let subjects = vec![
        subject("rsm", move |time| alone(time, || _ = black_box(black_box(&ours).get()))),
        subject("std OnceLock", move |time| alone(time, || _ = black_box(black_box(&std).get()))),
    ];
    let mut section = Section::new(
        "Once, filled",
        "`get` of a value that is there; 20 runs by turns, the least counts. Its instructions are counted above.",
    );
    section.points.push(rounds.measure("once get", 1, 20, Duration::from_millis(3), subjects));
    section.table("once", NS);
    section
}
