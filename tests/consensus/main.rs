//! The core through the public door: what others got wrong (each number is a scenario of the field's own bug reports), and
//! whole clusters over a bad network.

mod birth;
mod elections;
mod reads;
mod replication;
mod snapshots;
mod storms;
#[path = "../support/mod.rs"]
mod support;
mod topology;
