//! Channels with many senders and one receiver, by everyone: each with its verb for one message and, where there is one, for many.

use std::marker::PhantomData;
use std::sync::mpsc as std_mpsc;
use tokio::sync::mpsc as tokio_mpsc;

/// A channel, and a way to receive.
pub(crate) trait Channel: 'static {
    const NAME: &'static str;
    type Message: Send + 'static;
    type Sender: Send + 'static;
    type Receiver: Send + 'static;
    /// Without a limit, or for so many messages.
    fn make(limit: Option<usize>) -> (Self::Sender, Self::Receiver);
    fn clone(sender: &Self::Sender) -> Self::Sender;
    fn send(sender: &Self::Sender, message: Self::Message);
    /// Waits for a message and takes it, or all that are there; false at the end.
    fn receive(receiver: &mut Self::Receiver, each: impl FnMut(Self::Message)) -> bool;
}

macro_rules! channel {
    ($verb:ident, $name:literal, $sender:ty, $receiver:ty, $make:expr, $send:expr,
     |$from:ident, $each:ident| $receive:expr) => {
        pub(crate) struct $verb<T>(PhantomData<T>);

        impl<T: Send + Sync + 'static> Channel for $verb<T> {
            const NAME: &'static str = $name;
            type Message = T;
            type Sender = $sender;
            type Receiver = $receiver;

            fn make(limit: Option<usize>) -> (Self::Sender, Self::Receiver) {
                $make(limit)
            }

            fn clone(sender: &Self::Sender) -> Self::Sender {
                sender.clone()
            }

            #[inline]
            fn send(sender: &Self::Sender, message: T) {
                $send(sender, message);
            }

            #[inline]
            fn receive($from: &mut Self::Receiver, mut $each: impl FnMut(T)) -> bool {
                $receive
            }
        }
    };
}

type Ours<T> = rsm::sync::mpsc::Sender<T>;
type OurEnd<T> = rsm::sync::mpsc::Receiver<T>;

fn ours<T>(limit: Option<usize>) -> (Ours<T>, OurEnd<T>) {
    limit.map_or_else(rsm::sync::mpsc::unbounded, rsm::sync::mpsc::bounded)
}

fn our_send<T>(sender: &Ours<T>, message: T) {
    assert!(sender.send(message).is_ok(), "the receiver is there");
}

channel!(RsmTake, "rsm take", Ours<T>, OurEnd<T>, ours, our_send, |from, each| {
    from.take().map(|batch| batch.for_each(&mut each)).is_ok()
});
channel!(RsmRecv, "rsm recv", Ours<T>, OurEnd<T>, ours, our_send, |from, each| from.recv().map(&mut each).is_ok());

/// std's two kinds of sender.
pub(crate) enum StdSender<T> {
    Unbounded(std_mpsc::Sender<T>),
    Bounded(std_mpsc::SyncSender<T>),
}

impl<T> Clone for StdSender<T> {
    fn clone(&self) -> Self {
        match self {
            StdSender::Unbounded(sender) => StdSender::Unbounded(sender.clone()),
            StdSender::Bounded(sender) => StdSender::Bounded(sender.clone()),
        }
    }
}

fn std<T>(limit: Option<usize>) -> (StdSender<T>, std_mpsc::Receiver<T>) {
    match limit {
        None => {
            let (sender, receiver) = std_mpsc::channel();
            (StdSender::Unbounded(sender), receiver)
        }
        Some(limit) => {
            let (sender, receiver) = std_mpsc::sync_channel(limit);
            (StdSender::Bounded(sender), receiver)
        }
    }
}

fn std_send<T>(sender: &StdSender<T>, message: T) {
    let sent = match sender {
        StdSender::Unbounded(sender) => sender.send(message).is_ok(),
        StdSender::Bounded(sender) => sender.send(message).is_ok(),
    };
    assert!(sent, "the receiver is there");
}

/// One by waiting, then what else is there by a verb of many.
macro_rules! one_then {
    ($from:ident, $each:ident, $first:expr, $rest:expr) => {
        match $first {
            Ok(first) => {
                $each(first);
                $rest.for_each(&mut $each);
                true
            }
            Err(_) => false,
        }
    };
}

channel!(StdRecv, "std", StdSender<T>, std_mpsc::Receiver<T>, std, std_send, |from, each| {
    from.recv().map(&mut each).is_ok()
});
channel!(StdMany, "std try_iter", StdSender<T>, std_mpsc::Receiver<T>, std, std_send, |from, each| {
    one_then!(from, each, from.recv(), from.try_iter())
});

type Crossbeam<T> = crossbeam_channel::Sender<T>;
type CrossbeamEnd<T> = crossbeam_channel::Receiver<T>;

fn crossbeam<T>(limit: Option<usize>) -> (Crossbeam<T>, CrossbeamEnd<T>) {
    limit.map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded)
}

fn crossbeam_send<T>(sender: &Crossbeam<T>, message: T) {
    assert!(sender.send(message).is_ok(), "the receiver is there");
}

channel!(CrossbeamRecv, "crossbeam", Crossbeam<T>, CrossbeamEnd<T>, crossbeam, crossbeam_send, |from, each| {
    from.recv().map(&mut each).is_ok()
});
channel!(
    CrossbeamMany,
    "crossbeam try_iter",
    Crossbeam<T>,
    CrossbeamEnd<T>,
    crossbeam,
    crossbeam_send,
    |from, each| one_then!(from, each, from.recv(), from.try_iter())
);

fn flume<T>(limit: Option<usize>) -> (flume::Sender<T>, flume::Receiver<T>) {
    limit.map_or_else(flume::unbounded, flume::bounded)
}

fn flume_send<T>(sender: &flume::Sender<T>, message: T) {
    assert!(sender.send(message).is_ok(), "the receiver is there");
}

channel!(FlumeRecv, "flume", flume::Sender<T>, flume::Receiver<T>, flume, flume_send, |from, each| {
    from.recv().map(&mut each).is_ok()
});
channel!(FlumeMany, "flume drain", flume::Sender<T>, flume::Receiver<T>, flume, flume_send, |from, each| {
    one_then!(from, each, from.recv(), from.drain())
});

/// kanal's receiver, and the vector that its verb of many fills.
pub(crate) struct KanalEnd<T>(kanal::Receiver<T>, Vec<T>);

fn kanal<T>(limit: Option<usize>) -> (kanal::Sender<T>, KanalEnd<T>) {
    let (sender, receiver) = limit.map_or_else(kanal::unbounded, kanal::bounded);
    (sender, KanalEnd(receiver, Vec::new()))
}

fn kanal_send<T>(sender: &kanal::Sender<T>, message: T) {
    assert!(sender.send(message).is_ok(), "the receiver is there");
}

channel!(KanalRecv, "kanal", kanal::Sender<T>, KanalEnd<T>, kanal, kanal_send, |from, each| {
    from.0.recv().map(&mut each).is_ok()
});
channel!(KanalMany, "kanal drain_into", kanal::Sender<T>, KanalEnd<T>, kanal, kanal_send, |from, each| {
    let first = from.0.recv();
    one_then!(from, each, first, {
        // An error means the end, which the next `recv` finds, too.
        let _ = from.0.drain_into(&mut from.1);
        from.1.drain(..)
    })
});

/// tokio's two kinds of sender.
pub(crate) enum TokioSender<T> {
    Unbounded(tokio_mpsc::UnboundedSender<T>),
    Bounded(tokio_mpsc::Sender<T>),
}

impl<T> Clone for TokioSender<T> {
    fn clone(&self) -> Self {
        match self {
            TokioSender::Unbounded(sender) => TokioSender::Unbounded(sender.clone()),
            TokioSender::Bounded(sender) => TokioSender::Bounded(sender.clone()),
        }
    }
}

/// tokio's two kinds of receiver, and the vector that its verb of many fills.
pub(crate) enum TokioEnd<T> {
    Unbounded(tokio_mpsc::UnboundedReceiver<T>, Vec<T>),
    Bounded(tokio_mpsc::Receiver<T>, Vec<T>),
}

fn tokio<T>(limit: Option<usize>) -> (TokioSender<T>, TokioEnd<T>) {
    match limit {
        None => {
            let (sender, receiver) = tokio_mpsc::unbounded_channel();
            (TokioSender::Unbounded(sender), TokioEnd::Unbounded(receiver, Vec::new()))
        }
        Some(limit) => {
            let (sender, receiver) = tokio_mpsc::channel(limit);
            (TokioSender::Bounded(sender), TokioEnd::Bounded(receiver, Vec::new()))
        }
    }
}

fn tokio_send<T>(sender: &TokioSender<T>, message: T) {
    let sent = match sender {
        TokioSender::Unbounded(sender) => sender.send(message).is_ok(),
        TokioSender::Bounded(sender) => sender.blocking_send(message).is_ok(),
    };
    assert!(sent, "the receiver is there");
}

channel!(TokioRecv, "tokio", TokioSender<T>, TokioEnd<T>, tokio, tokio_send, |from, each| {
    let message = match from {
        TokioEnd::Unbounded(receiver, _) => receiver.blocking_recv(),
        TokioEnd::Bounded(receiver, _) => receiver.blocking_recv(),
    };
    message.map(&mut each).is_some()
});
channel!(TokioMany, "tokio recv_many", TokioSender<T>, TokioEnd<T>, tokio, tokio_send, |from, each| {
    let many = match from {
        TokioEnd::Unbounded(receiver, many) => {
            receiver.blocking_recv_many(many, 1024);
            many
        }
        TokioEnd::Bounded(receiver, many) => {
            receiver.blocking_recv_many(many, 1024);
            many
        }
    };
    let some = !many.is_empty();
    many.drain(..).for_each(&mut each);
    some
});
