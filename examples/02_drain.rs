//! Draining: three stages of threads end in the order of their work, so that nothing accepted is lost. Each thread of a stage
//! holds a guard of the stage's event; when the last one is gone, by whatever road, the event is set, and the stage behind it
//! loses its input. Nobody counts, and nobody is told to stop.
//!
//! ```text
//! the readers are gone
//! the workers are gone
//! the writer is gone: 200 results, their sum is 19900
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::sync::event::Event;
use rsm::sync::lock::Lock;
use rsm::sync::mpsc;
use std::thread;

//   4 readers ── lines ──> 3 workers ── results ──> writer
//      │ guard                │ guard                 │ guard
//      v                      v                       v
//   no_reader ── then ──> no_worker ── then ──>   no_writer
static NO_READER: Event = Event::manual();
static NO_WORKER: Event = Event::manual();
static NO_WRITER: Event = Event::manual();

fn main() {
    let (lines, inbox) = mpsc::bounded::<u64>(16);
    let (results, mut outbox) = mpsc::unbounded::<u64>();
    let inbox: &'static Lock<_> = Box::leak(Box::new(Lock::new(inbox)));
    let total: &'static Lock<(u64, u64)> = Box::leak(Box::new(Lock::new((0, 0))));

    // The first guard of a stage is taken before any of its threads runs: else it might be over before it has begun.
    let (reader, worker, writer) = (NO_READER.guard(), NO_WORKER.guard(), NO_WRITER.guard());
    for first in [0, 50, 100, 150] {
        let (guard, lines) = (reader.clone(), lines.clone());
        thread::spawn(move || (lines.send_all(first..first + 50), drop(guard)));
    }
    for _ in 0..3 {
        let (guard, results) = (worker.clone(), results.clone());
        thread::spawn(move || {
            let _until_the_end = guard; // a panic drops it, too
            while let Some(line) = { inbox.lock().recv().ok() } {
                results.send(line).expect("the writer goes last");
            }
        });
    }
    thread::spawn(move || {
        (*total.lock() = outbox.iter().fold((0, 0), |(count, sum), it| (count + 1, sum + it)), drop(writer))
    });

    drop((reader, lines)); // this thread's own: from here on the stage ends with its last reader
    NO_READER.wait();
    println!("the readers are gone");
    drop((worker, results));
    NO_WORKER.wait();
    println!("the workers are gone");
    NO_WRITER.wait();
    let (count, sum) = *total.lock();
    println!("the writer is gone: {count} results, their sum is {sum}");
}
