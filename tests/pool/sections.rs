//! Sections that may block: nothing waits behind one, and the thread in it does not forget whose turn it is in.

use crate::{answers, doing, ends, hand, tell};
use rsm::fsm::pool::Doing;
use rsm::fsm::{Alive, End, Pool, Runner, Threads};
use rsm::sync::event::Event;
use rsm::sync::oneshot;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn what_waits_behind_a_blocking_section_runs_even_on_a_pool_of_one() {
    let pool = Pool::new(1);
    let other = hand(&pool);
    for _ in 0..100 {
        let (blocked, target) = (hand(&pool), other.clone());
        let (sender, ticket) = oneshot::channel();
        tell(&blocked, move |context| {
            tell(&target, move |_| _ = sender.send(7)); // into our slot
            let seven = context.blocking(|| Threads.block_on(ticket));
            assert_eq!(seven, Ok(7));
            context.stop();
        });
        assert!(matches!(Threads.block_on(blocked.ended()), Ok(End::Exited)));
    }
    assert!(pool.counters().spares < 20, "spare threads are used again: {:?}", pool.counters());
    ends(&pool);
}

#[test]
fn a_panic_in_a_blocking_section_ends_its_automaton_and_no_thread() {
    let pool = Pool::new(1);
    for _ in 0..3 {
        let blocked = hand(&pool);
        tell(&blocked, |context| context.blocking(|| resume_unwind(Box::new("in a section"))));
        assert!(matches!(Threads.block_on(blocked.ended()), Ok(End::Panicked(_))));
        answers(&hand(&pool));
    }
    ends(&pool);
}

#[test]
fn many_sections_block_at_once_and_each_is_run() {
    let pool = Pool::new(2);
    let all = Arc::new(Event::manual());
    let begin = |_| {
        let (all, (begun, begins), (ended, ends)) = (all.clone(), oneshot::channel(), oneshot::channel());
        tell(&hand(&pool), move |context| {
            context.blocking(|| {
                let _ = begun.send(());
                all.wait();
            });
            let _ = ended.send(());
        });
        (begins, ends)
    };
    let (begins, tickets): (Vec<_>, Vec<_>) = (0..64).map(begin).unzip();
    begins.into_iter().for_each(|begins| Threads.block_on(begins).expect("each section begins"));
    answers(&hand(&pool));
    assert!(64 <= pool.counters().spares, "{:?}", pool.counters());
    all.set();
    tickets.into_iter().for_each(|ticket| Threads.block_on(ticket).expect("each section ends"));
    ends(&pool);
}

#[test]
fn a_pool_that_is_dropped_in_a_turn_of_its_own_waits_for_nobody() {
    let pool = Pool::new(1);
    let (owner, other) = (hand(&pool), hand(&pool));
    let [mine, others] = [owner.ended(), other.ended()];
    tell(&owner, move |_| drop(pool));
    for ended in [mine, others] {
        assert!(matches!(Threads.block_on(ended), Ok(End::Killed)));
    }
}

/// Within the section, and later in the turn: in either there is no end to wait for.
#[test]
fn a_pool_that_is_dropped_after_its_turn_has_blocked_waits_for_nobody() {
    for inside in [true, false] {
        let pool = Pool::new(1);
        let (owner, other) = (hand(&pool), hand(&pool));
        answers(&other);
        let [mine, others] = [owner.ended(), other.ended()];
        tell(&owner, move |context| {
            let mut pool = Some(pool);
            context.blocking(|| drop(pool.take_if(|_| inside)));
            drop(pool);
        });
        for ended in [mine, others] {
            assert!(matches!(Threads.block_on(ended), Ok(End::Killed)), "killed at once, and not drained first");
        }
    }
}

#[test]
fn the_second_section_of_a_turn_is_seen_like_the_first() {
    let pool = Arc::new(Pool::new(1));
    let (one, (sender, ticket)) =
        (pool.builder(crate::Hand, crate::Pose::Open).name("one").spawn(), oneshot::channel());
    let inside = pool.clone();
    tell(&one, move |context| {
        let looks = [(); 3].map(|()| context.blocking(|| doing(&inside.alive(), "one")));
        let _ = sender.send((looks, doing(&inside.alive(), "one")));
    });
    let (looks, after) = Threads.block_on(ticket).expect("the turn ends");
    assert!(looks.iter().all(|doing| matches!(doing, Doing::Blocking(_))), "{looks:?}");
    assert!(matches!(after, Doing::Turn(_)), "{after:?}");
    ends(&pool);
}

#[test]
fn a_drain_in_a_turn_of_the_pool_names_its_caller() {
    let pool = Arc::new(Pool::new(1));
    let (one, (sender, ticket)) = (hand(&pool), oneshot::channel());
    let mine = pool.clone();
    tell(&one, move |_| _ = sender.send(mine.drain_timeout(Duration::from_millis(1))));
    let late: Alive = Threads.block_on(ticket).expect("the turn ends").expect_err("the caller lives");
    assert!(late.cells.iter().any(|living| living.cell == one.cell()), "{late}");
    ends(&pool);
}

/// In a process of its own, where the stacks of a few threads fill what memory there may be.
#[cfg(target_os = "linux")]
#[test]
fn where_no_thread_can_be_made_a_section_ends_before_another_begins() {
    const ME: &str = "sections::where_no_thread_can_be_made_a_section_ends_before_another_begins";
    if std::env::var_os("RSM_FEW_THREADS").is_some() {
        return few_threads();
    }
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 1000000 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().expect("a test knows its path"))
        .arg(ME)
        .envs([("RSM_FEW_THREADS", "1"), ("RUST_MIN_STACK", "67108864"), ("MALLOC_ARENA_MAX", "1")])
        .output()
        .expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("sections at once"), "{said}");
    eprint!("{said}");
}

#[cfg(target_os = "linux")]
fn few_threads() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    const SECTIONS: usize = 40;
    let (pool, go, begun) = (Pool::new(1), Arc::new(Event::manual()), Arc::new(AtomicUsize::new(0)));
    let begin = |_| {
        let (go, begun, (sender, ticket)) = (go.clone(), begun.clone(), oneshot::channel());
        tell(&hand(&pool), move |context| {
            context.blocking(|| {
                begun.fetch_add(1, Ordering::Relaxed);
                go.wait();
            });
            let _ = sender.send(());
        });
        ticket
    };
    let tickets: Vec<_> = (0..SECTIONS).map(begin).collect();
    let (mut before, mut now) = (0, usize::MAX);
    while before != now {
        before = now;
        assert!(go.wait_timeout(Duration::from_millis(100)).is_err(), "we have not set it");
        now = begun.load(Ordering::Relaxed);
    }
    eprintln!("{now} sections at once");
    assert!(now < SECTIONS, "there is no room for so many threads");
    go.set();
    tickets.into_iter().for_each(|ticket| Threads.block_on(ticket).expect("each section is run"));
    ends(&pool);
}
