//! What waits to be written: bounded, and never in the way of whoever has something to say.
//!
//! ```text
//!   any thread ── keep: whole chunks, all of them written ──────────┐
//!              ── packet: to, bytes; the oldest dropped when full ──┴─> writer thread ──> stream
//!                                                    grouped by receiver into chunks
//! ```
//! No linger timer: a lone packet is written at once, and what gathers while a write is in flight goes together next.

use super::batch::put_packet;
use super::chunk::{CHUNK_MAX, put_chunk};
use crate::sync::event::Event;
use crate::sync::lock::Lock;
use crate::sync::oneshot::{self, Ticket};
use crate::varint;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::thread;

/// A batch is cut where it has come to so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// A buffer that has grown beyond this is given back once it is empty.
const BUFFER_KEPT: usize = 1 << 20;
/// The longest packet: what a chunk holds beside its kind, a receiver, and a length.
pub const PACKET_MAX: usize = CHUNK_MAX - 1 - 2 * varint::BYTES_MAX;

/// The writing end of a pipe. A clone is another handle of it.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Lock<Waiting>,
    wake: Event,
    packets_kind: u8,
    packet_bytes_max: usize,
}

#[derive(Default)]
struct Waiting {
    kept: Vec<u8>,
    packets: Packets,
    dropped: u64,
    closed: bool,
    /// The stream has failed: nothing is taken any more.
    broken: bool,
}

/// Packets in order of age, in one buffer.
#[derive(Default)]
struct Packets {
    bytes: Vec<u8>,
    /// Where the oldest begins.
    start: usize,
    list: VecDeque<(u64, usize)>,
}

impl Outbox {
    /// Writes to `stream` on a thread of its own, until [`close`](Outbox::close), or until the stream fails: the thread
    /// then drops the stream, and ends. The ticket says how.
    ///
    /// Packets go in chunks of kind `packets_kind`, as `varint to | batch`; at most `packet_bytes_max` bytes of them wait.
    ///
    /// # Errors
    /// If no thread can be made.
    pub fn spawn(
        stream: impl Write + Send + 'static,
        packets_kind: u8,
        packet_bytes_max: usize,
    ) -> io::Result<(Outbox, Ticket<io::Result<()>>)> {
        let shared =
            Shared { waiting: Lock::new(Waiting::default()), wake: Event::new(), packets_kind, packet_bytes_max };
        let outbox = Outbox { shared: Arc::new(shared) };
        let writer = Writer { shared: Arc::clone(&outbox.shared), stream, groups: Vec::new(), out: Vec::new() };
        let (tell, ended) = oneshot::channel();
        // Nobody needs to wait for the end.
        let run = move || drop(tell.send(writer.run()));
        thread::Builder::new().name("pipe writer".into()).spawn(run)?;
        Ok((outbox, ended))
    }

    /// Takes a chunk that will be written, whatever waits.
    ///
    /// # Panics
    /// If the chunk is longer than [`CHUNK_MAX`].
    pub fn keep(&self, kind: u8, rest: &[&[u8]]) {
        let mut waiting = self.shared.waiting.lock();
        if !waiting.broken {
            put_chunk(&mut waiting.kept, kind, rest);
            drop(waiting);
            self.shared.wake.set();
        }
    }

    /// Takes a packet for `to`. If there is no room, the oldest ones that wait make some; one longer than
    /// [`PACKET_MAX`] is dropped itself.
    pub fn packet(&self, to: u64, packet: &[u8]) {
        let mut waiting = self.shared.waiting.lock();
        if waiting.broken {
            return;
        }
        if PACKET_MAX < packet.len() || self.shared.packet_bytes_max < packet.len() {
            waiting.dropped += 1;
            return;
        }
        while self.shared.packet_bytes_max < waiting.packets.len() + packet.len() {
            waiting.packets.drop_oldest();
            waiting.dropped += 1;
        }
        waiting.packets.push(to, packet);
        drop(waiting);
        self.shared.wake.set();
    }

    /// How many packets were dropped for want of room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.waiting.lock().dropped
    }

    /// How many bytes of chunks that must be kept are waiting: who lets others cause them, stops at some number.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.shared.waiting.lock().kept.len()
    }

    /// What waits is written still, then the stream is dropped.
    pub fn close(&self) {
        self.shared.waiting.lock().closed = true;
        self.shared.wake.set();
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.shared.waiting.lock();
        f.debug_struct("Outbox")
            .field("kept", &waiting.kept.len())
            .field("packets", &waiting.packets.list.len())
            .finish()
    }
}

impl Packets {
    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn push(&mut self, to: u64, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.list.push_back((to, packet.len()));
    }

    fn drop_oldest(&mut self) {
        let Some((_, len)) = self.list.pop_front() else { return };
        self.start += len;
        // What was dropped goes for good once it is half of the buffer: each byte is moved once on average.
        if self.bytes.len() < 2 * self.start {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Each with its receiver, oldest first.
    fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut at = self.start;
        self.list.iter().map(move |&(to, len)| {
            at += len;
            (to, &self.bytes[at - len..at])
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BUFFER_KEPT);
        self.list.clear();
        self.start = 0;
    }
}

struct Writer<W> {
    shared: Arc<Shared>,
    stream: W,
    /// A batch for each receiver there has been.
    groups: Vec<(u64, Vec<u8>)>,
    out: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) -> io::Result<()> {
        let (mut kept, mut packets) = (Vec::new(), Packets::default());
        while self.take(&mut kept, &mut packets) {
            self.group(&packets);
            packets.clear();
            let wrote = self.write(&kept);
            kept.clear();
            kept.shrink_to(BUFFER_KEPT);
            if let Err(error) = wrote {
                *self.shared.waiting.lock() = Waiting { broken: true, ..Waiting::default() };
                return Err(error);
            }
        }
        Ok(())
    }

    /// Waits for something to write, and takes all of it for the empty buffers given; false at the end.
    fn take(&self, kept: &mut Vec<u8>, packets: &mut Packets) -> bool {
        loop {
            let mut waiting = self.shared.waiting.lock();
            if !waiting.kept.is_empty() || !waiting.packets.list.is_empty() {
                mem::swap(kept, &mut waiting.kept);
                mem::swap(packets, &mut waiting.packets);
                return true;
            }
            if waiting.closed {
                return false;
            }
            drop(waiting);
            self.shared.wake.wait();
        }
    }

    /// Makes chunks of the packets, one or more for each receiver.
    fn group(&mut self, packets: &Packets) {
        for (to, packet) in packets.iter() {
            let known = self.groups.iter().position(|(other, _)| *other == to);
            let which = known.unwrap_or_else(|| {
                self.groups.push((to, Vec::new()));
                self.groups.len() - 1
            });
            let batch = &mut self.groups[which].1;
            if BATCH_BYTES < batch.len() + packet.len() && !batch.is_empty() {
                put_batch(&mut self.out, self.shared.packets_kind, to, batch);
            }
            put_packet(batch, packet);
        }
        for (to, batch) in self.groups.iter_mut().filter(|(_, batch)| !batch.is_empty()) {
            put_batch(&mut self.out, self.shared.packets_kind, *to, batch);
        }
    }

    fn write(&mut self, kept: &[u8]) -> io::Result<()> {
        self.stream.write_all(kept)?;
        self.stream.write_all(&self.out)?;
        self.out.clear();
        self.out.shrink_to(BUFFER_KEPT);
        self.stream.flush()
    }
}

/// One chunk of packets; leaves the batch empty.
fn put_batch(out: &mut Vec<u8>, kind: u8, to: u64, batch: &mut Vec<u8>) {
    let mut receiver = Vec::with_capacity(varint::BYTES_MAX);
    varint::put(&mut receiver, to);
    put_chunk(out, kind, &[&receiver, batch]);
    batch.clear();
    batch.shrink_to(BUFFER_KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{Batch, Chunk, Reader};
    use bytes::Bytes;

    const PACKETS: u8 = 1;

    /// The packets of chunks of packets, by receiver; the kinds of the others.
    fn sorted(chunks: Vec<Chunk>) -> (Vec<(u64, Bytes)>, Vec<u8>) {
        let (mut packets, mut kinds) = (Vec::new(), Vec::new());
        for chunk in chunks {
            if chunk.kind != PACKETS {
                kinds.push(chunk.kind);
                continue;
            }
            let varint::Head::Number(to, taken) = varint::peek(&chunk.rest) else { panic!("a receiver") };
            packets.extend(Batch::new(chunk.rest.slice(taken..)).map(|packet| (to, packet.unwrap())));
        }
        (packets, kinds)
    }

    #[test]
    fn what_was_taken_is_written_in_order_and_the_stream_ends_when_it_is_closed() {
        let (from, to) = io::pipe().unwrap();
        let (outbox, writer) = Outbox::spawn(to, PACKETS, 1 << 20).unwrap();
        outbox.packet(7, b"one");
        outbox.keep(3, &[b"re", b"ply"]);
        outbox.packet(300, b"two");
        outbox.packet(7, b"three");
        outbox.close();
        let (packets, kinds) = sorted(Reader::new(from).map(Result::unwrap).collect());
        let mut sevens = packets.iter().filter(|(to, _)| *to == 7).map(|(_, packet)| &packet[..]);
        assert_eq!((sevens.next(), sevens.next(), sevens.next()), (Some(&b"one"[..]), Some(&b"three"[..]), None));
        assert!(packets.contains(&(300, Bytes::from_static(b"two"))));
        assert_eq!(kinds, [3]);
        writer.wait().unwrap().unwrap();
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_stopped_and_it_loses_old_packets_alone() {
        let (from, to) = io::pipe().unwrap();
        let (outbox, writer) = Outbox::spawn(to, PACKETS, 100_000).unwrap();
        let packet = |number: u32| [&number.to_le_bytes()[..], &[0; 996]].concat();
        for number in 0..10_000 {
            outbox.packet(2, &packet(number));
            outbox.keep(3, &[&[0; 10]]);
        }
        outbox.close();
        let dropped = outbox.dropped();
        assert!(5_000 < dropped, "the pipe and the outbox do not hold ten megabytes, and {dropped} were dropped");
        let (packets, kinds) = sorted(Reader::new(from).map(Result::unwrap).collect());
        assert_eq!(kinds.len(), 10_000);
        assert_eq!(packets.len() as u64, 10_000 - dropped);
        let numbers: Vec<_> =
            packets.iter().map(|(_, packet)| u32::from_le_bytes(packet[..4].try_into().unwrap())).collect();
        assert!(numbers.is_sorted(), "the order stays");
        assert_eq!(numbers[numbers.len() - 90..], (9_910..10_000).collect::<Vec<_>>(), "the newest stay");
        writer.wait().unwrap().unwrap();
    }

    #[test]
    fn a_reader_that_has_gone_ends_the_writer_and_what_comes_later_is_nobodys() {
        let (from, to) = io::pipe().unwrap();
        let (outbox, writer) = Outbox::spawn(to, PACKETS, 1 << 20).unwrap();
        drop(from);
        outbox.keep(3, &[]);
        assert_eq!(writer.wait().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        outbox.keep(3, &[&[0; 100]]);
        outbox.packet(1, &[0; 100]);
        assert_eq!(outbox.kept_bytes(), 0);
    }

    #[test]
    fn a_packet_that_no_chunk_holds_is_dropped_and_the_longest_one_passes() {
        let (from, to) = io::pipe().unwrap();
        let (outbox, writer) = Outbox::spawn(to, PACKETS, usize::MAX).unwrap();
        outbox.packet(u64::MAX, &vec![0; PACKET_MAX + 1]);
        outbox.packet(u64::MAX, &vec![0; PACKET_MAX]);
        outbox.close();
        let (packets, _) = sorted(Reader::new(from).map(Result::unwrap).collect());
        assert_eq!((packets.len(), packets[0].1.len(), outbox.dropped()), (1, PACKET_MAX, 1));
        writer.wait().unwrap().unwrap();
    }
}
