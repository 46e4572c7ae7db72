//! What every subject can do: bring an actor to life, and tell it something. What actors do ([`Role`]) is the same for all.

/// A message. Some are told apart by their value.
pub(crate) type Message = u64;

/// To an actor that is to end: it forwards this, where it forwards at all.
pub(crate) const END: Message = u64::MAX;

/// How many messages an actor with a limit holds.
pub(crate) const LIMIT: usize = 1024;

/// Whether an actor goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    On,
    End,
}

/// What an actor does.
pub(crate) trait Role: Send + Sync + Unpin + 'static {
    fn hear(&mut self, message: Message) -> Next;
}

/// A subject.
pub(crate) trait Platform: 'static {
    /// As in the tables; of ours beginning with `rsm`.
    const NAME: &'static str;
    type Address<R: Role>: Clone + Send + Sync + Unpin + 'static;
    /// What actors live in. Dropped, it ends with all of them.
    type System: Sync;

    fn system(workers: usize) -> Self::System;

    /// Brings an actor to life; with a limit, a sender waits while so many messages are queued.
    fn spawn<R: Role>(system: &Self::System, limit: Option<usize>, role: R) -> Self::Address<R>;

    /// To an actor without a limit; from anywhere.
    fn tell<R: Role>(address: &Self::Address<R>, message: Message);

    /// To an actor with a limit, from a thread: waits for room.
    fn tell_bounded<R: Role>(address: &Self::Address<R>, message: Message);

    /// By the last address: the actor ends.
    fn stop<R: Role>(address: Self::Address<R>) {
        drop(address);
    }
}
