//! Automata under the stages of a drain, and trees of them: nobody drains by hand.

use super::probe::{Ctx, Log, Probe, State, Word, born, builder, post, without_flushes};
use crate::fsm::{Address, Automaton, Context, End, Input, Rejected, Runner, WeakAddress};
use crate::sync::drain::{self, Drain, Guard, Stage};
use crate::sync::lock::Lock;
use crate::sync::oneshot;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

fn stages<const N: usize>(names: [&'static str; N]) -> (Drain, [Stage; N]) {
    let drain = Drain::new();
    let stages = names.map(|name| drain.stage(name).expect("it is not over"));
    (drain, stages)
}

fn guard(stage: &Stage) -> Guard {
    stage.guard("member").expect("it has not started")
}

/// Notes `name` in its last breath.
fn notes(name: Word, log: &Log) -> impl FnMut(&str, State, &mut Ctx) -> State + Send + 'static {
    let log = log.clone();
    move |word, state, _| {
        if word == "exit" {
            log.lock().push(name.to_owned());
        }
        state
    }
}

/// The start of its stage drains it: posts are refused, what was accepted is delivered, and the drain waits for its death.
pub fn one_whose_stage_starts_drains_by_itself<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["stage"]);
    let (subject, log) = builder(runner, |_, state, _| state);
    let subject = born(runner, subject.drain_with(guard(&stage)), log);
    post(&subject.address, &["one", "two"]);
    let _ = drain.try_drain(); // where runners have threads it may be dead already
    assert!(!matches!(subject.address.post("late"), Ok(()) | Err(Rejected::Full(_))), "F6");
    runner.block_on(drain.drain_async());
    assert!(matches!(subject.address.post("late"), Err(Rejected::Dead("late"))), "F8: after its death");
    let (end, log) = subject.end();
    assert!(matches!(end, End::Exited));
    let heard = without_flushes(&log);
    let commands: Vec<_> = heard.iter().copied().filter(|word| !["start", "drain"].contains(word)).collect();
    assert_eq!((heard[0], commands), ("start", vec!["one", "two", "exit"]), "F3");
    assert!(heard.contains(&"drain"));
}

/// A stage that has started drains who comes under it by a guard taken before.
pub fn one_that_is_born_under_a_stage_that_has_started_drains_after_its_start<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["stage"]);
    let early = guard(&stage);
    assert!(drain.try_drain().is_err());
    let (subject, log) = builder(runner, |_, state, _| state);
    let subject = born(runner, subject.drain_with(early), log);
    assert!(subject.address.post("late").is_err(), "F6");
    runner.block_on(drain.drain_async());
    subject.heard(&["start", "drain", "exit"]);
}

/// Two stages, nobody calls `drain` on an automaton, all end: the first stage's before the second's.
pub fn two_stages_end_in_order_and_nobody_drains_by_hand<R: Runner>(runner: &R) {
    let (drain, [first, second]) = stages(["first", "second"]);
    let log = Log::default();
    let writers: Vec<_> =
        (0..2).map(|_| builder(runner, notes("writer", &log)).0.drain_with(guard(&second)).spawn()).collect();
    let readers: Vec<_> = (0..3)
        .map(|nth| {
            let (writer, mut note) = (writers[nth % 2].clone(), notes("reader", &log));
            let script = move |word: &str, state, context: &mut Ctx| {
                if word == "line" {
                    writer.post("line").expect("the second stage has not started while we live");
                }
                note(word, state, context)
            };
            builder(runner, script).0.drain_with(guard(&first)).spawn()
        })
        .collect();
    readers.iter().for_each(|reader| post(reader, &["line", "line"]));
    runner.block_on(drain.drain_async());
    assert_eq!(*log.lock(), ["reader", "reader", "reader", "writer", "writer"], "D1");
    let delivered: u32 = writers.iter().map(|writer| writer.counters().processed).sum();
    assert_eq!(delivered, 6, "F3: all that was read is written");
}

/// Spawns `below` generations of children, two of each; the last leaf says that the tree stands.
struct Branch {
    below: u32,
    log: Log,
    leaves: Leaves,
    children: Vec<Address<()>>,
}

/// How many are to come, and who is told.
type Leaves = Arc<Lock<(u32, Option<oneshot::Sender<()>>)>>;

impl Branch {
    fn root(below: u32, log: &Log) -> (Branch, oneshot::Ticket<()>) {
        let (stands, ticket) = oneshot::channel();
        let leaves = Arc::new(Lock::new((1 << below, Some(stands))));
        (Branch { below, log: log.clone(), leaves, children: Vec::new() }, ticket)
    }

    fn child(&self) -> Branch {
        Branch { below: self.below - 1, log: self.log.clone(), leaves: self.leaves.clone(), children: Vec::new() }
    }

    fn stands(&self) {
        let mut leaves = self.leaves.lock();
        leaves.0 -= 1;
        let told = if leaves.0 == 0 { leaves.1.take() } else { None };
        drop(leaves);
        if let Some(told) = told {
            told.send(()).expect("the test waits");
        }
    }
}

impl Automaton for Branch {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Start if self.below == 0 => self.stands(),
            Input::Start => self.children = [(); 2].map(|()| context.spawn(self.child(), ())).into(),
            Input::Exit => self.log.lock().push(self.below.to_string()),
            Input::Command(()) | Input::Transition { .. } | Input::Drain => {}
        }
    }
}

/// Children of one under a stage come under stages of their own in front: the deepest end first.
pub fn a_tree_under_a_stage_ends_from_its_leaves<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["tree"]);
    let log = Log::default();
    let (root, stands) = Branch::root(2, &log);
    let root = runner.builder(root, ()).name("root").drain_with(guard(&stage)).spawn();
    runner.block_on(stands).expect("the tree grows");
    runner.block_on(drain.drain_async());
    assert_eq!(*log.lock(), ["0", "0", "0", "0", "1", "1", "2"]);
    drop(root);
}

/// The children of a later stage go when that one's turn has come, and not with the children of an earlier one.
pub fn children_of_a_later_stage_outlive_an_earlier_one<R: Runner>(runner: &R) {
    later_children_outlive(runner, ["first", "second"]);
}

/// Two stages may go by one name: the children of each go with their own.
pub fn stages_of_one_name_keep_their_children_apart<R: Runner>(runner: &R) {
    later_children_outlive(runner, ["workers", "workers"]);
}

fn later_children_outlive<R: Runner>(runner: &R, names: [&'static str; 2]) {
    let (drain, [first, second]) = stages(names);
    let holds = guard(&first);
    let log = Log::default();
    let parents = [&first, &second].map(|stage| {
        let (parent, stands) = Branch::root(1, &log);
        let parent = runner.builder(parent, ()).drain_with(guard(stage)).spawn();
        runner.block_on(stands).expect("the tree grows");
        parent
    });
    let mut draining = pin!(drain.drain_async());
    runner.block_on(poll_fn(|context| {
        assert!(draining.as_mut().poll(context).is_pending(), "the first stage is held");
        if first.is_draining() { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(log.lock().iter().filter(|below| *below == "0").count(), 2, "those of the first are gone");
    drop(holds);
    runner.block_on(draining);
    assert_eq!(*log.lock(), ["0", "0", "1", "0", "0", "1"]);
    drop(parents);
}

/// A child whose builder names a stage comes under that one, and not in front of its parent: so one whom a parent hands work to
/// hears it until that one's end.
pub fn a_child_whose_builder_names_a_stage_is_under_that_one<R: Runner>(runner: &R) {
    let (drain, [parents, workers]) = stages(["parents", "workers"]);
    let (heard, mut staged, mut child) = (Log::default(), Some(guard(&workers)), None::<Address<Word>>);
    let noted = heard.clone();
    let script = move |word: &str, state, context: &mut Ctx| {
        let work = match word {
            "start" => {
                let worker = Probe::new(noted.clone(), |_, state, _| state);
                let guard = staged.take().expect("there is one start");
                child = Some(context.builder(worker, State::A).drain_with(guard).spawn());
                return state;
            }
            "line" => "line",
            "drain" => "the draining parent's",
            "exit" => "the last",
            _ => return state,
        };
        let child = child.as_ref().expect("it was born at the start");
        child.post(work).expect("the workers' stage starts when we are dead");
        state
    };
    let parent = builder(runner, script).0.drain_with(guard(&parents)).spawn();
    post(&parent, &["line"]);
    runner.block_on(drain.drain_async());
    drop(parent);
    let heard = heard.lock().clone();
    let works: Vec<_> = without_flushes(&heard).into_iter().filter(|word| !["start", "drain"].contains(word)).collect();
    // Its own `Drain` may overtake the line, and so may ours.
    assert_eq!(works.iter().filter(|word| **word == "line").count(), 1, "F3: {works:?}");
    assert_eq!(works[works.len() - 2..], ["the last", "exit"], "D1: {works:?}");
    assert!(works.contains(&"the draining parent's"));
}

/// One that is born when the stage in front of its parent's has started, and its parent's has not, goes with its parent.
pub fn a_child_born_when_the_stage_in_front_has_started_goes_with_its_parent<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["parents"]);
    let front = stage.before("parents: depth 1").expect("it has not started");
    let holds = guard(&front);
    assert!(drain.try_drain().is_err());
    let log = Log::default();
    let (parent, stands) = Branch::root(1, &log);
    let parent = runner.builder(parent, ()).drain_with(guard(&stage)).spawn();
    runner.block_on(stands).expect("the tree grows");
    assert_eq!((front.guards(), stage.is_draining()), (1, false));
    assert_eq!(stage.alive().len(), 3, "the children go by names of their own");
    drop(holds);
    runner.block_on(drain.drain_async());
    let mut ends = log.lock().clone();
    ends.sort_unstable();
    assert_eq!(ends, ["0", "0", "1"]);
    drop(parent);
}

/// Has a child from the start, and posts to it.
struct Parent {
    heard: Log,
    child: Option<Address<Word>>,
}

impl Automaton for Parent {
    type State = ();
    type Command = ();

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        if let Input::Start = input {
            let child = context.spawn(Probe::new(self.heard.clone(), |_, state, _| state), State::A);
            assert!(child.post("late").is_err(), "it drains from birth");
            self.child = Some(child);
        }
    }
}

/// Whom one spawns once its own stage has started drains from birth, and the stage waits for both.
pub fn a_child_of_one_whose_stage_has_started_drains_from_birth<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["parents"]);
    let early = guard(&stage);
    assert!(drain.try_drain().is_err());
    let heard = Log::default();
    let parent = Parent { heard: heard.clone(), child: None };
    let ended = runner.builder(parent, ()).drain_with(early).spawn().ended();
    runner.block_on(drain.drain_async());
    assert_eq!(without_flushes(&heard.lock()), ["start", "drain", "exit"], "it is gone by then");
    assert!(matches!(runner.block_on(ended), Ok(End::Exited)));
}

/// Nothing of a stage counts as an address: its automaton drains when the last one is dropped, and the stage does not wait for it.
pub fn a_stage_keeps_nobody_undrained<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["stage"]);
    let (subject, log) = builder(runner, |_, state, _| state);
    let subject = born(runner, subject.drain_with(guard(&stage)), log);
    assert!(matches!(subject.abandoned().0, End::Exited), "F9");
    assert_eq!((stage.guards(), stage.is_draining()), (0, false), "F8: its guard went before its end was told");
    assert_eq!(drain.try_drain(), Ok(()));
}

/// Waits in `Drain` for one who never comes.
struct Waits(Option<oneshot::Sender<()>>);

enum Doing {
    Working,
    Waiting,
    /// Tells nobody what it does.
    Hiding,
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("a bomb was dropped"));
    }
}

impl Automaton for Waits {
    type State = Doing;
    type Command = ();

    fn next(&mut self, state: Doing, input: Input<Self>, context: &mut Context<Self>) -> Doing {
        match input {
            Input::Drain => {
                context.linger();
                let _ = self.0.take().map(|told| told.send(()));
                if matches!(state, Doing::Hiding) { state } else { Doing::Waiting }
            }
            Input::Start | Input::Command(()) | Input::Transition { .. } | Input::Exit => state,
        }
    }

    fn label(state: &Doing) -> &'static str {
        match state {
            Doing::Working => "Working",
            Doing::Waiting => "Waiting",
            Doing::Hiding => resume_unwind(Box::new(Bomb)),
        }
    }
}

/// What a drain says whose first is late, once it has come to rest: its turn may not be over yet, where runners have threads.
fn late(drain: &Drain) -> drain::Late {
    loop {
        let late = drain.try_drain().expect_err("it waits for ever");
        if late.alive[0].doing != "in a turn" && late.alive[0].doing != "queued" {
            return late;
        }
        std::thread::yield_now();
    }
}

/// A drain that is late names the stage, who is still alive in it, and in which state.
pub fn a_late_drain_names_who_is_alive_and_in_which_state<R: Runner>(runner: &R) {
    let (drain, [first, second]) = stages(["first", "second"]);
    let (told, drains) = oneshot::channel();
    let of = |stage: &Stage, name: &'static str| stage.guard(name).expect("it has not started");
    let hangs = runner.builder(Waits(Some(told)), Doing::Working).drain_with(of(&first, "hangs")).spawn();
    let quick = runner.builder(Waits(None), Doing::Working).drain_with(of(&second, "quick")).spawn();
    assert!(drain.try_drain().is_err());
    runner.block_on(drains).expect("its stage has started");
    let late = late(&drain);
    let said = "the stage `first` is not over, 1 of it left: hangs (idle in Waiting); drain again to go on waiting";
    assert_eq!(late.to_string(), said);
    hangs.stop();
    runner.block_on(hangs.ended()).expect("an end is always told");
    assert_eq!(&*drain.try_drain().expect_err("the second stage has started").stage, "second");
    quick.kill();
    runner.block_on(drain.drain_async());
}

/// A label that panics, with what panics again when it is dropped, harms neither the one who looks nor the one who is looked at.
pub fn a_label_that_panics_harms_nobody<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["stage"]);
    let (told, drains) = oneshot::channel();
    let hides = runner.builder(Waits(Some(told)), Doing::Hiding).drain_with(guard(&stage)).spawn();
    assert!(drain.try_drain().is_err());
    runner.block_on(drains).expect("its stage has started");
    assert_eq!(late(&drain).alive[0].doing, "idle in a label that panics");
    hides.stop();
    runner.block_on(drain.drain_async());
}

/// What the user put on the guard of a stage is dropped with the automaton, and its panic keeps nobody from being told of the end.
pub fn a_guard_whose_users_code_panics_when_it_is_dropped_is_contained<R: Runner>(runner: &R) {
    let (drain, [stage]) = stages(["stage"]);
    let (member, bomb) = (guard(&stage), Bomb);
    member.tells(move || {
        let _ours = &bomb;
        String::new()
    });
    let (subject, log) = builder(runner, |_, state, _| state);
    let subject = born(runner, subject.drain_with(member), log);
    runner.block_on(drain.drain_async());
    let (end, log) = subject.end();
    assert!(matches!(end, End::Exited));
    assert!(without_flushes(&log).ends_with(&["exit"]), "{log:?}");
}

/// Posts a command when it is woken.
struct Posts(WeakAddress<Word>);

impl Wake for Posts {
    fn wake(self: Arc<Self>) {
        if let Some(address) = self.0.upgrade() {
            address.post("leave").expect("nobody drains it by hand");
        }
    }
}

/// One that must hear others while it drains takes its stage's guard by `.guard`, and keeps a clone, on which it registers in `Start`
/// a waker that posts a command of its own; it accepts commands until it says `stop`, and the stage waits for that. Nothing is
/// missed, even if the stage starts before.
pub fn one_that_must_still_hear_others_is_drained_by_a_command_of_its_own<R: Runner>(runner: &R) {
    for early in [false, true] {
        let (drain, [stage]) = stages(["stage"]);
        let member = guard(&stage);
        let clone = member.clone();
        let (subject, log) = builder(runner, move |word, state, context| {
            match word {
                "start" => clone.on_start(Waker::from(Arc::new(Posts(context.weak())))),
                "leave" => context.post("answer").expect("it does not drain: others are heard"),
                "answer" => context.stop(),
                _ => {}
            }
            state
        });
        assert!(!early || drain.try_drain().is_err());
        let subject = born(runner, subject.guard(member), log);
        runner.block_on(drain.drain_async());
        subject.heard(&["start", "leave", "answer", "exit"]);
    }
}
