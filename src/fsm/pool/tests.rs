//! What of a pool is not seen from outside: limits, and what a defect of ours costs.

use super::Pool;
use super::census::STRIPES;
use super::floor::Floor;
use super::queues::Place;
use super::spares::{Offered, Spares};
use crate::fsm::runner::{Runner, Task};
use crate::fsm::word::{DRAIN, KILL, Phase};
use crate::fsm::{Automaton, Context, Input};
use crate::sync::oneshot;
use crate::sync::testing::Wakes;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context as Polled, Waker};
use std::thread;
use std::time::{Duration, Instant};

struct Quiet;

impl Automaton for Quiet {
    type State = ();
    type Command = ();
    fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_streak_of_a_slot_that_always_goes_first_has_no_end() {
    let (place, mut streak) = (Place::new(|_| ()), u32::MAX);
    for task in 0..3 {
        let _mine = place.push(task, false);
        assert_eq!(place.pop(&mut streak), Some(task));
    }
}

#[test]
fn a_queue_that_was_long_gives_its_memory_back_however_it_is_emptied() {
    let (place, burst) = (Place::new(|_| ()), 5_000);
    let empty: [&dyn Fn(); 3] = [
        &|| while place.pop(&mut 0).is_some() {},
        &|| (0..20).for_each(|_| place.steal(false, &mut Vec::new())),
        &|| drop(place.clear()),
    ];
    for (nth, empty) in empty.iter().enumerate() {
        place.extend(0..burst);
        assert!(burst <= place.capacity());
        empty();
        assert!(!place.has_work() && place.capacity() <= 1_024, "F12: {nth}");
    }
}

#[test]
fn a_worker_is_alone_only_if_there_is_nothing_to_steal_either() {
    let floor = Floor::new(2, Box::new(|_, _| ()), |_| ());
    let works = || (floor.has_work_beside(0), floor.has_work_beside(1));
    assert_eq!(works(), (false, false));
    floor.push(&floor.places[1], 1, false);
    assert_eq!(works(), (false, true), "what the other does next is the other's");
    floor.push(&floor.places[1], 2, false);
    assert_eq!(works(), (true, true), "one lies in its queue");
    let (_mine, _next) = (floor.places[1].pop(&mut 0), floor.places[1].pop(&mut 0));
    assert_eq!(works(), (false, false));
    assert!(floor.let_in(3).is_ok());
    assert_eq!(works(), (true, true));
}

#[test]
fn a_panic_that_comes_past_a_turn_costs_neither_the_worker_nor_its_place() {
    let pool = Pool::new(1);
    for _ in 0..3 {
        let address = pool.spawn(Quiet, ());
        let node = address.port().clone().into_node();
        let patience = Instant::now() + SOON;
        while node.word().phase() != Phase::Idle {
            assert!(Instant::now() < patience, "it comes to rest");
            thread::yield_now();
        }
        pool.home.get().schedule(Task::new(node)); // a second task of a cell that has nothing to do: the assert of F2 fails
    }
    let other = pool.spawn(Quiet, ());
    pool.drain_timeout(SOON).unwrap_or_else(|alive| panic!("{alive}"));
    assert_eq!(other.counters().turns, 1);
}

#[test]
fn who_has_waited_in_a_strict_pool_is_forgotten() {
    let pool = Pool::builder().workers(1).strict().build();
    for _ in 0..50 {
        let (sender, ticket) = oneshot::channel();
        thread::scope(|scope| {
            scope.spawn(|| pool.block_on(ticket));
            assert!(sender.send(()).is_ok());
        });
    }
    assert_eq!(pool.shared.waiting(), 0);
}

/// Two waits of one task, one of which is over.
#[test]
fn a_wait_that_is_over_leaves_the_others_of_its_task() {
    let pool = Pool::builder().workers(1).strict().build();
    let _lingers = pool.spawn(Quiet, ());
    let mut context = Polled::from_waker(Waker::noop());
    let mut stays = Box::pin(pool.shared.unless_strict(std::future::pending::<()>()));
    let mut goes = Box::pin(pool.shared.unless_strict(std::future::pending::<()>()));
    assert!(stays.as_mut().poll(&mut context).is_pending() && goes.as_mut().poll(&mut context).is_pending());
    drop(goes);
    assert_eq!(pool.shared.waiting(), 1, "a panic wakes it still");
    let (_, another) = Wakes::new();
    assert!(stays.as_mut().poll(&mut Polled::from_waker(&another)).is_pending());
    assert_eq!(pool.shared.waiting(), 1, "and once, by its last waker");
    drop(stays);
    assert_eq!(pool.shared.waiting(), 0);
}

#[test]
fn what_is_asked_of_all_while_they_are_told_something_else_is_told_too() {
    let pool = Pool::new(1);
    let _one = pool.spawn(Quiet, ());
    let mut told = Vec::new();
    pool.shared.census.close(DRAIN, |_, flag| {
        told.push(flag);
        if flag == DRAIN {
            pool.shared.census.close(KILL, |_, _| panic!("the list is with who tells"));
        }
    });
    assert_eq!(told, [DRAIN, KILL]);
    pool.shared.close(KILL);
}

#[test]
fn the_memory_of_those_who_die_while_all_are_told_is_given_back() {
    let pool = Pool::new(1);
    let mut many: BTreeMap<_, _> =
        (0..100 * STRIPES).map(|_| pool.spawn(Quiet, ())).map(|one| (one.port().node().id(), one)).collect();
    pool.shared.census.close(DRAIN, |node, _| {
        drop(many.remove(&node.id())); // the last address
        while Arc::strong_count(&node) != 1 {
            thread::yield_now();
        }
    });
    assert_eq!((many.len(), pool.shared.census.live(), pool.shared.census.listed()), (0, 0, 0));
}

#[test]
fn of_all_threads_beside_the_workers_at_most_512_are_made() {
    let spares = Spares::new(2);
    assert_eq!([spares.wait_for_place(), spares.wait_for_place()], [Some(0), Some(1)]);
    let made = (0..600).filter(|_| spares.offer(0) == Offered::Make).count();
    assert_eq!((made, spares.count(2)), (512, 512));
    assert!((0..600).all(|_| spares.wait_for_place() == Some(0)), "and no place is lost");
    spares.thread_is_gone();
    assert_eq!([spares.offer(0), spares.offer(0)], [Offered::Make, Offered::Taken], "one is gone: one may come");
}

#[test]
fn a_thread_without_a_place_ends_when_none_is_free_in_time() {
    let spares = Spares::keeping(1, Duration::from_millis(1));
    assert_eq!(spares.wait_for_place(), Some(0));
    assert_eq!(spares.wait_for_place(), None, "it ends");
    spares.thread_is_gone();
    assert_eq!(spares.offer(0), Offered::Make, "nobody waits any more");
}

#[test]
fn of_many_dead_most_are_off_the_list_and_the_living_are_told_of_a_drain() {
    let pool = Pool::new(1);
    let mut all: Vec<_> = (0..4_000).map(|_| pool.spawn(Quiet, ())).collect();
    for address in all.drain(..3_000) {
        let mut ended = address.ended();
        address.stop();
        drop(address);
        assert!(ended.wait_timeout(SOON).is_ok(), "it is told to stop");
    }
    let listed = pool.shared.census.listed();
    assert!((1_000..2_500).contains(&listed), "{listed} of 4,000 are listed, and 1,000 live");
    pool.drain_timeout(SOON).unwrap_or_else(|alive| panic!("{alive}"));
}
