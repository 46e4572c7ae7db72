//! Ours: automata on a pool, and on threads of their own.

use crate::platform::{LIMIT, Message, Next, Platform, Role};
use rsm::fsm::{Address, Automaton, Bounded, Builder, Context, Input, Pool, Rejected, Runner, Threads};

/// An automaton that plays a role.
pub(crate) struct Player<R>(R);

impl<R: Role> Automaton for Player<R> {
    type State = ();
    type Command = Message;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Command(message) = input
            && self.0.hear(message) == Next::End
        {
            context.stop();
        }
    }
}

fn born<R: Role>(builder: Builder<Player<R>>, limit: Option<usize>) -> Address<Message> {
    match limit {
        Some(limit) => builder.inbox(Bounded(limit as u32)).spawn(),
        None => builder.spawn(),
    }
}

/// One that plays a role, on any runner of ours.
pub(crate) fn player<R: Role>(runner: &impl Runner, role: R) -> Address<Message> {
    born(runner.builder(Player(role), ()), None)
}

fn tell(address: &Address<Message>, message: Message) {
    address.post(message).expect("it lives, and has no limit");
}

/// It refuses instead of waiting, so its sender waits as it likes: here it lets others go first, and looks at the depth, which is
/// one load, until there is room.
fn tell_bounded(address: &Address<Message>, message: Message) {
    while let Err(Rejected::Full(_)) = address.post(message) {
        while LIMIT <= address.depth() {
            std::thread::yield_now();
        }
    }
}

/// On a pool.
pub(crate) struct OnPool;

impl Platform for OnPool {
    const NAME: &'static str = "rsm";
    type Address<R: Role> = Address<Message>;
    type System = Pool;

    fn system(workers: usize) -> Pool {
        Pool::new(workers)
    }

    fn spawn<R: Role>(pool: &Pool, limit: Option<usize>, role: R) -> Address<Message> {
        born(pool.builder(Player(role), ()), limit)
    }

    fn tell<R: Role>(address: &Address<Message>, message: Message) {
        tell(address, message);
    }

    fn tell_bounded<R: Role>(address: &Address<Message>, message: Message) {
        tell_bounded(address, message);
    }

    fn stop<R: Role>(address: Address<Message>) {
        address.stop();
    }
}

/// Each on a thread of its own.
pub(crate) struct OnThreads;

impl Platform for OnThreads {
    const NAME: &'static str = "rsm thread";
    type Address<R: Role> = Address<Message>;
    type System = Threads;

    fn system(_: usize) -> Threads {
        Threads
    }

    fn spawn<R: Role>(threads: &Threads, limit: Option<usize>, role: R) -> Address<Message> {
        born(threads.builder(Player(role), ()), limit)
    }

    fn tell<R: Role>(address: &Address<Message>, message: Message) {
        tell(address, message);
    }

    fn tell_bounded<R: Role>(address: &Address<Message>, message: Message) {
        tell_bounded(address, message);
    }
}
