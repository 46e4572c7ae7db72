//! How soon an actor runs whose only worker's thread blocks, where that was said before.

use crate::on_tokio::{OnTokio, Recv, Sender};
use crate::platform::{END, Message, Platform};
use crate::roles::Clocked;
use crate::rsm_runners::OnPool;
use crate::wake::quantiles;
use rsm::fsm::{Address, Automaton, Context, Input, Runner};
use rsm_peers_kit::rounds::{Run, Subject, subject};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

const HOLD: Duration = Duration::from_millis(10);

/// Wakes another, then says that it blocks, and does.
struct Blocker {
    victim: Address<Message>,
    since: Instant,
}

impl Automaton for Blocker {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Command(()) = input {
            OnPool::tell::<Clocked>(&self.victim, self.since.elapsed().as_nanos() as u64);
            context.blocking(|| thread::sleep(HOLD));
        }
    }
}

/// Has one block, again and again, and hears how late the other was.
fn told(time: Duration, since: Instant, late_ns: &Receiver<u64>, block: impl Fn()) -> Run {
    let mut all = Vec::new();
    while since.elapsed() < time {
        block();
        all.push(late_ns.recv().expect("it answers"));
        thread::sleep(HOLD * 2);
    }
    quantiles(all)
}

fn ours(time: Duration) -> Run {
    let pool = OnPool::system(1);
    let (late_ns, heard) = mpsc::channel();
    let since = Instant::now();
    let victim = OnPool::spawn(&pool, None, Clocked { since, late_ns });
    let blocker = pool.spawn(Blocker { victim: victim.clone(), since }, ());
    let run = told(time, since, &heard, || blocker.post(()).expect("it lives"));
    OnPool::tell::<Clocked>(&victim, END);
    run
}

fn tokios(time: Duration) -> Run {
    type Tasks = OnTokio<Recv>;
    let runtime = Tasks::system(1);
    let (late_ns, heard) = mpsc::channel();
    let since = Instant::now();
    let victim: Sender = Tasks::spawn(&runtime, None, Clocked { since, late_ns });
    let (block, mut blocks) = tokio::sync::mpsc::unbounded_channel::<()>();
    let target = victim.clone();
    runtime.spawn(async move {
        while blocks.recv().await.is_some() {
            Tasks::tell::<Clocked>(&target, since.elapsed().as_nanos() as u64);
            tokio::task::block_in_place(|| thread::sleep(HOLD));
        }
    });
    let run = told(time, since, &heard, || block.send(()).expect("it lives"));
    Tasks::tell::<Clocked>(&victim, END);
    run
}

pub(crate) fn subjects() -> Vec<Subject> {
    vec![subject("rsm", ours), subject("tokio task", tokios)]
}
