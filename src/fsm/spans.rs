//! Turns as spans, and what changes in them as events: for who builds with the feature `tracing`. Without it there is no code.
//!
//! ```text
//!   turn { name, cell, label, batch }                              trace: around all that a turn does, in the state it begins in
//!     transition { to }   drain                                    debug
//!     ended { name, cell, end }                                    debug; of a panic: warn
//! ```
//! All have the target `rsm::fsm`.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{drain, ended, transition, turn};
#[cfg(feature = "tracing")]
pub(crate) use on::{drain, ended, transition, turn};

#[cfg(feature = "tracing")]
mod on {
    use crate::fsm::automaton::{Automaton, CellId, End};
    use crate::fsm::cell::{Body, Cell};
    use crate::fsm::context::Context;
    use crate::fsm::death::contained;
    use crate::fsm::turn::label;
    use tracing::span::EnteredSpan;

    const TARGET: &str = "rsm::fsm";

    /// A turn; over when it is dropped.
    pub(crate) fn turn<A: Automaton>(cell: &Cell<A>, body: &Body<A>, context: &Context<A>) -> EnteredSpan {
        let state = || body.live.as_ref().and_then(|live| live.state.as_ref());
        tracing::trace_span!(
            target: TARGET, "turn",
            name = context.name(), cell = cell.head.id.0, label = label::<A>(state()), batch = body.batch.len()
        )
        .entered()
    }

    pub(crate) fn transition<A: Automaton>(to: Option<&A::State>) {
        tracing::debug!(target: TARGET, to = label::<A>(to), "transition");
    }

    pub(crate) fn drain() {
        tracing::debug!(target: TARGET, "drain");
    }

    pub(crate) fn ended(cell: CellId, name: &str, end: &End) {
        // What listens is the user's, and whoever waits for the end must be told of it all the same.
        contained(|| match end {
            End::Exited | End::Killed => tracing::debug!(target: TARGET, name, cell = cell.0, ?end, "ended"),
            End::Panicked(_) => tracing::warn!(target: TARGET, name, cell = cell.0, ?end, "ended"),
        });
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::fsm::automaton::{Automaton, CellId, End};
    use crate::fsm::cell::{Body, Cell};
    use crate::fsm::context::Context;

    pub(crate) struct Silence;

    pub(crate) fn turn<A: Automaton>(_: &Cell<A>, _: &Body<A>, _: &Context<A>) -> Silence {
        Silence
    }

    pub(crate) fn transition<A: Automaton>(_: Option<&A::State>) {}

    pub(crate) fn drain() {}

    pub(crate) fn ended(_: CellId, _: &str, _: &End) {}
}
