//! Workers, sleepers and thieves in every interleaving of a few threads. Run from `tests/loom/fsm.rs`.
//!
//! The tasks are numbers; all else is what a pool runs.

use super::census::{Census, STRIPES};
use super::floor::Floor;
use super::sleep::Sleep;
use super::spares::{Offered, Spares};
use super::worker::Worker;
use crate::fsm::runner::Task;
use crate::fsm::word::{DRAIN, Duty};
use crate::fsm::{Automaton, Builder, CellId, Context, Home, HomeRef, Input, Mode, Timers};
use crate::mix::mix;
use crate::sync::lock::Lock;
use crate::sync::model::model;
use crate::sync::park::{Parker, Unparker};
use crate::sync::shim::{Arc, Ordering};
use loom::thread;

/// A floor, and who waits until tasks were run.
struct Stage {
    floor: Floor<u32>,
    run: Lock<Vec<u32>>,
    done: Unparker,
}

impl Stage {
    fn new(workers: usize) -> (Arc<Stage>, Parker) {
        let parker = Parker::new();
        let stage = Stage {
            floor: Floor::new(workers, Box::new(|_, _| ()), |_| ()),
            run: Lock::new(Vec::new()),
            done: parker.unparker(),
        };
        (Arc::new(stage), parker)
    }

    /// The life of a worker; a lost wake leaves it asleep, and whoever waits for the task: a deadlock that the model reports (F5).
    fn work(&self, nth: usize) {
        let mut worker = Worker::new(&self.floor, nth);
        while let Some(task) = worker.next() {
            self.floor.places[nth].note(u64::from(task));
            self.run.lock().push(task);
            self.done.unpark();
            self.floor.after_turn(nth);
        }
    }

    fn until(&self, parker: &Parker, tasks: usize) {
        while self.run.lock().len() < tasks {
            parker.park();
        }
    }

    fn has_run(&self) -> Vec<u32> {
        let mut run = self.run.lock().clone();
        run.sort_unstable();
        run
    }
}

/// A task let in while workers look for work, go to sleep, and wake each other.
fn let_in(name: &'static str, preemptions: usize, workers: usize, life: fn(&Stage, usize), ends: bool) {
    model(name, preemptions, move || {
        let (stage, parker) = Stage::new(workers);
        let begin = |nth| {
            let stage = stage.clone();
            thread::spawn(move || life(&stage, nth))
        };
        let threads: Vec<_> = (0..workers).map(begin).collect();
        assert!(stage.floor.let_in(1).is_ok(), "F5: a pool with workers takes tasks");
        if !ends {
            stage.until(&parker, 1);
            loom::stop_exploring(); // how they end is another model
        }
        stage.floor.end();
        threads.into_iter().for_each(|thread| thread.join().expect("a worker ends with its pool"));
        assert_eq!(stage.has_run(), [1], "F2: once");
        assert!(stage.floor.let_in(9).is_err(), "F2: what nobody will run is handed back");
    });
}

/// The only worker looks for work, finds none, and goes to sleep.
pub fn one_worker() {
    let_in("fsm_pool_let_in_sleep", 2, 1, Stage::work, false);
}

/// The pool ends while its worker goes to sleep, or has a task to run.
pub fn one_worker_ends() {
    let_in("fsm_pool_let_in_end", 2, 1, Stage::work, true);
}

/// Two workers go to sleep, and are called.
pub fn two_workers() {
    let sleep_first = |stage: &Stage, nth: usize| {
        stage.floor.sleep(nth, false);
        // Called, so it searches: it finds the task, or goes to sleep like one that begins.
        if let Some(task) = stage.floor.take_in(&stage.floor.places[nth]) {
            stage.run.lock().push(task);
            stage.done.unpark();
        }
        stage.floor.sleep.found();
        stage.work(nth);
    };
    let_in("fsm_pool_let_in_sleep_sleep", 1, 2, sleep_first, false);
}

/// A worker puts one into its own place, and takes from there, while a thief takes half, or the slot of one that stands still: the
/// worker that finds it inside the slot queues what it would put there.
pub fn steal() {
    model("fsm_pool_pop_steal", 2, || {
        let stage = Stage::new(2).0;
        for task in 1..=3 {
            stage.floor.push(&stage.floor.places[0], task, false); // 3 in the slot, 1 and 2 behind
        }
        let thief = {
            let stage = stage.clone();
            thread::spawn(move || {
                let mut loot = Vec::new();
                for slot in [false, true, true] {
                    stage.floor.places[0].steal(slot, &mut loot);
                    stage.run.lock().append(&mut loot);
                }
            })
        };
        let _ = stage.floor.places[0].push(4, false);
        let mut streak = 0;
        while let Some(task) = stage.floor.places[0].pop(&mut streak) {
            stage.run.lock().push(task);
        }
        thief.join().expect("a thief ends");
        assert_eq!(stage.has_run(), [1, 2, 3, 4], "F2: a task is in one place, and goes to one worker");
    });
}

/// The last one searching has found something, and goes into a turn that never ends, while a task is let in: the sleeper is called.
pub fn found_against_push() {
    model("fsm_pool_found_push", 3, || {
        let stage = Stage::new(2).0;
        stage.floor.sleep.lie_down(1, false);
        assert!(stage.floor.sleep.search(), "nobody searches yet");
        let searcher = {
            let stage = stage.clone();
            thread::spawn(move || stage.floor.found())
        };
        assert!(stage.floor.let_in(1).is_ok(), "F5: a pool with workers takes tasks");
        searcher.join().expect("a search ends");
        assert_eq!(stage.floor.sleep.wakes.load(Ordering::Relaxed), 1, "F5: by who let it in, or by who searched");
    });
}

/// The watcher goes to rest while another sleeper is called, who finds work.
pub fn rest() {
    model("fsm_pool_rest_wake", 2, || {
        let sleep = Arc::new(Sleep::new(2));
        sleep.lie_down(0, false);
        sleep.lie_down(1, false);
        let watcher = {
            let sleep = sleep.clone();
            thread::spawn(move || sleep.rest(0)) // one that rests and is not roused sleeps for ever
        };
        sleep.wake_one(); // calls 1
        sleep.wait(1, || unreachable!("1 is not the lowest"));
        sleep.found();
        watcher.join().expect("F5: while one works, another watches");
    });
}

/// A turn blocks: what waits behind it is run by another thread, who gets its place.
pub fn hand_over() {
    model("fsm_pool_hand_over", 1, || {
        let (stage, parker) = Stage::new(1);
        let spares = Arc::new(Spares::new(1));
        let live = {
            let (stage, spares) = (stage.clone(), spares.clone());
            move || {
                while let Some(nth) = spares.wait_for_place() {
                    stage.work(nth);
                }
                spares.thread_is_gone();
            }
        };
        assert_eq!(spares.wait_for_place(), Some(0), "this thread is the worker, in a turn");
        stage.floor.places[0].note(7);
        stage.floor.push(&stage.floor.places[0], 1, false);
        let first = thread::spawn(live.clone()); // a spare, who may wait for a place already or not
        stage.floor.hand_over(0);
        let second = (spares.offer(0) == Offered::Make).then(|| thread::spawn(live));
        stage.until(&parker, 1); // the section: it waits for what waited behind it
        loom::stop_exploring();
        stage.floor.end();
        spares.end();
        first.join().expect("a thread ends with its pool");
        second.into_iter().for_each(|thread| thread.join().expect("a thread ends with its pool"));
        assert_eq!(stage.has_run(), [1], "F2: once");
    });
}

/// Ends when it is drained.
struct Quiet;

impl Automaton for Quiet {
    type State = ();
    type Command = ();
    fn next(&mut self, (): (), _: Input<Self>, _: &mut Context<Self>) {}
}

/// A home that counts, and whose tasks are run by hand.
struct Counted {
    census: Census,
    tasks: Lock<Vec<Task>>,
    timers: Timers,
}

impl Counted {
    fn new() -> (Arc<Counted>, HomeRef) {
        let counted = Counted { census: Census::new(), tasks: Lock::new(Vec::new()), timers: Timers::new() };
        let counted = Arc::new(counted);
        (counted.clone(), HomeRef::new(Share(counted)))
    }

    fn close(&self) {
        self.census.close(DRAIN, |node, flag| match node.signal(flag) {
            Duty::Nothing => {}
            Duty::Schedule => self.tasks.lock().push(Task::new(node.clone())),
        });
    }

    fn run(&self) {
        let next = || self.tasks.lock().pop();
        while let Some(task) = next() {
            task.run();
        }
    }
}

struct Share(Arc<Counted>);

impl Home for Share {
    fn schedule(&self, task: Task) {
        self.0.tasks.lock().push(task);
    }
    fn adopt(&self, newborn: &Task) -> bool {
        self.0.census.adopt(newborn)
    }
    fn ended(&self, cell: CellId) {
        self.0.census.ended(cell);
    }
    fn timers(&self) -> &Timers {
        &self.0.timers
    }
}

/// One whose name falls in that stripe: names are drawn, and a model must run alike each time.
fn in_stripe(home: &HomeRef, stripe: u64) -> Builder<Quiet> {
    let nth = (0..).find(|&nth| mix(home.seed(), 0, nth) % STRIPES as u64 == stripe);
    Builder::child(home, CellId(0), nth.expect("names are spread over all stripes"), Quiet, ())
}

/// The last of one stripe ends while the other is still open, and there one is born: who waits for the last is not told too early.
pub fn close_stripes() {
    model("fsm_pool_close_stripes", 2, || {
        let (counted, home) = Counted::new();
        let first = in_stripe(&home, 0).spawn();
        counted.run(); // its `Start`
        let other = {
            let (counted, home) = (counted.clone(), home.clone());
            thread::spawn(move || {
                counted.run(); // the drain of the first, if it was told
                in_stripe(&home, 1).spawn()
            })
        };
        counted.close();
        let born = other.join().expect("a birth ends");
        assert!(!counted.census.empty.is_set() || counted.census.live() == 0, "F8: told once the last has ended");
        counted.run();
        assert_eq!([first.mode(), born.mode()], [Mode::Ended; 2], "F6: drained, or dead from birth");
        assert!(counted.census.empty.is_set(), "F8: who waits for the last is told");
    });
}

/// A birth while the census is closed: drained, or dead from birth; and the last death tells whoever waits.
pub fn close() {
    model("fsm_pool_close_spawn", 2, || {
        let (counted, home) = Counted::new();
        let births = {
            let (counted, home) = (counted.clone(), home.clone());
            thread::spawn(move || {
                let born = in_stripe(&home, 0).spawn();
                counted.run();
                born
            })
        };
        counted.close();
        counted.run();
        let born = births.join().expect("a birth ends");
        counted.run();
        assert_eq!(born.mode(), Mode::Ended, "F6: drained, or dead from birth");
        assert_eq!(counted.census.live(), 0);
        assert!(counted.census.empty.is_set(), "F8: who waits for the last is told");
    });
}
