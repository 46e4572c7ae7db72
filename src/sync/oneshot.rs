//! One value from one thread to another.
