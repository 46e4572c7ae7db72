//! A channel from many threads to one.
