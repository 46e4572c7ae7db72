use crate::{SOON, explore, explore_more, together};
use rsm::fsm::{Address, Automaton, Context, End, Input, Mode, Pool, Runner};
use shuttle::rand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// What became of all commands.
#[derive(Default)]
struct Ledger {
    accepted: AtomicU32,
    delivered: AtomicU32,
    dropped: AtomicU32,
}

/// One command: it is delivered, or dropped, or was never accepted.
struct Token {
    ledger: Arc<Ledger>,
    does: Does,
    settled: bool,
}

#[derive(Clone, Copy)]
enum Does {
    Nothing,
    Timer,
    Child,
    Block,
    Stop,
}

impl Token {
    fn new(ledger: &Arc<Ledger>, does: Does) -> Token {
        Token { ledger: ledger.clone(), does, settled: false }
    }

    fn post(self, to: &Address<Token>) {
        let ledger = self.ledger.clone();
        ledger.accepted.fetch_add(1, Relaxed);
        if let Err(rejected) = to.post(self) {
            rejected.into_inner().settled = true;
            ledger.accepted.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.dropped.fetch_add(1, Relaxed);
        }
    }
}

struct Worker;

impl Automaton for Worker {
    type State = ();
    type Command = Token;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        let Input::Command(mut token) = input else { return };
        token.settled = true;
        let ledger = token.ledger.clone();
        ledger.delivered.fetch_add(1, Relaxed);
        match token.does {
            Does::Nothing => {}
            Does::Timer => {
                ledger.accepted.fetch_add(1, Relaxed);
                context.after(Duration::from_nanos(1), Token::new(&ledger, Does::Nothing));
            }
            Does::Child => Token::new(&ledger, Does::Nothing).post(&context.spawn(Worker, ())),
            Does::Block => context.blocking(shuttle::thread::yield_now),
            Does::Stop => context.stop(),
        }
    }
}

/// Three workers, five automata, two threads that post, drain and kill at random: nothing hangs (F5), and each command that was
/// accepted is delivered or dropped, once (F2, F3).
#[test]
fn a_pool_strands_doubles_and_loses_nothing() {
    explore_more("pool_programs", 3, || {
        let pool = Pool::builder().workers(3).build();
        let ledger = Arc::new(Ledger::default());
        let cells: Vec<_> = (0..5).map(|_| pool.spawn(Worker, ())).collect();
        let ends: Vec<_> = cells.iter().map(Address::ended).collect();
        let threads = (0..2).map(|_| {
            let (cells, ledger) = (cells.clone(), ledger.clone());
            Box::new(move || {
                let mut chance = shuttle::rand::thread_rng();
                for _ in 0..4 {
                    let cell = &cells[chance.gen_range(0..5)];
                    match chance.gen_range(0..16) {
                        0 => cell.drain(),
                        1 => cell.kill(),
                        drawn => {
                            let all = [Does::Nothing, Does::Timer, Does::Child, Does::Block, Does::Stop];
                            Token::new(&ledger, all[drawn % 5]).post(cell);
                        }
                    }
                }
            }) as Box<dyn FnOnce() + Send>
        });
        together(threads.collect());
        drop(cells);
        while pool.drain_timeout(SOON).is_err() {} // a deadline passes when chance says so
        assert_eq!(pool.alive().count, 0);
        drop(pool);
        for mut end in ends {
            assert!(matches!(end.try_take(), Ok(Some(End::Exited | End::Killed))), "F8: each end is told");
        }
        let read = |count: &AtomicU32| count.load(Relaxed);
        assert_eq!(read(&ledger.accepted), read(&ledger.delivered) + read(&ledger.dropped), "F3");
    });
}

/// Born on a pool that drains: drained with it, or dead from birth; and the drain waits for all that it took in.
#[test]
fn a_drain_that_has_ended_leaves_nobody_alive_who_was_born_meanwhile() {
    explore("pool_births_drain", || {
        let pool = Arc::new(Pool::builder().workers(2).build());
        let born = Arc::new(rsm::sync::lock::Lock::new(Vec::new()));
        let threads = (0..2).map(|_| {
            let (pool, born) = (pool.clone(), born.clone());
            Box::new(move || {
                for _ in 0..3 {
                    let address = pool.spawn(Worker, ());
                    born.lock().push(address);
                }
            }) as Box<dyn FnOnce() + Send>
        });
        let threads: Vec<_> = threads.map(shuttle::thread::spawn).collect();
        while pool.drain_timeout(SOON).is_err() {}
        let modes: Vec<_> = born.lock().iter().map(Address::mode).collect();
        assert!(modes.iter().all(|mode| *mode == Mode::Ended), "F6: {modes:?}");
        threads.into_iter().for_each(|thread| thread.join().expect("births end"));
        assert!(born.lock().iter().all(|address| address.mode() == Mode::Ended), "F6");
    });
}

/// One wakes another from inside the pool, and from outside, while workers go to sleep: no wake is lost (F5).
#[test]
fn a_chain_of_posts_comes_to_its_end() {
    explore("pool_chain", || {
        let pool = Pool::builder().workers(2).build();
        let last = pool.spawn(Link { next: None }, ());
        let first = (0..3).fold(last, |next, _| pool.spawn(Link { next: Some(next) }, ()));
        let (sender, ticket) = rsm::sync::oneshot::channel();
        assert!(first.post(sender).is_ok());
        assert_eq!(shuttle::future::block_on(ticket), Ok(()));
        drop(first); // each drains the next
        while pool.drain_timeout(SOON).is_err() {}
    });
}

/// Hands on what it gets; the last one answers.
struct Link {
    next: Option<Address<rsm::sync::oneshot::Sender<()>>>,
}

impl Automaton for Link {
    type State = ();
    type Command = rsm::sync::oneshot::Sender<()>;

    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        if let Input::Command(reply) = input {
            match &self.next {
                Some(next) => assert!(next.post(reply).is_ok(), "it lives as long as we do"),
                None => assert!(reply.send(()).is_ok(), "somebody waits"),
            }
        }
    }
}
