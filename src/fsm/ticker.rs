//! A timer pasted on any address.

use super::address::{Address, WeakAddress};
use super::automaton::{Automaton, Input};
use super::context::Context;
use super::runner::Runner;
use crate::sync::lock::Lock;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Posts what `make` makes to `address` every `period`, first after one, each late by a share of the period up to `jitter` (0 to
/// 1); see [`Context::every`], which an automaton uses for itself.
///
/// It is a small automaton on `runner` that holds the address weakly, and ends with whom it serves, or when it is
/// [stopped](Every::stop). A post that is refused, for the inbox is full, is skipped.
///
/// ```
/// use rsm::fsm::{Automaton, Context, Input, Runner, VirtualTime, every};
/// use std::time::Duration;
///
/// struct Count;
/// impl Automaton for Count {
///     type State = u32;
///     type Command = ();
///     fn next(&mut self, count: u32, input: Input<Self>, _: &mut Context<Self>) -> u32 {
///         if let Input::Command(()) = input { count + 1 } else { count }
///     }
/// }
///
/// let time = VirtualTime::new(1); // or a pool, or threads
/// let count = time.spawn(Count, 0);
/// let ticks = every(&time, Duration::from_secs(1), 0.0, &count, || ());
/// time.run_for(Duration::from_secs(10), &mut ());
/// ticks.stop();
/// time.run_for(Duration::from_secs(10), &mut ());
/// assert_eq!(time.look::<Count, _>(&count, |_, count| *count), Some(10));
/// ```
pub fn every<C: Send + 'static>(
    runner: &impl Runner,
    period: Duration,
    jitter: f64,
    address: &Address<C>,
    make: fn() -> C,
) -> Every {
    let ticker = Ticker { target: address.downgrade(), period, jitter, make };
    let ticker = Arc::new(Lock::new(Some(runner.builder(ticker, ()).name("every").spawn())));
    // Held by whom it serves: released at its death, the ticker loses its last address, and drains.
    address.attach(Serves(ticker.clone()));
    Every(ticker)
}

/// What [`every`] began. Dropped, that goes on.
pub struct Every(Arc<Lock<Option<Address<Tick>>>>);

impl Every {
    /// Posts no more, but for what is on its way. Said twice it is nothing.
    pub fn stop(&self) {
        end(&self.0);
    }
}

impl fmt::Debug for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Every")
    }
}

/// What the one that is served holds.
struct Serves(Arc<Lock<Option<Address<Tick>>>>);

impl Drop for Serves {
    fn drop(&mut self) {
        end(&self.0);
    }
}

/// Drops the ticker's only address.
fn end(ticker: &Lock<Option<Address<Tick>>>) {
    let last = ticker.lock().take();
    drop(last);
}

struct Ticker<C: 'static> {
    target: WeakAddress<C>,
    period: Duration,
    jitter: f64,
    make: fn() -> C,
}

/// A period is over.
struct Tick;

impl<C: Send + 'static> Automaton for Ticker<C> {
    type State = ();
    type Command = Tick;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => {
                context.every(self.period, self.jitter, || Tick);
            }
            Input::Command(Tick) => {
                if let Some(target) = self.target.upgrade() {
                    // Refused: the next period brings another.
                    let _ = target.post((self.make)());
                }
            }
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}
