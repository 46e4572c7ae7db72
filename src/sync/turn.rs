//! A cell for one visitor at a time.
