//! The store against a disk that lies.

mod bench;
mod crash;
mod directory;
mod full;
mod life;
mod mutants;
mod past;
mod records;
mod recovery;
mod rot;
mod suites;
mod sweep;
mod workload;
