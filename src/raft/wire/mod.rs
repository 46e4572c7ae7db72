//! Messages as bytes. (Being built.)

pub mod bytes;
pub mod entry;
