//! Automata: an inbox, a state, transitions, timers, draining. One thread of thought owns one state.
//!
//! ```text
//!     post                inbox              one turn at a time                  what it says
//!   address ──────> [ c c c c c c ] ──batch──> next(state, input) -> state ──flush──> other addresses, replies, timers
//!   address ──────>        ^                        |
//!                          |  Drain, timers, notices|overtake          runs on: a thread each | a pool | virtual time | your own
//!                          +────────────────────────+
//! ```
//! Reach for an automaton when something has a state that others may change only by asking: a connection, a session, a replica.
//! For a value that many threads read, a lock of [`sync`](crate::sync) is shorter. There is no ask: a request carries a
//! [`oneshot::Sender`](crate::sync::oneshot::Sender) or an [`Address`] for its reply, so no cycle of waits can form, and a reply
//! that will never come is an error and not a hang.
//!
//! A whole automaton, as its drawing. It runs unchanged on a thread, on a pool, and in virtual time, where a minute takes no time:
//!
//! ```
//! use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime};
//! use std::time::Duration;
//!
//! //          30 s            25 s, or Walk           4 s
//! //   Red ----------> Green ---------------> Yellow ------> Red        Walk waits while Yellow, and is served in Red
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! enum Light { Red, Green, Yellow }
//! enum Order { Change, Walk }
//! struct Crossing { lamps: Lamps }
//!
//! impl Automaton for Crossing {
//!     type State = Light;
//!     type Command = Order;
//!
//!     fn next(&mut self, light: Light, input: Input<Self>, context: &mut Context<Self>) -> Light {
//!         use {Input::*, Light::*, Order::*};
//!         match (light, input) {
//!             (_, Start | Transition { .. }) => {
//!                 let seconds = match light { Red => 30, Green => 25, Yellow => 4 };
//!                 context.state_timeout(Duration::from_secs(seconds), Change);   // dies with the state
//!                 self.lamps.show(&light);
//!                 light
//!             }
//!             (Red, Command(Change)) => Green,
//!             (Green, Command(Change | Walk)) => Yellow,
//!             (Yellow, Command(Change)) => Red,
//!             (Yellow, Command(Walk)) => { context.postpone(Walk); Yellow }      // comes again once we are Red
//!             (Red, Command(Walk)) => { self.lamps.walk(); Red }
//!             (Red | Green | Yellow, Drain | Exit) => light,
//!         }
//!     }
//! }
//! # #[derive(Default)] struct Lamps { walks: u32 }
//! # impl Lamps { fn show(&mut self, _: &Light) {} fn walk(&mut self) { self.walks += 1 } }
//!
//! let time = VirtualTime::new(1);                                // or `Pool::new(4)`, or `Threads`
//! let crossing = time.spawn(Crossing { lamps: Lamps::default() }, Light::Red);
//! time.run_for(Duration::from_secs(57), &mut ());                // Red 30 s, Green 25 s: Yellow since 2 s
//! crossing.post(Order::Walk)?;
//! time.run_for(Duration::from_secs(1), &mut ());
//! assert_eq!(time.look::<Crossing, _>(&crossing, |it, light| (it.lamps.walks, *light)), Some((0, Light::Yellow)));
//! time.run_for(Duration::from_secs(1), &mut ());
//! assert_eq!(time.look::<Crossing, _>(&crossing, |it, light| (it.lamps.walks, *light)), Some((1, Light::Red)));
//! # Ok::<(), rsm::fsm::Rejected<Order>>(())
//! ```
//!
//! # Where they run
//!
//! | runner | for |
//! |---|---|
//! | [`Threads`] | a few that work much, block, or must not wait for others: a thread each |
//! | [`Pool`] | many that mostly wait: a few threads share the work |
//! | [`VirtualTime`] | tests and simulations: one thread, time that jumps, an order that a seed decides and that can be had again |
//! | a [`Home`] of your own | an event loop that is there already |
//!
//! # The order of inputs
//!
//! A **turn** is: system inputs (`Drain`, timers due, death notices), then up to `batch` commands, then `flush`. Turns never overlap,
//! and each sees what the one before wrote. Every row is a test of the suite [`conformance`], which a runner of one's own can pass.
//!
//! | situation | what is delivered |
//! |---|---|
//! | spawn, then posts | `Start` first, whatever was posted meanwhile; then commands, per sender in order of posting |
//! | `next` changes the kind | before anything else the state timeout ends and postponed commands are put back in front, in order of arrival; then `Transition { from }` |
//! | `raise` and a change of kind in one call | `Transition`, then the raised, then the postponed, then what is queued |
//! | `raise`, `post`, `postpone`, timers in `flush` | as in `next`; what is raised comes next, by itself |
//! | a postponed command is postponed again | it keeps its place by arrival |
//! | timers due | before queued commands, in order of deadline, then of arming; a due state timeout is one of them |
//! | the first of two timers due changes the kind, the second was the state timeout | the second is not delivered |
//! | `cancel` of a timer that is due and not delivered yet | gives the command back; it is not delivered |
//! | `drain` | every post is refused from then on; `Drain` overtakes all commands; then these, then `flush`, `Exit`, `flush`, death |
//! | the stage of its [`drain_with`](Builder::drain_with) starts | as `drain`; its children's stages start before. The next stage starts after its death |
//! | it must still hear others while it drains | they would be refused: such a one is drained by a command of its own, which a waker of its stage posts ([`on_start`](crate::sync::drain::Guard::on_start), said in `Start`), and ends by `stop` |
//! | timers while draining | due ones as long as commands remain; the rest is cancelled, unless one [lingers](Context::linger) |
//! | still postponed at the end of draining | delivered once more; what is postponed even then is dropped and counted |
//! | `stop` inside an input or `flush` | this call completes; no `Transition`; `Exit` with the state returned, `flush`, death. What is queued is dropped |
//! | `stop` from outside | the same after the input in hand |
//! | `kill` | death after the input in hand: no `Exit`, no `flush` |
//! | a panic anywhere | death, [`End::Panicked`]: no `Exit` (unless it was there), no `flush`; automaton and queue are dropped |
//! | last [`Address`] dropped | as `drain` |
//! | `raise`, `postpone`, timers in `Exit` | dropped |
//! | death | state, automaton, batch and inbox are dropped; then guards are released; then death notices come; then `ended()` resolves |
//!
//! A `Drop` that panics at death is contained. One that panics while a panic unwinds aborts the process, as everywhere in Rust.
//!
//! Two automata that hold each other's address keep each other alive: hold the way back [weakly](WeakAddress).
//!
//! # And when one fails
//!
//! A panic ends one automaton and no other. A [`Supervisor`] brings the dead back behind a [`Door`] that stays the same:
//! [`supervisor`]. Who sends more than a bounded inbox holds gets its command back, or waits as a future:
//! [`post_async`](Address::post_async).
//!
//! # Watching it
//!
//! [`Counters`] are always on, and so is [`Latency`]: how long it takes from a post that wakes to the turn. [`Recorded`] around
//! an automaton draws the states and arrows it was seen to take, so a test can hold a drawing to the code: [`recorded`]. With the
//! feature `tracing` each turn is a span (`name`, `cell`, `label`, `batch`), and each transition, drain and end an event, of the
//! target `rsm::fsm`.
//!
//! Next: [`raft`](crate::raft), an automaton that agrees with others.
#![forbid(unsafe_code)]

mod address;
mod automaton;
mod cell;
mod children;
pub mod conformance;
mod context;
mod counters;
mod death;
mod extras;
mod few;
mod inbox;
pub mod pool;
mod posting;
pub mod recorded;
mod rejected;
mod runner;
mod slots;
mod spans;
mod staged;
pub mod supervisor;
mod tape;
mod threads;
mod ticker;
mod timers;
mod turn;
pub mod virtual_time;
mod watching;
pub mod wheel;
mod word;

pub use crate::time::Time;
pub use address::{Address, WeakAddress};
pub use automaton::{Automaton, CellId, End, Input, Kind, Mode, Panic};
pub use children::Children;
pub use context::Context;
pub use counters::{Counters, Latency};
pub use pool::{Alive, Pool};
pub use posting::Posting;
pub use recorded::Recorded;
pub use rejected::Rejected;
pub use runner::Capacity::{self, Bounded, Unbounded};
pub use runner::{Builder, Home, HomeRef, Runner, Task};
pub use slots::Timer;
pub use supervisor::{Child, Door, Restart, Strategy, SupervisedChild, Supervision, Supervisor};
pub use threads::Threads;
pub use ticker::{Every, every};
pub use timers::Timers;
pub use virtual_time::{VirtualTime, World};
pub use watching::Watch;

/// Models of parts that nobody outside sees.
#[cfg(rsm_loom)]
#[doc(hidden)]
pub mod models {
    pub use super::pool::models as pool;
    pub use super::threads::models::{arm_against_sleep, schedule_against_sleep};
    pub use super::timers::models::{arm_against_timer_thread, fire_and_arm_against_timer_thread};
}
