//! A pool with nothing to do does nothing: none of its threads runs at all.
#![cfg(target_os = "linux")]

use rsm::fsm::{Automaton, Context, Input, Pool, Runner};
use rsm::sync::park::Parker;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

struct Idle;

impl Automaton for Idle {
    type State = ();
    type Command = ();
    fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
}

/// How often each thread of that name was put to sleep or preempted: a thread that runs, or makes a system call that waits, adds to it.
fn switches(name: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for thread in fs::read_dir("/proc/self/task").expect("a process can see its threads").flatten() {
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        let field = |field: &str| status.lines().filter(|line| line.contains(field)).collect::<Vec<_>>().join(" ");
        if field("Name:").contains(name) || field("Name:").contains("timers") {
            all.insert(thread.file_name().to_string_lossy().into_owned(), field("ctxt_switches"));
        }
    }
    all
}

/// The processor time of those threads so far, in nanoseconds. A kernel that keeps no exact account counts ticks of 10 ms.
fn used_ns(threads: &BTreeMap<String, String>) -> u64 {
    let read = |id: &String, what: &str| fs::read_to_string(format!("/proc/self/task/{id}/{what}"));
    let number = |text: &str| text.parse::<u64>().expect("a number of the kernel's");
    let used = |id: &String| match read(id, "schedstat") {
        Ok(exact) => number(exact.split(' ').next().unwrap_or_default()),
        Err(_) => {
            let all = read(id, "stat").expect("a kernel that says what its threads have used");
            let ticks = all.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
            ticks.map(number).sum::<u64>() * 10_000_000
        }
    };
    threads.keys().map(used).sum()
}

#[test]
fn a_pool_whose_automata_are_idle_makes_no_system_call() {
    let pool = Pool::builder().workers(4).name("resting").build();
    let many: Vec<_> = (0..100_000).map(|_| pool.spawn(Idle, ())).collect();
    let (parker, patience) = (Parker::new(), Instant::now() + Duration::from_secs(60));
    // Its watcher comes to rest a tenth of a second after the last turn, on a machine that has time for it.
    loop {
        let before = switches("resting-");
        let used = used_ns(&before);
        let _ = parker.park_timeout(Duration::from_secs(2));
        let after = switches("resting-");
        // Four workers and the thread of the timers, once each has got its name.
        if before.len() == 5 && before == after {
            let used = used_ns(&after) - used;
            assert!(used < 200_000, "F12: {used} ns in two seconds are more than a millisecond in ten");
            break;
        }
        assert!(Instant::now() < patience, "F12: it goes on for ever: {before:?} {after:?}");
    }
    drop(many);
    pool.drain_timeout(Duration::from_secs(60)).unwrap_or_else(|alive| panic!("{alive}"));
}
