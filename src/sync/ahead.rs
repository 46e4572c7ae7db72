//! Memory that will be wanted soon: the processor fetches it while something else is done.
//!
//! ```text
//!   take a task ── show the one behind it ──> run the first ......... take the second: its cell is near by now
//!                            +── memory ──> cache, meanwhile ──+
//! ```

/// A line of the processor's cache.
const LINE: usize = 64;
/// So many lines of a value at most: the rest comes by itself, as its reader goes on.
const LINES_MAX: usize = 4;

/// Has the processor fetch the beginning of `value`. It changes nothing that a program can see, and costs an instruction a line. Elsewhere
/// than on x86-64 nothing happens.
#[inline]
pub(crate) fn fetch_ahead<T: ?Sized>(value: &T) {
    let begin = std::ptr::from_ref(value).cast::<u8>();
    let lines = size_of_val(value).div_ceil(LINE).min(LINES_MAX);
    (0..lines).for_each(|line| fetch(begin.wrapping_add(line * LINE)));
}

#[cfg(all(target_arch = "x86_64", not(any(miri, rsm_loom, rsm_shuttle))))]
#[inline]
fn fetch(place: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: by itself: every x86-64 processor has it, and it is a hint that reads nothing and faults at no address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
}

#[cfg(not(all(target_arch = "x86_64", not(any(miri, rsm_loom, rsm_shuttle)))))]
#[inline]
fn fetch(_: *const u8) {}
