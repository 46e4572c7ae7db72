//! A thread of its own with a channel of std.

use crate::platform::{Message, Next, Platform, Role};
use std::sync::mpsc;
use std::thread;

/// Of either kind.
#[derive(Clone)]
pub(crate) enum Sender {
    Unbounded(mpsc::Sender<Message>),
    Bounded(mpsc::SyncSender<Message>),
}

/// Small, as there may be thousands.
const STACK_BYTES: usize = 128 << 10;

pub(crate) struct OnStd;

impl Platform for OnStd {
    const NAME: &'static str = "std thread";
    type Address<R: Role> = Sender;
    type System = ();

    fn system(_: usize) {}

    fn spawn<R: Role>((): &(), limit: Option<usize>, mut role: R) -> Sender {
        let (sender, receiver) = match limit {
            None => {
                let (sender, receiver) = mpsc::channel();
                (Sender::Unbounded(sender), receiver)
            }
            Some(limit) => {
                let (sender, receiver) = mpsc::sync_channel(limit);
                (Sender::Bounded(sender), receiver)
            }
        };
        let run = move || _ = receiver.iter().any(|message| role.hear(message) == Next::End);
        thread::Builder::new().stack_size(STACK_BYTES).spawn(run).expect("the system has threads left");
        sender
    }

    fn tell<R: Role>(sender: &Sender, message: Message) {
        if let Sender::Unbounded(sender) = sender {
            sender.send(message).expect("it lives");
        }
    }

    fn tell_bounded<R: Role>(sender: &Sender, message: Message) {
        if let Sender::Bounded(sender) = sender {
            sender.send(message).expect("it lives");
        }
    }
}
