//! Numbers in few bytes: a range coder that learns how large the numbers of each sort are.
//!
//! ```text
//!   number 13 = 1101b:   length 4 ── six learned bits ──┐
//!                        101      ── three learned bits, the rest as they are ──> range coder ──> bytes
//! ```
//! A page has to hold what happens in half a minute of a busy cluster: as text that is megabytes, as bytes of a fixed
//! width half of one. A number of a sort that hardly varies costs a tenth of a bit here. `decode.js` is the other half.

/// How many bits a probability has.
const BITS: u32 = 11;

/// How fast a probability follows what comes: by a sixteenth.
const RATE: u32 = 4;

/// Below it the range is widened by a byte.
const TOP: u32 = 1 << 24;

/// The tree of a length's six bits, and for each length the tree of the three bits below its first.
const MODEL: usize = 64 + 64 * 8;

/// The longest number: what a double of JavaScript holds with its sign folded in.
pub(super) const NUMBER_MAX: u64 = (1 << 52) - 1;

/// What has been written so far.
#[derive(Debug)]
pub(super) struct Coder {
    low: u64,
    range: u32,
    /// The last byte that a carry could still reach, and how many 0xff stand behind it.
    held: Option<u8>,
    full: u64,
    out: Vec<u8>,
    models: Vec<Vec<u16>>,
}

impl Coder {
    /// One that has written nothing.
    pub(super) fn new() -> Coder {
        Coder { low: 0, range: u32::MAX, held: None, full: 0, out: Vec::new(), models: Vec::new() }
    }

    /// Writes a number; `sort` says among which others it is to be judged.
    pub(super) fn number(&mut self, sort: usize, value: u64) {
        assert!(value <= NUMBER_MAX, "a page holds numbers of 52 bits");
        while self.models.len() <= sort {
            self.models.push(vec![1 << (BITS - 1); MODEL]);
        }
        let length = u64::BITS - value.leading_zeros();
        let mut place = 1;
        for nth in (0..6).rev() {
            let bit = (length >> nth) & 1;
            self.bit(sort, place, bit);
            place = place << 1 | bit as usize;
        }
        let mut place = 1;
        for nth in (0..length.saturating_sub(1)).rev() {
            let bit = (value >> nth) as u32 & 1;
            if place < 8 {
                self.bit(sort, 64 + length as usize * 8 + place, bit);
                place = place << 1 | bit as usize;
            } else {
                self.range >>= 1;
                self.low += u64::from(self.range) * u64::from(bit);
                self.widen();
            }
        }
    }

    /// Writes a number that may be negative: small ones of either sign are short.
    pub(super) fn signed(&mut self, sort: usize, value: i64) {
        self.number(sort, (value << 1 ^ value >> 63) as u64);
    }

    fn bit(&mut self, sort: usize, place: usize, bit: u32) {
        let chance = &mut self.models[sort][place];
        let bound = (self.range >> BITS) * u32::from(*chance);
        if bit == 0 {
            self.range = bound;
            *chance += ((1 << BITS) - *chance) >> RATE;
        } else {
            self.low += u64::from(bound);
            self.range -= bound;
            *chance -= *chance >> RATE;
        }
        self.widen();
    }

    fn widen(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
    }

    /// Lets the highest byte go, once no carry can reach it.
    fn shift(&mut self) {
        let (byte, carry) = ((self.low >> 24) as u8, (self.low >> 32) as u8);
        if byte == 0xff && carry == 0 {
            self.full += 1;
        } else {
            self.out.extend(self.held.map(|held| held.wrapping_add(carry)));
            self.out.extend((0..std::mem::take(&mut self.full)).map(|_| 0xff_u8.wrapping_add(carry)));
            self.held = Some(byte);
        }
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    /// All bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        (0..5).for_each(|_| self.shift());
        self.out
    }
}

/// Bytes as text: base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for nth in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * nth)) as usize & 63];
            text.push(if nth <= three.len() { letter as char } else { '=' });
        }
    }
    text
}

/// The other half, for tests: `decode.js` does the same.
#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rsm::mix::Draws;

    pub(crate) struct Decoder<'a> {
        bytes: std::slice::Iter<'a, u8>,
        code: u32,
        range: u32,
        models: Vec<Vec<u16>>,
    }

    impl Decoder<'_> {
        pub(crate) fn new(bytes: &[u8]) -> Decoder<'_> {
            let mut decoder = Decoder { bytes: bytes.iter(), code: 0, range: u32::MAX, models: Vec::new() };
            (0..4).for_each(|_| decoder.pull());
            decoder
        }

        fn pull(&mut self) {
            self.code = self.code << 8 | u32::from(self.bytes.next().copied().unwrap_or(0));
        }

        fn bit(&mut self, sort: usize, place: usize) -> u32 {
            let chance = &mut self.models[sort][place];
            let bound = (self.range >> BITS) * u32::from(*chance);
            let bit = u32::from(bound <= self.code);
            if bit == 0 {
                self.range = bound;
                *chance += ((1 << BITS) - *chance) >> RATE;
            } else {
                (self.code, self.range) = (self.code - bound, self.range - bound);
                *chance -= *chance >> RATE;
            }
            self.widen();
            bit
        }

        fn widen(&mut self) {
            while self.range < TOP {
                self.range <<= 8;
                self.pull();
            }
        }

        pub(crate) fn number(&mut self, sort: usize) -> u64 {
            while self.models.len() <= sort {
                self.models.push(vec![1 << (BITS - 1); MODEL]);
            }
            let mut place = 1;
            (0..6).for_each(|_| place = place << 1 | self.bit(sort, place) as usize);
            let length = place - 64;
            let (mut value, mut place) = (u64::from(0 < length), 1);
            for _ in 1..length {
                let bit = if place < 8 {
                    let bit = self.bit(sort, 64 + length * 8 + place);
                    place = place << 1 | bit as usize;
                    bit
                } else {
                    self.range >>= 1;
                    let bit = u32::from(self.range <= self.code);
                    self.code -= self.range * bit;
                    self.widen();
                    bit
                };
                value = value << 1 | u64::from(bit);
            }
            value
        }

        pub(crate) fn signed(&mut self, sort: usize) -> i64 {
            let folded = self.number(sort);
            (folded >> 1) as i64 ^ -((folded & 1) as i64)
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut draws = Draws::new(5);
        let mut numbers: Vec<(usize, i64)> = Vec::new();
        for nth in 0..40_000 {
            let length = draws.below(52) as u32;
            let value = (draws.bits() >> (63 - length)) as i64 >> 1;
            numbers.push((draws.below(9) as usize, if nth % 3 == 0 { -value } else { value }));
        }
        // Long runs of what was expected make the carries go far.
        numbers.extend((0..40_000).map(|nth| (20, i64::from(nth % 1_999 == 0))));
        let mut coder = Coder::new();
        numbers.iter().for_each(|&(sort, value)| coder.signed(sort, value));
        let bytes = coder.finish();
        let mut decoder = Decoder::new(&bytes);
        for &(sort, value) in &numbers {
            assert_eq!(decoder.signed(sort), value);
        }
    }

    #[test]
    fn what_hardly_varies_costs_hardly_anything() {
        let mut coder = Coder::new();
        (0..8_000).for_each(|nth| coder.number(0, u64::from(nth % 100 == 0)));
        let length = coder.finish().len();
        assert!(length < 300, "{length} bytes for 8,000 numbers of which 80 are not 0");
    }

    #[test]
    fn base64_is_that_of_everyone() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
