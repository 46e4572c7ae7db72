//! What of all that happens is worth a line, and in which words.

use super::log::Level;
use crate::raft::consensus::News;
use crate::raft::wire::Refused;
use crate::raft::{Identity, NodeId, Term, Time};
use std::time::Duration;

/// A line, and how much it matters.
pub(super) type Line = (Level, String);

/// Somebody who is newborn for so long is spoken of. Members that are started together may come up a second or two apart
/// where other work takes the processors: nothing is amiss then, and no operator's word is needed.
const PATIENCE: Duration = Duration::from_secs(3);
/// One line for each reason to refuse something in so long.
const SELDOM: Duration = Duration::from_secs(1);

/// What was said, as far as later lines depend on it. Pure: it makes lines, and writes none.
#[derive(Debug)]
pub(super) struct Lines {
    us: Identity,
    /// All members, by id, with their addresses.
    members: Vec<(NodeId, String)>,
    began: Time,
    /// Who has not attested, while we are newborn.
    awaited: Vec<NodeId>,
    awaited_said: Option<Vec<NodeId>>,
    stands: Stands,
    refused: [Seldom; Refused::ALL.len()],
}

/// Where we last stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Alone,
    Leads,
    Follows,
}

/// How often something has happened, and when that was last said.
#[derive(Clone, Copy, Debug, Default)]
struct Seldom {
    counted: u64,
    said: u64,
    quiet_until: Time,
}

impl Lines {
    pub(super) fn new(us: Identity, members: Vec<(NodeId, String)>, now: Time) -> Lines {
        let refused = [Seldom::default(); Refused::ALL.len()];
        let (awaited, awaited_said) = (Vec::new(), None);
        Lines { us, members, began: now, awaited, awaited_said, stands: Stands::Alone, refused }
    }

    /// The line for this, if it is worth one.
    pub(super) fn on_news(&mut self, news: &News) -> Option<Line> {
        let info = |text: String| Some((Level::Info, text));
        let debug = |text: String| Some((Level::Debug, text));
        match news {
            News::Newborn { awaited } => {
                self.awaited.clone_from(awaited);
                None
            }
            News::Born { attested_by } if attested_by.is_empty() => info("born".into()),
            News::Born { attested_by } => info(format!("born, attested by {}", list(attested_by))),
            News::OtherLife { known_to } => Some((Level::Error, self.other_life(known_to))),
            News::PreCandidate { asked } => debug(format!("pre-candidate for term {asked}")),
            News::Candidate { term } => info(format!("candidate in term {term}")),
            News::Leading { term, votes } => {
                self.stands = Stands::Leads;
                info(format!("leader of term {term} (votes: {})", list(votes)))
            }
            News::Following { leader, term } => {
                self.stands = Stands::Follows;
                info(format!("follows {leader} in term {term}"))
            }
            News::Idle { term } => self.idle(*term),
            News::Checkpoint { at, installed: true } => info(format!("snapshot at {} installed", at.index)),
            News::Checkpoint { at, installed: false } => debug(format!("snapshot at {} taken", at.index)),
            News::Stranger { node } => Some((Level::Warn, self.stranger(*node))),
            News::SlowSend { to, took } => {
                Some((Level::Warn, format!("a send to peer {to} took {} ms: it must not block", took.as_millis())))
            }
            News::Missed(many) => debug(format!("{many} news were missed")),
            News::Committed(_) | News::Exit => None,
        }
    }

    fn idle(&mut self, term: Term) -> Option<Line> {
        let stood = std::mem::replace(&mut self.stands, Stands::Alone);
        match stood {
            Stands::Leads => Some((Level::Warn, format!("leads no more, in term {term}"))),
            Stands::Follows => Some((Level::Info, format!("hears no leader, in term {term}"))),
            Stands::Alone => Some((Level::Debug, format!("knows no leader, in term {term}"))),
        }
    }

    fn other_life(&self, known_to: &[NodeId]) -> String {
        let who = match known_to {
            [one] => format!("peer {one} knows"),
            many => format!("peers {} know", list(many)),
        };
        format!(
            "{who} another life of peer {}: its directory was emptied. It cannot come back before membership changes \
             exist; put the directory back",
            self.us.node
        )
    }

    fn stranger(&self, node: NodeId) -> String {
        let address = self.members.iter().find(|(id, _)| *id == node).map_or("", |(_, address)| address);
        let comma = if address.is_empty() { "" } else { ", " };
        format!("packets of another cluster from peer {node}{comma}{address}; do all peers read the same peers.yml?")
    }

    /// The line of a peer that waits to be born: after three seconds, and again when it waits for others.
    pub(super) fn on_newborn(&mut self, now: Time) -> Option<Line> {
        let patient = now < self.began.after(PATIENCE);
        if patient || self.awaited.is_empty() || self.awaited_said.as_ref() == Some(&self.awaited) {
            return None;
        }
        self.awaited_said = Some(self.awaited.clone());
        let needs = match needed(self.members.len()) {
            Needed { up, .. } if up == self.members.len() => "every member".to_owned(),
            Needed { up, .. } => format!("{up} of {} members", self.members.len()),
        };
        let with = match needed(self.members.len()).first_boot {
            0 => "without any other".to_owned(),
            1 => "with one other".to_owned(),
            more => format!("with {more} others"),
        };
        let Identity { node, incarnation } = self.us;
        let line = format!(
            "newborn, waits for {}: a first start needs {needs} up once (if this is peer {node}'s first directory: \
             --first-boot {:016x} makes do {with})",
            list(&self.awaited),
            incarnation.0
        );
        Some((Level::Warn, line))
    }

    /// Lines for what was refused since each was last said: one for each reason and second.
    pub(super) fn on_refused(&mut self, counts: &[(Refused, u64)], now: Time) -> Vec<Line> {
        let mut lines = Vec::new();
        for &(why, count) in counts {
            let seldom = &mut self.refused[why as usize];
            seldom.counted = count;
            if seldom.said < count && seldom.quiet_until <= now {
                let text = format!("{} dropped: {why}", count - seldom.said);
                (seldom.said, seldom.quiet_until) = (count, now.after(SELDOM));
                lines.push((Level::Warn, text));
            }
        }
        lines
    }
}

/// How many must be up once for a first start.
struct Needed {
    /// Members, oneself included.
    up: usize,
    /// Others, for one whose operator vouches for it.
    first_boot: usize,
}

fn needed(members: usize) -> Needed {
    if members <= 1 {
        return Needed { up: 1, first_boot: 0 };
    }
    let survived = members - (members / 2 + 1);
    // The least q with 2q > n - 2 + f.
    let attests = (members - 2 + survived) / 2 + 1;
    Needed { up: attests + 1, first_boot: members - 1 + survived - attests }
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Incarnation, Index, LogId};

    fn lines(members: u64) -> Lines {
        let us = Identity { node: NodeId(0), incarnation: Incarnation(0x9f3c_21aa_6b0d_4e17) };
        let members = (0..members).map(|id| (NodeId(id), format!("127.0.0.1:400{id}"))).collect();
        Lines::new(us, members, Time(0))
    }

    fn seconds(seconds: u64) -> Time {
        Time(seconds * 1_000_000_000)
    }

    #[test]
    fn an_election_is_told_in_the_words_of_the_manual() {
        let mut lines = lines(3);
        let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect::<Vec<_>>();
        let told = [
            News::Newborn { awaited: ids(&[1, 2]) },
            News::Born { attested_by: ids(&[1, 2]) },
            News::Idle { term: Term(0) },
            News::PreCandidate { asked: Term(1) },
            News::Candidate { term: Term(1) },
            News::Leading { term: Term(1), votes: ids(&[0, 2]) },
            News::Committed(Index(1)),
            News::Idle { term: Term(1) },
            News::Following { leader: NodeId(1), term: Term(2) },
            News::Idle { term: Term(2) },
            News::Checkpoint { at: LogId::new(2, 500), installed: true },
            News::Exit,
        ];
        let told: Vec<_> =
            told.iter().filter_map(|news| lines.on_news(news)).filter(|line| line.0 <= Level::Info).collect();
        let words: Vec<_> = told.iter().map(|line| &line.1[..]).collect();
        assert_eq!(
            words,
            [
                "born, attested by 1, 2",
                "candidate in term 1",
                "leader of term 1 (votes: 0, 2)",
                "leads no more, in term 1",
                "follows 1 in term 2",
                "hears no leader, in term 2",
                "snapshot at 500 installed",
            ]
        );
    }

    #[test]
    fn a_newborn_says_after_three_seconds_whom_it_waits_for_and_again_when_that_changes() {
        let mut lines = lines(3);
        lines.on_news(&News::Newborn { awaited: vec![NodeId(2)] });
        assert_eq!(lines.on_newborn(Time(2_999_999_999)), None);
        let said = "newborn, waits for 2: a first start needs every member up once (if this is peer 0's first directory: \
                    --first-boot 9f3c21aa6b0d4e17 makes do with one other)";
        assert_eq!(lines.on_newborn(seconds(3)), Some((Level::Warn, said.into())));
        assert_eq!(lines.on_newborn(seconds(9)), None);
        lines.on_news(&News::Newborn { awaited: vec![NodeId(1), NodeId(2)] });
        assert!(lines.on_newborn(seconds(9)).unwrap().1.starts_with("newborn, waits for 1, 2: "));
    }

    #[test]
    fn a_first_start_needs_as_many_as_the_manual_says() {
        let needs: Vec<_> = (3..=7).map(|members| needed(members).up).collect();
        assert_eq!(needs, [3, 3, 4, 5, 6]);
        let vouched: Vec<_> = (3..=7).map(|members| needed(members).first_boot).collect();
        assert_eq!(vouched, [1, 2, 3, 3, 4]);
        assert_eq!((needed(2).up, needed(2).first_boot, needed(1).up), (2, 0, 1));
        let mut five = lines(5);
        five.on_news(&News::Newborn { awaited: vec![NodeId(2)] });
        assert!(five.on_newborn(seconds(3)).unwrap().1.contains("needs 4 of 5 members up once"));
    }

    #[test]
    fn an_emptied_directory_and_a_foreign_list_of_members_say_what_to_do() {
        let mut lines = lines(3);
        let (_, other) = lines.on_news(&News::OtherLife { known_to: vec![NodeId(1), NodeId(2)] }).unwrap();
        assert_eq!(
            other,
            "peers 1, 2 know another life of peer 0: its directory was emptied. It cannot come back before membership \
             changes exist; put the directory back"
        );
        let (_, stranger) = lines.on_news(&News::Stranger { node: NodeId(2) }).unwrap();
        assert_eq!(
            stranger,
            "packets of another cluster from peer 2, 127.0.0.1:4002; do all peers read the same peers.yml?"
        );
    }

    #[test]
    fn what_was_refused_is_said_once_for_each_reason_and_second() {
        let mut lines = lines(3);
        let counts = |checksum, kind| [(Refused::Checksum, checksum), (Refused::Kind, kind)];
        let said = |lines: &mut Lines, counts: &[(Refused, u64)], at: u64| {
            lines.on_refused(counts, Time(at * 100_000_000)).into_iter().map(|line| line.1).collect::<Vec<_>>()
        };
        assert_eq!(said(&mut lines, &counts(0, 0), 0), [""; 0]);
        assert_eq!(said(&mut lines, &counts(1, 0), 1), ["1 dropped: a wrong checksum"]);
        assert_eq!(said(&mut lines, &counts(5, 2), 2), ["2 dropped: an unknown kind"]);
        assert_eq!(said(&mut lines, &counts(9, 2), 11), ["8 dropped: a wrong checksum"]);
        assert_eq!(said(&mut lines, &counts(9, 2), 30), [""; 0]);
    }
}
