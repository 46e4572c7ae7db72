//! The stages in their order, and how far the drain has come.
//!
//! ```text
//!   stages    [ over ][ over ][ current ][ next ][ ... ]       started = 3: no stage is put in front of these
//!                                  |        |
//!                   its last guard leaves   `before`: a new stage comes here, as long as `next` has not started
//! ```
//! The line's lock is taken before a stage's, never the other way round, and no foreign code runs under either.

use super::super::Draining;
use super::super::lock::Lock;
use super::stage::{Body, Start};
use std::borrow::Cow;
use std::sync::Arc;

/// All stages of a drain.
pub(super) struct Line {
    order: Lock<Order>,
}

struct Order {
    stages: Vec<Arc<Body>>,
    /// How many have started: the first so many.
    started: usize,
    /// Nothing comes any more.
    is_over: bool,
}

/// What one who drains has to do next.
pub(super) enum Step {
    /// Tell this stage that it has started, then look again.
    Start(Start),
    /// Wait until it is over, then look again.
    Wait(Arc<Body>),
    /// All are over.
    Over,
}

impl Line {
    pub(super) fn new() -> Line {
        Line { order: Lock::new(Order { stages: Vec::new(), started: 0, is_over: false }) }
    }

    /// Makes a stage behind all others.
    pub(super) fn last(&self, name: Cow<'static, str>) -> Result<Arc<Body>, Draining> {
        let mut order = self.order.lock();
        if order.is_over {
            return Err(Draining);
        }
        let body = Arc::new(Body::new(name));
        order.stages.push(body.clone());
        Ok(body)
    }

    /// The nearest stage of that name in front of this one, looking no further than to one named `until`; or a new one directly in
    /// front.
    pub(super) fn before(
        &self,
        stage: &Arc<Body>,
        name: Cow<'static, str>,
        until: Option<&str>,
    ) -> Result<Arc<Body>, Draining> {
        let mut order = self.order.lock();
        let at = order.stages.iter().position(|one| Arc::ptr_eq(one, stage));
        let at = at.expect("a stage stands in the line that made it, for ever");
        let mut near = order.stages[..at].iter().rev().take_while(|one| Some(&*one.name) != until);
        if let Some(found) = near.find(|one| one.name == name) {
            return Ok(found.clone());
        }
        if at < order.started {
            return Err(Draining);
        }
        let body = Arc::new(Body::new(name));
        order.stages.insert(at, body.clone());
        Ok(body)
    }

    /// Goes on with the drain, as far as it goes without waiting (D1).
    pub(super) fn step(&self) -> Step {
        let mut order = self.order.lock();
        let current = order.started.checked_sub(1).map(|current| &order.stages[current]);
        match current {
            Some(current) if !current.is_over() => return Step::Wait(current.clone()),
            Some(_) | None => {}
        }
        let Some(next) = order.stages.get(order.started).cloned() else {
            order.is_over = true;
            return Step::Over;
        };
        order.started += 1;
        // Under this lock, so that whoever drains besides waits for a stage that gives no guards any more.
        Step::Start(next.start())
    }

    /// Whether the drain has begun.
    pub(super) fn is_draining(&self) -> bool {
        let order = self.order.lock();
        order.started != 0 || order.is_over
    }

    /// Whether all stages are over.
    pub(super) fn is_over(&self) -> bool {
        self.order.lock().is_over
    }
}
