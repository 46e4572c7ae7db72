//! Who dies is born again, behind the same door: a tree of a ledger and two tellers, who book what they are told and die of what is
//! no number. What was queued goes to the next life. The drain of the tree's stage ends the youngest first, so the last booking
//! finds the ledger open.
//!
//! ```text
//! Anna is here
//! Bert is here
//! Anna is here
//! Bert leaves
//! Anna leaves
//! the ledger is closed: 31
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::fsm::{Address, Automaton, Child, Context, Door, Input, Restart, Runner};
use rsm::fsm::{Strategy, Supervision, Supervisor, VirtualTime};

struct Ledger;
impl Automaton for Ledger {
    type State = u64;
    type Command = u64;
    fn next(&mut self, sum: u64, input: Input<Self>, _: &mut Context<Self>) -> u64 {
        if let Input::Exit = input {
            println!("the ledger is closed: {sum}");
        }
        if let Input::Command(amount) = input { sum + amount } else { sum }
    }
}
struct Teller(&'static str, Address<u64>);
impl Automaton for Teller {
    type State = ();
    type Command = &'static str;
    fn next(&mut self, (): (), input: Input<Self>, _: &mut Context<Self>) {
        match input {
            Input::Command(line) => self.1.post(line.parse().expect("a number")).expect("the ledger ends after us"),
            Input::Exit => println!("{} leaves", self.0),
            Input::Start | Input::Transition { .. } | Input::Drain => {}
        }
    }
}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut tree, mut tellers) = (Supervisor::new(Strategy::RestForOne), Supervisor::new(Strategy::OneForOne));
    let ledger = tree.child("ledger", Restart::Always, || (Ledger, 0)).address();
    let doors: [Door<_>; 2] = ["Anna", "Bert"].map(|name| {
        let ledger = ledger.clone();
        let hire = move || (println!("{name} is here"), (Teller(name, ledger.clone()), ())).1;
        tellers.add(Child::new(name, Restart::OnPanic, hire).keep_inbox())
    });
    let (time, drain) = (VirtualTime::new(1), rsm::sync::drain::Drain::new()); // or a pool, or threads
    let mut once = Some(tellers);
    tree.child("tellers", Restart::Never, move || (once.take().expect("born once"), Supervision::Up));
    let _tree = time.builder(tree, Supervision::Up).drain_with(drain.stage("tree")?.guard("tree")?).spawn();
    time.run_until_idle(&mut ());
    ["1", "2", "oops", "4", "8"].iter().zip(doors.iter().cycle()).try_for_each(|(line, door)| door.post(line))?;
    time.run_until_idle(&mut ());
    doors[0].post("16")?;
    time.block_on(drain.drain_async());
    Ok(())
}
