//! What stands around the automata of a simulation.

use super::VirtualTime;
use crate::fsm::CellId;
use crate::time::Time;

/// Everything around the automata: network, disks, clients, a plan of faults. One object with streams of chance of its own, so
/// that loss, delay and torn writes live in one place; the executor knows posts and times alone.
///
/// The closures by which automata send write into something that the world reads, in [`turned`](Self::turned); what it delivers
/// it posts to addresses it holds. `()` is the empty world.
///
/// ```
/// use rsm::fsm::{Address, Automaton, Context, Input, Runner, Time, VirtualTime, World};
/// use rsm::mix::Draws;
/// use rsm::sync::lock::Lock;
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
///
/// /// Answers each number with the next, by a closure that sends.
/// struct Player { send: Box<dyn Fn(u32) + Send> }
/// impl Automaton for Player {
///     type State = u32;
///     type Command = u32;
///     fn next(&mut self, last: u32, input: Input<Self>, _: &mut Context<Self>) -> u32 {
///         let Input::Command(ball) = input else { return last };
///         (self.send)(ball + 1);
///         ball
///     }
/// }
///
/// /// A network that takes up to a millisecond for each ball.
/// #[derive(Default)]
/// struct Network { sent: Arc<Lock<Vec<(usize, u32)>>>, due: BTreeMap<(Time, u32), usize>, players: Vec<Address<u32>> }
/// impl World for Network {
///     fn next(&self) -> Option<Time> { self.due.keys().next().map(|(at, _)| *at) }
///     fn run(&mut self, _: &VirtualTime) -> [u64; 3] {
///         let Some(((_, ball), to)) = self.due.pop_first() else { return [0; 3] };
///         self.players[to].post(ball).expect("it runs");
///         [1, to as u64, ball.into()] // in the record of this step
///     }
///     fn turned(&mut self, _: rsm::fsm::CellId, time: &VirtualTime) -> [u64; 3] {
///         for (to, ball) in self.sent.lock().drain(..) {
///             let late = Draws::new(rsm::mix::mix(time.seed(), ball.into(), 0)).below(1_000_000);
///             self.due.insert((Time(time.now().0 + late), ball), to);
///         }
///         [0; 3]
///     }
/// }
///
/// let (time, mut network) = (VirtualTime::new(1), Network::default());
/// for to in [1, 0] {
///     let sent = network.sent.clone();
///     let send = Box::new(move |ball| sent.lock().push((to, ball)));
///     network.players.push(time.spawn(Player { send }, 0));
/// }
/// network.players[0].post(1).expect("it runs");
/// time.run_until(Time(1_000_000_000), &mut network); // a second
/// let last = time.look::<Player, _>(&network.players[0], |_, last| *last).expect("it lives");
/// assert!(1_000 < last, "one way takes half a millisecond on average: {last}");
/// ```
pub trait World {
    /// When its next event is due; `None` if there is none.
    fn next(&self) -> Option<Time>;

    /// Carries out that one event: posts, crashes, spawns. What it returns goes into the step's record.
    fn run(&mut self, time: &VirtualTime) -> [u64; 3];

    /// After each turn: collects what the cell sent, checks its node. What it returns goes into the step's record.
    fn turned(&mut self, cell: CellId, time: &VirtualTime) -> [u64; 3] {
        let _ = (cell, time);
        [0; 3]
    }
}

impl World for () {
    fn next(&self) -> Option<Time> {
        None
    }

    fn run(&mut self, _: &VirtualTime) -> [u64; 3] {
        [0; 3]
    }
}
