//! Parents that drain their children themselves: nothing that was accepted is lost, and the parent ends last.

use super::probe::{Ctx, Log, Probe, State, Word, post, probe};
use crate::fsm::{Address, Automaton, CellId, Children, Context, End, Input, Runner};

/// A child that notes what it hears, and `child` in its last breath.
fn child(heard: &Log, log: &Log) -> Probe {
    let log = log.clone();
    Probe::new(heard.clone(), move |word: &str, state, _: &mut Ctx| {
        if word == "exit" {
            log.lock().push("child".to_owned());
        }
        state
    })
}

/// When a parent drains its children.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    InDrain,
    AfterTheQueue,
}

enum Order {
    /// A child more.
    Hire,
    /// For each child.
    Work(Word),
    /// For the parent itself.
    Note(Word),
    /// Nothing more is queued.
    Last,
    Gone(CellId),
}

struct Parent {
    when: When,
    /// How many children it has from the start, with two words for each.
    first: u32,
    children: Children<Word>,
    heard: Log,
    log: Log,
}

impl Parent {
    /// A parent, what its children hear, and what it notes itself.
    fn new(when: When, first: u32) -> (Parent, Log, Log) {
        let (heard, log) = (Log::default(), Log::default());
        (Parent { when, first, children: Children::new(), heard: heard.clone(), log: log.clone() }, heard, log)
    }

    fn hire(&mut self, context: &mut Context<Parent>) {
        let child = child(&self.heard, &self.log);
        self.children.spawn(context, child, State::A, Order::Gone);
    }

    fn note(&self, word: Word) {
        self.log.lock().push(word.to_owned());
    }
}

impl Automaton for Parent {
    type State = ();
    type Command = Order;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => {
                (0..self.first).for_each(|_| self.hire(context));
                self.children.all().iter().for_each(|child| post(child, &["one", "two"]));
            }
            Input::Command(Order::Hire) => self.hire(context),
            Input::Command(Order::Work(word)) => self.children.all().iter().for_each(|child| post(child, &[word])),
            Input::Command(Order::Note(word)) => self.note(word),
            Input::Command(Order::Last) => self.children.drain(context),
            Input::Command(Order::Gone(cell)) => self.children.gone(cell, context),
            Input::Drain if self.when == When::InDrain => self.children.drain(context),
            Input::Drain => context.postpone(Order::Last),
            Input::Exit => self.note("parent"),
            Input::Transition { .. } => {}
        }
    }
}

/// Posts these, drains, and holds that the parent ends in good order.
fn drained<R: Runner>(runner: &R, parent: Address<Order>, orders: impl IntoIterator<Item = Order>) {
    orders.into_iter().for_each(|order| parent.post(order).expect("it runs and has room"));
    let ended = parent.ended();
    parent.drain();
    let end = runner.block_on(ended).expect("an end is always told");
    assert!(matches!(end, End::Exited), "{end:?}");
}

/// How often that word was noted.
fn count(log: &Log, name: &str) -> usize {
    log.lock().iter().filter(|word| *word == name).count()
}

/// A parent that drains its children itself lingers, and ends after the last of them; without children, at once.
pub fn a_parent_that_drains_its_children_ends_after_the_last<R: Runner>(runner: &R) {
    for when in [When::InDrain, When::AfterTheQueue] {
        let (parent, heard, log) = Parent::new(when, 3);
        drained(runner, runner.spawn(parent, ()), []);
        assert_eq!(*log.lock(), ["child", "child", "child", "parent"]);
        assert_eq!((count(&heard, "one"), count(&heard, "two")), (3, 3), "F3");
    }
    let childless = probe(runner, |word, state, context| {
        if word == "drain" {
            Children::<Word>::new().drain(context);
        }
        state
    });
    childless.hears(&["start", "drain", "exit"]);
}

/// `Drain` overtakes work that a parent has queued for its children: who drains them only after the queue has it done.
pub fn what_a_parent_has_queued_for_its_children_is_done_before_they_drain<R: Runner>(runner: &R) {
    let (parent, heard, log) = Parent::new(When::AfterTheQueue, 3);
    let parent = runner.builder(parent, ()).batch(2).spawn();
    drained(runner, parent, (0..5).map(|_| Order::Work("job")));
    assert_eq!(count(&heard, "job"), 15, "F3");
    assert_eq!(*log.lock(), ["child", "child", "child", "parent"]);
}

/// The last child gone, a parent ends as one that drains: what it has accepted is delivered first.
pub fn a_parent_whose_children_are_gone_still_hears_its_queue<R: Runner>(runner: &R) {
    let (parent, _, log) = Parent::new(When::InDrain, 1);
    let parent = runner.builder(parent, ()).batch(1).spawn();
    drained(runner, parent, (0..40).map(|_| Order::Note("noted")));
    assert_eq!(count(&log, "noted"), 40, "F3");
    assert_eq!((count(&log, "child"), log.lock().last().map(String::as_str)), (1, Some("parent")));
}

/// A child that is born while its parent drains, of a command that was queued, ends before it.
pub fn a_child_born_while_its_parent_drains_ends_before_it<R: Runner>(runner: &R) {
    let (parent, heard, log) = Parent::new(When::InDrain, 0);
    drained(runner, runner.spawn(parent, ()), [Order::Hire, Order::Hire]);
    assert_eq!(*log.lock(), ["child", "child", "parent"]);
    assert_eq!(count(&heard, "start"), 2);
}

/// Has children of two kinds, and waits for both.
struct Host {
    quick: Children<Word>,
    slow: Children<Word>,
    heard: Log,
    log: Log,
}

enum News {
    Quick(CellId),
    Slow(CellId),
}

impl Automaton for Host {
    type State = ();
    type Command = News;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start => {
                self.quick.spawn(context, child(&self.heard, &self.log), State::A, News::Quick);
                let slow = context.builder(child(&self.heard, &self.log), State::A).batch(1).spawn();
                (0..20).for_each(|_| post(&slow, &["job"]));
                self.slow.add(context, slow, News::Slow);
            }
            Input::Drain => {
                self.quick.drain(context);
                self.slow.drain(context);
            }
            Input::Command(News::Quick(cell)) => self.quick.gone(cell, context),
            Input::Command(News::Slow(cell)) => self.slow.gone(cell, context),
            Input::Exit => self.log.lock().push("parent".to_owned()),
            Input::Transition { .. } => {}
        }
    }
}

/// A parent of two kinds of children ends after the last of both.
pub fn a_parent_of_two_kinds_of_children_waits_for_both<R: Runner>(runner: &R) {
    let (heard, log) = (Log::default(), Log::default());
    let host = Host { quick: Children::new(), slow: Children::new(), heard: heard.clone(), log: log.clone() };
    let host = runner.spawn(host, ());
    let ended = host.ended();
    host.drain();
    assert!(matches!(runner.block_on(ended), Ok(End::Exited)));
    assert_eq!(*log.lock(), ["child", "child", "parent"]);
    assert_eq!(count(&heard, "job"), 20, "F3");
}
