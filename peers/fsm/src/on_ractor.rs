//! ractor, on tokio. Its mailboxes have no limit.

use crate::platform::{Message, Next, Platform, Role};
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};
use std::marker::PhantomData;
use tokio::runtime::Runtime;

pub(crate) struct Player<R>(PhantomData<R>);

impl<R: Role> Actor for Player<R> {
    type Msg = Message;
    type State = R;
    type Arguments = R;

    async fn pre_start(&self, _: ActorRef<Message>, role: R) -> Result<R, ActorProcessingErr> {
        Ok(role)
    }

    async fn handle(&self, me: ActorRef<Message>, message: Message, role: &mut R) -> Result<(), ActorProcessingErr> {
        if role.hear(message) == Next::End {
            me.stop(None);
        }
        Ok(())
    }
}

pub(crate) struct OnRactor;

impl Platform for OnRactor {
    const NAME: &'static str = "ractor";
    type Address<R: Role> = ActorRef<Message>;
    type System = Runtime;

    fn system(workers: usize) -> Runtime {
        crate::on_tokio::runtime(workers)
    }

    fn spawn<R: Role>(runtime: &Runtime, _: Option<usize>, role: R) -> ActorRef<Message> {
        let _entered = runtime.enter();
        let (actor, _handle) = ActorRuntime::spawn_instant(None, Player(PhantomData), role).expect("it has no name");
        actor
    }

    fn tell<R: Role>(address: &ActorRef<Message>, message: Message) {
        address.cast(message).expect("it lives");
    }

    fn tell_bounded<R: Role>(_: &ActorRef<Message>, _: Message) {
        unreachable!("its mailboxes have no limit, so it takes no part where one is wanted");
    }

    fn stop<R: Role>(address: ActorRef<Message>) {
        address.stop(None);
    }
}
