//! A pipe joins two programs that share nothing but a stream of bytes. Chunks say where a message begins and ends, however
//! the stream is cut on its way. `feed` makes an automaton's commands of them; an `Outbox` carries what it says back, and
//! never makes it wait. Both programs are in this process here: the pipe does not know.
//!
//! ```text
//! hello: 5 letters, 5 in all
//! you: 3 letters, 8 in all
//! there: 5 letters, 13 in all
//! the answers have ended
//! ```
#![allow(clippy::print_stdout, reason = "a chapter prints")]

use rsm::fsm::{Automaton, Context, Input, Runner, Threads};
use rsm::pipe::{Heard, Outbox, Reader, feed, put_chunk};
use std::io::{self, Write};

const WORD: u8 = 1;
const ANSWER: u8 = 2;

/// Counts letters: all it knows of its user is an outbox.
struct Counter {
    outbox: Outbox,
    letters: usize,
}

impl Automaton for Counter {
    type State = ();
    type Command = Heard;

    fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
        match input {
            Input::Command(Heard::Chunk(word)) => {
                self.letters += word.rest.len();
                let counted = format!(": {} letters, {} in all", word.rest.len(), self.letters);
                self.outbox.keep(ANSWER, &[&word.rest, counted.as_bytes()]);
            }
            Input::Command(Heard::Ended(_)) => context.stop(),
            Input::Exit => self.outbox.close(),
            Input::Start | Input::Transition { .. } | Input::Drain => {}
        }
    }
}

fn main() -> io::Result<()> {
    let ((words, mut to_counter), (answers, to_us)) = (io::pipe()?, io::pipe()?);
    let (outbox, _written) = Outbox::spawn(to_us, 0, 1 << 20)?;
    feed(words, Some, Threads.spawn(Counter { outbox, letters: 0 }, ()))?;

    let mut stream = Vec::new();
    ["hello", "you", "there"].iter().for_each(|word| put_chunk(&mut stream, WORD, &[word.as_bytes()]));
    stream.chunks(3).try_for_each(|piece| to_counter.write_all(piece))?;
    drop(to_counter); // the end of our stream ends the counter, and its end ends the answers

    for answer in Reader::new(answers) {
        println!("{}", String::from_utf8_lossy(&answer.map_err(io::Error::other)?.rest));
    }
    println!("the answers have ended");
    Ok(())
}
