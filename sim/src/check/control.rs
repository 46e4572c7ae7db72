//! The control: where nothing goes wrong, all goes as it should, and the simulator adds nothing of its own.
//!
//! ```text
//!   one seed in sixteen: no fault, no loss, no delay of a twentieth of the least timeout
//!        ──> one leader, no retry, each operation is done, few messages for a command
//! ```

use super::{Check, Counts};

/// What a run says that has no faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Messages about commands: appends, their answers, and what is passed on to a leader.
    said: u64,
}

/// So many messages may come before the first command.
const FIRST: u64 = 64;

impl Control {
    /// A packet carries such messages.
    pub fn sent<'a>(&mut self, kinds: impl Iterator<Item = &'a str>) {
        let is_of_commands = |kind: &&str| ["Append", "AppendReply", "Forward"].contains(kind);
        self.said += kinds.filter(is_of_commands).count() as u64;
    }

    /// Judges a run of so many nodes, which has committed so much.
    ///
    /// A command goes to each of the others, who answer; the same again for a commit that travels alone; and it may have
    /// been passed on to the leader, which the leader may be asked for twice.
    pub fn judge(self, check: &mut Check, nodes: usize, counts: Counts) {
        let (elections, commits, others) = (check.elections, check.committed(), nodes as u64 - 1);
        let most = FIRST + commits * (3 * others + 2);
        let all = [
            ("elections", elections, 1),
            ("operations of which nobody knows", counts.unknown, 0),
            ("reads that were given up", counts.unread, 0),
            ("sessions that were gone", counts.expired, 0),
            ("refusals", counts.refused, 0),
            ("retries", counts.retried, 0),
            ("messages about commands", self.said, most),
        ];
        for (what, count, most) in all {
            if most < count {
                check
                    .break_rule("control", format!("{count} {what}, {most} at most: {nodes} nodes, {commits} commits"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(counts: Counts, elections: u64, said: u64) -> Option<&'static str> {
        let mut check = Check { elections, ..Check::default() };
        Control { said }.judge(&mut check, 3, counts);
        check.broken().map(|violation| violation.rule)
    }

    #[test]
    fn whatever_goes_wrong_where_nothing_should_is_told() {
        let none = Counts::default();
        assert_eq!(broken(none, 1, FIRST), None);
        assert_eq!(broken(none, 2, FIRST), Some("control"));
        assert_eq!(broken(none, 1, FIRST + 1), Some("control"));
        for counts in [
            Counts { unknown: 1, ..none },
            Counts { unread: 1, ..none },
            Counts { expired: 1, ..none },
            Counts { refused: 1, ..none },
            Counts { retried: 1, ..none },
        ] {
            assert_eq!(broken(counts, 1, 0), Some("control"), "{counts:?}");
        }
    }

    #[test]
    fn messages_about_commands_are_counted_and_no_others() {
        let mut control = Control::default();
        control.sent(["Append", "Heartbeat", "AppendReply", "Vote", "Forward", "ReadAsk"].into_iter());
        assert_eq!(control.said, 3);
    }
}
