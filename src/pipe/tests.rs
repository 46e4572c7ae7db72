//! Streams that nobody meant well.

use super::{Batch, Chunk, Lost, Splitter, put_chunk, put_packet};
use crate::mix::Draws;

/// Whatever the stream, and wherever it is cut: the same chunks, the same end, no more bytes than came, and the chunks
/// and packets, written again, are the stream as far as it was read.
///
/// The target of a fuzzer. The first byte says in what pieces the rest comes.
fn target(bytes: &[u8]) {
    let _ = look(bytes);
}

/// How many chunks were read, and how it ended.
fn look(bytes: &[u8]) -> (usize, Result<(), Lost>) {
    let Some((&step, stream)) = bytes.split_first() else { return (0, Ok(())) };
    let (chunks, end) = split(stream, stream.len().max(1));
    assert_eq!(split(stream, usize::from(step) + 1), (chunks.clone(), end), "a cut changes nothing");
    let mut again = Vec::new();
    for chunk in &chunks {
        put_chunk(&mut again, chunk.kind, &[&chunk.rest]);
        let packets: Vec<_> = Batch::new(chunk.rest.clone()).map_while(Result::ok).collect();
        let mut batch = Vec::new();
        packets.iter().for_each(|packet| put_packet(&mut batch, packet));
        assert!(chunk.rest.starts_with(&batch), "one batch has one spelling");
    }
    assert!(stream.starts_with(&again), "one stream has one spelling");
    (chunks.len(), end)
}

fn split(stream: &[u8], step: usize) -> (Vec<Chunk>, Result<(), Lost>) {
    let (mut splitter, mut chunks) = (Splitter::default(), Vec::new());
    let mut pieces = stream.chunks(step);
    let end = pieces.try_for_each(|piece| splitter.push(piece, &mut |chunk| chunks.push(chunk)));
    (chunks, end)
}

/// A few chunks, some of them batches, then damage here and there.
fn stream(draws: &mut Draws) -> Vec<u8> {
    let mut stream = vec![draws.below(40) as u8];
    for _ in 0..draws.below(4) {
        let mut batch = Vec::new();
        for _ in 0..draws.below(4) {
            let packet = vec![draws.bits() as u8; draws.below(150) as usize];
            put_packet(&mut batch, &packet);
        }
        put_chunk(&mut stream, draws.below(7) as u8, &[&batch]);
        if draws.chance(1, 8) {
            stream.extend((0..draws.below(4)).map(|_| [0, 0x80, 0xff][draws.below(3) as usize]));
        }
    }
    for _ in 0..draws.below(3) {
        let at = draws.below(stream.len() as u64) as usize;
        stream[at] = [0, 1, 0x7f, 0x80, 0xff, draws.bits() as u8][draws.below(6) as usize];
    }
    stream
}

#[test]
fn three_hundred_thousand_damaged_streams_harm_nothing() {
    let mut draws = Draws::new(5);
    let (mut lost, mut whole) = (0, 0);
    for _ in 0..300_000 {
        match look(&stream(&mut draws)) {
            (_, Err(_)) => lost += 1,
            (chunks, Ok(())) => whole += chunks,
        }
    }
    assert!(10_000 < lost && 100_000 < whole, "both were met often: {lost} streams lost, {whole} chunks");
}

#[test]
fn random_bytes_harm_nothing() {
    let mut draws = Draws::new(6);
    for _ in 0..100_000 {
        let len = draws.below(40);
        target(&(0..len).map(|_| draws.bits() as u8).collect::<Vec<_>>());
    }
}
