//! How contenders are measured fairly, and how the outcome is written down.
//!
//! ```text
//!   Point: bench, threads, subjects
//!     |        round 1:  B  C  A     order drawn anew; all subjects in each round, so that they meet the same weather
//!   Rounds     round 2:  A  C  B
//!     |        round 3:  C  A  B  <- foreign load: thrown away, repeated
//!   Measured: median [min, max] of each; a ratio is taken within a round, and the median of the ratios counts
//!     |
//!   Section: tables and goals ──> Markdown, for people         one line a figure ──> JSON, for machines
//! ```

pub mod block_on;
pub mod command;
pub mod load;
pub mod machine;
pub mod options;
pub mod race;
pub mod report;
pub mod rounds;
pub mod section;
pub mod spread;
