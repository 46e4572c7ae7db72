//! kameo, on tokio.

use crate::platform::{self, Next, Platform, Role};
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::runtime::Runtime;

pub(crate) struct Player<R>(R);

impl<R: Role> Actor for Player<R> {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(player: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(player)
    }
}

pub(crate) struct Told(platform::Message);

impl<R: Role> Message<Told> for Player<R> {
    type Reply = ();

    async fn handle(&mut self, told: Told, context: &mut Context<Self, ()>) {
        if self.0.hear(told.0) == Next::End {
            context.stop();
        }
    }
}

pub(crate) struct OnKameo;

impl Platform for OnKameo {
    const NAME: &'static str = "kameo";
    type Address<R: Role> = ActorRef<Player<R>>;
    type System = Runtime;

    fn system(workers: usize) -> Runtime {
        crate::on_tokio::runtime(workers)
    }

    fn spawn<R: Role>(runtime: &Runtime, limit: Option<usize>, role: R) -> ActorRef<Player<R>> {
        let _entered = runtime.enter();
        let mailbox = limit.map_or_else(mailbox::unbounded, mailbox::bounded);
        Player::spawn_with_mailbox(Player(role), mailbox)
    }

    fn tell<R: Role>(address: &ActorRef<Player<R>>, message: platform::Message) {
        assert!(address.tell(Told(message)).try_send().is_ok(), "it lives, and has no limit");
    }

    fn tell_bounded<R: Role>(address: &ActorRef<Player<R>>, message: platform::Message) {
        assert!(address.tell(Told(message)).blocking_send().is_ok(), "it lives");
    }
}
