//! What is done to a packet on its way.

use bytes::Bytes;
use rsm::mix::mix;

/// Damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// This bit is flipped, counted modulo the packet's length.
    Flip(u64),
    /// Some of up to 32 bits in a row are flipped: the high half says where they begin, the low half which. The sum of a
    /// packet finds every such burst; of those that are longer it misses one in four thousand millions.
    Burst(u64),
    /// So many bytes are left of it, counted modulo its length.
    Truncate(u64),
}

impl Harm {
    /// What is left of a packet.
    #[must_use]
    pub fn done_to(self, packet: &Bytes) -> Bytes {
        let len = packet.len() as u64;
        match self {
            Harm::Flip(bit) => {
                let (mut spoiled, bit) = (packet.to_vec(), bit % (len * 8));
                spoiled[(bit / 8) as usize] ^= 1 << (bit % 8);
                spoiled.into()
            }
            Harm::Burst(draw) => {
                let (mut spoiled, first, bits) = (packet.to_vec(), (draw >> 32) % (len * 8), (draw as u32) | 1);
                let flipped = (0..32).filter(|nth| bits >> nth & 1 == 1).map(|nth| first + nth);
                let inside = flipped.take_while(|&bit| bit < len * 8);
                inside.for_each(|bit| spoiled[(bit / 8) as usize] ^= 1 << (bit % 8));
                spoiled.into()
            }
            Harm::Truncate(left) => packet.slice(..(left % len) as usize),
        }
    }

    /// As a number that names it.
    pub(crate) fn name(self) -> u64 {
        match self {
            Harm::Flip(bit) => bit | 1 << 63,
            Harm::Burst(draw) => mix(1, draw, 0),
            Harm::Truncate(left) => !(left | 1 << 63),
        }
    }
}
