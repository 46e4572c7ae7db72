//! One of the automata of a random program.

use super::history::{Heard, Note, Way};
use super::{BACK, CREW, DELIVERED, Order, Shared, post};
use crate::fsm::{Address, Automaton, Context, Input, Kind, Time, Timer};
use crate::mix::{Draws, mix};
use crate::sync::lock::Lock;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy)]
pub(super) enum State {
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
pub(super) struct Actor {
    me: usize,
    draws: Draws,
    /// Whether it panics, stops and kills.
    violent: bool,
    sent: u32,
    /// Changes of kind so far: a state timeout belongs to one of these times.
    epoch: u32,
    timer: Option<Timer>,
    /// Addresses of others, all born later: so no two keep each other.
    held: Vec<Address<Order>>,
    shared: Arc<Shared>,
    history: Arc<Lock<Vec<Note>>>,
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.shared.gone.lock()[self.me] = true;
    }
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
                let from = (0..3).find(|&kind| Kind::of(&State::of(kind)) == from).unwrap_or(9);
                let state = self.trips_over(heard(Heard::Transition { from }), state);
                if self.draws.chance(1, 8) { State::of(self.draws.below(3) as u8) } else { state }
            }
            Input::Drain => {
                self.shared.orphans.lock()[self.me] = !self.shared.asked.lock()[self.me];
                self.trips_over(heard(Heard::Drain), state)
            }
            Input::Exit => self.trips_over(heard(Heard::Exit), state),
            Input::Command(order) => {
                let wrong = match order.way {
                    Way::Timer { at } => context.now() < at,
                    Way::Alarm { epoch } => order.put_off == 0 && epoch != self.epoch,
                    Way::Notice { early } => early,
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
    pub(super) fn new(me: usize, shared: &Arc<Shared>, history: &Arc<Lock<Vec<Note>>>) -> Actor {
        let (draws, violent) = (Draws::new(mix(shared.seed, me as u64, 1)), shared.seed.is_multiple_of(2));
        let (shared, history) = (shared.clone(), history.clone());
        Actor { me, draws, violent, sent: 0, epoch: 0, timer: None, held: Vec::new(), shared, history }
    }

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

    /// One of those who were born.
    fn draw_one(&mut self) -> usize {
        let born = self.shared.book.lock().born;
        self.draws.below(born as u64) as usize
    }

    fn post(&mut self, to: usize, fuel: u32) {
        let address = self.shared.address(to);
        self.post_by(to, address, fuel);
    }

    fn post_by(&mut self, to: usize, address: Option<Address<Order>>, fuel: u32) {
        let order = self.order(Way::Post, fuel);
        let accepted = post(address.as_ref(), order);
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
        let (to, soon) = (self.draw_one(), Duration::from_micros(self.draws.below(200)));
        let at = Time(context.now().0 + soon.as_nanos() as u64);
        match (drawn, order.fuel.checked_sub(1)) {
            (0..6, Some(fuel)) => self.bear(fuel, context),
            (6..10, Some(fuel)) => self.post_weakly(to, fuel),
            (10..20, _) => self.keep_or_drop(drawn, to),
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
        self.shared.asked.lock()[whom] = true;
        if let Some(address) = self.shared.address(whom) {
            how(&address);
            self.note(Note::Ended { whom });
        }
    }

    /// A child, and word of its end.
    fn bear(&mut self, fuel: u32, context: &mut Context<Self>) {
        let Some(child) = self.shared.number() else { return };
        let address = self.shared.bear(child, |actor, state| context.builder(actor, state));
        let untold = Way::Notice { early: true };
        let (shared, mut notice) = (self.shared.clone(), Order::new(&self.shared, (child, 0), untold, fuel));
        context.watch(&address, move |_| {
            notice.way = Way::Notice { early: !shared.gone.lock()[child] };
            notice
        });
        if self.draws.chance(1, 2) {
            self.held.push(address);
        }
    }

    /// By a weak address, which is one of those that keep it from draining for as long.
    fn post_weakly(&mut self, to: usize, fuel: u32) {
        let orphan = self.shared.orphans.lock()[to];
        let address = self.shared.book.lock().weak[to].as_ref().map(|weak| weak.upgrade());
        let Some(address) = address else { return };
        self.note(Note::Upgraded { lost: address.is_none(), orphan });
        self.post_by(to, address, fuel);
    }

    /// An address more of one that is born later, or one fewer: here, or in the book. Perhaps the last.
    fn keep_or_drop(&mut self, drawn: u64, whom: usize) {
        let dropped = match drawn {
            10..14 if self.me < whom => {
                self.held.extend(self.shared.address(whom));
                None
            }
            10..16 => self.held.pop(),
            _ => self.shared.book.lock().addresses[whom].take(),
        };
        drop(dropped);
    }
}

const _: () = assert!(super::ROOTS < CREW, "some are children");
