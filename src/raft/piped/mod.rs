//! A peer behind a pipe. (Being built.)
#![allow(dead_code, reason = "what speaks it is being built")]

mod lines;
pub mod log;
mod protocol;
