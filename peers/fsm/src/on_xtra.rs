//! xtra, on tokio.

use crate::platform::{Message, Next, Platform, Role};
use rsm_peers_kit::block_on::block_on;
use tokio::runtime::Runtime;
use xtra::{Actor, Address, Context, Handler, Mailbox};

pub(crate) struct Player<R>(R);

impl<R: Role> Actor for Player<R> {
    type Stop = ();

    async fn stopped(self) {}
}

struct Told(Message);

impl<R: Role> Handler<Told> for Player<R> {
    type Return = ();

    async fn handle(&mut self, told: Told, context: &mut Context<Self>) {
        if self.0.hear(told.0) == Next::End {
            context.stop_self();
        }
    }
}

pub(crate) struct OnXtra;

impl Platform for OnXtra {
    const NAME: &'static str = "xtra";
    type Address<R: Role> = Address<Player<R>>;
    type System = Runtime;

    fn system(workers: usize) -> Runtime {
        crate::on_tokio::runtime(workers)
    }

    fn spawn<R: Role>(runtime: &Runtime, limit: Option<usize>, role: R) -> Address<Player<R>> {
        let _entered = runtime.enter();
        let mailbox = limit.map_or_else(Mailbox::unbounded, Mailbox::bounded);
        xtra::spawn_tokio(Player(role), mailbox)
    }

    fn tell<R: Role>(address: &Address<Player<R>>, message: Message) {
        // Without a limit it is sent by the first poll.
        assert!(block_on(address.send(Told(message)).detach()).is_ok(), "it lives");
    }

    fn tell_bounded<R: Role>(address: &Address<Player<R>>, message: Message) {
        assert!(block_on(address.send(Told(message)).detach()).is_ok(), "it lives");
    }
}
