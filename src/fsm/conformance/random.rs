//! Automata that do what chance says: they post, postpone, raise, set and cancel timers, change their kind, panic, and end each
//! other. What each has heard and done is written down, and checked when all have ended.
//!
//! ```text
//!   seed ──> four automata and their draws ──> a Runner ──> a history each, a ledger of all commands ──> [`history`]: the rules
//! ```
//! A seed says what is drawn, and the runner in which order: in virtual time a failure can be had again, elsewhere its history is
//! printed.

use crate::fsm::{Address, Automaton, Bounded, Context, End, Input, Runner, Time, Timer};
use crate::mix::{Draws, mix};
use crate::sync::lock::Lock;
use history::{Heard, Note, Way};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

mod history;

/// How many there are; this, as a sender, is the outside.
const ACTORS: usize = 4;

/// Who sent a command, and how many it had sent before.
type Name = (usize, u32);

/// What became of a command: how often it was delivered, dropped, refused, taken back.
type Fate = [u32; 4];
const DELIVERED: usize = 0;
const DROPPED: usize = 1;
const REFUSED: usize = 2;
const BACK: usize = 3;

/// What all of one program share.
#[derive(Default)]
struct Shared {
    book: Lock<Vec<Address<Order>>>,
    fates: Lock<BTreeMap<Name, Fate>>,
    /// Who was told to stop or was killed: noted before the call.
    cut: Lock<[bool; ACTORS]>,
    /// Commands that were postponed at least once, and dropped.
    put_off: Lock<Vec<Name>>,
}

/// A command. Its drop tells of one that was never settled.
struct Order {
    name: Name,
    way: Way,
    /// How often it has been postponed.
    put_off: u32,
    /// How many generations of commands may come of it.
    fuel: u32,
    shared: Arc<Shared>,
    settled: bool,
}

impl Order {
    fn new(shared: &Arc<Shared>, name: Name, way: Way, fuel: u32) -> Order {
        shared.fates.lock().insert(name, [0; 4]);
        Order { name, way, put_off: 0, fuel, shared: shared.clone(), settled: false }
    }

    fn settle(&mut self, fate: usize) {
        self.settled = true;
        if let Some(counts) = self.shared.fates.lock().get_mut(&self.name) {
            counts[fate] += 1;
        }
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(DROPPED);
            if self.put_off != 0 {
                self.shared.put_off.lock().push(self.name);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    A,
    B { _visits: u32 },
    C,
}

impl State {
    fn kind(self) -> u8 {
        match self {
            State::A => 0,
            State::B { .. } => 1,
            State::C => 2,
        }
    }

    fn of(kind: u8) -> State {
        match kind {
            0 => State::A,
            1 => State::B { _visits: 0 },
            _ => State::C,
        }
    }
}

/// One of them.
struct Actor {
    me: usize,
    draws: Draws,
    /// Whether it panics, stops and kills.
    violent: bool,
    sent: u32,
    /// Changes of kind so far: a state timeout belongs to one of these times.
    epoch: u32,
    timer: Option<Timer>,
    shared: Arc<Shared>,
    history: Arc<Lock<Vec<Note>>>,
}

impl Automaton for Actor {
    type State = State;
    type Command = Order;

    fn next(&mut self, state: State, input: Input<Self>, context: &mut Context<Self>) -> State {
        let before = state.kind();
        let heard = |heard| Note::Heard { heard, before };
        let state = match input {
            Input::Start => self.trips_over(heard(Heard::Start), state),
            Input::Transition { from } => {
                self.epoch += 1;
                let from = (0..3).find(|&kind| crate::fsm::Kind::of(&State::of(kind)) == from).unwrap_or(9);
                let state = self.trips_over(heard(Heard::Transition { from }), state);
                if self.draws.chance(1, 8) { State::of(self.draws.below(3) as u8) } else { state }
            }
            Input::Drain => self.trips_over(heard(Heard::Drain), state),
            Input::Exit => self.trips_over(heard(Heard::Exit), state),
            Input::Command(order) => {
                let wrong = match order.way {
                    Way::Timer { at } => context.now() < at,
                    Way::Alarm { epoch } => order.put_off == 0 && epoch != self.epoch,
                    Way::Post | Way::Raise => false,
                };
                let again = order.put_off != 0;
                self.note(heard(Heard::Command { name: order.name, way: order.way, again, wrong }));
                self.obey(state, order, context)
            }
        };
        self.note(Note::Said { after: state.kind() });
        state
    }

    fn flush(&mut self, state: &mut State, _: &mut Context<Self>) {
        let _ = self.trips_over(Note::Flush, *state);
    }
}

impl Actor {
    fn note(&self, note: Note) {
        self.history.lock().push(note);
    }

    /// Notes what comes; once in a while, panics of it.
    fn trips_over(&mut self, note: Note, state: State) -> State {
        self.note(note);
        if self.violent && self.draws.chance(1, 200) {
            self.panics();
        }
        state
    }

    fn panics(&self) -> ! {
        self.note(Note::Panics);
        resume_unwind(Box::new("so it was drawn"))
    }

    fn order(&mut self, way: Way, fuel: u32) -> Order {
        self.sent += 1;
        Order::new(&self.shared, (self.me, self.sent), way, fuel)
    }

    fn post(&mut self, to: usize, fuel: u32) {
        let order = self.order(Way::Post, fuel);
        let address = self.shared.book.lock().get(to).cloned();
        let accepted = post(&address, order);
        self.note(Note::Posted { to, accepted });
    }

    /// One act for each command.
    fn obey(&mut self, state: State, mut order: Order, context: &mut Context<Self>) -> State {
        let drawn = self.draws.below(100);
        if (40..55).contains(&drawn) && order.put_off < 3 {
            order.put_off += 1;
            context.postpone(order);
            return state;
        }
        order.settle(DELIVERED);
        let (to, soon) = (self.draws.below(ACTORS as u64) as usize, Duration::from_micros(self.draws.below(200)));
        let at = Time(context.now().0 + soon.as_nanos() as u64);
        match (drawn, order.fuel.checked_sub(1)) {
            (25..40, _) => return State::of(self.draws.below(3) as u8),
            (55..70, Some(fuel)) => self.post(to, fuel),
            (70..76, Some(fuel)) => context.raise(self.order(Way::Raise, fuel)),
            (76..84, Some(fuel)) => self.timer = Some(context.at(at, self.order(Way::Timer { at }, fuel))),
            (84..88, Some(fuel)) => {
                let epoch = self.epoch;
                context.state_timeout(soon, self.order(Way::Alarm { epoch }, fuel));
            }
            (88..91, _) => {
                if let Some(mut back) = self.timer.take().and_then(|timer| context.cancel(timer)) {
                    back.settle(BACK);
                }
            }
            (91..94, Some(fuel)) => [fuel; 2].into_iter().for_each(|fuel| self.post(self.me, fuel)),
            (94, _) => self.ends(to, false, Address::drain),
            (95, _) if self.violent => self.ends(to, true, Address::stop),
            (96, _) if self.violent => self.ends(to, true, Address::kill),
            (97, _) if self.violent => self.panics(),
            _ => {}
        }
        state
    }

    fn ends(&mut self, whom: usize, cuts: bool, how: fn(&Address<Order>)) {
        self.shared.cut.lock()[whom] |= cuts;
        let address = self.shared.book.lock().get(whom).cloned();
        address.iter().for_each(how);
        self.note(Note::Ended { whom });
    }
}

/// Whether it was accepted.
fn post(to: &Option<Address<Order>>, order: Order) -> bool {
    let Some(to) = to else { return false };
    match to.post(order) {
        Ok(()) => true,
        Err(rejected) => {
            rejected.into_inner().settle(REFUSED);
            false
        }
    }
}

/// Drains all when its time has come.
struct Closer(Arc<Shared>);

impl Automaton for Closer {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => _ = context.after(Duration::from_millis(1), ()),
            Input::Command(()) => {
                let book = std::mem::take(&mut *self.0.book.lock());
                book.iter().for_each(Address::drain);
                context.stop();
            }
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

/// Runs the program of this seed, and checks what each automaton has heard: order per sender, each command once, `Transition`
/// after each change of kind and before all else, nothing accepted after a drain, `Exit` last and once.
///
/// # Panics
/// With the history that breaks a rule.
pub fn a_random_program_keeps_the_order<R: Runner>(runner: &R, seed: u64) {
    let shared = Arc::new(Shared::default());
    let mut draws = Draws::new(mix(seed, ACTORS as u64, 0));
    let histories: Vec<_> = (0..ACTORS).map(|_| Arc::new(Lock::new(Vec::new()))).collect();
    let spawn = |me: usize| {
        let (draws, shared, history) = (Draws::new(mix(seed, me as u64, 1)), shared.clone(), histories[me].clone());
        let violent = seed.is_multiple_of(2);
        let actor = Actor { me, draws, violent, sent: 0, epoch: 0, timer: None, shared, history };
        let builder = runner.builder(actor, State::A).batch(1 + (mix(seed, me as u64, 2) % 4) as u32);
        match mix(seed, me as u64, 3) % 3 {
            0 => builder.inbox(Bounded(3)).spawn(),
            _ => builder.spawn(),
        }
    };
    let all: Vec<_> = (0..ACTORS).map(spawn).collect();
    let ends: Vec<_> = all.iter().map(Address::ended).collect();
    shared.book.lock().clone_from(&all);
    let mut send = |nth| {
        let order = Order::new(&shared, (ACTORS, nth), Way::Post, 4);
        post(&Some(all[draws.below(ACTORS as u64) as usize].clone()), order);
    };
    (0..20).for_each(&mut send); // who comes to this late finds all open nevertheless
    let closer = runner.spawn(Closer(shared.clone()), ());
    (20..40).for_each(send);
    let ends: Vec<End> = ends.into_iter().map(|end| runner.block_on(end).expect("an end is always told")).collect();
    assert!(runner.block_on(closer.ended()).is_ok());
    for (me, (history, end)) in histories.iter().zip(&ends).enumerate() {
        history::check(seed, me, &history.lock(), end, &shared);
    }
    history::check_fates(seed, &shared);
}

/// Twelve random programs keep the order.
pub fn random_automata_keep_the_order<R: Runner>(runner: &R) {
    (0..12).for_each(|seed| a_random_program_keeps_the_order(runner, seed));
}
