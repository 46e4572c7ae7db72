//! What a peer says of itself: for eyes, for tests, and as JSON for front ends.

use crate::raft::consensus::RoleName;
use crate::raft::wire::Refused;
use crate::raft::{ClusterId, Index, NodeId, Term};
use std::fmt::Write;
use std::time::Duration;

/// A peer's present, in numbers. They are read one after the other: each is true, but not all of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// Its id.
    pub id: NodeId,
    /// Its address, as the members know it.
    pub address: String,
    /// What it is.
    pub role: RoleName,
    /// Whether it is shutting down.
    pub draining: bool,
    /// Its term.
    pub term: Term,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// The first entry of its log.
    pub first: Index,
    /// The last entry of its log.
    pub last: Index,
    /// The last entry that it knows to be committed.
    pub commit: Index,
    /// The last entry that is applied to its state.
    pub applied: Index,
    /// On a leader: how long ago each other member has answered.
    pub heard: Vec<(NodeId, Duration)>,
    /// Of the log's writes with their sync, over the last 1,024: what 99 of 100 stay below.
    pub disk_p99: Option<Duration>,
    /// How many times the log was synced since the start.
    pub syncs: u64,
    /// Inputs that wait in the replica's inbox.
    pub queue: usize,
    /// Proposals that are open.
    pub tickets: usize,
    /// Sessions that are open, on all peers, as far as the log is applied here.
    pub sessions: usize,
    /// Snapshots that were received and installed since the start.
    pub snapshots_installed: u64,
    /// On a leader: how often it could not read what another member lacks, since the system had no more memory, or no
    /// more files to open. It tries again, for 20 election timeouts; then it ends, so that another may lead.
    pub starved: u64,
    /// Calls of `send` that took 10 ms or more since the start, by the member that the packet was for: `send` must not
    /// block, for heartbeats wait for it.
    pub slow_sends: Vec<(NodeId, u64)>,
    /// Packets and messages that were dropped since the start, by reason.
    pub refused: [(Refused, u64); Refused::ALL.len()],
}

impl Status {
    /// The word for what it is: its role, or that it is draining.
    #[must_use]
    pub fn role_word(&self) -> String {
        if self.draining { "draining".into() } else { self.role.to_string() }
    }

    /// One JSON object, on one line. With a digest of the state, `applied` is the index that it was made at.
    #[must_use]
    pub fn to_json(&self, digest: Option<(Index, u32)>) -> String {
        let optional = |number: Option<u64>| number.map_or("null".to_owned(), |number| number.to_string());
        let mut json = format!("{{\"cluster\":\"{:016x}\",\"id\":{},\"address\":", self.cluster.0, self.id);
        put_string(&mut json, &self.address);
        let applied = digest.map_or(self.applied, |(index, _)| index);
        let digest = digest.map_or("null".to_owned(), |(_, digest)| format!("\"{digest:08x}\""));
        let leader = optional(self.leader.map(|leader| leader.0));
        let p99 = optional(self.disk_p99.map(|p99| u64::try_from(p99.as_micros()).unwrap_or(u64::MAX)));
        let heard: Vec<_> = self.heard.iter().map(|(id, ago)| format!("\"{id}\":{}", ago.as_millis())).collect();
        let slow_sends: Vec<_> = self.slow_sends.iter().map(|(id, calls)| format!("\"{id}\":{calls}")).collect();
        let refused: Vec<_> = self.refused.iter().map(|(why, n)| format!("\"{}\":{n}", why.name())).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            json,
            ",\"role\":\"{}\",\"term\":{},\"leader\":{leader},\"first\":{},\"last\":{},\"commit\":{},\"applied\":{applied},\
             \"digest\":{digest},\"disk_p99_us\":{p99},\"syncs\":{},\"queue\":{},\"tickets\":{},\
             \"snapshots_installed\":{},\"starved\":{},\"refused\":{{{}}},\"slow_sends\":{{{}}},\"heard\":{{{}}},\"pid\":{}}}",
            self.role_word(),
            self.term,
            self.first,
            self.last,
            self.commit,
            self.syncs,
            self.queue,
            self.tickets,
            self.snapshots_installed,
            self.starved,
            refused.join(","),
            slow_sends.join(","),
            heard.join(","),
            std::process::id(),
        );
        json
    }
}

/// Appends a JSON string.
fn put_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_object_whatever_the_address() {
        let status = Status {
            cluster: ClusterId(0x7c),
            id: NodeId(0),
            address: "a\"b\\\n".into(),
            role: RoleName::Leader,
            draining: false,
            term: Term(3),
            leader: None,
            first: Index(1),
            last: Index(12),
            commit: Index(11),
            applied: Index(10),
            heard: vec![(NodeId(2), Duration::from_millis(30))],
            disk_p99: None,
            syncs: 7,
            queue: 0,
            tickets: 1,
            sessions: 2,
            snapshots_installed: 0,
            starved: 5,
            slow_sends: vec![(NodeId(2), 4)],
            refused: Refused::ALL.map(|why| (why, 0)),
        };
        let json = status.to_json(Some((Index(9), 0xab)));
        let start = r#"{"cluster":"000000000000007c","id":0,"address":"a\"b\\\u000a","role":"leader","term":3,"leader":null,"first":1,"last":12,"commit":11,"applied":9,"digest":"000000ab","disk_p99_us":null,"syncs":7,"#;
        assert_eq!(&json[..start.len()], start);
        assert!(json.contains(r#""starved":5,"refused":{"checksum":0,"cluster":0,"incarnation":0,"version":0,"kind":0,"malformed":0,"full":0},"slow_sends":{"2":4},"heard":{"2":30},"#));
    }
}
