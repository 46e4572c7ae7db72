//! A post that waits for room, as a future.
//!
//! ```text
//!   poll: room, and nobody before us ──> queued: ready
//!         else ──> a seat in the inbox, behind all others ──a turn leaves room──> the first is woken, posts, wakes the next
//! ```
//! Who waits keeps its place until it has posted or is dropped, whoever takes the room meanwhile by a plain `post`. A seat that
//! is given up passes its wake on.

use super::address::Address;
use super::cell::schedule;
use super::inbox::Seat;
use super::rejected::Rejected;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A command on its way to a full inbox: see [`Address::post_async`].
#[must_use = "nothing is posted unless it is awaited"]
pub struct Posting<C: 'static> {
    address: Address<C>,
    /// `None` once it was posted or refused.
    command: Option<C>,
    /// Ours among those who wait for room.
    seat: Option<Seat>,
}

// The command is moved in and out, and never pinned.
impl<C: 'static> Unpin for Posting<C> {}

impl<C: 'static> Posting<C> {
    pub(crate) fn new(address: Address<C>, command: C) -> Posting<C> {
        Posting { address, command: Some(command), seat: None }
    }
}

impl<C: 'static> Future for Posting<C> {
    type Output = Result<(), Rejected<C>>;

    /// # Panics
    /// If it was ready before.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Posting { address, command, seat } = &mut *self;
        let posted = command.take().expect("a future that was ready is not polled again");
        match address.port().post_or_wait(posted, seat, context.waker()) {
            Ok(duty) => {
                schedule(address.port(), duty);
                Poll::Ready(Ok(()))
            }
            Err(Rejected::Full(back)) => {
                *command = Some(back);
                Poll::Pending
            }
            Err(rejected) => Poll::Ready(Err(rejected)),
        }
    }
}

impl<C: 'static> Drop for Posting<C> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            self.address.port().leave(&seat);
        }
    }
}

impl<C: 'static> fmt::Debug for Posting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posting").field("waits", &self.seat.is_some()).finish_non_exhaustive()
    }
}
