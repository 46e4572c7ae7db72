//! Many readers at a time, or one writer.
//!
//! ```text
//!              read, unless a writer is in or anyone waits            write
//!   readers  <-------------------------------------------  free  -------------->  writer
//!      |                                                    ^ ^                     |
//!      +-------- the last leaves ---------------------------+ +------- leaves ------+
//!                                                                       |
//!   readers  <------------- downgrade; or leaves with readers next -----+   all of those next in line, at once
//!
//!   readers and one upgradable  --- upgrade: the readers leave, none comes in, nobody writes in between ------>  writer
//! ```
//! For what is read much and changed rarely. Where most visits write, or are short, a [`Lock`](super::lock::Lock) is faster.
//!
//! Nobody starves: new readers do not pass anyone who waits; when a writer leaves, the readers at the head of the line come in
//! together, and those behind the next writer after it; and a writer that has waited for 0.5 ms is handed the lock. [`ReadOnly`] is
//! a view to give away: it can only read.
//!
//! - There is **no poisoning**: a panic inside leaves the lock.
//! - Who reads and then, perhaps, writes what it has read comes in by [`RwLock::upgradable_read`]: one at a time, so that no two
//!   wait for each other.
//! - **Reading twice on one thread can deadlock**, if somebody begins to wait in between: the second read waits for the writer,
//!   the writer for the first read. Likewise inside for another thread that has yet to come in. [`RwLock::try_read`] never waits.
//! - Readers that collide (16 times in all) are spread over counters of their own, one for each processor and 8 at most, made
//!   then and kept with the lock: from then on each reads on its own cache line, and a writer looks at all of them. Readers then
//!   pass writers that are queued, but not the one that is next once it has come.
//! - At most 2^24 - 1 readers at a time: one more panics; one who was let in by another, or stays as a reader, aborts the process,
//!   as it cannot be refused. Only forgotten guards come to so many.
//! - 24 bytes beside the value. It is for threads: a task that would hold it across an await wants an automaton.

mod guard;
mod leave;
mod raw;
mod read_only;
mod spread;
#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
mod upgradable;
mod upgrade;
mod word;

pub use guard::{ReadGuard, RwLock, WriteGuard};
pub use read_only::ReadOnly;
pub use upgradable::UpgradableGuard;
