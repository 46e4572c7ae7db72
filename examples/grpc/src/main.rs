//! A raft peer behind unix pipes.
#[cfg(test)]
mod kv;
fn main() {}
