//! Chunks: how a stream of bytes is cut.

use crate::varint;
use bytes::Bytes;
use std::fmt;
use std::mem;

/// The most bytes of kind and rest.
pub const CHUNK_MAX: usize = 8 << 20;
/// The most bytes of a length: as many as [`CHUNK_MAX`] takes.
const HEAD_MAX: usize = varint::len(CHUNK_MAX as u64);

/// One chunk of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What it is.
    pub kind: u8,
    /// The rest, an allocation of its own.
    pub rest: Bytes,
}

/// Appends a chunk whose rest is these parts, one behind the other.
///
/// # Panics
/// If kind and rest have more than [`CHUNK_MAX`] bytes.
pub fn put_chunk(out: &mut Vec<u8>, kind: u8, rest: &[&[u8]]) {
    let len = 1 + rest.iter().map(|part| part.len()).sum::<usize>();
    assert!(len <= CHUNK_MAX, "a chunk has at most 8 MiB");
    out.reserve(len + HEAD_MAX);
    varint::put(out, len as u64);
    out.push(kind);
    rest.iter().for_each(|part| out.extend_from_slice(part));
}

/// Why what stands where a chunk should begin is no chunk: everything that follows is lost with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A length of 0: not even a kind.
    Empty,
    /// A length above [`CHUNK_MAX`], or one of more bytes than that takes.
    TooLong,
    /// A length that is not spelled the shortest way.
    Padded,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lost::Empty => "a chunk of no bytes",
            Lost::TooLong => "a chunk of more than 8 MiB",
            Lost::Padded => "a length that is not spelled the shortest way",
        })
    }
}

impl std::error::Error for Lost {}

/// Cuts a stream into chunks, whatever the pieces in which it comes.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    head: Vec<u8>,
    body: Vec<u8>,
    /// How long the body will be; 0 while the head is not whole.
    len: usize,
}

impl Splitter {
    /// Takes the next piece of the stream, and gives each chunk that it completes to `each`.
    ///
    /// # Errors
    /// [`Lost`]: the chunks before were given. Nothing that comes later can be read.
    pub fn push(&mut self, mut piece: &[u8], each: &mut impl FnMut(Chunk)) -> Result<(), Lost> {
        while !piece.is_empty() {
            if self.len == 0 {
                self.head.push(piece[0]);
                piece = &piece[1..];
                self.len = length(&self.head)?;
                continue;
            }
            let (now, rest) = piece.split_at(piece.len().min(self.len - self.body.len()));
            piece = rest;
            if now.len() == self.len {
                each(chunk(now[0], Bytes::copy_from_slice(&now[1..])));
            } else {
                self.body.extend_from_slice(now);
                if self.body.len() < self.len {
                    continue;
                }
                let body = mem::take(&mut self.body);
                let kind = body[0];
                each(chunk(kind, Bytes::from(body).slice(1..)));
            }
            self.len = 0;
            self.head.clear();
        }
        Ok(())
    }
}

fn chunk(kind: u8, rest: Bytes) -> Chunk {
    Chunk { kind, rest }
}

/// The length that these bytes say; 0 if more of them must come.
fn length(head: &[u8]) -> Result<usize, Lost> {
    match varint::peek(head) {
        varint::Head::Number(0, _) => Err(Lost::Empty),
        varint::Head::Number(len, _) => usize::try_from(len).ok().filter(|&len| len <= CHUNK_MAX).ok_or(Lost::TooLong),
        varint::Head::Short if head.len() < HEAD_MAX => Ok(0),
        varint::Head::Short => Err(Lost::TooLong),
        varint::Head::Bad => Err(Lost::Padded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> (Vec<Chunk>, Result<(), Lost>) {
        let (mut splitter, mut chunks) = (Splitter::default(), Vec::new());
        let end = pieces.iter().try_for_each(|piece| splitter.push(piece, &mut |chunk| chunks.push(chunk)));
        (chunks, end)
    }

    fn three() -> (Vec<u8>, Vec<Chunk>) {
        let chunks: Vec<_> = [0, 126, 127, 20_000].iter().map(|&len| chunk(len as u8, vec![7; len].into())).collect();
        let mut stream = Vec::new();
        chunks.iter().for_each(|chunk| {
            put_chunk(&mut stream, chunk.kind, &[&chunk.rest[..len_of_half(chunk)], &chunk.rest[len_of_half(chunk)..]])
        });
        (stream, chunks)
    }

    fn len_of_half(chunk: &Chunk) -> usize {
        chunk.rest.len() / 2
    }

    #[test]
    fn chunks_come_whole_wherever_the_stream_is_cut() {
        let (stream, chunks) = three();
        for step in [1, 2, 3, 127, 128, 5_000, stream.len()] {
            let pieces: Vec<_> = stream.chunks(step).collect();
            assert_eq!(split(&pieces), (chunks.clone(), Ok(())), "pieces of {step}");
        }
        for cut in 0..300 {
            assert_eq!(split(&[&stream[..cut], &stream[cut..]]).0, chunks, "cut at {cut}");
        }
    }

    #[test]
    fn where_a_chunk_begins_nothing_is_forgiven() {
        let limit = [0x81, 0x80, 0x80, 0x04];
        let cases: [(&[u8], Lost); 6] = [
            (&[0], Lost::Empty),
            (&limit, Lost::TooLong),                    // 8 MiB and one byte
            (&[0x80, 0x80, 0x80, 0x80], Lost::TooLong), // five bytes or more
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 1, 2], Lost::TooLong),
            (&[0x81, 0x00], Lost::Padded),
            (&[0x81, 0x80, 0x80, 0x00], Lost::Padded),
        ];
        for (head, why) in cases {
            let (chunks, end) = split(&[&[1, 9], head]);
            assert_eq!((chunks.len(), end), (1, Err(why)), "{head:?}");
        }
    }

    #[test]
    fn the_largest_chunk_passes() {
        let mut stream = Vec::new();
        put_chunk(&mut stream, 1, &[&vec![3; CHUNK_MAX - 1]]);
        assert_eq!(stream[..4], [0x80, 0x80, 0x80, 0x04]);
        assert_eq!(split(&[&stream]).0[0].rest.len(), CHUNK_MAX - 1);
    }

    #[test]
    fn an_announced_chunk_takes_no_memory_before_it_comes() {
        let mut splitter = Splitter::default();
        splitter.push(&[0x80, 0x80, 0x80, 0x04, 1], &mut |_| panic!("not whole yet")).unwrap();
        assert!(splitter.body.capacity() < 1_000);
    }
}
