//! An orderly shutdown: stages end one after the other, each when the last of its members is gone.
//!
//! ```text
//!   drain() ──> readers ────────────> workers ────────────> writer ────────────> over
//!               start: told to end    start, once the last  start, ...
//!               guard  guard  guard   reader's guard is     guard
//!                 |      |      |     dropped                 |
//!               thread  task  automaton                     thread
//! ```
//! Reach for it when what one part has accepted must still find the parts behind it: readers stop first, workers finish what was
//! read, the writer writes what was worked. Each member holds a [`Guard`] of its [`Stage`] and learns by it that the stage has
//! started: it asks ([`is_draining`](Guard::is_draining)), waits ([`wait_draining`](Guard::wait_draining),
//! [`draining`](Guard::draining)) or is told ([`on_start`](Guard::on_start)). One group without an order wants an
//! [`Event`] and its guards; work that is to be broken off, not finished, a
//! [`Cancel`](super::cancel::Cancel).
//!
//! ```
//! use rsm::sync::drain::Drain;
//! use rsm::sync::lock::Lock;
//! use std::{thread, time::Duration};
//!
//! static ENDS: Lock<Vec<&str>> = Lock::new(Vec::new());
//!
//! let drain = Drain::new();
//! let (readers, writers) = (drain.stage("readers")?, drain.stage("writers")?);
//! for stage in [&writers, &readers] {
//!     for number in 0..5 {
//!         let guard = stage.guard(format!("{} {number}", stage.name()))?;
//!         thread::spawn(move || {
//!             guard.wait_draining(); // works until it is told to end
//!             ENDS.lock().push(if guard.stage().name() == "readers" { "reader" } else { "writer" });
//!         });
//!     }
//! }
//! // A signal came: all ten end, the readers first, or we hear who does not.
//! drain.drain_timeout(Duration::from_secs(30)).expect("nobody hangs");
//! assert_eq!(*ENDS.lock(), [["reader"; 5], ["writer"; 5]].concat());
//! assert!(readers.guard("too late").is_err());
//! # Ok::<(), rsm::sync::Draining>(())
//! ```
//!
//! D1 a stage starts only after the last guard of the one before is gone. D2 each name is listed until its last clone is dropped.
//! D3 a waker is woken at most once, and not missed: registering and starting meet under one lock. D4 who is refused a guard finds
//! the stage draining.

mod line;
mod stage;

use super::Draining;
use super::event::Event;
use line::{Line, Step};
pub use stage::{Alive, Guard, Stage};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An orderly shutdown in stages. A handle; clones are the same drain.
///
/// Nothing happens until someone drains; dropping the handles begins nothing.
#[derive(Clone)]
pub struct Drain {
    line: Arc<Line>,
}

/// The deadline came first. Who drains again goes on from here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// The stage that is not over.
    pub stage: Cow<'static, str>,
    /// How many are still there.
    pub count: usize,
    /// Who they are, in order of taking: the first thousand.
    pub alive: Vec<Alive>,
}

/// [`Late`] names so many: a look at each may cost its holder something.
const NAMED_MAX: usize = 1_000;

impl Drain {
    /// Without stages.
    pub fn new() -> Drain {
        Drain { line: Arc::new(Line::new()) }
    }

    /// Makes a stage behind all others. Names need not differ.
    ///
    /// It may be made while others drain already, even when the last of them is over, as long as no one who drains has come to see
    /// that.
    ///
    /// # Errors
    /// [`Draining`]: the drain is over.
    pub fn stage(&self, name: impl Into<Cow<'static, str>>) -> Result<Stage, Draining> {
        let body = self.line.last(name.into())?;
        Ok(Stage { line: self.line.clone(), body })
    }

    /// Starts the stages in order, each after the last guard of the one before is gone, and waits for the end of the last.
    ///
    /// What the members did before their guards went is seen after it. Several threads and tasks may drain: all wait for the
    /// same end. A member that waits here for its own stage waits for ever; and so does the thread that takes the steps of automata
    /// in virtual time: it says `runner.block_on(drain.drain_async())`.
    pub fn drain(&self) {
        let ended = self.run(|gone| {
            gone.wait();
            true
        });
        debug_assert!(ended.is_ok(), "a wait without a deadline ends with what it waits for");
    }

    /// Whether all stages are over already, after starting what can be started: [`drain`](Drain::drain) that waits for no member. (If
    /// the last one is just leaving, it waits for the moment that this takes.)
    ///
    /// # Errors
    /// [`Late`]: which stage is not over, and who is still there.
    pub fn try_drain(&self) -> Result<(), Late> {
        self.run(|gone| gone.try_wait())
    }

    /// As [`drain`](Drain::drain), that long at most. It may be called again, and goes on then.
    ///
    /// # Errors
    /// [`Late`]: which stage is not over, and who is still there.
    pub fn drain_timeout(&self, time: Duration) -> Result<(), Late> {
        match Instant::now().checked_add(time) {
            Some(instant) => self.drain_until(instant),
            None => {
                self.drain();
                Ok(())
            }
        }
    }

    /// As [`drain`](Drain::drain), until then at most. It may be called again, and goes on then.
    ///
    /// # Errors
    /// [`Late`]: which stage is not over, and who is still there.
    pub fn drain_until(&self, instant: Instant) -> Result<(), Late> {
        self.run(|gone| gone.wait_until(instant).is_ok())
    }

    /// A future of [`drain`](Drain::drain). The first stage starts when it is first polled. Dropped, it starts nothing more; who
    /// drains again goes on.
    pub fn drain_async(&self) -> impl Future<Output = ()> + Send + 'static {
        let line = self.line.clone();
        async move {
            loop {
                match line.step() {
                    Step::Start(start) => start.tell(),
                    Step::Wait(stage) => stage.gone().wait_async().await,
                    Step::Over => return,
                }
            }
        }
    }

    /// Whether the first stage has started.
    pub fn is_draining(&self) -> bool {
        self.line.is_draining()
    }

    /// Whether a drain has come to the end of all stages.
    pub fn is_over(&self) -> bool {
        self.line.is_over()
    }

    /// Goes from stage to stage, as long as `wait` says that the one it waited for is over.
    fn run(&self, wait: impl Fn(&Event) -> bool) -> Result<(), Late> {
        loop {
            match self.line.step() {
                Step::Start(start) => start.tell(),
                Step::Wait(stage) if wait(stage.gone()) => {}
                Step::Wait(stage) => {
                    let (count, alive) = stage.alive(NAMED_MAX);
                    // The last may have left its seat without having said so yet: that is a moment, and not late.
                    if count != 0 {
                        return Err(Late { stage: stage.name.clone(), count, alive });
                    }
                    stage.gone().wait();
                }
                Step::Over => return Ok(()),
            }
        }
    }
}

impl Default for Drain {
    fn default() -> Drain {
        Drain::new()
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("is_draining", &self.is_draining()).field("is_over", &self.is_over()).finish()
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More would fill a screen.
        const SHOWN: usize = 8;
        write!(f, "the stage `{}` is not over, {} of it left: ", self.stage, self.count)?;
        for (at, alive) in self.alive.iter().take(SHOWN).enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, alive.name)?;
            if !alive.doing.is_empty() {
                write!(f, " ({})", alive.doing)?;
            }
        }
        if SHOWN < self.count {
            write!(f, " and {} more", self.count - SHOWN)?;
        }
        f.write_str("; drain again to go on waiting")
    }
}

impl Error for Late {}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests;
