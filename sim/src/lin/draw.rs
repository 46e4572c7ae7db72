//! Histories as bars, and back.
//!
//! ```text
//!   [w1  ]     [r2]         w1: wrote 1       r2: saw 2
//!      [s1>2 ]              s1>2: swapped 1 for 2       s1>2!3: would have, but found 3
//!   [w4 ?                   never returned
//! ```
//! A line holds operations that follow each other; a column is a moment.

use super::{Call, Operation};
use std::fmt::{self, Write};

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Call::Write(value) => write!(f, "w{value}"),
            Call::Read(value) => write!(f, "r{value}"),
            Call::Swap { expected, new, found } if expected == found => write!(f, "s{expected}>{new}"),
            Call::Swap { expected, new, found } => write!(f, "s{expected}>{new}!{found}"),
        }
    }
}

/// A history as text.
pub(super) fn bars(operations: &[Operation]) -> String {
    let mut moments: Vec<(u64, bool, usize)> = Vec::new();
    for (nth, operation) in operations.iter().enumerate() {
        moments.push((operation.called, false, nth));
        moments.extend(operation.returned.map(|at| (at, true, nth)));
    }
    moments.sort_unstable();
    let labels: Vec<String> = operations.iter().map(|operation| operation.call.to_string()).collect();
    let (mut columns, mut column) = (vec![(0, None); operations.len()], 0);
    for (_, returns, nth) in moments {
        if returns {
            column = column.max(columns[nth].0 + labels[nth].len() + 1);
            columns[nth].1 = Some(column);
        } else {
            columns[nth].0 = column;
        }
        column += 1;
    }
    let mut in_order: Vec<usize> = (0..operations.len()).collect();
    in_order.sort_by_key(|&nth| columns[nth].0);
    let mut lines: Vec<String> = Vec::new();
    for nth in in_order {
        let (called, returned) = columns[nth];
        let free = |line: &String| line.len() <= called && !line.ends_with('?');
        let place = lines.iter().position(free).unwrap_or_else(|| {
            lines.push(String::new());
            lines.len() - 1
        });
        let (line, label) = (&mut lines[place], &labels[nth]);
        // To a string: it cannot fail.
        let _ = write!(line, "{:pad$}[{label}", "", pad = called - line.len());
        match returned {
            Some(at) => _ = write!(line, "{:pad$}]", "", pad = at - called - 1 - label.len()),
            None => line.push_str(" ?"),
        }
    }
    lines.join("\n")
}

/// Reads what a failed check draws; `None` if it is no such drawing.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<Operation>> {
    let mut operations = Vec::new();
    for line in text.lines() {
        let mut at = 0;
        while let Some(begin) = line[at..].find('[').map(|begin| at + begin) {
            let end = begin + line[begin..].find([']', '?'])?;
            let call = call(line[begin + 1..end].trim())?;
            let returned = line[end..].starts_with(']').then_some(end as u64);
            operations.push(Operation { called: begin as u64, returned, call });
            at = end;
        }
    }
    Some(operations)
}

fn call(label: &str) -> Option<Call> {
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some(value) = label.strip_prefix('w') {
        return number(value).map(Call::Write);
    }
    if let Some(value) = label.strip_prefix('r') {
        return number(value).map(Call::Read);
    }
    let (expected, new) = label.strip_prefix('s')?.split_once('>')?;
    let (expected, (new, found)) = (number(expected)?, new.split_once('!').unwrap_or((new, expected)));
    Some(Call::Swap { expected, new: number(new)?, found: number(found)? })
}
