//! A value that is there: how long it takes to get at it.

use crate::uncontended::{NS, alone};
use rsm_peers_kit::rounds::{Rounds, subject};
use rsm_peers_kit::section::Section;
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let std = OnceLock::from(7u64);
    let subjects = vec![subject("std OnceLock", move |time| alone(time, || _ = black_box(black_box(&std).get())))];
    let mut section =
        Section::new("Once, filled", "`get` of a value that is there; 20 runs by turns, the least counts.");
    section.points.push(rounds.measure("once get", 1, 20, Duration::from_millis(3), subjects));
    section.table("once", NS);
    section
}
