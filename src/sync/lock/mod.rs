//! Mutual exclusion with a queue and a payload.
