//! A pool with nothing to do does nothing: none of its threads runs at all.
//!
//! With 100,000 automata for two seconds, or as many and as long as is said:
//!
//! ```text
//! RSM_IDLE_AUTOMATA=1000000 RSM_IDLE_SECONDS=10 cargo test --test idle -- --nocapture
//! ```
#![cfg(target_os = "linux")]

use rsm::fsm::{Automaton, Context, Input, Pool, Runner};
use rsm::sync::park::Parker;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

struct Idle;

impl Automaton for Idle {
    type State = ();
    type Command = ();
    fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
}

/// A thread, as the kernel sees it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// It waits for something, and neither runs nor could.
    sleeps: bool,
    /// How often it was put to sleep or preempted: a thread that runs, or makes a system call that waits, adds to it.
    switches: u64,
    /// Its processor time so far. A kernel that keeps no exact account counts ticks of 10 ms.
    used: Duration,
}

fn number(text: &str) -> u64 {
    text.trim().parse().expect("a number of the kernel's")
}

fn used(thread: &Path) -> Duration {
    Duration::from_nanos(match fs::read_to_string(thread.join("schedstat")) {
        Ok(exact) => number(exact.split(' ').next().unwrap_or_default()),
        Err(_) => {
            let all = fs::read_to_string(thread.join("stat")).expect("a kernel that says what its threads have used");
            let ticks = all.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
            ticks.map(number).sum::<u64>() * 10_000_000
        }
    })
}

/// The four workers and the thread of the timers, once each has got its name. With `time_first` the processor time is read before all else,
/// so that between two looks, the first without and the second with, it lies within what the rest says.
fn look(time_first: bool) -> Option<BTreeMap<PathBuf, Seen>> {
    let mut all = BTreeMap::new();
    for thread in fs::read_dir("/proc/self/task").expect("a process can see its threads").flatten() {
        let thread = thread.path();
        let early = time_first.then(|| used(&thread));
        let Ok(status) = fs::read_to_string(thread.join("status")) else { continue };
        let field = |name: &str| status.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>();
        let name = field("Name:\t").concat();
        if name.starts_with("resting-") || name.contains("timers") {
            let switches = [field("voluntary_ctxt_switches:"), field("nonvoluntary_ctxt_switches:")].concat();
            let switches = switches.into_iter().map(number).sum();
            let (sleeps, used) = (field("State:\t").concat().starts_with('S'), early.unwrap_or_else(|| used(&thread)));
            all.insert(thread, Seen { sleeps, switches, used });
        }
    }
    (all.len() == 5).then_some(all)
}

/// What they have done from one look to another: switches, and processor time.
fn done(before: &BTreeMap<PathBuf, Seen>, after: &BTreeMap<PathBuf, Seen>) -> (u64, Duration) {
    assert!(before.keys().eq(after.keys()), "no thread comes or goes");
    let pairs = || before.values().zip(after.values());
    (
        pairs().map(|(before, after)| after.switches - before.switches).sum(),
        pairs().map(|(before, after)| after.used.saturating_sub(before.used)).sum(),
    )
}

/// What `strace` sees those threads do in that many seconds: the calls that end, each with its line. `None` where there is none, or none may
/// look into this process.
fn calls(threads: &BTreeMap<PathBuf, Seen>, seconds: u64) -> Option<Vec<String>> {
    let mut strace = Command::new("timeout");
    strace.args(["-s", "INT", &seconds.to_string(), "strace", "-qq"]);
    for thread in threads.keys() {
        strace.arg("-p").arg(thread.file_name()?);
    }
    let said = String::from_utf8_lossy(&strace.output().ok()?.stderr).into_owned();
    // Each thread is shown in the call that it waits in, once; whatever it does besides ends that call.
    let waits = |line: &&str| line.contains("<detached ...>");
    let done = said.lines().filter(|line| !waits(line) && !line.contains("<unfinished ...>"));
    said.lines().any(|line| waits(&line)).then(|| done.map(str::to_owned).collect())
}

/// What the environment says, or this.
fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| number(&text))
}

#[test]
fn a_pool_whose_automata_are_idle_makes_no_system_call() {
    let (automata, seconds) = (asked("RSM_IDLE_AUTOMATA", 100_000), asked("RSM_IDLE_SECONDS", 2));
    let pool = Pool::builder().workers(4).name("resting").build();
    let many: Vec<_> = (0..automata).map(|_| pool.spawn(Idle, ())).collect();
    let (parker, mut first) = (Parker::new(), None);
    // Its watcher comes to rest after 128 looks. However long a machine takes that has no time for it, it does not do more than that.
    for _ in 0..1_000 {
        let before = look(false);
        let _ = parker.park_timeout(Duration::from_secs(seconds));
        let (Some(before), Some(after)) = (before, look(true)) else { continue };
        let (switches, used) = done(&before, &after);
        if before.values().chain(after.values()).all(|thread| thread.sleeps) && switches == 0 {
            assert!(
                used < Duration::from_micros(100) * seconds as u32,
                "F12: {used:?} in {seconds} seconds are more than a millisecond in ten"
            );
            let calls = calls(&after, seconds.div_ceil(2));
            eprintln!("{automata} automata, {seconds} s: {used:?}, system calls by strace: {calls:?}");
            assert!(calls.is_none_or(|calls| calls.is_empty()), "F12: a thread has made a system call");
            drop(many);
            return pool.drain_timeout(Duration::from_secs(60)).unwrap_or_else(|alive| panic!("{alive}"));
        }
        let (switches, used) = done(first.get_or_insert(before), &after);
        assert!(switches < 5_000 && used < Duration::from_secs(5), "F12: it goes on for ever: {switches}, {used:?}");
    }
    panic!("F12: it does not come to rest");
}
