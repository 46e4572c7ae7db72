//! How clients behave.

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Appends in a session of its own, and reads now and then; repeats what is not answered.
    Writer,
    /// Changes what it has seen last for something else, if it still stands there.
    Swapper,
    /// Reads, on any peer.
    Reader,
    /// Sends each of its changes to two peers, one of them a stranger to the other's.
    Retrier,
    /// Proposes in the session of its peer: then nothing is repeated.
    Plain,
    /// Forgets what it was doing, now and then, and goes on in the same session.
    Amnesiac,
    /// Opens one session after the other, so that others lose theirs.
    Flooder,
    /// Is silent until its session is gone, or for long, then asks again for what it was told before.
    Idler,
    /// Says again what it has long acknowledged: that takes no effect any more.
    Repeater,
    /// Acknowledges what it was told only once its window is full: all of it at once.
    Hoarder,
}

/// All kinds; the usual ones stand twice, and are drawn so much oftener.
pub(crate) const KINDS: [Kind; 12] = [
    Kind::Writer,
    Kind::Writer,
    Kind::Retrier,
    Kind::Plain,
    Kind::Swapper,
    Kind::Plain,
    Kind::Repeater,
    Kind::Amnesiac,
    Kind::Reader,
    Kind::Flooder,
    Kind::Idler,
    Kind::Hoarder,
];

impl Kind {
    /// As a script names it.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_ascii_lowercase()
    }

    /// Whether it goes on changing something, whatever others do: such a one is the first client, so each cluster has one.
    pub(crate) fn is_busy(self) -> bool {
        match self {
            Kind::Writer | Kind::Retrier | Kind::Plain | Kind::Swapper | Kind::Repeater => true,
            Kind::Amnesiac | Kind::Reader | Kind::Flooder | Kind::Idler | Kind::Hoarder => false,
        }
    }
}
