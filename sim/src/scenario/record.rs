//! A seed's run written down: what its clients asked for, and what became of its packets, as lines of a script.
//!
//! ```text
//!   seed ── drawn: options, plan, clients, packets ──> a run ──> Record ──> the same, with nothing of plan and clients drawn
//! ```

use super::{Head, Moment, Scenario, Verb};
use crate::aim::{Act, Aim};
use crate::client::{Asked, Doing};
use crate::lists::Change;
use crate::net::{Copy, Harm};
use crate::plan::{Fault, Shape, Swarm, What};
use crate::run::{Case, Report};
use crate::script::{Call, NOTHING, Proposal};
use rsm::raft::Time;
use std::collections::BTreeMap;
use std::fmt;

/// The link of a packet, and what it carries.
type Fair = ((usize, usize), Vec<&'static str>);

/// What is written down while a seed runs.
#[derive(Debug, Default)]
pub(crate) struct Record {
    asked: Vec<(Time, usize, Asked)>,
    /// Packets that met more than their usual delay.
    packets: Vec<(Time, Aim)>,
    /// Packets of this very moment that met no more than that.
    fair: (Time, Vec<Fair>),
}

impl Record {
    /// A client has acted.
    pub(crate) fn asked(&mut self, now: Time, client: usize, asked: &[Asked]) {
        self.asked.extend(asked.iter().map(|&asked| (now, client, asked)));
    }

    /// A packet that carries this was sent: what became of it, against what would have in fair weather.
    pub(crate) fn sent(
        &mut self,
        now: Time,
        (from, to): (usize, usize),
        kinds: Vec<&'static str>,
        calm: Time,
        copies: [Option<Copy>; 2],
    ) {
        if self.fair.0 != now {
            self.fair = (now, Vec::new());
        }
        let late = |copy: Copy| copy.at.since(calm).as_nanos() as u64;
        let act = match copies {
            [None, None] => Act::Drop,
            [Some(Copy { harm: Some(Harm::Flip(bit) | Harm::Burst(bit)), .. }), _] => Act::Flip(bit),
            // One that is refused as well.
            [Some(Copy { harm: Some(Harm::Truncate(_)), .. }), _] => Act::Flip(0),
            [Some(one), Some(other)] => Act::Double(other.at.since(one.at).as_nanos() as u64),
            [Some(one), None] | [None, Some(one)] if 0 < late(one) => Act::Delay(late(one)),
            [Some(_), None] | [None, Some(_)] => {
                self.fair.1.push(((from, to), kinds));
                return;
            }
        };
        let is_like =
            |(link, others): &&Fair| *link == (from, to) && kinds.first().is_none_or(|kind| others.contains(kind));
        let skip = self.fair.1.iter().filter(is_like).count() as u64;
        let kind = kinds.first().copied();
        self.packets.push((now, Aim { from: Some(from), to: Some(to), kind, skip, act }));
    }

    /// The calls, by names. So many bytes more has each that does not say otherwise.
    fn calls(&self, usual: u16) -> Vec<(u64, Moment)> {
        let (mut sessions, mut values) = (BTreeMap::new(), BTreeMap::new());
        let mut session = |client: usize, operation: u64| {
            let next = sessions.len();
            format!("s{}", sessions.entry((client, operation)).or_insert(next))
        };
        let mut value = |number: u64| {
            let next = values.len();
            if number == 0 { NOTHING.to_owned() } else { format!("v{}", values.entry(number).or_insert(next)) }
        };
        // Clients that act at one moment act one after the other; what one of them asks for at once stays together.
        let (mut last, mut others) = ((Time::ZERO, 0), 0);
        let mut call = |&(at, client, asked): &(Time, usize, Asked)| {
            others = if last.0 == at { others + u64::from(last.1 != client) } else { 0 };
            last = (at, client);
            let call = match asked.doing {
                Doing::Nothing => return None,
                Doing::Opening => Call::Open(session(client, asked.operation)),
                Doing::Reading { key, .. } => Call::Read(key),
                Doing::Changing { change: Change { key, number, expected, pad }, .. } => Call::Propose(Proposal {
                    value: value(number),
                    list: key,
                    over: expected.map(&mut value),
                    session: asked.session.map(|(operation, sequence)| (session(client, operation), sequence)),
                    pad: (pad != usual).then_some(pad),
                }),
            };
            Some((at.0 + others, Moment::Call(asked.node, call)))
        };
        self.asked.iter().filter_map(&mut call).collect()
    }

    /// What became of packets, each armed just before it is sent.
    pub(crate) fn packets(&self) -> impl Iterator<Item = (u64, Moment)> + '_ {
        self.packets.iter().map(|(at, aim)| (at.0.saturating_sub(1), Moment::Fault(What::Aim(aim.clone()))))
    }
}

/// A seed that was run, and written down.
#[derive(Debug)]
pub struct Recorded {
    /// What came of it.
    pub report: Report,
    /// The same, told: options, plan and calls.
    pub scenario: Scenario,
    pub(crate) record: Record,
}

impl Case {
    /// Runs it, and writes it down up to where a rule breaks.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        let (report, record) = self.run_recorded();
        let mut moments: Vec<(u64, Moment)> = self.plan.iter().map(of_fault).collect();
        moments.extend(record.calls(self.swarm.pad));
        moments.sort_by_key(|(at, _)| *at);
        let end = Time::ZERO.after(self.lasts).0;
        let is_calm = end < report.ended.0 && report.broken.is_some();
        let to = Verb::To(report.ended.0.min(end));
        let steps = std::iter::once(to).chain(is_calm.then_some(Verb::Calm)).enumerate();
        moments.retain(|(at, _)| *at <= report.ended.0);
        let steps = steps.collect();
        Recorded { scenario: Scenario { head: Head::of(self.seed, &self.swarm), moments, steps }, report, record }
    }
}

/// Its options and its plan, as lines of a script; what its clients do is drawn as it goes.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moments = self.plan.iter().map(of_fault).collect();
        let steps = vec![(0, Verb::To(Time::ZERO.after(self.lasts).0))];
        let told = Scenario { head: Head::of(self.seed, &self.swarm), moments, steps };
        write!(f, "{told}")
    }
}

/// A split with one node on one side is that node cut off.
fn of_fault(fault: &Fault) -> (u64, Moment) {
    let what = match &fault.what {
        What::Cut { shape: Shape::Split(sides), lasts } if sides.is_power_of_two() => {
            What::Cut { shape: Shape::Isolate(sides.trailing_zeros() as usize), lasts: *lasts }
        }
        what => what.clone(),
    };
    (fault.at.0, Moment::Fault(what))
}

impl Scenario {
    /// When the last line that waits for a time does.
    pub(crate) fn end_mut(&mut self) -> Option<&mut u64> {
        self.steps.iter_mut().find_map(|(_, verb)| if let Verb::To(end) = verb { Some(end) } else { None })
    }

    /// The sizes of its cluster.
    pub(crate) fn swarm_mut(&mut self) -> &mut Swarm {
        &mut self.head.swarm
    }

    /// With another seed for what no line says, and with that one alone.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Scenario {
        (self.head.seed, self.head.seeds) = (seed, 1);
        self
    }

    /// How many clients act of their own.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.head.swarm.clients
    }

    /// How much comes at a time of its own.
    #[must_use]
    pub fn events(&self) -> usize {
        self.moments.len()
    }
}

/// A script of moments alone: what waits for something is written by hand.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.head)?;
        let mut moments = self.moments.iter();
        moments.try_for_each(|(at, moment)| write!(f, "\nat {} {}", super::Exact(*at), super::Words(moment)))?;
        self.steps.iter().try_for_each(|(_, verb)| match verb {
            Verb::To(end) => write!(f, "\nrun to {}", super::Exact(*end)),
            Verb::Calm => write!(f, "\ncalm"),
            _ => Ok(()),
        })
    }
}
