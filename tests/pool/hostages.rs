//! A task that a turn has woken, and that would wait for its end, is stolen: soon, although it calls nobody.

use crate::{Held, answers, ends, hand, tell};
use rsm::fsm::{Pool, Runner, Threads};
use rsm::sync::oneshot;
use std::fs;
use std::time::{Duration, Instant};

const NAME: &str = "hostages";

/// How long a thread has been ready to run, and not run, so far: the machine's doing, not the pool's. Nothing where the kernel does not
/// tell.
fn ready(thread: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split(' ').nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// The worker that is not the calling one.
fn other() -> Option<String> {
    let me = fs::read_link("/proc/thread-self").ok()?;
    let all = fs::read_dir("/proc/self/task").ok()?.flatten().map(|thread| thread.path());
    let is_other = |thread: &std::path::PathBuf| {
        let named = fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.starts_with(NAME));
        named && thread.file_name() != me.file_name()
    };
    let other = all.filter(is_other).last()?;
    Some(format!("self/task/{}", other.file_name()?.to_str()?))
}

/// How late one hostage starts, counted from when it is in the slot of a turn that does not end, and without the time that the
/// thread which takes it was ready and the machine had no processor for it. `None`: the turn itself was put aside meanwhile.
fn late(pool: &Pool, hostage: &crate::Address<crate::Act>) -> Option<Duration> {
    let (target, (sender, started)) = (hostage.clone(), oneshot::channel());
    let (told, tells) = oneshot::channel();
    let held = Held::new(pool, move |_| {
        // Long enough for the other worker to have gone to sleep: into our slot, a task calls nobody.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        let other = other();
        let (begun, before) = (Instant::now(), other.as_deref().map_or(Duration::ZERO, ready));
        tell(&target, move |_| {
            let ready = other.map_or(Duration::ZERO, |_| ready("thread-self"));
            let _ = sender.send((Instant::now(), ready.saturating_sub(before)));
        });
        let _ = told.send((begun, Instant::now()));
    });
    let (begun, told) = Threads.block_on(tells).expect("the turn goes so far");
    let (started, ready) = Threads.block_on(started).expect("the hostage starts although the turn does not end");
    held.go.set();
    let is_smooth = told.duration_since(begun) < Duration::from_millis(1);
    is_smooth.then(|| started.saturating_duration_since(told).saturating_sub(ready))
}

#[test]
fn what_a_long_turn_has_woken_starts_on_an_idle_worker_within_two_milliseconds() {
    let pool = Pool::builder().workers(2).name(NAME).build();
    let hostage = hand(&pool);
    answers(&hostage);
    let mut all: Vec<_> = (0..1_000).filter_map(|_| late(&pool, &hostage)).take(50).collect();
    all.sort_unstable();
    eprintln!("a hostage started after {:?} (best), {:?} (median), {:?} (worst)", all[0], all[25], all[49]);
    assert!(all[45] < Duration::from_millis(2), "nine in ten at least: {all:?}");
    ends(&pool);
}
