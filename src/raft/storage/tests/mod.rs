//! The store against a disk that lies.

mod crash;
mod mutants;
mod oracle;
mod sweep;
mod workload;
