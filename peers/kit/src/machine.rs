//! The machine under the figures, and this process's place on it.

use crate::load::processors;
use std::fs;
use std::process::Command;

/// Puts the calling thread on a processor, so that the threads of a race lie on them by turns.
pub fn pin(thread: usize) {
    // SAFETY: zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the processor's number is below the set's size on any machine this runs on; the macro checks it.
    unsafe { libc::CPU_SET(thread % processors(), &mut set) };
    // SAFETY: the set lives, and its size is given.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
}

/// Processor time that the calling thread has used, in ns: it stands still while the thread sleeps, or another is in its place.
pub fn thread_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place lives, and is written by the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    assert_eq!(failed, 0, "a thread has a clock of its own");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Puts the process before others, if it may; whether it could.
pub fn hurry() -> bool {
    // SAFETY: the call changes nothing but the priority.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) == 0 }
}

/// Memory that is in use by this process, in KiB. 0 where the system does not tell.
pub fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Has the heap give back what it keeps for itself, where it can.
pub fn trim() {
    // SAFETY: the call takes only what is free already.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// The machine's shape in one line.
pub fn shape() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc").arg("-V").output().map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    format!(
        "{} processors, {} (family {}, model {}), {} {}, {}",
        processors(),
        field("model name"),
        field("cpu family"),
        field("model\t"),
        std::env::consts::OS,
        kernel.trim(),
        rustc.unwrap_or_default().trim()
    )
}

/// The versions of these packages, as a `Cargo.lock` has them.
pub fn versions(lock: &str, packages: &[&str]) -> String {
    let mut found = Vec::new();
    for part in lock.split("[[package]]") {
        let field = |name: &str| part.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim_matches('"'));
        if let (Some(name), Some(version)) = (field("name = "), field("version = "))
            && packages.contains(&name)
        {
            found.push(format!("{name} {version}"));
        }
    }
    found.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.2\"\n\n[[package]]\nname = \"b\"\nversion = \"3\"\n";
        assert_eq!(versions(lock, &["b"]), "b 3");
    }
}
