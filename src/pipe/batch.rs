//! Batches: many packets in the rest of one chunk.

use crate::varint;
use bytes::Bytes;
use std::fmt;

/// Appends a packet to a batch.
pub fn put_packet(out: &mut Vec<u8>, packet: &[u8]) {
    varint::put(out, packet.len() as u64);
    out.extend_from_slice(packet);
}

/// The packets of a batch, in order, each sharing its bytes. Where the lengths do not add up it ends with [`Torn`].
#[derive(Clone, Debug)]
pub struct Batch {
    left: Bytes,
}

/// The rest of a batch, whose lengths do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn;

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lengths of a batch do not add up")
    }
}

impl std::error::Error for Torn {}

impl Batch {
    /// The batch that these bytes are.
    #[must_use]
    pub fn new(bytes: Bytes) -> Batch {
        Batch { left: bytes }
    }

    fn packet(&mut self) -> Option<Bytes> {
        let varint::Head::Number(len, taken) = varint::peek(&self.left) else { return None };
        let end = usize::try_from(len).ok()?.checked_add(taken)?;
        if self.left.len() < end {
            return None;
        }
        Some(self.left.split_to(end).slice(taken..))
    }
}

impl Iterator for Batch {
    type Item = Result<Bytes, Torn>;

    fn next(&mut self) -> Option<Result<Bytes, Torn>> {
        if self.left.is_empty() {
            return None;
        }
        let packet = self.packet();
        if packet.is_none() {
            self.left.clear();
        }
        Some(packet.ok_or(Torn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_its_packets_and_loses_what_does_not_add_up() {
        let mut bytes = Vec::new();
        let packets = [vec![], vec![1; 200], vec![2]];
        packets.iter().for_each(|packet| put_packet(&mut bytes, packet));
        let read = |bytes: &[u8]| Batch::new(Bytes::copy_from_slice(bytes)).collect::<Vec<_>>();
        let whole: Vec<_> = packets.iter().map(|packet| Ok(Bytes::from(packet.clone()))).collect();
        assert_eq!(read(&bytes), whole);
        for tail in
            [&[2, 9][..], &[0x80], &[0x80, 0], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
        {
            let torn = [whole.clone(), vec![Err(Torn)]].concat();
            assert_eq!(read(&[&bytes, tail].concat()), torn, "{tail:?}");
        }
    }
}
