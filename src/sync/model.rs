//! What only models have: their runner, their clock, and switches for faults that a model must find.
//!
//! A model is a small program that loom runs in every interleaving of its threads, within a bound on preemptions. It lives in
//! `tests/loom`, or beside the file it checks under `cfg(all(test, rsm_loom))`, and is run by [`model`].

pub use super::probe::Mutant;
use super::shim::thread::Thread;
use super::shim::{AtomicBool, Ordering};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

loom::lazy_static! {
    static ref CLOCK: Clock = Clock { struck: AtomicBool::new(false), sleepers: loom::sync::Mutex::new(Vec::new()) };
}

struct Clock {
    struck: AtomicBool,
    sleepers: loom::sync::Mutex<Vec<Thread>>,
}

/// The clock of the running execution strikes: every deadline that lies ahead passes.
pub fn strike() {
    // ORDERING: Relaxed, as a clock orders nothing; the mutex behind it makes sure that no sleeper misses the strike.
    CLOCK.struck.store(true, Ordering::Relaxed);
    let sleepers = std::mem::take(&mut *CLOCK.sleepers.lock().expect("nobody panics under it"));
    sleepers.iter().for_each(Thread::unpark);
}

/// Whether the clock has struck.
pub(super) fn has_struck() -> bool {
    CLOCK.struck.load(Ordering::Relaxed)
}

/// Notes whom the clock's strike must wake; false if it has struck already.
pub(super) fn wake_on_strike(thread: &Thread) -> bool {
    let mut sleepers = CLOCK.sleepers.lock().expect("nobody panics under it");
    let early = !has_struck();
    if early {
        sleepers.push(thread.clone());
    }
    early
}

/// How many executions a model must have at least: fewer show nothing.
const EXECUTIONS_MIN: u64 = 100;

/// Runs `body` in every interleaving with at most `preemptions` preemptions, prints how many executions there were and how
/// long they took, and holds that they were enough. A model too small for that repeats its round until it is not.
///
/// With three preemptions or more, which is for models of two threads, it runs for both [`Looks`]; with fewer, which is for
/// more threads, with the newest alone: see [`model_with`].
///
/// # Panics
/// If an execution fails, or there were fewer than 100.
pub fn model(name: &str, preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let looks: &[Looks] = if preemptions < 3 { &[Looks::Newest] } else { &[Looks::Newest, Looks::Any] };
    model_with(name, preemptions, looks, body);
}

/// As [`model`], where the caller says what looks before an exchange see.
///
/// For each it runs twice: once as it is, and once with a switch of threads in the windows of each hand-over, which costs no preemption.
/// But where no look, or no hand-over, was met, another run would be the same once more: it is not made, and not counted.
///
/// # Panics
/// As [`model`].
pub fn model_with(name: &str, preemptions: usize, looks: &[Looks], body: impl Fn() + Sync + Send + 'static) {
    if !is_wanted(name) {
        return;
    }
    let body = Arc::new(body);
    let executions = Arc::new(AtomicU64::new(0));
    let report = Report { name, executions: executions.clone(), start: Instant::now() };
    RUNNING.with_borrow_mut(|running| name.clone_into(running));
    MET.set(Met { look: false, hand_over: false });
    for (nth, (&looks, yields)) in looks.iter().flat_map(|looks| [(looks, false), (looks, true)]).enumerate() {
        let differs = (nth < 2 || MET.get().look) && (!yields || MET.get().hand_over);
        if !differs {
            continue;
        }
        let (body, counted) = (body.clone(), executions.clone());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions + more_preemptions());
        builder.max_branches = 10_000;
        YIELDS.set(yields);
        LOOKS.set(looks);
        builder.check(move || {
            counted.fetch_add(1, Relaxed);
            BLOCKED.with_borrow_mut(Vec::clear); // of an execution that failed
            NUMBER.set(0);
            body();
        });
    }
    drop(report);
    let executions = executions.load(Relaxed);
    assert!(executions >= EXECUTIONS_MIN, "model {name} has {executions} executions: it must repeat its round");
}

/// Whether this model is to run: `RSM_MODEL=name` asks for one alone, `RSM_MODEL=` for their names.
fn is_wanted(name: &str) -> bool {
    let wanted = std::env::var("RSM_MODEL");
    if wanted.as_ref().is_ok_and(String::is_empty) {
        eprintln!("model {name}");
    }
    wanted.map_or(true, |wanted| wanted == name)
}

/// Whether all models run: else what is said about several of them is not to be held.
fn all_are_wanted() -> bool {
    std::env::var_os("RSM_MODEL").is_none()
}

/// `RSM_PREEMPTIONS=n`: so many more than each model says.
fn more_preemptions() -> usize {
    let more = std::env::var("RSM_PREEMPTIONS").map(|more| more.parse().expect("RSM_PREEMPTIONS is a number"));
    more.unwrap_or(0)
}

/// Prints what a model has done, also when it fails.
struct Report<'a> {
    name: &'a str,
    executions: Arc<AtomicU64>,
    start: Instant,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        let (name, executions) = (self.name, self.executions.load(Relaxed));
        let how = if std::thread::panicking() { ", failed" } else { "" };
        eprintln!("model {name}: {executions} executions, {:.1} s{how}", self.start.elapsed().as_secs_f64());
    }
}

/// What a look before an exchange sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Whatever memory may show. But loom remembers one last access of a word: a thread's own look hides from its exchange the
    /// looks of others, so some interleavings are not run.
    Any,
    /// The newest value, as if by an exchange: no interleaving is hidden, and there are far fewer executions.
    Newest,
}

/// Whether a waiter counts as overdue, which no clock decides in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Each one is.
    Always,
    /// None is.
    Never,
}

/// What a model has come by so far, hence what another run of it might do differently.
#[derive(Clone, Copy)]
struct Met {
    look: bool,
    hand_over: bool,
}

thread_local! {
    // loom runs all threads of a model on one thread of the system, so these are the model's own.
    static MUTANT: Cell<Option<Mutant>> = const { Cell::new(None) };
    static OVERDUE: Cell<Overdue> = const { Cell::new(Overdue::Never) };
    static YIELDS: Cell<bool> = const { Cell::new(false) };
    static LOOKS: Cell<Looks> = const { Cell::new(Looks::Any) };
    static NUMBER: Cell<usize> = const { Cell::new(0) };
    static MET: Cell<Met> = const { Cell::new(Met { look: false, hand_over: false }) };
    static RUNNING: RefCell<String> = const { RefCell::new(String::new()) };
    static PANICS: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
    static BLOCKED: RefCell<Vec<(usize, Thread)>> = const { RefCell::new(Vec::new()) };
    static MARKS: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Runs the models in `run` with `mutant` switched on and holds that one of them fails, of itself.
///
/// # Panics
/// As [`fails`]: then the models would not see this fault.
pub fn finds(mutant: Mutant, run: impl FnOnce() + std::panic::UnwindSafe) {
    if !all_are_wanted() {
        return;
    }
    MUTANT.set(Some(mutant));
    fails(&format!("{mutant:?}"), || {
        // Switched off by whatever way out, as the next test of this thread is without it.
        let outcome = std::panic::catch_unwind(run);
        MUTANT.set(None);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Runs the models in `run`, which have something wrong in them, and holds that one fails, of itself: by an assertion, by two
/// threads in one cell, by one that sleeps for ever. One that only spins, or explores too little, has found nothing.
///
/// # Panics
/// If nothing in `run` panics, or only for such a reason.
pub fn fails(what: &str, run: impl FnOnce() + std::panic::UnwindSafe) {
    if !all_are_wanted() {
        return;
    }
    note_panics();
    let Err(panic) = std::panic::catch_unwind(run) else { panic!("no model fails with {what}") };
    let message = message_of(&*panic);
    let model = RUNNING.with_borrow(String::clone);
    let place = PANICS.take().into_iter().find(|(_, said)| *said == message).map(|(place, _)| place);
    assert!(
        is_own(&place.unwrap_or_default(), &message),
        "{what} is found by no model; {model} has but ended: {message}"
    );
    eprintln!("{what}: found by {model}: {}", message.lines().next().unwrap_or_default());
}

/// Whether a model that ended by this panic has failed of itself; as `judged` in `scripts/weaken.py`.
fn is_own(place: &str, message: &str) -> bool {
    let by_loom = ["Causality violation", "deadlock"].iter().any(|start| message.starts_with(start));
    let by_assertion = ["src/", "tests/"].iter().any(|ours| place.starts_with(ours)) && place != file!();
    by_loom || by_assertion
}

/// The text of a panic.
fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default().to_owned()
}

/// From now on each panic's place is kept, which nobody who catches it is told.
fn note_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(|place| place.file().to_owned()).unwrap_or_default();
            PANICS.with_borrow_mut(|panics| panics.push((place, message_of(panic.payload()))));
            before(panic);
        }));
    });
    PANICS.take();
}

/// Runs the models in `run` with every waiter overdue, or none.
pub fn with_overdue(overdue: Overdue, run: impl FnOnce()) {
    /// By whatever way out, as the next test of this thread is without it.
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERDUE.set(Overdue::Never);
        }
    }
    OVERDUE.set(overdue);
    let _restore = Restore;
    run();
}

/// Holds that the models of this test have come by each of these places.
///
/// # Panics
/// If one was never reached: then nothing was shown about it.
pub fn reached(places: &[&str]) {
    let missed: Vec<_> =
        MARKS.with_borrow(|marks| places.iter().filter(|place| !marks.contains_key(*place)).copied().collect());
    assert!(!all_are_wanted() || missed.is_empty(), "no model has come by {missed:?}");
}

/// 0, 1, 2, ..., one after the other in an execution.
pub(super) fn next_number() -> usize {
    NUMBER.replace(NUMBER.get() + 1)
}

/// Whether this fault is switched on.
pub(super) fn has(mutant: Mutant) -> bool {
    MUTANT.get() == Some(mutant)
}

/// Whether waiters count as overdue.
pub(super) fn is_overdue() -> bool {
    OVERDUE.get() == Overdue::Always
}

/// Whether threads switch in the windows of a hand-over.
pub(super) fn yields() -> bool {
    MET.set(Met { hand_over: true, ..MET.get() });
    YIELDS.get()
}

/// Whether looks before an exchange see the newest value.
pub(super) fn looks_are_new() -> bool {
    MET.set(Met { look: true, ..MET.get() });
    LOOKS.get() == Looks::Newest
}

/// Blocks the calling thread until `unblock` of this address. No thread runs between what it has seen and its entry here.
pub(super) fn block(address: usize) {
    let me = super::shim::thread::current();
    BLOCKED.with_borrow_mut(|blocked| blocked.push((address, me)));
    super::shim::park(super::shim::Deadline::NEVER);
}

/// Wakes those who are blocked at this address.
pub(super) fn unblock(address: usize) {
    let freed = BLOCKED.with_borrow_mut(|blocked| blocked.extract_if(.., |(at, _)| *at == address).collect::<Vec<_>>());
    freed.iter().for_each(|(_, thread)| thread.unpark());
}

/// Counts a place.
pub(super) fn mark(place: &'static str) {
    MARKS.with_borrow_mut(|marks| *marks.entry(place).or_default() += 1);
}
