//! Chunks from anything that can be read.

use super::chunk::{Chunk, Lost, Splitter};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

/// How much is asked of the stream at once: what a pipe holds at the most, and enough to pass by any smaller buffer.
const BUFFER: usize = 1 << 20;

/// Why a stream gives no more chunks, though it has not ended.
#[derive(Debug)]
pub enum Broken {
    /// The framing is lost.
    Lost(Lost),
    /// The stream failed.
    Io(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Lost(lost) => write!(f, "the framing is lost: {lost}"),
            Broken::Io(error) => write!(f, "the pipe failed: {error}"),
        }
    }
}

impl std::error::Error for Broken {}

/// An iterator over the chunks of a stream: it ends where the stream ends, also inside a chunk, or with the first
/// [`Broken`].
pub struct Reader<R> {
    stream: Option<R>,
    splitter: Splitter,
    buffer: Vec<u8>,
    ready: VecDeque<Chunk>,
    broken: Option<Broken>,
}

impl<R: Read> Reader<R> {
    /// Reads from `stream`, through a buffer of 1 MiB.
    pub fn new(stream: R) -> Reader<R> {
        let buffer = vec![0; BUFFER];
        Reader { stream: Some(stream), splitter: Splitter::default(), buffer, ready: VecDeque::new(), broken: None }
    }

    /// Reads once; drops the stream where it ends or breaks.
    fn fill(&mut self, mut stream: R) {
        match stream.read(&mut self.buffer) {
            Ok(0) => {}
            Ok(some) => match self.splitter.push(&self.buffer[..some], &mut |chunk| self.ready.push_back(chunk)) {
                Ok(()) => self.stream = Some(stream),
                Err(lost) => self.broken = Some(Broken::Lost(lost)),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.stream = Some(stream),
            Err(error) => self.broken = Some(Broken::Io(error)),
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Chunk, Broken>;

    fn next(&mut self) -> Option<Result<Chunk, Broken>> {
        while self.ready.is_empty() {
            match self.stream.take() {
                Some(stream) => self.fill(stream),
                None => return self.broken.take().map(Err),
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("open", &self.stream.is_some()).field("ready", &self.ready.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::put_chunk;

    /// A stream that gives a byte or an interruption in turn.
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let Some(byte) = (!self.0.is_empty()).then(|| self.0.remove(0)) else { return Ok(0) };
            buffer[0] = byte;
            Ok(1)
        }
    }

    fn kinds(stream: impl Read) -> Vec<Result<u8, String>> {
        Reader::new(stream).map(|chunk| chunk.map(|chunk| chunk.kind).map_err(|broken| broken.to_string())).collect()
    }

    fn two() -> Vec<u8> {
        let mut stream = Vec::new();
        put_chunk(&mut stream, 4, &[b"four"]);
        put_chunk(&mut stream, 5, &[]);
        stream
    }

    #[test]
    fn a_stream_that_ends_inside_a_chunk_has_ended() {
        let mut stream = two();
        stream.extend([9, 1, 1]);
        assert_eq!(kinds(&stream[..]), [Ok(4), Ok(5)]);
        assert_eq!(kinds(Slow(stream, false)), [Ok(4), Ok(5)]);
    }

    #[test]
    fn what_came_before_the_framing_was_lost_is_given_and_then_the_reason_once() {
        let stream = [&two()[..], &[0, 1, 1]].concat();
        let lost = Err("the framing is lost: a chunk of no bytes".to_owned());
        assert_eq!(kinds(&stream[..]), [Ok(4), Ok(5), lost]);
    }
}
