//! A cluster in a seed: real peers on simulated network, clocks and disks.
