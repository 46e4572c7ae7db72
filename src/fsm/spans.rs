//! Turns as spans, and what changes in them as events: for who builds with the feature `tracing`. Without it there is no code.
//!
//! ```text
//!   turn { name, cell, label, batch }                              trace: around all that a turn does, in the state it begins in
//!     transition { to }   drain                                    debug
//!     ended { name, cell, end }                                    debug; of a panic: warn
//!   stalled { name, cell, time }                                   warn: a pool's turn that takes long, as another thread sees it
//! ```
//! All have the target `rsm::fsm`. What listens is the user's code: its panic is contained, and costs what it did not hear.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{Silence as Turn, drain, ended, stalled, transition, turn};
#[cfg(feature = "tracing")]
pub(crate) use on::{Turn, drain, ended, stalled, transition, turn};

#[cfg(feature = "tracing")]
mod on {
    use crate::fsm::automaton::{Automaton, CellId, End};
    use crate::fsm::cell::{Body, Cell};
    use crate::fsm::context::Context;
    use crate::fsm::death::contained;
    use crate::fsm::turn::label;
    use std::mem;
    use std::time::Duration;
    use tracing::Span;

    const TARGET: &str = "rsm::fsm";

    /// The span of a turn, over when it is closed or dropped. Made, entered, left and closed each for itself: a panic of one
    /// meets no other on its way.
    pub(crate) struct Turn {
        span: Span,
        entered: bool,
    }

    pub(crate) fn turn<A: Automaton>(cell: &Cell<A>, body: &Body<A>, context: &Context<A>) -> Turn {
        let state = || body.live.as_ref().and_then(|live| live.state.as_ref());
        let mut turn = Turn { span: Span::none(), entered: false };
        contained(|| {
            turn.span = tracing::trace_span!(
                target: TARGET, "turn",
                name = context.name(), cell = cell.head.id.0, label = label::<A>(state()), batch = body.batch.len()
            );
        });
        contained(|| turn.entered = turn.span.with_subscriber(|(id, listener)| listener.enter(id)).is_some());
        turn
    }

    impl Turn {
        pub(crate) fn close(self) {}
    }

    impl Drop for Turn {
        fn drop(&mut self) {
            let span = mem::replace(&mut self.span, Span::none());
            if self.entered {
                contained(|| _ = span.with_subscriber(|(id, listener)| listener.exit(id)));
            }
            contained(move || drop(span));
        }
    }

    pub(crate) fn transition<A: Automaton>(to: Option<&A::State>) {
        contained(|| tracing::debug!(target: TARGET, to = label::<A>(to), "transition"));
    }

    pub(crate) fn drain() {
        contained(|| tracing::debug!(target: TARGET, "drain"));
    }

    pub(crate) fn ended(cell: CellId, name: &str, end: &End) {
        contained(|| match end {
            End::Exited | End::Killed => tracing::debug!(target: TARGET, name, cell = cell.0, ?end, "ended"),
            End::Panicked(_) => tracing::warn!(target: TARGET, name, cell = cell.0, ?end, "ended"),
        });
    }

    pub(crate) fn stalled(cell: CellId, name: &str, time: Duration) {
        contained(|| tracing::warn!(target: TARGET, name, cell = cell.0, ?time, "stalled"));
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::fsm::automaton::{Automaton, CellId, End};
    use crate::fsm::cell::{Body, Cell};
    use crate::fsm::context::Context;
    use std::time::Duration;

    pub(crate) struct Silence;

    impl Silence {
        pub(crate) fn close(self) {}
    }

    pub(crate) fn turn<A: Automaton>(_: &Cell<A>, _: &Body<A>, _: &Context<A>) -> Silence {
        Silence
    }

    pub(crate) fn transition<A: Automaton>(_: Option<&A::State>) {}

    pub(crate) fn drain() {}

    pub(crate) fn ended(_: CellId, _: &str, _: &End) {}

    pub(crate) fn stalled(_: CellId, _: &str, _: Duration) {}
}
