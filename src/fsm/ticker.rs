//! A timer pasted on any address.

use super::address::{Address, WeakAddress};
use super::automaton::{Automaton, Input};
use super::context::Context;
use super::runner::Runner;
use std::time::Duration;

/// Posts what `make` makes to `address` every `period`, first after one, each late by a share of the period up to `jitter` (0 to
/// 1); see [`Context::every`], which an automaton uses for itself.
///
/// It is a small automaton on `runner` that holds the address weakly, and ends with whom it serves. A post that is refused, for
/// the inbox is full, is skipped.
pub fn every<C: Send + 'static>(
    runner: &impl Runner,
    period: Duration,
    jitter: f64,
    address: &Address<C>,
    make: fn() -> C,
) {
    let ticker = Ticker { target: address.downgrade(), period, jitter, make };
    // Held by whom it serves: released at its death, the ticker loses its last address, and drains.
    address.attach(runner.builder(ticker, ()).name("every").spawn());
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
