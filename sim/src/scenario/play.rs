//! A script carried out.

mod conditions;
mod show;

use super::parse::T;
use super::{Answer, Condition, Scenario, Verb, Who};
use crate::client::Came;
use crate::html::{self, About, Film};
use crate::lists::{Change, Key};
use crate::net::Weather;
use crate::plan::{Families, INBOX, MS, Shape, Swarm, TICKETS, What};
use crate::run::panic_words;
use crate::stream::{Purpose, stream};
use crate::trace;
use crate::world::World;
use rsm::fsm::VirtualTime;
use rsm::raft::Time;
use rsm::raft::machine::{Caller, SessionId};
use rsm::raft::peer::{Failure, Outcome};
use rsm::sync::lock::Lock;
use show::Shown;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The one list that scripts speak of.
const LIST: Key = 0;

/// Until a script says otherwise.
const FOR_EVER: u64 = u64::MAX / 4;

/// Where a story failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The line of the script; 0 if it is what must hold at the end of each.
    pub line: usize,
    /// What did not hold.
    pub why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "at the end: {}", self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for Failed {}

/// What a ticket came to.
type Told = Result<(u64, Came), Failure>;

/// Where answers are left, by their tickets.
type Answers = Arc<Lock<BTreeMap<usize, Told>>>;

struct Play<'a> {
    time: VirtualTime,
    world: World,
    names: BTreeMap<String, usize>,
    /// Each with its place in the history.
    values: BTreeMap<String, (Change, usize)>,
    sessions: BTreeMap<String, SessionId>,
    /// The last ticket of each value.
    tickets: BTreeMap<String, usize>,
    asked: usize,
    answers: Answers,
    each: &'a mut dyn FnMut(&str),
    /// Calls that a picture shows as not answered yet.
    shown: Shown,
}

impl Scenario {
    /// Tells the story.
    ///
    /// # Errors
    /// The first line that does not hold, or during which a rule was broken.
    pub fn play(&self) -> Result<(), Failed> {
        self.tell(false, &mut |_| (), None)
    }

    /// Tells the story, and hands out a line for each of its steps.
    ///
    /// # Errors
    /// As [`play`](Scenario::play).
    pub fn trace(&self, mut each: impl FnMut(&str)) -> Result<(), Failed> {
        self.tell(true, &mut each, None)
    }

    /// Tells the story, whose script is `text`, and draws a page that shows it.
    pub fn picture(&self, text: &str, mut about: About) -> (Result<(), Failed>, String) {
        let (mut film, lines) = (Film::new(self.head.nodes), text.lines().collect::<Vec<_>>());
        let told = self.tell(false, &mut |_| (), Some((&mut film, &lines)));
        about.seed = self.head.seed;
        about.script = text.trim_end().to_owned();
        about.broken = told.as_ref().err().map(|failed| ("the story".to_owned(), failed.to_string()));
        let page = html::page(&film, &about);
        (told, page)
    }

    fn tell(
        &self,
        traced: bool,
        each: &mut dyn FnMut(&str),
        mut film: Option<(&mut Film, &[&str])>,
    ) -> Result<(), Failed> {
        let time = VirtualTime::new(stream(self.head.seed, Purpose::Executor, 0).bits());
        let mut world = World::new(self.head.seed, self.swarm(), Vec::new(), &time);
        world.story = traced.then(String::new);
        world.film = film.as_mut().map(|(film, _)| std::mem::take(*film));
        let (names, values, sessions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (tickets, answers) = (BTreeMap::new(), Answers::default());
        let mut play =
            Play { time, world, names, values, sessions, tickets, asked: 0, answers, each, shown: Shown::default() };
        let mut line = 0;
        let told = catch_unwind(AssertUnwindSafe(|| {
            for (at, verb) in &self.steps {
                line = *at;
                if let Some((_, lines)) = &film {
                    play.show_line(line, lines[line - 1]);
                }
                play.go(verb).map_err(|why| Failed { line, why })?;
                play.world.filmed();
            }
            line = 0;
            play.end().map_err(|why| Failed { line, why })
        }));
        if let (Some((film, _)), Some(shown)) = (film, play.world.film.take()) {
            *film = shown;
        }
        told.unwrap_or_else(|panic| Err(Failed { line, why: format!("breaks R23: a panic: {}", panic_words(&*panic)) }))
    }

    /// A quiet cluster: what goes wrong is the script's.
    fn swarm(&self) -> Swarm {
        let (delay_min, delay_mean) = (MS / 2, MS / 2);
        Swarm {
            nodes: self.head.nodes,
            election: Duration::from_nanos(T),
            heartbeat: Duration::from_nanos(T / 5),
            snapshot_entries: self.head.snapshots,
            segment_bytes: 128 << 10,
            sessions_max: self.head.sessions,
            clients: 0,
            rest: MS,
            tickets: TICKETS,
            inbox: INBOX,
            weather: Weather::fair(delay_min, delay_mean),
            disk_mean: MS / 10,
            powersafe: true,
            ties: false,
            drift_ppm: 0,
            pre_vote: true,
            check_quorum: true,
            window: 256,
            append_bytes: 256 << 10,
            cache_bytes: 16 << 20,
            piece_bytes: 256 << 10,
            families: Families::default(),
            pace: 1,
            is_control: false,
        }
    }
}

impl Play<'_> {
    fn go(&mut self, verb: &Verb) -> Result<(), String> {
        self.world.now = self.time.now();
        match verb {
            Verb::Run(lasts) => self.run(*lasts),
            Verb::Until(condition, within) => self.until(condition, *within),
            Verb::Expect(condition) => {
                let holds = self.holds(condition)?;
                if holds { Ok(()) } else { Err(format!("{condition:?} does not hold")) }
            }
            Verb::Never(condition, lasts) => self.never(condition, *lasts),
            Verb::Name(name, others) => self.name(name, others),
            Verb::Cut(one, other, both) => self.cut(one, other, *both),
            Verb::Heal => {
                let weather = self.world.swarm.weather;
                self.world.net.heal(weather);
                Ok(())
            }
            Verb::Clog(from, to, lasts) => {
                for (from, to) in self.links(from, to)? {
                    self.strike(What::Clog { from, to, lasts: *lasts })?;
                }
                Ok(())
            }
            Verb::Aim(aim, from, to) => {
                let mut aim = aim.clone();
                aim.from = from.as_ref().map(|who| self.who(who)).transpose()?;
                aim.to = to.as_ref().map(|who| self.who(who)).transpose()?;
                self.strike(What::Aim(aim))
            }
            Verb::Crash(..) | Verb::Kill(_) | Verb::Restart(_) | Verb::Wipe(_) => self.process(verb),
            Verb::Pause(who, lasts) => self.strike(What::Pause { node: self.who(who)?, lasts: *lasts }),
            Verb::Clock(who, by) => self.strike(What::Leap { node: self.who(who)?, by: *by }),
            Verb::Stuck(who, lasts) => self.strike(What::Stuck { node: self.who(who)?, lasts: *lasts }),
            Verb::Broken(who) => self.strike(What::Broken { node: self.who(who)?, down: FOR_EVER }),
            Verb::Open(name, at) => self.open(name, at),
            Verb::Propose { value, at, session, answer } => self.propose(value, at, session.as_ref(), *answer),
            Verb::Read(at, seen) => self.read(at, seen.as_deref()),
            Verb::Await(value, answer) => self.wait(value, *answer),
        }
    }

    fn process(&mut self, verb: &Verb) -> Result<(), String> {
        match verb {
            Verb::Crash(who, None) => self.strike(What::Crash { node: self.who(who)?, down: FOR_EVER }),
            Verb::Crash(who, Some(operations)) => {
                let node = self.who(who)?;
                self.strike(What::CrashAtDisk { node, operations: *operations, down: FOR_EVER })
            }
            Verb::Kill(who) => {
                let node = self.who(who)?;
                self.world.nodes[node].kill();
                self.world.nodes[node].disk.kill();
                Ok(())
            }
            Verb::Restart(who) => {
                let node = self.who(who)?;
                self.world.start(node);
                Ok(())
            }
            Verb::Wipe(who) => self.strike(What::Wipe { node: self.who(who)?, down: FOR_EVER }),
            _ => Ok(()),
        }
    }

    fn strike(&mut self, what: What) -> Result<(), String> {
        let words = format!("{what:?}");
        if self.world.apply(what) { Ok(()) } else { Err(format!("{words} has no effect here")) }
    }

    /// One step; false if there is none.
    fn step(&mut self) -> Result<bool, String> {
        let Some(record) = self.time.step(&mut self.world) else { return Ok(false) };
        if let Some(story) = &self.world.story {
            (self.each)(&trace::line(&record, story));
        }
        self.show_answers();
        match self.world.check.lock().broken() {
            Some(violation) => Err(format!("breaks {violation}")),
            None => Ok(true),
        }
    }

    fn run(&mut self, lasts: u64) -> Result<(), String> {
        let end = Time(self.time.now().0 + lasts);
        while self.time.now() < end && self.step()? {}
        self.time.run_until(end, &mut self.world);
        Ok(())
    }

    fn until(&mut self, condition: &Condition, within: u64) -> Result<(), String> {
        let end = Time(self.time.now().0 + within);
        while !self.holds(condition)? {
            if end <= self.time.now() || !self.step()? {
                return Err(format!("{condition:?} has not come about"));
            }
        }
        Ok(())
    }

    fn never(&mut self, condition: &Condition, lasts: u64) -> Result<(), String> {
        let end = Time(self.time.now().0 + lasts);
        loop {
            if self.holds(condition)? {
                return Err(format!("{condition:?} must never hold"));
            }
            if end <= self.time.now() || !self.step()? {
                return Ok(());
            }
        }
    }

    fn who(&self, who: &Who) -> Result<usize, String> {
        let node = match who {
            Who::Number(number) => Some(*number),
            Who::Name(name) => self.names.get(name).copied(),
            Who::Others => None,
        };
        node.filter(|&node| node < self.world.nodes.len()).ok_or_else(|| format!("{who:?} is no node here"))
    }

    fn name(&mut self, name: &str, others: &[Who]) -> Result<(), String> {
        let others = others.iter().map(|who| self.who(who)).collect::<Result<Vec<_>, _>>()?;
        let first = (0..self.world.nodes.len()).find(|node| !others.contains(node)).ok_or("every node is another")?;
        self.names.insert(name.to_owned(), first);
        Ok(())
    }

    /// Every link from the one to the other.
    fn links(&self, one: &Who, other: &Who) -> Result<Vec<(usize, usize)>, String> {
        let all = 0..self.world.nodes.len();
        match (one, other) {
            (Who::Others, Who::Others) => Err("who are the others of others?".to_owned()),
            (Who::Others, node) => {
                self.who(node).map(|to| all.filter(|&from| from != to).map(|from| (from, to)).collect())
            }
            (node, Who::Others) => {
                self.who(node).map(|from| all.filter(|&to| to != from).map(|to| (from, to)).collect())
            }
            (one, other) => Ok(vec![(self.who(one)?, self.who(other)?)]),
        }
    }

    fn cut(&mut self, one: &Who, other: &Who, both: bool) -> Result<(), String> {
        let links = self.links(one, other)?;
        let back = links.iter().map(|&(from, to)| (to, from)).filter(|_| both);
        for (from, to) in links.iter().copied().chain(back) {
            self.world.apply(What::Cut { shape: Shape::Link(from, to), lasts: FOR_EVER });
        }
        Ok(())
    }

    fn open(&mut self, name: &str, at: &Who) -> Result<(), String> {
        let (ticket, tell) = self.ticket();
        self.show_call(ticket, at, html::Ask::Open)?;
        let peer = self.peer(at)?;
        peer.open_then(move |outcome| tell(outcome.map(|done| (done.index.0, Came::Opened(done.value)))));
        match self.answer(ticket)? {
            Ok((_, Came::Opened(session))) => {
                self.sessions.insert(name.to_owned(), session);
                Ok(())
            }
            other => Err(format!("the session was not opened: {other:?}")),
        }
    }

    fn propose(
        &mut self,
        value: &str,
        at: &Who,
        session: Option<&(String, u64)>,
        answer: Option<Answer>,
    ) -> Result<(), String> {
        let caller = match session {
            None => None,
            Some((name, sequence)) => {
                let session = *self.sessions.get(name).ok_or_else(|| format!("no session {name} was opened"))?;
                Some(Caller { session, sequence: *sequence, low: *sequence })
            }
        };
        let number = self.values.len() as u64 + 1;
        let (now, history) = (self.world.now.0, &mut self.world.answers);
        history.at(now);
        let new = || {
            let change = Change { key: LIST, number, expected: None };
            (change, history.changes(change))
        };
        let (change, _) = *self.values.entry(value.to_owned()).or_insert_with(new);
        let (ticket, tell) = self.ticket();
        self.tickets.insert(value.to_owned(), ticket);
        self.show_call(ticket, at, html::Ask::Append(LIST.into(), change.number))?;
        self.peer(at)?.propose_then(caller, change, move |outcome: Outcome<_>| {
            tell(outcome.map(|done| (done.index.0, Came::Seen(done.value))));
        });
        answer.map_or(Ok(()), |answer| self.wait(value, answer))
    }

    fn wait(&mut self, value: &str, answer: Answer) -> Result<(), String> {
        let ticket = *self.tickets.get(value).ok_or_else(|| format!("{value} was never proposed"))?;
        let (change, place) = self.values[value];
        let outcome = self.answer(ticket)?;
        self.world.answers.at(self.time.now().0);
        let came = match outcome {
            Ok((index, Came::Seen(seen))) => {
                self.world.answers.changed(place, change, index, seen);
                Answer::Ok
            }
            Ok((_, Came::Opened(_))) | Err(Failure::Unknown | Failure::Gone) => Answer::Unknown,
            Err(Failure::Expired) => Answer::Expired,
            Err(why) if why.may_have_applied() => Answer::Unknown,
            Err(_) => Answer::Refused,
        };
        if came == answer { Ok(()) } else { Err(format!("{value} came to {came:?} ({outcome:?}), not {answer:?}")) }
    }

    fn read(&mut self, at: &Who, expected: Option<&[String]>) -> Result<(), String> {
        self.world.answers.at(self.time.now().0);
        let place = self.world.answers.reads(LIST);
        let (ticket, tell) = self.ticket();
        self.show_call(ticket, at, html::Ask::Read(LIST.into()))?;
        let see = |lists: &crate::lists::Lists| lists.see(LIST);
        self.peer(at)?.read_then(see, move |outcome: Outcome<_>| {
            tell(outcome.map(|done| (done.index.0, Came::Seen(done.value))));
        });
        let outcome = self.answer(ticket)?;
        let Ok((index, Came::Seen(seen))) = outcome else {
            return if expected.is_none() { Ok(()) } else { Err(format!("the read came to {outcome:?}")) };
        };
        self.world.answers.at(self.time.now().0);
        self.world.answers.read(place, index, seen);
        let Some(expected) = expected else { return Ok(()) };
        let last = expected.last().map_or(0, |value| self.values.get(value).map_or(0, |(change, _)| change.number));
        if (seen.len, seen.last) == (expected.len() as u64, last) {
            Ok(())
        } else {
            Err(format!("the read saw {seen:?}, not {expected:?}"))
        }
    }

    /// A number for an answer, and where to tell it.
    fn ticket(&mut self) -> (usize, impl FnOnce(Told) + Send + 'static) {
        self.asked += 1;
        let (ticket, answers) = (self.asked, Arc::clone(&self.answers));
        (ticket, move |came| _ = answers.lock().insert(ticket, came))
    }

    /// Runs until a ticket is answered.
    fn answer(&mut self, ticket: usize) -> Result<Told, String> {
        loop {
            let came = self.answers.lock().get(&ticket).copied();
            if let Some(came) = came {
                return Ok(came);
            }
            if !self.step()? {
                return Err("breaks R21: no answer comes".to_owned());
            }
        }
    }

    /// What must hold at the end of every story.
    fn end(&mut self) -> Result<(), String> {
        self.world.now = self.time.now();
        self.world.end(&self.time);
        if self.answers.lock().len() != self.asked {
            return Err("breaks R21: a call was never answered".to_owned());
        }
        self.world.check.lock().broken().map_or(Ok(()), |violation| Err(format!("breaks {violation}")))
    }
}
