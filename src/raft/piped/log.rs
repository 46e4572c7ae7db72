//! Lines for people, on stderr: `14:02:11.402 leader of term 1 (votes: 1, 2)`, in UTC, each written whole.

use crate::sync::shim::Ordering::Relaxed;
use crate::sync::shim::process::AtomicU32;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// What ends this peer, or should be mended at once.
    Error = 0,
    /// What goes wrong and is lived with.
    Warn = 1,
    /// What an operator wants to know.
    Info = 2,
    /// What a developer wants to know.
    Debug = 3,
}

impl Level {
    /// The level of this name: `error`, `warn`, `info` or `debug`.
    #[must_use]
    pub fn of(name: &str) -> Option<Level> {
        Some(match name {
            "error" => Level::Error,
            "warn" => Level::Warn,
            "info" => Level::Info,
            "debug" => Level::Debug,
            _ => return None,
        })
    }
}

/// A process has one stderr, so it has one level.
#[cfg(not(rsm_loom))]
static LEVEL: AtomicU32 = AtomicU32::new(Level::Info as u32);
#[cfg(rsm_loom)] // a model's atomics are not made at compile time
loom::lazy_static! {
    static ref LEVEL: AtomicU32 = AtomicU32::new(Level::Info as u32);
}

/// Lines of this level and of those that matter more are written from now on. `Info`, unless told.
pub fn set_level(level: Level) {
    LEVEL.store(level as u32, Relaxed);
}

/// Writes a line, if its level is asked for. A stderr that is gone is no reason to die: the front end may be.
pub fn say(level: Level, text: &str) {
    if LEVEL.load(Relaxed) < level as u32 {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = line(now.as_secs(), now.subsec_millis(), text);
    // One write, so that lines of several processes do not run into each other.
    let _ = io::stderr().write_all(line.as_bytes());
}

fn line(seconds: u64, millis: u32, text: &str) -> String {
    let (hours, minutes) = (seconds / 3_600 % 24, seconds / 60 % 60);
    let mut line = format!("{hours:02}:{minutes:02}:{:02}.{millis:03} ", seconds % 60);
    // What comes from outside (an address, a path) shall not write lines of its own.
    for c in text.chars() {
        if c.is_control() {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_with_the_time_of_day_and_is_one_line() {
        assert_eq!(line(86_400 + 14 * 3_600 + 2 * 60 + 11, 42, "a\nb"), "14:02:11.042 a\\nb\n");
    }

    #[test]
    fn levels_have_names_and_an_order() {
        let levels = ["error", "warn", "info", "debug"].map(|name| Level::of(name).unwrap());
        assert!(levels.is_sorted());
        assert_eq!(Level::of("loud"), None);
    }
}
