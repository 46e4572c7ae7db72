//! A pipe pasted on an automaton.

use super::chunk::Chunk;
use super::reader::{Broken, Reader};
use crate::fsm::{Address, Rejected};
use std::io::{self, Read};
use std::thread;
use std::time::Duration;

/// How long the reader waits, at first and at most, before it offers a command again to a full inbox.
const WAIT: Duration = Duration::from_micros(50);
const WAIT_MAX: Duration = Duration::from_millis(2);

/// What comes of a stream.
#[derive(Debug)]
pub enum Heard {
    /// A whole chunk.
    Chunk(Chunk),
    /// Nothing more: the stream has ended, or why it gives no more. Once, and last.
    Ended(Result<(), Broken>),
}

/// Reads chunks from `stream` on a thread of its own, and posts to the automaton what `parse` makes of them.
///
/// A full inbox is waited for, so that the other end is held back by its own pipe. The thread keeps the automaton from
/// draining for want of addresses. It ends with the stream, or with the first chunk that an automaton which drains or has
/// ended is offered; a read that is under way is not cut short by that.
///
/// ```
/// use rsm::fsm::{Automaton, Context, Input, Runner, Threads};
/// use rsm::pipe::{Heard, feed, put_chunk};
/// use rsm::sync::mpsc;
///
/// /// Adds what it is told, and says the sum at the end.
/// struct Sum(u64, mpsc::Sender<u64>);
/// enum Command { Add(u64), Over }
///
/// impl Automaton for Sum {
///     type State = ();
///     type Command = Command;
///     fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
///         match input {
///             Input::Command(Command::Add(number)) => self.0 += number,
///             Input::Command(Command::Over) => context.stop(),
///             Input::Exit => self.1.send(self.0).expect("somebody waits"),
///             Input::Start | Input::Transition { .. } | Input::Drain => {}
///         }
///     }
/// }
///
/// let (said, mut sum) = mpsc::unbounded();
/// let (ours, mut theirs) = std::io::pipe()?;
/// feed(ours, |heard| match heard {
///     Heard::Chunk(chunk) => Some(Command::Add(u64::from(chunk.kind))),
///     Heard::Ended(_) => Some(Command::Over),
/// }, Threads.spawn(Sum(0, said), ()))?;
///
/// let mut stream = Vec::new();
/// (1..=10).for_each(|number| put_chunk(&mut stream, number, &[]));
/// std::io::Write::write_all(&mut theirs, &stream)?;
/// drop(theirs);
/// assert_eq!(sum.recv(), Ok(55));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If no thread can be made.
pub fn feed<C: Send + 'static>(
    stream: impl Read + Send + 'static,
    mut parse: impl FnMut(Heard) -> Option<C> + Send + 'static,
    address: Address<C>,
) -> io::Result<()> {
    let read = move || {
        let mut reader = Reader::new(stream);
        loop {
            let (heard, over) = match reader.next() {
                Some(Ok(chunk)) => (Heard::Chunk(chunk), false),
                Some(Err(broken)) => (Heard::Ended(Err(broken)), true),
                None => (Heard::Ended(Ok(())), true),
            };
            let taken = parse(heard).is_none_or(|command| offer(&address, command));
            if over || !taken {
                return;
            }
        }
    };
    thread::Builder::new().name("pipe reader".into()).spawn(read).map(drop)
}

/// Posts the command, as soon as there is room; false if there never will be.
pub(crate) fn offer<C>(address: &Address<C>, mut command: C) -> bool {
    let mut wait = WAIT;
    loop {
        match address.post(command) {
            Ok(()) => return true,
            Err(Rejected::Full(refused)) => command = refused,
            Err(Rejected::Draining(_) | Rejected::Dead(_)) => return false,
        }
        thread::sleep(wait);
        wait = WAIT_MAX.min(2 * wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsm::{Automaton, Bounded, Context, Input, Mode, Runner, Threads};
    use crate::pipe::put_chunk;
    use crate::sync::event::Event;
    use std::io::Write;
    use std::sync::Arc;

    /// Hears kinds, and passes on what it heard when the stream has ended. Waits for the event before each.
    struct Listener {
        heard: Vec<u8>,
        go: Arc<Event>,
        tell: Option<crate::sync::oneshot::Sender<(Vec<u8>, String)>>,
    }

    enum Command {
        Kind(u8),
        Over(String),
    }

    impl Automaton for Listener {
        type State = ();
        type Command = Command;

        fn next(&mut self, (): (), input: Input<Self>, context: &mut Context<Self>) {
            self.go.wait();
            match input {
                Input::Command(Command::Kind(kind)) => self.heard.push(kind),
                Input::Command(Command::Over(why)) => {
                    let tell = self.tell.take().expect("it ends once");
                    assert!(tell.send((std::mem::take(&mut self.heard), why)).is_ok());
                    context.stop();
                }
                Input::Start | Input::Transition { .. } | Input::Drain | Input::Exit => {}
            }
        }
    }

    fn parse(heard: Heard) -> Option<Command> {
        match heard {
            Heard::Chunk(chunk) => (chunk.kind != 0).then_some(Command::Kind(chunk.kind)),
            Heard::Ended(end) => Some(Command::Over(end.map_or_else(|broken| broken.to_string(), |()| "end".into()))),
        }
    }

    type Told = crate::sync::oneshot::Ticket<(Vec<u8>, String)>;

    fn listener(go: &Arc<Event>) -> (Address<Command>, Told) {
        let (sender, told) = crate::sync::oneshot::channel();
        let listener = Listener { heard: Vec::new(), go: Arc::clone(go), tell: Some(sender) };
        (Threads.builder(listener, ()).inbox(Bounded(2)).spawn(), told)
    }

    fn kinds(kinds: impl IntoIterator<Item = u8>) -> Vec<u8> {
        let mut stream = Vec::new();
        kinds.into_iter().for_each(|kind| put_chunk(&mut stream, kind, &[b"rest"]));
        stream
    }

    #[test]
    fn what_comes_reaches_the_automaton_in_order_though_its_inbox_is_small_and_it_is_slow_to_begin() {
        let go = Arc::new(Event::manual());
        let (address, told) = listener(&go);
        let (ours, mut theirs) = io::pipe().unwrap();
        feed(ours, parse, address).unwrap();
        theirs.write_all(&kinds((0..=255).chain(1..=200))).unwrap();
        drop(theirs);
        go.set();
        let all: Vec<_> = (1..=255).chain(1..=200).collect();
        assert_eq!(told.wait().unwrap(), (all, "end".to_owned()), "and what `parse` passes over does not");
    }

    #[test]
    fn the_automaton_hears_that_the_framing_is_lost_and_nothing_after() {
        let go = Arc::new(Event::manual());
        go.set();
        let (address, told) = listener(&go);
        let stream = [kinds([1, 2]), vec![0], kinds([3])].concat();
        feed(io::Cursor::new(stream), parse, address).unwrap();
        assert_eq!(told.wait().unwrap(), (vec![1, 2], "the framing is lost: a chunk of no bytes".to_owned()));
    }

    #[test]
    fn a_pipe_lets_go_of_an_automaton_that_has_ended() {
        let go = Arc::new(Event::manual());
        go.set();
        let (address, _told) = listener(&go);
        let ended = address.ended();
        let (ours, mut theirs) = io::pipe().unwrap();
        feed(ours, parse, address.clone()).unwrap();
        address.kill();
        ended.wait().unwrap();
        assert_eq!(address.mode(), Mode::Ended);
        // Whatever is written then finds nobody, once the reader has seen that.
        let mut write = || theirs.write_all(&kinds([1; 200]));
        assert_eq!(
            std::iter::from_fn(|| Some(write())).find_map(Result::err).unwrap().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
