//! Words on stdout: what was asked for, and nothing else.

use std::fmt;
use std::io::{self, ErrorKind};

/// Says a line, as `println!` does. Whoever has stopped to listen misses it, and changes nothing else.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::say::line(format_args!($($words)*))
    };
}

pub(crate) use say;

/// A line for stdout.
#[cfg(not(test))]
pub(crate) fn line(words: fmt::Arguments<'_>) {
    use std::io::Write;
    if let Err(why) = heard(writeln!(io::stdout().lock(), "{words}")) {
        eprintln!("cargo sim: stdout takes no more: {why}");
        std::process::exit(2);
    }
}

/// A test that passes keeps it to itself.
#[cfg(test)]
#[allow(clippy::print_stdout, reason = "what is captured is what is printed so")]
pub(crate) fn line(words: fmt::Arguments<'_>) {
    println!("{words}");
}

/// A reader that is gone, as `head` is after its ten lines, is no fault.
pub(crate) fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
