//! Automata that do what chance says: they post, postpone, raise, set and cancel timers, change their kind, spawn, watch, keep
//! addresses and drop them, panic, and end each other. What each has heard and done is written down, and checked when all have ended.
//!
//! ```text
//!   seed ──> four automata and their draws ──> a Runner ──> a history each, a ledger of all commands ──> [`history`]: the rules
//!                └── and up to eight children
//! ```
//! A seed says what is drawn, and the runner in which order: in virtual time a failure can be had again, elsewhere its history is
//! printed.

use crate::fsm::{Address, Automaton, Bounded, Builder, Context, End, Input, Runner, WeakAddress};
use crate::mix::{Draws, mix};
use crate::sync::lock::Lock;
use crate::sync::oneshot::Ticket;
use actor::{Actor, State};
use history::{Note, Way};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod actor;
mod history;

/// How many there are from the beginning.
const ROOTS: usize = 4;
/// How many there may be with children; this, as a sender, is the outside.
const CREW: usize = 12;

/// Who sent a command, and how many it had sent before. The notice of a child's end is its own, and its number 0.
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
    seed: u64,
    book: Lock<Book>,
    lives: Lock<Vec<Life>>,
    /// How each command came first, and what became of it.
    fates: Lock<BTreeMap<Name, (Way, Fate)>>,
    /// Who was told to stop or was killed: noted before the call.
    cut: Lock<[bool; CREW]>,
    /// Who was asked to end in whatever way: likewise.
    asked: Lock<[bool; CREW]>,
    /// Who drains and was not asked to: its last address was dropped.
    orphans: Lock<[bool; CREW]>,
    /// Whose automaton was dropped.
    gone: Lock<[bool; CREW]>,
    /// Commands that were postponed at least once, and dropped.
    put_off: Lock<Vec<Name>>,
}

/// Where each is posted to.
#[derive(Default)]
struct Book {
    /// How many were born, or are about to be.
    born: usize,
    /// The time has come: who is born now is not entered any more.
    closed: bool,
    addresses: [Option<Address<Order>>; CREW],
    weak: [Option<WeakAddress<Order>>; CREW],
}

/// One that was born.
struct Life {
    me: usize,
    history: Arc<Lock<Vec<Note>>>,
    end: Ticket<End>,
}

impl Shared {
    /// A number for one more, if there may be one.
    fn number(&self) -> Option<usize> {
        let mut book = self.book.lock();
        let me = book.born;
        (me < CREW).then(|| {
            book.born += 1;
            me
        })
    }

    /// Brings that one to life.
    fn bear(self: &Arc<Self>, me: usize, on: impl FnOnce(Actor, State) -> Builder<Actor>) -> Address<Order> {
        let history = Arc::new(Lock::new(Vec::new()));
        let builder = on(Actor::new(me, self, &history), State::A).batch(1 + (mix(self.seed, me as u64, 2) % 4) as u32);
        let address = match mix(self.seed, me as u64, 3) % 3 {
            0 => builder.inbox(Bounded(3)).spawn(),
            _ => builder.spawn(),
        };
        self.lives.lock().push(Life { me, history, end: address.ended() });
        let mut book = self.book.lock();
        book.weak[me] = Some(address.downgrade());
        if !book.closed {
            book.addresses[me] = Some(address.clone());
        }
        address
    }

    /// Where that one is posted to, if the book still says.
    fn address(&self, whom: usize) -> Option<Address<Order>> {
        self.book.lock().addresses[whom].clone()
    }
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
        shared.fates.lock().insert(name, (way, [0; 4]));
        Order { name, way, put_off: 0, fuel, shared: shared.clone(), settled: false }
    }

    fn settle(&mut self, fate: usize) {
        self.settled = true;
        if let Some((_, counts)) = self.shared.fates.lock().get_mut(&self.name) {
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

/// Whether it was accepted.
fn post(to: Option<&Address<Order>>, mut order: Order) -> bool {
    let Some(to) = to else {
        order.settle(REFUSED); // there is nobody to post it to
        return false;
    };
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
                let mut book = self.0.book.lock();
                book.closed = true;
                let all = std::mem::take(&mut book.addresses);
                drop(book);
                *self.0.asked.lock() = [true; CREW];
                all.iter().flatten().for_each(Address::drain);
                context.stop();
            }
            Input::Transition { .. } | Input::Drain | Input::Exit => {}
        }
    }
}

/// What came about in a program besides its rules being kept.
#[derive(Clone, Copy, Debug, Default)]
struct Came {
    children: usize,
    /// Notices of ends that were heard.
    notices: usize,
    /// Who could not be reached by its weak address any more.
    lost: usize,
}

/// Runs the program of this seed, and checks what each automaton has heard: order per sender, each command once, `Transition`
/// after each change of kind and before all else, nothing accepted after a drain, `Exit` last and once, whose last address was
/// dropped is drained, each watch tells once and when all is over.
///
/// # Panics
/// With the history that breaks a rule.
pub fn a_random_program_keeps_the_order<R: Runner>(runner: &R, seed: u64) {
    let _ = came(runner, seed);
}

fn came<R: Runner>(runner: &R, seed: u64) -> Came {
    let shared = Arc::new(Shared { seed, ..Shared::default() });
    let mut draws = Draws::new(mix(seed, ROOTS as u64, 0));
    let roots: Vec<_> = (0..ROOTS).filter_map(|_| shared.number()).collect();
    let all: Vec<_> = roots.iter().map(|&me| shared.bear(me, |actor, state| runner.builder(actor, state))).collect();
    let mut send = |nth| {
        let order = Order::new(&shared, (CREW, nth), Way::Post, 4);
        post(Some(&all[draws.below(ROOTS as u64) as usize]), order);
    };
    (0..20).for_each(&mut send); // who comes to this late finds all open nevertheless
    let closer = runner.spawn(Closer(shared.clone()), ());
    (20..40).for_each(send);
    drop(all);
    let mut came = Came::default();
    // Who ends has entered all its children before.
    while let Some(Life { me, history, end }) = { shared.lives.lock().pop() } {
        let end = runner.block_on(end).expect("an end is always told");
        history::check(seed, me, &history.lock(), &end, &shared);
        came.children += usize::from(ROOTS <= me);
        history.lock().iter().for_each(|note| note.count(&mut came));
    }
    assert!(runner.block_on(closer.ended()).is_ok());
    history::check_fates(seed, &shared);
    came
}

/// Twelve random programs keep the order.
pub fn random_automata_keep_the_order<R: Runner>(runner: &R) {
    let all: Vec<_> = (0..12).map(|seed| came(runner, seed)).collect();
    for what in [|came: &Came| came.children, |came: &Came| came.notices, |came: &Came| came.lost] {
        assert!(all.iter().any(|came| what(came) != 0), "each is drawn somewhere: {all:?}");
    }
}
