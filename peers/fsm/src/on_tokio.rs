//! A tokio task with an mpsc channel: what one writes without a framework.

use crate::platform::{Message, Next, Platform, Role};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// With so many workers.
pub(crate) fn runtime(workers: usize) -> Runtime {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_time().build();
    built.expect("the system has threads left")
}

/// Of either kind.
#[derive(Clone)]
pub(crate) enum Sender {
    Unbounded(mpsc::UnboundedSender<Message>),
    Bounded(mpsc::Sender<Message>),
}

/// Which verb a task receives with.
pub(crate) trait Verb: 'static {
    const NAME: &'static str;
    const MANY: bool;
}

/// One message at a time.
pub(crate) struct Recv;
impl Verb for Recv {
    const NAME: &'static str = "tokio task";
    const MANY: bool = false;
}

/// As many as are there, up to 128.
pub(crate) struct RecvMany;
impl Verb for RecvMany {
    const NAME: &'static str = "tokio recv_many";
    const MANY: bool = true;
}

const BATCH: usize = 128;

macro_rules! task {
    ($receiver:ident, $role:ident, $many:expr) => {
        if $many {
            let mut batch = Vec::with_capacity(BATCH);
            while $receiver.recv_many(&mut batch, BATCH).await != 0 {
                for message in batch.drain(..) {
                    if $role.hear(message) == Next::End {
                        return;
                    }
                }
            }
        } else {
            while let Some(message) = $receiver.recv().await {
                if $role.hear(message) == Next::End {
                    return;
                }
            }
        }
    };
}

/// A task that receives with this verb.
pub(crate) struct OnTokio<V>(V);

impl<V: Verb> Platform for OnTokio<V> {
    const NAME: &'static str = V::NAME;
    type Address<R: Role> = Sender;
    type System = Runtime;

    fn system(workers: usize) -> Runtime {
        runtime(workers)
    }

    fn spawn<R: Role>(runtime: &Runtime, limit: Option<usize>, mut role: R) -> Sender {
        match limit {
            None => {
                let (sender, mut receiver) = mpsc::unbounded_channel();
                runtime.spawn(async move { task!(receiver, role, V::MANY) });
                Sender::Unbounded(sender)
            }
            Some(limit) => {
                let (sender, mut receiver) = mpsc::channel(limit);
                runtime.spawn(async move { task!(receiver, role, V::MANY) });
                Sender::Bounded(sender)
            }
        }
    }

    fn tell<R: Role>(sender: &Sender, message: Message) {
        if let Sender::Unbounded(sender) = sender {
            sender.send(message).expect("it lives");
        }
    }

    fn tell_bounded<R: Role>(sender: &Sender, message: Message) {
        if let Sender::Bounded(sender) = sender {
            sender.blocking_send(message).expect("it lives");
        }
    }
}
