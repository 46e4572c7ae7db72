//! actix: all actors of a system on one thread, which is its quickest way.

use crate::platform::{Message, Next, Platform, Role};
use actix::prelude::SendError;
use actix::{Actor, ActorContext, Addr, Arbiter, Context, Handler, System};

pub(crate) struct Player<R>(R);

impl<R: Role> Actor for Player<R> {
    type Context = Context<Self>;
}

struct Told(Message);

impl actix::Message for Told {
    type Result = ();
}

impl<R: Role> Handler<Told> for Player<R> {
    type Result = ();

    fn handle(&mut self, told: Told, context: &mut Context<Self>) {
        if self.0.hear(told.0) == Next::End {
            context.stop();
        }
    }
}

/// A thread with a system on it.
pub(crate) struct Thread(Arbiter, System);

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.stop();
        self.1.stop();
    }
}

pub(crate) struct OnActix;

impl Platform for OnActix {
    const NAME: &'static str = "actix";
    type Address<R: Role> = Addr<Player<R>>;
    type System = Thread;

    fn system(_: usize) -> Thread {
        let runner = System::new();
        let _entered = runner;
        Thread(Arbiter::new(), System::current())
    }

    fn spawn<R: Role>(thread: &Thread, limit: Option<usize>, role: R) -> Addr<Player<R>> {
        Actor::start_in_arbiter(&thread.0.handle(), move |context: &mut Context<Player<R>>| {
            // The default is 16, which `do_send` ignores.
            context.set_mailbox_capacity(limit.unwrap_or(16));
            Player(role)
        })
    }

    fn tell<R: Role>(address: &Addr<Player<R>>, message: Message) {
        address.do_send(Told(message));
    }

    fn tell_bounded<R: Role>(address: &Addr<Player<R>>, message: Message) {
        while let Err(SendError::Full(_)) = address.try_send(Told(message)) {
            std::thread::yield_now();
        }
    }
}
