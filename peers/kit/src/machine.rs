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
    let kernel = kernel.split('-').next().unwrap_or_default(); // what follows names a build, not a kernel
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

/// The versions that `package` is built with of these, as a `Cargo.lock` has them. It names the version of a dependency only where
/// there are several.
pub fn versions(lock: &str, package: &str, of: &[&str]) -> String {
    let field = |part: &str, name: &str| {
        part.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim_matches('"').to_owned())
    };
    let parts = || {
        lock.split("[[package]]").filter_map(|part| Some((field(part, "name = ")?, field(part, "version = ")?, part)))
    };
    let ours = parts().find(|(name, ..)| name == package).map_or("", |(_, _, part)| part);
    let uses = |name: &str, version: &str| {
        let line = |wanted: &str| ours.lines().any(|line| line.trim().trim_matches(['"', ',']) == wanted);
        line(name) || line(&format!("{name} {version}"))
    };
    let found = parts().filter(|(name, version, _)| of.contains(&name.as_str()) && uses(name, version));
    found.map(|(name, version, _)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_the_package_is_built_with() {
        let package = |name: &str, version: &str, rest: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}\n")
        };
        let uses = "dependencies = [\n \"b\",\n \"c 2\",\n]\n";
        let lock = package("us", "0", uses) + &package("b", "3", "") + &package("c", "1", "") + &package("c", "2", "");
        assert_eq!(versions(&lock, "us", &["b", "c"]), "b 3, c 2");
    }
}
