//! The store against a disk that lies.

mod bench;
mod crash;
mod life;
mod mutants;
mod oracle;
mod recovery;
mod rot;
mod sweep;
mod workload;
