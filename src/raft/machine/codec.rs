//! Values as bytes, and back: what commands, replies and simple states travel as.
//!
//! ```text
//!   u8, bool      one byte                      u16 .. u64, usize   varint            (canonical: one spelling only)
//!   i8 .. i64     zigzag, then as unsigned      String, Vec<T>      varint n, then n bytes, or n items
//!   (A, B, ..)    one after the other           Option<T>           0, or 1 and T
//!   Bytes         as Vec<u8>                    ()                  nothing
//! ```
//! Reach for it to say what a command looks like: a `Codec` for an enum of one's own is a number for the variant, then
//! its fields. Equal values have equal bytes, and bytes that no value has are refused, whoever sent them.

use crate::varint;
use bytes::Bytes;

/// How many items that take no bytes at all a list may hold.
const EMPTY_ITEMS_MAX: u64 = 1 << 16;

/// A value that travels as bytes.
///
/// ```
/// use rsm::raft::machine::Codec;
///
/// #[derive(Debug, PartialEq)]
/// enum Command { Put(String, u64), Clear }
///
/// impl Codec for Command {
///     fn encode(&self, out: &mut Vec<u8>) {
///         match self {
///             Command::Put(key, value) => { 0u8.encode(out); key.encode(out); value.encode(out) }
///             Command::Clear => 1u8.encode(out),
///         }
///     }
///     fn decode(bytes: &mut &[u8]) -> Option<Command> {
///         Some(match u8::decode(bytes)? {
///             0 => Command::Put(Codec::decode(bytes)?, Codec::decode(bytes)?),
///             1 => Command::Clear,
///             _ => return None,
///         })
///     }
/// }
///
/// let bytes = Command::Put("a".into(), 300).to_bytes();
/// assert_eq!(&bytes[..], [0, 1, b'a', 0xac, 0x02]);
/// assert_eq!(Command::from_bytes(&bytes), Some(Command::Put("a".into(), 300)));
/// assert_eq!(Command::from_bytes(&[7]), None);
/// ```
pub trait Codec: Sized + Send + 'static {
    /// Appends the value's bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes a value off the head of `bytes`; `None` if none is there whole. Never panics, never allocates more than
    /// a small multiple of what `bytes` holds.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;

    /// Appends the items of a list, without their number. Only bytes do better than one by one.
    fn encode_items(items: &[Self], out: &mut Vec<u8>) {
        items.iter().for_each(|item| item.encode(out));
    }

    /// Takes `n` items of a list off the head of `bytes`.
    fn decode_items(n: u64, bytes: &mut &[u8]) -> Option<Vec<Self>> {
        let held = bytes.len() as u64;
        if held.max(EMPTY_ITEMS_MAX) < n {
            return None;
        }
        // Grown as items come: their number is a stranger's word, and an item in memory may be larger than its bytes.
        let mut items = Vec::with_capacity(n.min(held).min(1 << 10) as usize);
        for _ in 0..n {
            items.push(Self::decode(bytes)?);
        }
        Some(items)
    }

    /// The value's bytes.
    fn to_bytes(&self) -> Bytes {
        let mut out = Vec::new();
        self.encode(&mut out);
        out.into()
    }

    /// The value that these bytes are, all of them.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let value = Self::decode(&mut bytes)?;
        bytes.is_empty().then_some(value)
    }
}

impl Codec for () {
    fn encode(&self, _out: &mut Vec<u8>) {}
    fn decode(_bytes: &mut &[u8]) -> Option<()> {
        Some(())
    }
}

impl Codec for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn decode(bytes: &mut &[u8]) -> Option<u8> {
        let (&first, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(first)
    }
    fn encode_items(items: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(items);
    }
    fn decode_items(n: u64, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        let (items, rest) = bytes.split_at_checked(usize::try_from(n).ok()?)?;
        *bytes = rest;
        Some(items.to_vec())
    }
}

impl Codec for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn decode(bytes: &mut &[u8]) -> Option<bool> {
        match u8::decode(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

macro_rules! unsigned {
    ($($number:ty),*) => { $(
        impl Codec for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                varint::put(out, *self as u64);
            }
            fn decode(bytes: &mut &[u8]) -> Option<$number> {
                varint::take(bytes)?.try_into().ok()
            }
        }
    )* };
}
unsigned!(u16, u32, u64, usize);

macro_rules! signed {
    ($($number:ty),*) => { $(
        impl Codec for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                let wide = *self as i64;
                varint::put(out, ((wide << 1) ^ (wide >> 63)) as u64);
            }
            fn decode(bytes: &mut &[u8]) -> Option<$number> {
                let zigzag = varint::take(bytes)?;
                (((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64)).try_into().ok()
            }
        }
    )* };
}
signed!(i8, i16, i32, i64, isize);

impl Codec for String {
    fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len() as u64);
        out.extend_from_slice(self.as_bytes());
    }
    fn decode(bytes: &mut &[u8]) -> Option<String> {
        String::from_utf8(Vec::decode(bytes)?).ok()
    }
}

impl Codec for Bytes {
    fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len() as u64);
        out.extend_from_slice(self);
    }
    fn decode(bytes: &mut &[u8]) -> Option<Bytes> {
        Vec::<u8>::decode(bytes).map(Bytes::from)
    }
}

impl<T: Codec> Codec for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.len() as u64);
        T::encode_items(self, out);
    }
    fn decode(bytes: &mut &[u8]) -> Option<Vec<T>> {
        T::decode_items(varint::take(bytes)?, bytes)
    }
}

impl<T: Codec> Codec for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        self.iter().for_each(|value| value.encode(out));
    }
    fn decode(bytes: &mut &[u8]) -> Option<Option<T>> {
        if bool::decode(bytes)? { T::decode(bytes).map(Some) } else { Some(None) }
    }
}

macro_rules! tuple {
    ($($name:ident)+) => {
        impl<$($name: Codec),+> Codec for ($($name,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                #[allow(non_snake_case, reason = "a tuple's fields are named as their types")]
                let ($($name,)+) = self;
                $($name.encode(out);)+
            }
            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($name::decode(bytes)?,)+))
            }
        }
    };
}
tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;
    use std::fmt::Debug;

    fn comes_back<T: Codec + PartialEq + Debug>(value: T) {
        let bytes = value.to_bytes();
        assert_eq!(T::from_bytes(&bytes).as_ref(), Some(&value));
        for cut in 0..bytes.len() {
            assert_eq!(T::from_bytes(&bytes[..cut]), None, "{value:?} cut at {cut}");
        }
    }

    #[test]
    fn a_value_comes_back_and_no_part_of_its_bytes_is_one() {
        comes_back(0u8);
        comes_back(u64::MAX);
        comes_back(i64::MIN);
        comes_back(-1i8);
        comes_back(300u16);
        comes_back(true);
        comes_back(String::from("größer"));
        comes_back(Bytes::from_static(b"\x00\xff"));
        comes_back(vec![1u32, 2, 1 << 20]);
        comes_back(vec![Some(String::from("a")), None]);
        comes_back((1u8, -7i32, vec![(String::new(), 2u64)]));
        assert_eq!(<Vec<()>>::from_bytes(&vec![(); 9].to_bytes()), Some(vec![(); 9]));
    }

    #[test]
    fn bytes_that_no_value_has_are_refused() {
        assert_eq!(bool::from_bytes(&[2]), None);
        assert_eq!(u16::from_bytes(&u64::MAX.to_bytes()), None);
        assert_eq!(i8::from_bytes(&300i64.to_bytes()), None);
        assert_eq!(u64::from_bytes(&[0x80, 0x00]), None, "a padded number");
        assert_eq!(String::from_bytes(&[1, 0xff]), None, "no UTF-8");
        assert_eq!(u8::from_bytes(&[1, 2]), None, "trailing bytes");
        assert_eq!(<Option<u8>>::from_bytes(&[0, 1]), None);
    }

    #[test]
    fn a_length_that_is_a_lie_costs_neither_memory_nor_time() {
        let lie = (u64::MAX / 2).to_bytes();
        assert_eq!(<Vec<u8>>::from_bytes(&lie), None);
        assert_eq!(<Vec<()>>::from_bytes(&lie), None);
        assert_eq!(<Vec<Vec<String>>>::from_bytes(&lie), None);
    }

    #[test]
    fn whatever_is_decoded_from_spoiled_bytes_has_just_these_bytes() {
        type Value = (Option<u16>, Vec<(bool, i16)>, String, Vec<Bytes>);
        let value: Value = (Some(300), vec![(true, -300), (false, 7)], "ab".into(), vec![Bytes::from_static(b"xyz")]);
        let bytes = value.to_bytes();
        let mut draws = Draws::new(1);
        let mut decoded = 0;
        for _ in 0..20_000 {
            let mut spoiled = bytes.to_vec();
            for _ in 0..1 + draws.below(3) {
                let at = draws.below(spoiled.len() as u64) as usize;
                spoiled[at] ^= 1 << draws.below(8);
            }
            if let Some(value) = Value::from_bytes(&spoiled) {
                decoded += 1;
                assert_eq!(value.to_bytes(), spoiled);
            }
        }
        assert!(1_000 < decoded, "only {decoded} of 20,000 were values at all");
    }
}
