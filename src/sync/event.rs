//! An event that threads and tasks wait for.
