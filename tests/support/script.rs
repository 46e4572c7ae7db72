//! The little language of transcripts: what happens, and what each peer then says.
//!
//! ```text
//! # a comment
//! > cluster 3                     peers 0, 1, 2: born, each knows the others' lives
//! > peer 1 term 2 log 1 1 2       (before anything else) peer 1 starts with this term and entries of these terms
//! > 0 times out                   its election alarm rings        > 0 beats       its heartbeat alarm rings
//! > 0 proposes a                  a command                       > 0 reads       a linearizable read
//! > 0 syncs                       its disk has completed everything
//! > 0 -> 1                        all packets on their way from 0 to 1 arrive
//! > drop 0 -> 1                   they are lost
//! > 0 snapshots                   its state machine has written a snapshot of what it has applied
//! > 0 ships to 2                  0's snapshot is whole at 2
//! > 0 restarts                    with what was synced
//! > settle                        packets arrive and disks complete until nothing is on its way; nothing is shown
//! > show                          every peer in one line
//! ```
//! What follows a line of input, up to the next, is what it must bring about.

use super::disk::{Disk, File};
use super::{MS, command, options};
use rsm::raft::consensus::{Committed, Effect, Input, Machine, Message, News, Outcome, Record, RoleName};
use rsm::raft::{Entry, Identity, Incarnation, Index, LogId, NodeId, Term, Time, Token, Track};
use std::collections::BTreeMap;
use std::fmt::Write;

struct Peer {
    machine: Machine,
    disk: Disk,
    written: Option<rsm::raft::Seq>,
    state: Vec<Entry>,
    /// Each peer has a clock of its own: waiting for one makes no other impatient.
    now: Time,
}

/// From whom, to which life of its receiver, and what.
type Letter = (Identity, Option<Incarnation>, Message);

/// A cluster in which nothing happens but what the script says.
#[derive(Default)]
pub struct Script {
    size: u64,
    starts: BTreeMap<u64, (u64, Vec<u64>)>,
    peers: BTreeMap<u64, Peer>,
    way: BTreeMap<(u64, u64), Vec<Letter>>,
    shipped: BTreeMap<(u64, u64), (Term, Track)>,
    tokens: u64,
    out: String,
}

impl Script {
    /// Runs one line of input; what it brought about, a line each.
    pub fn run(&mut self, line: &str) -> String {
        self.out.clear();
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse::<u64>().unwrap_or_else(|_| panic!("a number, not {word:?}, in {line:?}"));
        match words.as_slice() {
            ["cluster", n] => self.size = number(n),
            ["peer", id, "term", term, "log", log @ ..] => {
                let log = log.iter().map(|term| number(term)).collect();
                self.starts.insert(number(id), (number(term), log));
            }
            ["settle"] => self.settle(),
            ["show"] => self.show(),
            ["drop", from, "->", to] => drop(self.way.remove(&(number(from), number(to)))),
            [from, "->", to] => self.deliver(number(from), number(to)),
            [id, "times", "out"] => self.ring(number(id), 2 * 300 * MS),
            [id, "beats"] => self.ring(number(id), 50 * MS),
            [id, "waits", ms] => self.ring(number(id), number(ms) * MS),
            [id, "proposes", text] => {
                let token = self.token();
                self.step(number(id), Input::Propose { entry: command(text), token });
            }
            [id, "reads"] => {
                let (token, until) = (self.token(), Time::MAX);
                self.step(number(id), Input::Read { token, until });
            }
            [id, "syncs"] => self.sync(number(id)),
            [id, "snapshots"] => self.snapshot(number(id)),
            [from, "ships", "to", to] => self.ship(number(from), number(to)),
            [id, "restarts"] => self.restart(number(id)),
            _ => panic!("no such line: {line:?}"),
        }
        std::mem::take(&mut self.out)
    }

    fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// The peers start with the first line that needs them.
    fn begin(&mut self) {
        if !self.peers.is_empty() {
            return;
        }
        for id in 0..self.size {
            let (term, log) = self.starts.get(&id).cloned().unwrap_or_default();
            let disk = Disk::born(id, self.size, term, &log);
            let peer = self.boot(id, disk);
            self.peers.insert(id, peer);
        }
        let quiet = std::mem::take(&mut self.out);
        (0..self.size).for_each(|id| self.flush(id));
        self.out = quiet;
    }

    fn boot(&self, id: u64, mut disk: Disk) -> Peer {
        let mut told = options(id, self.size);
        told.margin = 0;
        let now = self.peers.get(&id).map_or(Time(1_000 * MS), |former| former.now);
        let machine = Machine::new(told, disk.recover(), id, now).expect("a good start");
        let state = disk.file.as_ref().map(|file| file.state.clone()).unwrap_or_default();
        Peer { machine, disk, written: None, state, now }
    }

    fn restart(&mut self, id: u64) {
        self.begin();
        let mut disk = self.peers[&id].disk.clone();
        disk.crash(0);
        let peer = self.boot(id, disk);
        self.peers.insert(id, peer);
        self.flush(id);
    }

    fn step(&mut self, id: u64, input: Input) {
        self.begin();
        let peer = self.peers.get_mut(&id).expect("such a peer");
        peer.machine.step(input, peer.now);
        self.flush(id);
    }

    fn ring(&mut self, id: u64, after: u64) {
        self.begin();
        self.peers.get_mut(&id).expect("such a peer").now.0 += after;
        self.step(id, Input::Tick);
    }

    fn deliver(&mut self, from: u64, to: u64) {
        self.begin();
        for (from, incarnation, message) in self.way.remove(&(from, to)).unwrap_or_default() {
            let peer = self.peers.get_mut(&to).expect("such a peer");
            peer.machine.step(Input::Receive { from, to: incarnation, message }, peer.now);
        }
        self.flush(to);
    }

    fn sync(&mut self, id: u64) {
        self.begin();
        let peer = self.peers.get_mut(&id).expect("such a peer");
        if let Some(seq) = peer.written.take() {
            peer.disk.sync(seq);
            self.step(id, Input::Persisted(seq));
        }
    }

    fn settle(&mut self) {
        self.begin();
        let quiet = std::mem::take(&mut self.out);
        loop {
            let links: Vec<(u64, u64)> = self.way.keys().copied().collect();
            let writing: Vec<u64> =
                self.peers.iter().filter(|(_, peer)| peer.written.is_some()).map(|(&id, _)| id).collect();
            if links.is_empty() && writing.is_empty() {
                break;
            }
            links.into_iter().for_each(|(from, to)| self.deliver(from, to));
            writing.into_iter().for_each(|id| self.sync(id));
        }
        self.out = quiet;
    }

    fn snapshot(&mut self, id: u64) {
        self.begin();
        let peer = self.peers.get_mut(&id).expect("such a peer");
        let index = peer.state.len() as u64;
        let at = LogId { term: peer.state.last().expect("something was applied").term, index: Index(index) };
        let membership = peer.machine.core().membership().clone();
        peer.disk.put(File { at, membership: membership.clone(), state: peer.state.clone() });
        self.step(id, Input::Snapshotted { at, membership });
    }

    fn ship(&mut self, from: u64, to: u64) {
        let (term, track) = self.shipped.remove(&(from, to)).expect("a snapshot that is to be sent");
        let file = self.peers[&from].disk.file.clone().expect("a snapshot");
        let (at, membership) = (file.at, file.membership.clone());
        self.peers.get_mut(&to).expect("such a peer").disk.put(file);
        self.step(to, Input::SnapshotReady { from: NodeId(from), term, track, at, membership });
        self.step(from, Input::SnapshotSent { to: NodeId(to), track });
    }

    fn flush(&mut self, id: u64) {
        let peer = self.peers.get_mut(&id).expect("such a peer");
        let mut effects = Vec::new();
        peer.machine.flush(peer.now, &mut effects);
        let me = peer.machine.core().me();
        for effect in effects {
            if let Some(line) = describe(&effect) {
                writeln!(self.out, "{id} {line}").expect("memory");
            }
            let peer = self.peers.get_mut(&id).expect("such a peer");
            match effect {
                Effect::Persist(seq, record) => {
                    peer.disk.stage(seq, record);
                    peer.written = Some(seq);
                }
                Effect::Send { to, incarnation, message } => {
                    self.way.entry((id, to.0)).or_default().push((me, incarnation, message));
                }
                Effect::Load { to, incarnation, mut append, range, .. } => {
                    append.entries = peer.disk.read(range, usize::MAX).expect("durable entries").into();
                    let message = Message::Append(append);
                    self.way.entry((id, to.0)).or_default().push((me, incarnation, message));
                }
                Effect::Apply(Committed::Entries { entries, .. }) => peer.state.extend(entries.iter().cloned()),
                Effect::Apply(Committed::Range(range)) => {
                    peer.state.extend(peer.disk.read(range, usize::MAX).expect("durable entries"));
                }
                Effect::Install { .. } => peer.state = peer.disk.file.as_ref().expect("a file").state.clone(),
                Effect::SendSnapshot { to, term, track, .. } => {
                    self.shipped.insert((id, to.0), (term, track));
                }
                Effect::Release(keep) => peer.disk.release(keep),
                _ => {}
            }
        }
    }

    fn show(&mut self) {
        self.begin();
        for (id, peer) in &self.peers {
            let (core, role) = (peer.machine.core(), peer.machine.role().name());
            let log = core.log();
            let terms: Vec<String> = (log.first().0..=log.last().index.0)
                .map(|index| log.term_at(Index(index)).expect("every term is known").to_string())
                .collect();
            let snapshot = if log.base() == LogId::ZERO { String::new() } else { format!("[..{:?}] ", log.base()) };
            let name = if role == RoleName::PreCandidate { "pre-candidate".into() } else { role.to_string() };
            let (term, commit) = (core.term(), core.commit());
            let terms = if terms.is_empty() { "empty".into() } else { terms.join(" ") };
            writeln!(self.out, "{id} {name}, term {term}, log {snapshot}{terms}, commit {commit}").expect("memory");
        }
    }
}

/// One line for a newcomer; `None` for what a story can do without.
fn describe(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Persist(_, record) => format!("writes {}", describe_record(record)),
        Effect::Send { to, message, .. } => format!("-> {to} {}", describe_message(message)),
        Effect::Load { to, range, .. } => format!("-> {to} entries {}.. from disk", range.start),
        Effect::Apply(Committed::Entries { first, entries }) => {
            format!("applies {}", places(*first, entries.len() as u64))
        }
        Effect::Apply(Committed::Range(range)) => {
            format!("applies {} from disk", places(range.start, range.end.0 - range.start.0))
        }
        Effect::Placed { index, term, .. } => format!("placed it at {index}@{term}"),
        Effect::Refused { why, .. } => format!("refused it: {why:?}"),
        Effect::Readable { index, .. } => format!("may read once {index} is applied"),
        Effect::SendSnapshot { to, at, .. } => format!("-> {to} the snapshot {at:?}, as a file"),
        Effect::Install { at } => format!("goes on from the snapshot {at:?}"),
        Effect::Release(index) => format!("needs nothing before {index} any more"),
        Effect::News(news) => format!("is {}", describe_news(news)?),
        _ => return None,
    })
}

fn describe_news(news: &News) -> Option<String> {
    Some(match news {
        News::PreCandidate { asked } => format!("asking whether it could lead term {asked}"),
        News::Candidate { term } => format!("standing for term {term}"),
        News::Leading { term, votes } => format!("leading term {term}, elected by {votes:?}"),
        News::Following { leader, term } => format!("following {leader} in term {term}"),
        News::Idle { term } => format!("without a leader in term {term}"),
        _ => return None,
    })
}

fn describe_record(record: &Record) -> String {
    match record {
        Record::State { term, vote: Some(vote) } => format!("term {term}, vote for {vote}"),
        Record::State { term, vote: None } => format!("term {term}, no vote"),
        Record::Mark { at } => format!("that a snapshot covers {at:?}"),
        Record::Entries { after, entries } => {
            let term = entries.first().map(|entry| entry.term).unwrap_or_default();
            format!("entries {} of term {term}", places(after.next(), entries.len() as u64))
        }
        Record::Bind { node, incarnation } => format!("that {node} is {incarnation}"),
        Record::Born => "that it is born".into(),
    }
}

fn describe_message(message: &Message) -> String {
    match message {
        Message::PreVote { asked, last } => format!("would you elect me for term {asked}? my log ends at {last:?}"),
        Message::PreVoteReply { granted, term, .. } => format!("{}, I am in term {term}", yes(*granted)),
        Message::Vote { term, last, .. } => format!("elect me for term {term}, my log ends at {last:?}"),
        Message::VoteReply { granted, term } => format!("{}, in term {term}", yes(*granted)),
        Message::Append(append) if append.entries.is_empty() => {
            format!("term {}: do you hold {:?}? committed {}", append.term, append.prev, append.commit)
        }
        Message::Append(append) => {
            let what = places(append.prev.index.next(), append.entries.len() as u64);
            format!("term {}: entries {what} follow {:?}, committed {}", append.term, append.prev, append.commit)
        }
        Message::AppendReply { outcome: Outcome::Matched(index), .. } => format!("I hold all up to {index}"),
        Message::AppendReply { outcome: Outcome::Conflict { term, index }, .. } if *term == Term(0) => {
            format!("I lack what comes before, go on from {index}")
        }
        Message::AppendReply { outcome: Outcome::Conflict { term, index }, .. } => {
            format!("I have term {term} there, go on from {index}")
        }
        Message::Heartbeat { term, round, commit, .. } => format!("term {term}: beat {round}, committed {commit}"),
        Message::HeartbeatReply { round, matched, .. } => format!("I follow in round {round}, and hold {matched}"),
        Message::ReadAsk { .. } => "from where may I read?".into(),
        Message::ReadAnswer { index, .. } => format!("read from {index} on"),
        other => format!("{other:?}"),
    }
}

fn yes(granted: bool) -> &'static str {
    if granted { "yes" } else { "no" }
}

fn places(first: Index, count: u64) -> String {
    if count == 1 { first.to_string() } else { format!("{first} to {}", first.0 + count - 1) }
}
