//! How far a campaign has come: one line of a terminal, written over again and again.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many signs wide the bar is.
const WIDTH: u64 = 30;
/// It is written no sooner again, in milliseconds.
const PAUSE_MS: u64 = 200;

/// What is to be done, and since when it is.
pub(super) struct Progress {
    began: Instant,
    /// How many seeds, if that is what ends it.
    seeds: Option<u64>,
    /// For how long, if that does.
    lasts: Option<Duration>,
    done: AtomicU64,
    /// When it was written last, in milliseconds since it began; `None` if nobody looks.
    written: Option<AtomicU64>,
}

impl Progress {
    /// Nothing is done yet. Written only where standard error is a terminal.
    pub(super) fn new(seeds: Option<u64>, lasts: Option<Duration>) -> Progress {
        let written = stderr().is_terminal().then(AtomicU64::default);
        Progress { began: Instant::now(), seeds, lasts, done: AtomicU64::default(), written }
    }

    /// One seed more is done. Relaxed throughout: a line that comes late, or twice, does no harm.
    pub(super) fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(written) = &self.written else { return };
        let (took, before) = (self.began.elapsed(), written.load(Ordering::Relaxed));
        let now = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if before + PAUSE_MS <= now
            && written.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            // Whoever has closed it does not look.
            let _ = write!(stderr(), "\r{}\x1b[K", line(done, self.seeds, took, self.lasts));
        }
    }

    /// The line goes: what is said next stands alone.
    pub(super) fn clear(&self) {
        if self.written.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// A bar, and how long it will take: by seeds or by time, whichever ends it sooner.
fn line(done: u64, seeds: Option<u64>, took: Duration, lasts: Option<Duration>) -> String {
    let thousandths = |part: u128, all: u128| u64::try_from(part * 1_000 / all.max(1)).unwrap_or(1_000).min(1_000);
    let by_seeds = seeds.map(|seeds| thousandths(done.into(), seeds.into()));
    let by_time = lasts.map(|lasts| thousandths(took.as_millis(), lasts.as_millis()));
    let Some(share) = by_seeds.max(by_time) else { return format!("{done} seeds") };
    let full = share * WIDTH / 1_000;
    let bar: String = (0..WIDTH).map(|nth| if nth < full { '#' } else { '.' }).collect();
    let of = seeds.map(|seeds| format!(" of {seeds}")).unwrap_or_default();
    let left = took.as_secs() * (1_000 - share) / share.max(1);
    format!("[{bar}] {done}{of} seeds, {left} s left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_grows_with_what_is_done_or_with_the_time_that_is_over() {
        let seconds = Duration::from_secs;
        let half = format!("[{}{}]", "#".repeat(15), ".".repeat(15));
        assert_eq!(line(50, Some(100), seconds(8), None), format!("{half} 50 of 100 seeds, 8 s left"));
        assert_eq!(line(50, None, seconds(30), Some(seconds(60))), format!("{half} 50 seeds, 30 s left"));
        let sooner = line(10, Some(100), seconds(30), Some(seconds(60)));
        assert_eq!(sooner, format!("{half} 10 of 100 seeds, 30 s left"), "time ends it sooner");
        assert_eq!(line(0, Some(100), seconds(0), None), format!("[{}] 0 of 100 seeds, 0 s left", ".".repeat(30)));
        assert_eq!(line(7, None, seconds(1), None), "7 seeds");
    }
}
