//! How much of the machine others used meanwhile.

use std::fs;
use std::time::Instant;

/// More than this share of the machine used by others spoils a round.
pub const FOREIGN_MAX: f64 = 0.15;

/// What had been used of the machine at some instant.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    at: Instant,
    busy_s: f64,
    own_s: f64,
}

impl Load {
    /// Up to now.
    pub fn now() -> Load {
        Load { at: Instant::now(), busy_s: busy_s(), own_s: own_s() }
    }

    /// The share of the machine, 0 to 1, that others have used since. 0 where the system does not tell.
    pub fn foreign_share(self) -> f64 {
        let now = Load::now();
        let machine_s = (now.at - self.at).as_secs_f64() * processors() as f64;
        let foreign_s = (now.busy_s - self.busy_s) - (now.own_s - self.own_s);
        if machine_s > 0.0 { (foreign_s / machine_s).max(0.0) } else { 0.0 }
    }
}

/// Processors that threads may be put on.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processor time that this process and its children that have ended have used, in seconds.
pub fn own_s() -> f64 {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(used_s).sum()
}

fn used_s(who: libc::c_int) -> f64 {
    // SAFETY: zero is a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place is of that type, and lives.
    let failed = unsafe { libc::getrusage(who, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    if failed == 0 { seconds(usage.ru_utime) + seconds(usage.ru_stime) } else { 0.0 }
}

/// Processor time that anybody has used, the host's other guests among them, in seconds.
fn busy_s() -> f64 {
    // SAFETY: the call only reads a setting.
    let ticks_per_s = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as f64;
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; a guest's time is in user already.
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    (ticks.iter().take(8).sum::<f64>() - idle) / ticks_per_s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_work_is_counted_as_ours() {
        let before = own_s();
        let worked = (0..1u64 << 24).fold(0, |sum: u64, step| std::hint::black_box(sum ^ step));
        assert!(own_s() > before, "{worked}: what this process used is counted");
    }
}
