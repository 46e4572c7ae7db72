//! Calls that are written down: who is asked for what, and when, with no client behind them that draws.
//!
//! ```text
//!   at 40ms propose b at 2 in s 3 ──> ask ──> a ticket ──> hear: answered, noted against what callers may be told
//! ```
//! A client of a seed decides by its answers what comes next; a call of a script comes at its time, whatever has come of
//! the others. So a run that was recorded is told again without anything that is drawn for clients.

use crate::client::{Came, Of, Told};
use crate::event::Event;
use crate::html;
use crate::lists::{Change, FATAL, Key, Lists};
use crate::shared::Shared;
use crate::trace;
use crate::world::World;
use rsm::raft::Time;
use rsm::raft::machine::{Caller, SessionId};
use rsm::raft::peer::{Failure, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A session, known by this name from then on; the first of a name stays.
    Open(String),
    /// A change.
    Propose(Proposal),
    /// What stands in a list.
    Read(Key),
}

/// A change, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) value: String,
    pub(crate) list: Key,
    /// Only if this stands last there.
    pub(crate) over: Option<String>,
    /// The session, and the number in it.
    pub(crate) session: Option<(String, u64)>,
    /// It has so many bytes more, and not as many as all others of the run.
    pub(crate) pad: Option<u16>,
}

/// The name of what stands in an empty list.
pub(crate) const NOTHING: &str = "nothing";

/// A client's numbers are those of its place, counted from 1, and of an operation behind so many bits. A script's are of the
/// place behind the last client that draws.
const OPERATION_BITS: u32 = 32;

/// What a ticket came to.
pub(crate) type Outcomes = Result<(u64, Came), Failure>;

/// What a ticket is of.
#[derive(Clone, Debug)]
enum Wanted {
    Session(String),
    Change(String, Option<Caller>),
    Read { list: Key, floor: u64, place: usize },
}

/// A value, as it was proposed.
#[derive(Clone, Debug, Default)]
struct Value {
    number: u64,
    /// The session, and the number in it.
    session: Option<(String, u64)>,
    /// With its place in the history.
    change: Option<(Change, usize)>,
    is_sent: bool,
}

/// All calls of a run that were written down.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Those that come at their time, all of one time at once: the node, and what it is asked for.
    pub(crate) calls: Vec<Vec<(usize, Call)>>,
    sessions: BTreeMap<String, SessionId>,
    values: BTreeMap<String, Value>,
    tickets: Vec<Wanted>,
    /// The last ticket of each value.
    latest: BTreeMap<String, usize>,
    came: BTreeMap<usize, Outcomes>,
    /// A change was proposed that no state machine survives.
    is_fatal: bool,
    told: Arc<Shared<Vec<(usize, u64, Outcomes)>>>,
    /// Tickets that are not answered yet, by the lane of a picture that each stands on.
    lanes: Vec<Option<usize>>,
    /// So many clients draw, and come first.
    clients: usize,
}

impl Script {
    /// Beside so many clients that draw.
    pub(crate) fn beside(clients: usize) -> Script {
        Script { clients, ..Script::default() }
    }

    /// The number that stands for a value.
    pub(crate) fn number(&self, value: &str) -> Option<u64> {
        self.values.get(value).map(|value| value.number)
    }

    /// The ticket of what was proposed last of this value.
    pub(crate) fn latest(&self, value: &str) -> Option<usize> {
        self.latest.get(value).copied()
    }

    /// What a ticket came to, if it was answered.
    pub(crate) fn came(&self, ticket: usize) -> Option<Outcomes> {
        self.came.get(&ticket).copied()
    }

    /// Whether a change was proposed that no state machine survives: then peers may end by themselves.
    pub(crate) fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    fn value(&mut self, name: &str) -> &mut Value {
        let number = ((self.clients as u64 + 1) << OPERATION_BITS) | (self.values.len() as u64 + 1);
        self.values.entry(name.to_owned()).or_insert(Value { number, ..Value::default() })
    }

    fn ticket(&mut self, wanted: Wanted, call: u64) -> (usize, impl FnOnce(Outcomes) + Send + 'static) {
        self.tickets.push(wanted);
        let (ticket, told) = (self.tickets.len() - 1, Arc::clone(&self.told));
        (ticket, move |came| told.lock().push((ticket, call, came)))
    }

    /// The first lane that is free, as the client that stands on it is numbered.
    fn lane(&mut self, ticket: usize) -> usize {
        let free = self.lanes.iter().position(Option::is_none);
        let lane = free.unwrap_or(self.lanes.len());
        self.lanes.resize(self.lanes.len().max(lane + 1), None);
        self.lanes[lane] = Some(ticket);
        self.clients + lane
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> usize {
        self.tickets.len()
    }
}

impl World {
    /// Calls that come at their time, whatever has come of the others.
    pub(crate) fn will_call(&mut self, calls: Vec<(Time, usize, Call)>) {
        let mut last = None;
        for (at, node, call) in calls {
            if last.replace(at) != Some(at) {
                self.push(at, Event::Calls(self.script.calls.len()));
                self.script.calls.push(Vec::new());
            }
            self.script.calls.last_mut().expect("one was begun").push((node, call));
        }
    }

    /// The calls of one time come. What cannot be asked is passed over: the peer is down, the session is not open.
    pub(crate) fn call(&mut self, nth: usize) {
        for (node, call) in std::mem::take(&mut self.script.calls[nth]) {
            let _ = self.ask(node, &call);
        }
    }

    /// Asks a node; the ticket that awaits the answer.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub(crate) fn ask(&mut self, node: usize, call: &Call) -> Result<usize, String> {
        let process = self.nodes[node].process.as_ref().ok_or_else(|| format!("node {node} is down"))?;
        let peer = process.peer.clone();
        self.time_is_now();
        let (ticket, shown) = match call {
            Call::Open(name) => {
                let number = self.answers.opened(node);
                let (ticket, tell) = self.script.ticket(Wanted::Session(name.clone()), number);
                peer.open_then(move |outcome| tell(outcome.map(|done| (done.index.0, Came::Opened(done.value)))));
                (ticket, html::Ask::Open)
            }
            Call::Propose(proposal) => {
                let (caller, change) = self.proposed(proposal)?;
                let number = self.answers.opened(node);
                self.answers.learn(&mut self.check.lock());
                self.answers.asks_for(number, change.number);
                let (ticket, tell) = self.script.ticket(Wanted::Change(proposal.value.clone(), caller), number);
                self.script.latest.insert(proposal.value.clone(), ticket);
                peer.propose_then(caller, change, move |outcome: Outcome<_>| {
                    tell(outcome.map(|done| (done.index.0, Came::Seen(done.value))));
                });
                let ask = if change.expected.is_none() { html::Ask::Append } else { html::Ask::Swap };
                (ticket, ask(change.key.into(), change.number & ((1 << OPERATION_BITS) - 1)))
            }
            &Call::Read(list) => {
                let (floor, place) = (self.answers.floor(list), self.answers.reads(list));
                let number = self.answers.opened(node);
                let (ticket, tell) = self.script.ticket(Wanted::Read { list, floor, place }, number);
                let see = move |lists: &Lists| lists.see(list);
                peer.read_then(see, move |outcome: Outcome<_>| {
                    tell(outcome.map(|done| (done.index.0, Came::Seen(done.value))));
                });
                (ticket, html::Ask::Read(list.into()))
            }
        };
        if let Some(film) = &mut self.film {
            film.asked(self.script.lane(ticket), node, ticket as u64, shown);
        }
        Ok(ticket)
    }

    /// What a proposal stands for, and in whose name.
    fn proposed(&mut self, proposal: &Proposal) -> Result<(Option<Caller>, Change), String> {
        let Proposal { value, list, over, session, pad } = proposal;
        let caller = |(name, sequence): &(String, u64)| {
            let session = self.script.sessions.get(name).ok_or_else(|| format!("no session {name} was opened"))?;
            Ok::<_, String>(Caller { session: *session, sequence: *sequence, low: *sequence })
        };
        let caller = session.as_ref().map(caller).transpose()?;
        let expected = over.as_ref().map(|over| if over == NOTHING { 0 } else { self.script.value(over).number });
        let known = self.script.value(value);
        // In no session, or in another, it may rightly take effect twice.
        if known.is_sent && (session.is_none() || known.session != *session) {
            return Err(format!("{value} was proposed before, in another name"));
        }
        known.session.clone_from(session);
        let change = Change { key: *list, number: known.number, expected, pad: pad.unwrap_or(self.swarm.pad) };
        known.is_sent = true;
        if known.change.is_none() {
            known.change = Some((change, self.answers.changes(change)));
        }
        self.script.is_fatal |= change.key == FATAL;
        Ok((caller, change))
    }

    /// Answers that have come.
    pub(crate) fn hear(&mut self) {
        // Mostly nothing: this is asked after each step.
        if self.script.tickets.is_empty() {
            return;
        }
        let told = std::mem::take(&mut *self.script.told.lock());
        for (ticket, call, outcome) in told {
            let of = match &self.script.tickets[ticket] {
                Wanted::Session(_) => Of::Session,
                Wanted::Change(_, caller) => Of::Change(*caller),
                Wanted::Read { .. } => Of::Read,
            };
            self.answered(call, of, outcome);
            self.script.came.insert(ticket, outcome);
            let lane = self.script.lanes.iter().position(|&lane| lane == Some(ticket));
            if let (Some(client), Some(film)) = (lane, &mut self.film) {
                self.script.lanes[client] = None;
                let client = self.script.clients + client;
                film.told(&Told { client, operation: ticket as u64, of, call, outcome });
            }
            if self.story.is_some() {
                self.said.push(trace::answered(ticket, outcome));
            }
            match (self.script.tickets[ticket].clone(), outcome) {
                (Wanted::Session(name), Ok((_, Came::Opened(session)))) => {
                    self.script.sessions.entry(name).or_insert(session);
                }
                (Wanted::Change(value, _), outcome) => self.changed(&value, outcome),
                (Wanted::Read { list, floor, place }, Ok((index, Came::Seen(seen)))) => {
                    self.answers.read(place, index, seen);
                    if seen.len < floor {
                        let (seen, mut check) = (seen.len, self.check.lock());
                        check.break_rule(
                            "R17",
                            format!("list {list}: a read saw {seen} of {floor} acknowledged before"),
                        );
                    }
                }
                (Wanted::Session(_) | Wanted::Read { .. }, _) => {}
            }
        }
    }

    fn changed(&mut self, value: &str, outcome: Outcomes) {
        let value = self.script.value(value);
        match (outcome, value.change) {
            (Ok((index, Came::Seen(seen))), Some((change, place))) => {
                self.answers.changed(place, change, index, seen);
            }
            (Ok(_), _) => {}
            (Err(Failure::Expired), _) => self.answers.expired(),
            (Err(why), _) if why.may_have_applied() => self.answers.unknown(),
            (Err(_), _) => self.answers.refused(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::Seen;
    use crate::plan::{Families, swarm};
    use rsm::fsm::VirtualTime;

    #[test]
    fn r15_nobody_whose_calls_are_written_down_is_told_of_what_is_not_committed() {
        let told = |index: u64| {
            let mut swarm = swarm(3);
            (swarm.nodes, swarm.families) = (3, Families::default());
            let mut world = World::new(3, swarm, Vec::new(), &VirtualTime::new(3));
            let (place, call) = (world.answers.reads(0), world.answers.opened(0));
            let (_, tell) = world.script.ticket(Wanted::Read { list: 0, floor: 0, place }, call);
            tell(Ok((index, Came::Seen(Seen::default()))));
            world.hear();
            let check = world.check.lock();
            check.broken().map(|violation| violation.rule)
        };
        assert_eq!((told(0), told(9)), (None, Some("R15")));
    }
}
