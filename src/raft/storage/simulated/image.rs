//! The content of a file, in pages that images share.
//!
//! ```text
//!   image     | page 0 | page 1 |  zeros | page 3 | ..       a page is shared until somebody writes into it
//!   write     at ──> pieces, none beyond its page            a whole page is put by sharing it
//!   page      bytes .. | zeros that nobody keeps
//! ```
//! A log's files are mostly zeros, and what is synced is what was cached: most of it costs neither memory nor a copy.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// What is shared.
pub(super) const PAGE: usize = 4_096;
static ZEROS: [u8; PAGE] = [0; PAGE];

/// The bytes of a page, from its beginning; the rest are 0, all of them if there is none.
type Page = Option<Arc<[u8]>>;

/// How finely the end of a page's bytes is told.
const GRAIN: usize = 64;
/// Most pages hold less: a flush of a few records, and padding.
const FEW: usize = 512;

fn bytes_of(page: &Page) -> &[u8] {
    page.as_deref().unwrap_or_default()
}

/// Of at most a page, without the zeros at its end, or nearly.
fn page_of(bytes: &[u8]) -> Page {
    let (few, rest) = bytes.split_at(bytes.len().min(FEW));
    let most = if *rest == ZEROS[..rest.len()] { few } else { bytes };
    let last = most.chunks(GRAIN).rposition(|grain| *grain != ZEROS[..grain.len()])?;
    Some(most[..most.len().min((last + 1) * GRAIN)].into())
}

fn is_same(one: &Page, other: &Page) -> bool {
    let is_shared = matches!((one, other), (Some(one), Some(other)) if Arc::ptr_eq(one, other));
    let (one, other) = (bytes_of(one), bytes_of(other));
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let (head, rest) = long.split_at(short.len());
    is_shared || head == short && *rest == ZEROS[..rest.len()]
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
    len: usize,
    /// What is written, from there on.
    held: Page,
}

impl Piece {
    /// What is written there, in order.
    pub(super) fn all(at: u64, bytes: &[u8]) -> impl Iterator<Item = Piece> {
        let mut rest = bytes;
        Piece::cut(at, bytes.len(), move |len| {
            let (head, tail) = rest.split_at(len);
            rest = tail;
            page_of(head)
        })
    }

    /// The same of so many zeros.
    pub(super) fn zeros(at: u64, len: usize) -> impl Iterator<Item = Piece> {
        Piece::cut(at, len, |_| None)
    }

    /// So many bytes from there on, page by page; of each `held` is asked what the next so many are.
    fn cut(at: u64, len: usize, mut held: impl FnMut(usize) -> Page) -> impl Iterator<Item = Piece> {
        let (mut at, end) = (at as usize, at as usize + len);
        std::iter::from_fn(move || {
            let len = (end - at).min(PAGE - at % PAGE);
            let piece = (len != 0).then(|| Piece { at, len, held: held(len) });
            at += len;
            piece
        })
    }

    /// Where it begins.
    pub(super) fn at(&self) -> u64 {
        self.at as u64
    }

    /// How many bytes are written.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Some of what is written, counted from its beginning.
    pub(super) fn bytes(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let held = bytes_of(&self.held);
        match held.get(range.clone()) {
            Some(bytes) => bytes.into(),
            None if held.len() <= range.start => ZEROS[..range.len()].into(),
            None => {
                let mut bytes = held[range.start..].to_vec();
                bytes.resize(range.len(), 0);
                bytes.into()
            }
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
        if piece.len == PAGE {
            self.grow(piece.at + PAGE);
            self.pages[piece.at / PAGE].clone_from(&piece.held);
        } else {
            self.lay(piece.at, bytes_of(&piece.held), piece.len);
        }
    }

    /// Writes bytes that lie in one page.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        self.lay(at as usize, bytes, bytes.len());
    }

    /// Writes `len` bytes that lie in one page: these, and zeros behind them, which take no memory at its end.
    fn lay(&mut self, at: usize, bytes: &[u8], len: usize) {
        self.grow(at + len);
        let page = &mut self.pages[at / PAGE];
        let (start, end) = (at % PAGE, at % PAGE + len);
        let zeros = start + bytes.len();
        if bytes.is_empty() && bytes_of(page).len() <= start {
            return;
        }
        let lay = |page: &mut [u8]| {
            let last = end.min(page.len());
            page[start..zeros].copy_from_slice(bytes);
            page[zeros..last].fill(0);
        };
        if let Some(there) = page.as_mut().and_then(Arc::get_mut).filter(|there| zeros <= there.len()) {
            return lay(there);
        }
        let held = bytes_of(page);
        let most = if end < held.len() { held.len() } else { zeros };
        let mut copy: Arc<[u8]> = ZEROS[..most].into();
        let there = Arc::get_mut(&mut copy).expect("nobody shares what was just made");
        let kept = held.len().min(most);
        there[..kept].copy_from_slice(&held[..kept]);
        lay(there);
        *page = Some(copy);
    }

    /// Reads from there on; how many bytes there were.
    pub(super) fn read(&self, at: u64, out: &mut [u8]) -> usize {
        let mut at = self.len.min(at as usize);
        let read = out.len().min(self.len - at);
        let mut rest = &mut out[..read];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at_mut(rest.len().min(PAGE - at % PAGE));
            let held = bytes_of(&self.pages[at / PAGE]).get(at % PAGE..).unwrap_or_default();
            let (copied, zeros) = head.split_at_mut(held.len().min(head.len()));
            copied.copy_from_slice(&held[..copied.len()]);
            zeros.fill(0);
            (at, rest) = (at + head.len(), tail);
        }
        read
    }

    /// Whether anything but zeros may stand there: seen without a look at the bytes.
    pub(super) fn shows(&self, place: Range<u64>) -> bool {
        let (from, to) = (place.start as usize, place.end as usize);
        let mut pages = self.pages.iter().enumerate().take(to.div_ceil(PAGE)).skip(from / PAGE);
        pages.any(|(nth, page)| from.saturating_sub(nth * PAGE) < bytes_of(page).len())
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
            let byte = |page: &Page, at: usize| bytes_of(page).get(at).copied().unwrap_or_default();
            (0..held).filter(|&at| byte(one, at) == byte(other, at)).count()
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
                // Zeros at its end, of which a page keeps none.
                let kept = draws.below(len + 1) as usize;
                let bytes = [vec![byte; kept], vec![0; len as usize - kept]].concat();
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
        Piece::all(5 * PAGE as u64, &[0; 700]).for_each(|piece| image.put(&piece));
        Piece::zeros(5 * PAGE as u64 + 700, 800).for_each(|piece| image.put(&piece));
        assert_eq!((image.len(), image.pages.iter().flatten().count()), (5 * PAGE + 1_500, 0));
    }

    #[test]
    fn a_flush_behind_an_anchor_takes_the_memory_of_its_records_and_not_of_its_padding() {
        let (anchor, records) = ([1; 56], [2; 300]);
        let flush = [&records[..], &[0; PAGE - 56 - 300]].concat();
        let mut image = Image::default();
        for (at, bytes) in [(0, &anchor[..]), (56, &flush)] {
            Piece::all(at, bytes).for_each(|piece| image.put(&piece));
        }
        let held = bytes_of(&image.pages[0]);
        assert_eq!((image.len(), &held[..56], &held[56..356]), (PAGE, &anchor[..], &records[..]));
        assert!(held.len() < 56 + 300 + GRAIN, "{} bytes", held.len());
    }

    #[test]
    fn the_pieces_of_a_write_are_the_write_and_none_leaves_its_page() {
        let bytes: Vec<u8> = (0..9_000u32).map(|nth| nth as u8).collect();
        let mut end = 700;
        for piece in Piece::all(700, &bytes) {
            let len = piece.len();
            assert_eq!((piece.at(), &*piece.bytes(0..len)), (end as u64, &bytes[end - 700..end - 700 + len]));
            assert_eq!(end / PAGE, (end + len - 1) / PAGE);
            end += len;
        }
        assert_eq!(end, 700 + bytes.len());
    }
}
