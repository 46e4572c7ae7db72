//! A raft peer behind unix pipes.
fn main() {}
