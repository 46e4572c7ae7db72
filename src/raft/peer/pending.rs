//! What a proposal or a read gives at once: the promise of an answer.
//!
//! ```text
//!   propose ──> Pending ── wait, wait_timeout, .await ──> the reply, or why there is none
//!      │                       ▲
//!      └──> Answer ────────────┘      given once by whoever knows; dropped, it says `Gone`: nobody waits for ever
//! ```

use super::Failure;
use crate::raft::Index;
use crate::raft::mark::mark;
use crate::raft::mutant::mutate;
use crate::sync::WaitError;
use crate::sync::oneshot::{self, Ticket};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What came of it, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// Where the command stands in the log, or up to where the state that was read is applied.
    pub index: Index,
    /// The reply.
    pub value: T,
}

/// What came of a proposal or a read.
pub type Outcome<T> = Result<Done<T>, Failure>;

/// An answer that will come: always, whatever dies.
#[must_use = "the answer comes here; to be told in another way, propose with a closure"]
pub struct Pending<T> {
    ticket: Ticket<Outcome<T>>,
}

impl<T: Send + 'static> Pending<T> {
    /// A promise, and how to keep it.
    pub(crate) fn new() -> (Answer<T>, Pending<T>) {
        let (sender, ticket) = oneshot::channel();
        // Whoever waits may have given up: then nobody wants the answer.
        let answer = Answer::new(move |outcome| drop(sender.send(outcome)));
        (answer, Pending { ticket })
    }

    /// Blocks until the answer is there.
    ///
    /// # Errors
    /// Why there is no reply.
    pub fn wait(self) -> Result<T, Failure> {
        self.wait_done().map(|done| done.value)
    }

    /// Blocks until the answer is there, and says where it stands in the log.
    ///
    /// # Errors
    /// Why there is no reply.
    pub fn wait_done(self) -> Outcome<T> {
        self.ticket.wait().unwrap_or(Err(Failure::Gone))
    }

    /// Blocks until the answer is there, or for so long: then `None`, and one may wait again. The command is not
    /// given up by that.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Option<Outcome<T>> {
        match self.ticket.wait_timeout(timeout) {
            Ok(outcome) => Some(outcome),
            Err(WaitError::TimedOut) => None,
            Err(WaitError::Closed) => Some(Err(Failure::Gone)),
        }
    }

    /// The answer, if it is there already.
    pub fn try_take(&mut self) -> Option<Outcome<T>> {
        self.ticket.try_take().unwrap_or(Some(Err(Failure::Gone)))
    }
}

impl<T: Send + 'static> Future for Pending<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, Failure>> {
        let outcome = Pin::new(&mut self.ticket).poll(context);
        outcome.map(|outcome| outcome.unwrap_or(Err(Failure::Gone)).map(|done| done.value))
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Whom to tell, once. Dropped untold, it tells [`Failure::Gone`].
pub(crate) struct Answer<T>(Option<Box<dyn FnOnce(Outcome<T>) + Send>>);

impl<T> Answer<T> {
    pub(crate) fn new(tell: impl FnOnce(Outcome<T>) + Send + 'static) -> Answer<T> {
        Answer(Some(Box::new(tell)))
    }

    /// Tells. Runs the caller's code: never under a lock. If that panics, it is the caller's loss alone.
    pub(crate) fn give(mut self, outcome: Outcome<T>) {
        if let Some(tell) = self.0.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| tell(outcome)));
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        mark!("answer-given-by-its-drop", self.0.is_some());
        if let Some(tell) = mutate!(AnswerDropped, self.0.take(), None) {
            let _ = catch_unwind(AssertUnwindSafe(|| tell(Err(Failure::Gone))));
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_nobody_gives_is_gone() {
        let (answer, pending) = Pending::<u8>::new();
        drop(answer);
        assert_eq!(pending.wait(), Err(Failure::Gone));
    }

    #[test]
    fn a_closure_that_nobody_has_told_anything_is_told_gone() {
        let (sender, ticket) = oneshot::channel();
        drop(Answer::<u8>::new(move |outcome| assert!(sender.send(outcome).is_ok())));
        assert_eq!(ticket.wait(), Ok(Err(Failure::Gone)), "it was told, and not merely dropped");
    }

    #[test]
    fn a_caller_whose_closure_panics_harms_nobody() {
        Answer::<u8>::new(|_| panic!("the caller's own")).give(Err(Failure::Full));
        drop(Answer::<u8>::new(|_| panic!("the caller's own")));
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_given_all_the_same() {
        let (answer, pending) = Pending::<u8>::new();
        drop(pending);
        answer.give(Ok(Done { index: Index(1), value: 7 }));
    }

    #[test]
    fn one_may_wait_again_after_a_timeout() {
        let (answer, mut pending) = Pending::<u8>::new();
        assert!(pending.wait_timeout(Duration::ZERO).is_none());
        answer.give(Ok(Done { index: Index(3), value: 7 }));
        assert_eq!(pending.wait_timeout(Duration::from_secs(9)), Some(Ok(Done { index: Index(3), value: 7 })));
    }
}
