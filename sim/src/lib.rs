//! A cluster in a seed: real peers on simulated network, clocks and disks.

pub mod net;
pub mod plan;
pub mod queue;
pub mod stream;
