//! How a thread or a task waits: the ring of waiters, and the tokens that wake them.
