//! Canonical varints: LEB128, seven bits a byte, the least first, at most ten bytes, and one spelling only.
//!
//! ```text
//!   0 .. 127        |0 x x x x x x x|
//!   128 .. 16,383   |1 x x x x x x x|0 x x x x x x x|      the high bit says: more follows
//! ```
//! Used wherever the crate writes a number whose width is not fixed: pipe chunks, packets, log records, commands.

/// The most bytes that a varint takes.
pub const BYTES_MAX: usize = 10;

/// Appends `value`.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while 0x80 <= value {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`put`] appends for `value`.
#[must_use]
pub const fn len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// What stands at the head of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A number, and how many bytes it took.
    Number(u64, usize),
    /// The bytes end before the number does: with more of them it may be one.
    Short,
    /// No canonical varint begins so, whatever follows.
    Bad,
}

/// Reads the varint at the head of `bytes`. A longer spelling than needed, or more than 64 bits, is [`Head::Bad`].
#[must_use]
#[inline]
pub fn peek(bytes: &[u8]) -> Head {
    // Most numbers are small.
    match *bytes {
        [one @ 0..0x80, ..] => Head::Number(u64::from(one), 1),
        _ => peek_longer(bytes),
    }
}

fn peek_longer(bytes: &[u8]) -> Head {
    if let [one @ 0x80..=0xff, two @ 1..0x80, ..] = *bytes {
        return Head::Number(u64::from(one & 0x7f) | u64::from(two) << 7, 2);
    }
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if at == BYTES_MAX - 1 && 1 < byte {
            return Head::Bad;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            let padded = byte == 0 && at != 0;
            return if padded { Head::Bad } else { Head::Number(value, at + 1) };
        }
    }
    if bytes.len() < BYTES_MAX { Head::Short } else { Head::Bad }
}

/// Takes the varint at the head of `bytes` off them; `None` if none is there whole.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    match peek(bytes) {
        Head::Number(value, taken) => {
            *bytes = &bytes[taken..];
            Some(value)
        }
        Head::Short | Head::Bad => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_whatever_its_width() {
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]).chain([u64::MAX]);
        for value in edges {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out.len(), len(value));
            assert_eq!(peek(&out), Head::Number(value, out.len()));
            for cut in 0..out.len() {
                assert_eq!(peek(&out[..cut]), Head::Short, "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_second_spelling_of_a_number_is_refused() {
        assert_eq!(peek(&[0x80, 0x00]), Head::Bad);
        assert_eq!(peek(&[0xff, 0x80, 0x00]), Head::Bad);
        assert_eq!(peek(&[0xff; 10]), Head::Bad);
        assert_eq!(peek(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), Head::Bad);
    }
}
