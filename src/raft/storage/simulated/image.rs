//! The content of a file, in pages that images share.
//!
//! ```text
//!   image     | page 0 | page 1 |  zeros | page 3 | ..       a page is shared until somebody writes into it
//!   write     at ──> pieces, none beyond its page            a whole page is put by sharing it
//! ```
//! A log's files are mostly zeros, and what is synced is what was cached: most of it costs neither memory nor a copy.

use std::sync::Arc;

/// What is shared.
pub(super) const PAGE: usize = 4_096;
static ZEROS: [u8; PAGE] = [0; PAGE];

/// The bytes of a page; `None` if all are 0.
type Page = Option<Arc<[u8; PAGE]>>;

fn bytes_of(page: &Page) -> &[u8; PAGE] {
    page.as_deref().unwrap_or(&ZEROS)
}

fn is_same(one: &Page, other: &Page) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
        (Some(some), None) | (None, Some(some)) => **some == ZEROS,
    }
}

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    len: usize,
    /// As many as the length begins; behind the length the last one is 0.
    pages: Vec<Page>,
}

/// A part of a write that lies in one page.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    at: usize,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    Page(Page),
    Part(Box<[u8]>),
}

impl Piece {
    /// What is written there, in order.
    pub(super) fn all(at: u64, bytes: &[u8]) -> impl Iterator<Item = Piece> {
        let (mut at, mut rest) = (at as usize, bytes);
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_at(rest.len().min(PAGE - at % PAGE));
            let data = match <&[u8; PAGE]>::try_from(head) {
                _ if head.is_empty() => return None,
                Ok(whole) if *whole == ZEROS => Data::Page(None),
                Ok(whole) => Data::Page(Some(Arc::new(*whole))),
                Err(_) => Data::Part(head.into()),
            };
            let piece = Piece { at, data };
            (at, rest) = (at + head.len(), tail);
            Some(piece)
        })
    }

    /// The same of so many zeros.
    pub(super) fn zeros(at: u64, len: usize) -> impl Iterator<Item = Piece> {
        let (mut at, end) = (at as usize, at as usize + len);
        std::iter::from_fn(move || {
            let len = (end - at).min(PAGE - at % PAGE);
            let data = match len {
                0 => return None,
                PAGE => Data::Page(None),
                _ => Data::Part(vec![0; len].into()),
            };
            let piece = Piece { at, data };
            at += len;
            Some(piece)
        })
    }

    /// Where it begins.
    pub(super) fn at(&self) -> u64 {
        self.at as u64
    }

    /// What is written.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Page(page) => bytes_of(page),
            Data::Part(part) => part,
        }
    }
}

impl Image {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn grow(&mut self, len: usize) {
        self.len = self.len.max(len);
        self.pages.resize(self.len.div_ceil(PAGE), None);
    }

    /// Writes a piece; the image grows, and a hole reads as zeros.
    pub(super) fn put(&mut self, piece: &Piece) {
        match &piece.data {
            Data::Page(page) => {
                self.grow(piece.at + PAGE);
                self.pages[piece.at / PAGE].clone_from(page);
            }
            Data::Part(part) => self.write(piece.at as u64, part),
        }
    }

    /// Writes bytes that lie in one page.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let (from, to) = (at as usize, at as usize + bytes.len());
        self.grow(to);
        let page = self.pages[from / PAGE].get_or_insert_with(|| Arc::new(ZEROS));
        Arc::make_mut(page)[from % PAGE..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Reads from there on; how many bytes there were.
    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> usize {
        let mut at = self.len.min(at as usize);
        let read = out.len().min(self.len - at);
        let mut rest = &mut out[..read];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at_mut(rest.len().min(PAGE - at % PAGE));
            head.copy_from_slice(&bytes_of(&self.pages[at / PAGE])[at % PAGE..][..head.len()]);
            (at, rest) = (at + head.len(), tail);
        }
        read
    }

    /// All of it.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.read(0, &mut bytes);
        bytes
    }

    /// One bit of one byte becomes the other; false if the image is shorter.
    pub(super) fn flip(&mut self, at: u64, bit: u8) -> bool {
        let mut byte = [0];
        let there = self.read(at, &mut byte) == 1;
        if there {
            self.write(at, &[byte[0] ^ 1 << (bit % 8)]);
        }
        there
    }

    /// How many bytes stand the same in both.
    pub(super) fn alike(&self, other: &Image) -> usize {
        let len = self.len.min(other.len);
        let pages = self.pages.iter().zip(&other.pages).enumerate();
        let in_page = |(nth, (one, other)): (usize, (&Page, &Page))| {
            let held = (len - nth * PAGE).min(PAGE);
            // Most pages are the same: that is seen at once.
            if is_same(one, other) {
                return held;
            }
            let pairs = bytes_of(one)[..held].iter().zip(&bytes_of(other)[..held]);
            pairs.filter(|(one, other)| one == other).count()
        };
        pages.map(in_page).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::Draws;

    /// The same, byte by byte.
    fn put(plain: &mut Vec<u8>, at: usize, bytes: &[u8]) {
        plain.resize(plain.len().max(at + bytes.len()), 0);
        plain[at..at + bytes.len()].copy_from_slice(bytes);
    }

    #[test]
    fn an_image_is_what_was_written_to_it_and_its_copies_are_not() {
        let mut draws = Draws::new(5);
        for _ in 0..60 {
            let (mut image, mut plain) = (Image::default(), Vec::new());
            let mut before = (image.clone(), plain.clone());
            for _ in 0..12 {
                let align = [1, 512, PAGE as u64][draws.below(3) as usize];
                let (at, len) = (draws.below(20_000) / align * align, draws.below(10_000) / align * align);
                let byte = draws.below(3) as u8;
                let bytes = vec![byte; len as usize];
                match byte {
                    0 => Piece::zeros(at, bytes.len()).for_each(|piece| image.put(&piece)),
                    _ => Piece::all(at, &bytes).for_each(|piece| image.put(&piece)),
                }
                if len != 0 {
                    put(&mut plain, at as usize, &bytes);
                }
                assert_eq!((image.len(), image.to_vec()), (plain.len(), plain.clone()));
                assert_eq!(before.0.to_vec(), before.1, "a copy stays as it was");
                let same = plain.iter().zip(&before.1).filter(|(one, other)| one == other).count();
                assert_eq!(image.alike(&before.0), same);
                if draws.chance(1, 2) {
                    before = (image.clone(), plain.clone());
                }
            }
            let at = draws.below(plain.len() as u64 + 10);
            assert_eq!(image.flip(at, 9), (at as usize) < plain.len());
            if let Some(byte) = plain.get_mut(at as usize) {
                *byte ^= 2;
            }
            assert_eq!(image.to_vec(), plain);
        }
    }

    #[test]
    fn pages_of_zeros_take_no_memory_however_they_are_written() {
        let mut image = Image::default();
        Piece::all(PAGE as u64, &[0; 2 * PAGE]).for_each(|piece| image.put(&piece));
        Piece::zeros(3 * PAGE as u64, 2 * PAGE).for_each(|piece| image.put(&piece));
        assert_eq!((image.len(), image.pages.iter().flatten().count()), (5 * PAGE, 0));
    }

    #[test]
    fn the_pieces_of_a_write_are_the_write_and_none_leaves_its_page() {
        let bytes: Vec<u8> = (0..9_000u32).map(|nth| nth as u8).collect();
        let mut end = 700;
        for piece in Piece::all(700, &bytes) {
            let len = piece.bytes().len();
            assert_eq!((piece.at(), piece.bytes()), (end as u64, &bytes[end - 700..end - 700 + len]));
            assert_eq!(end / PAGE, (end + len - 1) / PAGE);
            end += len;
        }
        assert_eq!(end, 700 + bytes.len());
    }
}
