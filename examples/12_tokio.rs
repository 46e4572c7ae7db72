//! Automata beside a runtime: a task of tokio's feeds one, waits for room as a future, and for a reply with a timeout of tokio's
//! own; another learns of the end. The automaton runs on a pool and knows nothing of it: a `post` never waits, and the last address,
//! wherever it is dropped, only signals.
//!
//! ```text
//! 1000 were accepted, although four have room
//! their sum is 499500
//! the end: Exited
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::fsm::{Address, Automaton, Bounded, Context, Input, Pool, Runner};
use rsm::sync::oneshot::{self, Sender};
use std::time::Duration;

enum Command {
    Add(u64),
    Sum(Sender<u64>),
}

struct Meter;
impl Automaton for Meter {
    type State = u64;
    type Command = Command;
    fn next(&mut self, sum: u64, input: Input<Self>, _: &mut Context<Self>) -> u64 {
        match input {
            Input::Command(Command::Add(number)) => sum + number,
            Input::Command(Command::Sum(reply)) => {
                let _ = reply.send(sum); // whoever asked may have gone
                sum
            }
            Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => sum,
        }
    }
}

/// A source: whatever it reads, a socket as well as this, it posts.
async fn feed(meter: Address<Command>) -> u64 {
    for number in 0..1000 {
        meter.post_async(Command::Add(number)).await.expect("it has not been drained");
    }
    1000
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (pool, tokio) = (Pool::new(2), tokio::runtime::Builder::new_current_thread().enable_time().build()?);
    let meter = pool.builder(Meter, 0).inbox(Bounded(4)).spawn();
    tokio.block_on(async {
        let told = tokio::spawn(meter.ended());
        let fed = tokio::spawn(feed(meter.clone())).await?;
        println!("{fed} were accepted, although four have room");
        let (reply, ticket) = oneshot::channel();
        meter.post_async(Command::Sum(reply)).await?;
        println!("their sum is {}", tokio::time::timeout(Duration::from_secs(5), ticket).await??);
        meter.drain();
        println!("the end: {:?}", told.await??);
        Ok(())
    })
}
