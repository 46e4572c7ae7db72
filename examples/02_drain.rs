//! Draining by hand: stages of threads end in the order of their work. Each thread holds a guard of its stage's event: with the last
//! one the event is set, and the next stage loses its input. (`sync::drain` makes a type of this: it also names who is late.)
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
//      v guard                v guard                 v guard
//   no_reader ── then ──> no_worker ── then ──>   no_writer
static NO_READER: Event = Event::manual();
static NO_WORKER: Event = Event::manual();
static NO_WRITER: Event = Event::manual();

fn main() {
    let (lines, inbox) = mpsc::bounded::<u64>(16);
    let (results, mut outbox) = mpsc::unbounded::<u64>();
    let inbox = &Lock::new(inbox);
    // The first guard of a stage is taken before any of its threads runs: else it might be over before it has begun.
    let (reader, worker, writer) = (NO_READER.guard(), NO_WORKER.guard(), NO_WRITER.guard());
    thread::scope(|scope| {
        for first in [0, 50, 100, 150] {
            let (guard, lines) = (reader.clone(), lines.clone());
            scope.spawn(move || {
                let _until_the_end = guard; // a panic drops it, too
                lines.send_all(first..first + 50).expect("the workers go later");
            });
        }
        for _ in 0..3 {
            let (guard, results) = (worker.clone(), results.clone());
            scope.spawn(move || {
                let _until_the_end = guard;
                while let Some(line) = { inbox.lock().recv().ok() } {
                    results.send(line).expect("the writer goes last");
                }
            });
        }
        let written = scope.spawn(move || {
            let _until_the_end = writer;
            outbox.iter().fold((0, 0), |(count, sum), it| (count + 1, sum + it))
        });
        drop((reader, lines)); // this thread's own: from here on the stage ends with its last reader
        NO_READER.wait();
        println!("the readers are gone");
        drop((worker, results));
        NO_WORKER.wait();
        println!("the workers are gone");
        NO_WRITER.wait();
        let (count, sum) = written.join().expect("it is gone as it should be");
        println!("the writer is gone: {count} results, their sum is {sum}");
    });
}
