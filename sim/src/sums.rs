//! What has happened in a run, or in many: the proof that faults were faults.

use std::fmt;
use std::ops::AddAssign;

/// Declares the sums: a name, and what it counts.
macro_rules! sums {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Counts of one run, or of many.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Sums {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Sums {
            /// Reads what `Display` writes; `None` if it is anything else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Sums> {
                let mut sums = Sums::default();
                for part in text.trim().split(", ") {
                    let (name, count) = part.rsplit_once(' ')?;
                    let count = count.parse().ok()?;
                    match name.replace(' ', "_").as_str() {
                        $(stringify!($name) => sums.$name = count,)*
                        _ => return None,
                    }
                }
                Some(sums)
            }
        }

        impl AddAssign for Sums {
            fn add_assign(&mut self, other: Sums) {
                $(self.$name += other.$name;)*
            }
        }

        impl fmt::Display for Sums {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let all = [$((stringify!($name), self.$name),)*];
                let words = all.iter().map(|(name, count)| format!("{} {count}", name.replace('_', " ")));
                f.write_str(&words.collect::<Vec<_>>().join(", "))
            }
        }
    };
}

sums! {
    /// Runs.
    seeds,
    /// Turns of automata, and events of the world.
    steps,
    /// Simulated milliseconds.
    simulated_ms,
    /// Elections won.
    elections,
    /// Entries committed.
    commits,
    /// Numbers acknowledged to clients.
    acknowledged,
    /// Reads answered.
    reads,
    /// Reads that were given up.
    unread,
    /// Swaps that have won.
    swapped,
    /// Changes of which their caller does not know whether they took effect.
    unknown,
    /// Changes whose session was gone.
    expired,
    /// Changes refused: they never took effect.
    refused,
    /// Of those, for their size.
    too_large,
    /// Runs that ended with a calm phase.
    calm,
    /// Runs in whose calm phase nobody was asked for anything: too few had ever been born.
    unasked,
    /// Operations held against their place in the log.
    witnessed,
    /// Packets sent.
    packets,
    /// Packets lost.
    lost,
    /// Packets doubled.
    doubled,
    /// Packets that came after a later one.
    reordered,
    /// Packets that were spoiled.
    flipped,
    /// Packets that lost their end.
    truncated,
    /// Packets lost where too many were on their way.
    crowded,
    /// Packets that came again long after.
    replayed,
    /// Packets of another cluster, to another member or another life.
    foreign,
    /// Packets from somebody who is no member.
    no_members,
    /// Packets from a life of a member that is over.
    former_lives,
    /// Packets of another version of the format.
    other_versions,
    /// Packets that carry what only tomorrow's version knows.
    of_tomorrow,
    /// Messages in them of which nobody of today's knows the kind.
    unknown_kinds,
    /// Packets in which a member lied.
    lies,
    /// Peers that have stopped over them, rather than fork their data.
    stops,
    /// Packets that met a cut link.
    cut_off,
    /// Partitions begun.
    cuts,
    /// Links clogged.
    clogs,
    /// Processes that lost power.
    crashes,
    /// Of those, in the midst of a disk operation.
    at_disk,
    /// Disks whose power failed again before their process had started.
    at_start,
    /// All processes at once.
    blackouts,
    /// Crashes that cost bytes that were not synced.
    lost_bytes,
    /// Crashes that left a write torn.
    torn,
    /// Crashes that cost a change of names.
    lost_names,
    /// Of those, the ones that cost a rename.
    lost_renames,
    /// Processes that stood still.
    pauses,
    /// State machines that stood still.
    slow,
    /// Disks that were stuck.
    stuck,
    /// Of those, until their process was killed.
    stuck_for_ever,
    /// Disks that were full, or nearly.
    full,
    /// Of those, the ones that had room for a few bytes more.
    nearly_full,
    /// Processes that have ended since their disk failed.
    broken,
    /// Syncs that failed.
    failed_syncs,
    /// Writes that failed, and landed in part.
    failed_writes,
    /// Reads that failed.
    failed_reads,
    /// Files that were not made.
    failed_creates,
    /// Names that were not changed.
    failed_renames,
    /// Names that were not removed.
    failed_removals,
    /// Syncs of names that failed.
    failed_name_syncs,
    /// Directories emptied.
    wipes,
    /// Disks of which something of the log has changed.
    rotten,
    /// Disks of which something of a snapshot has changed.
    rotten_snapshots,
    /// Of both, those of which a sector has become zeros.
    zeroed,
    /// The same, what it was before it was changed last.
    reverted,
    /// Disks of which a part was read by nobody any more.
    unreadable,
    /// Of all these, the ones that left no majority of sound disks.
    beyond_budget,
    /// Clocks that have jumped.
    leaps,
    /// Processes that ended in good order.
    drained,
    /// Times when clients reached only some of the peers.
    asides,
    /// Faults that struck whoever led.
    at_leader,
    /// Rare moments that were answered by a fault.
    answered,
    /// Faults of the plan that changed something.
    struck,
    /// Faults of the plan that were not to be: the budget was spent, this disk was lost already, or all was to be calm.
    withheld,
    /// Faults of the plan that changed nothing: the node was down, the link was cut already, nobody led.
    idle,
    /// Steps of the core that were taken twice and compared.
    repeated,
    /// Snapshots of a place of which another peer had one.
    alike,
    /// Session tables of the first snapshot of a place, held against the one beside the peers.
    tables,
    /// Copies of disks that were started, to see whether what was promised is there.
    copies,
    /// States of peers held against the one beside them, behind each 32nd entry.
    states,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_as_they_were_written() {
        let sums = Sums { seeds: 3, simulated_ms: 15_000, at_disk: 7, ..Sums::default() };
        assert_eq!(Sums::parse(&sums.to_string()), Some(sums));
        assert_eq!(Sums::parse("seeds 3, wonders 2"), None);
    }
}
