//! A script carried out.

mod conditions;
mod show;

use super::{Answer, Condition, Head, Moment, Scenario, Verb, Who};
use crate::calm;
use crate::client::Came;
use crate::event::Event;
use crate::html::{self, About, Film};
use crate::lists::Key;
use crate::marks::{self, Marks};
use crate::plan::{Fault, MS, Shape, What};
use crate::run::panic_words;
use crate::script::{Call, Outcomes, Proposal};
use crate::stream::{Purpose, stream};
use crate::sums::Sums;
use crate::trace;
use crate::world::World;
use rsm::fsm::VirtualTime;
use rsm::raft::Time;
use rsm::raft::invariants::Violation;
use rsm::raft::peer::Failure;
use rsm::raft::storage::simulated::Operation;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// The rule that was broken, if it is one.
    pub broken: Option<Violation>,
    /// Whether what the line promises has not come true; one that breaks no rule either could not be carried out.
    pub is_untrue: bool,
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

/// What came of a story.
#[derive(Clone, Debug)]
pub struct Told {
    /// Whether it holds; if not, the first line that does not, or during which a rule was broken.
    pub came: Result<(), Failed>,
    /// What has happened.
    pub sums: Sums,
    /// The rare moments that it has met.
    pub marks: Marks,
}

struct Play<'a> {
    time: VirtualTime,
    world: World,
    names: BTreeMap<String, usize>,
    each: &'a mut dyn FnMut(&str),
    /// So many were taken.
    steps: u64,
    /// What a line promises has not come true.
    is_untrue: bool,
}

impl Scenario {
    /// Tells the story, with each of its seeds.
    ///
    /// # Errors
    /// The first line that does not hold with one of them, or during which a rule was broken.
    pub fn play(&self) -> Result<(), Failed> {
        self.play_counted().came
    }

    /// Tells the story, with each of its seeds until it fails with one.
    #[must_use]
    pub fn play_counted(&self) -> Told {
        let &Head { seed, seeds, .. } = &self.head;
        let mut all = Told { came: Ok(()), sums: Sums::default(), marks: Marks::default() };
        for seed in (0..seeds).map(|nth| seed.wrapping_add(nth)) {
            let told = self.clone().with_seed(seed).tell(false, &mut |_| (), None);
            all.sums += told.sums;
            all.marks += &told.marks;
            if let Err(failed) = told.came {
                let why = if seeds == 1 { failed.why } else { format!("{} (with seed {seed})", failed.why) };
                return Told { came: Err(Failed { why, ..failed }), ..all };
            }
        }
        all
    }

    /// Tells the story with its first seed, and hands out a line for each of its steps.
    #[must_use]
    pub fn trace(&self, mut each: impl FnMut(&str)) -> Told {
        self.tell(true, &mut each, None)
    }

    /// Tells the story, whose script is `text`, with its first seed, and draws a page that shows it.
    #[must_use]
    pub fn picture(&self, text: &str, mut about: About) -> (Told, String) {
        let (mut film, lines) = (Film::new(self.head.swarm.nodes), text.lines().collect::<Vec<_>>());
        let told = self.tell(false, &mut |_| (), Some((&mut film, &lines)));
        about.seed = self.head.seed;
        about.script = text.trim_end().to_owned();
        about.broken = told.came.as_ref().err().map(|failed| match &failed.broken {
            Some(violation) => (violation.rule.to_owned(), violation.what.clone()),
            None => ("the story".to_owned(), failed.to_string()),
        });
        let page = html::page(&film, &about);
        (told, page)
    }

    fn tell(&self, traced: bool, each: &mut dyn FnMut(&str), mut film: Option<(&mut Film, &[&str])>) -> Told {
        marks::reset();
        let Scenario { head: Head { seed, swarm, .. }, moments, steps } = self;
        let time = VirtualTime::new(stream(*seed, Purpose::Executor, 0).bits());
        let (plan, calls) = in_turn(moments);
        let mut world = World::new(*seed, swarm.clone(), plan, &time);
        world.will_call(calls);
        world.story = traced.then(String::new);
        world.film = film.as_mut().map(|(film, _)| std::mem::take(*film));
        let mut play = Play { time, world, names: BTreeMap::new(), each, steps: 0, is_untrue: false };
        let mut line = 0;
        let told = catch_unwind(AssertUnwindSafe(|| {
            for (at, verb) in steps {
                line = *at;
                if let Some((_, lines)) = &film {
                    play.show_line(line, lines[line - 1]);
                }
                play.go(verb).map_err(|why| (line, why))?;
                play.world.filmed();
            }
            line = 0;
            play.end().map_err(|why| (line, why))
        }));
        if let (Some((film, _)), Some(shown)) = (film, play.world.film.take()) {
            *film = shown;
        }
        let (broken, is_untrue) = (|| play.world.check.lock().broken().cloned(), play.is_untrue);
        let came = told.map_or_else(
            |panic| {
                let violation = Violation { rule: "R23", what: format!("a panic: {}", panic_words(&*panic)) };
                Err(Failed { line, why: format!("breaks {violation}"), broken: Some(violation), is_untrue })
            },
            |told| told.map_err(|(line, why)| Failed { line, why, broken: broken(), is_untrue }),
        );
        let (steps, simulated_ms) = (play.steps, play.time.now().0 / MS);
        Told { came, sums: Sums { seeds: 1, steps, simulated_ms, ..play.world.sums() }, marks: play.world.marks.all() }
    }
}

/// The plan, and the calls, in order of time.
fn in_turn(moments: &[(u64, Moment)]) -> (Vec<Fault>, Vec<(Time, usize, Call)>) {
    let (mut plan, mut calls) = (Vec::new(), Vec::new());
    for (at, moment) in moments {
        match moment.clone() {
            Moment::Fault(what) => plan.push(Fault { at: Time(*at), what }),
            Moment::Call(node, call) => calls.push((Time(*at), node, call)),
        }
    }
    (plan, calls)
}

impl Play<'_> {
    fn go(&mut self, verb: &Verb) -> Result<(), String> {
        self.world.now = self.time.now();
        match verb {
            Verb::Run(lasts) => self.run(*lasts),
            Verb::To(end) => self.run_to(Time(*end).max(self.time.now())),
            Verb::Calm => self.calm(),
            Verb::Until(condition, within) => self.until(condition, *within),
            Verb::Expect(condition) => {
                let holds = self.holds(condition)?;
                if holds { Ok(()) } else { self.untrue(format!("{condition:?} does not hold")) }
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
            Verb::Tell(tell) => self.strike(What::Tell(tell.map(|who| self.who(who))?)),
            Verb::Crash(..) | Verb::Drain(_) | Verb::Kill(_) | Verb::Restart(_) | Verb::Wipe(_) => self.process(verb),
            Verb::Pause(who, lasts) => self.strike(What::Pause { node: self.who(who)?, lasts: *lasts }),
            Verb::Clock(who, by) => self.strike(What::Leap { node: self.who(who)?, by: *by }),
            Verb::Stuck(who, lasts) => self.strike(What::Stuck { node: self.who(who)?, lasts: *lasts }),
            Verb::Full(who, lasts) => self.strike(What::Full { node: self.who(who)?, slack: 0, lasts: *lasts }),
            Verb::Broken(who) => {
                let (node, operation) = (self.who(who)?, Operation::Sync);
                self.strike(What::Broken { node, operation, after: 0, times: 1, down: FOR_EVER })
            }
            Verb::Open(name, at) => self.open(name, at),
            Verb::Propose(proposal, at, answer) => self.propose(proposal, at, *answer),
            Verb::Read(at, seen) => self.read(at, seen.as_deref()),
            Verb::Await(value, answer) => self.wait(value, *answer),
        }
    }

    fn process(&mut self, verb: &Verb) -> Result<(), String> {
        match verb {
            Verb::Crash(who, at, spares) => {
                let (node, down) = (self.who(who)?, FOR_EVER);
                let Some(operations) = *at else {
                    spares.iter().for_each(|&spares| self.world.nodes[node].disk.set_spares(spares));
                    return self.strike(What::Crash { node, down });
                };
                self.strike(What::CrashAtDisk { node, operations, spares: *spares, down })
            }
            Verb::Drain(who) => self.strike(What::Drain { node: self.who(who)?, down: FOR_EVER }),
            Verb::Kill(who) => {
                let node = self.who(who)?;
                if self.world.nodes[node].process.is_none() {
                    return Err(format!("{node} is down already"));
                }
                self.world.nodes[node].kill();
                self.world.nodes[node].disk.kill();
                Ok(())
            }
            Verb::Restart(who) => {
                let node = self.who(who)?;
                if self.world.nodes[node].process.is_some() {
                    return Err(format!("{node} runs already"));
                }
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
        let Some(record) = self.world.step(&self.time) else { return Ok(false) };
        self.steps += 1;
        if let Some(story) = &self.world.story {
            (self.each)(&trace::line(&record, story));
        }
        self.is_broken().map(|()| true)
    }

    fn is_broken(&self) -> Result<(), String> {
        self.world.check.lock().broken().map_or(Ok(()), |violation| Err(format!("breaks {violation}")))
    }

    /// Up to a moment of true time, if it is to come; what comes at that moment has come.
    fn run_to(&mut self, end: Time) -> Result<(), String> {
        self.world.push(end, Event::Pass);
        while !(end <= self.time.now() && std::mem::take(&mut self.world.has_passed)) {
            self.step()?;
        }
        Ok(())
    }

    fn calm(&mut self) -> Result<(), String> {
        let (each, steps) = (&mut self.each, &mut self.steps);
        let mut step = |time: &VirtualTime, world: &mut World| {
            let record = if world.is_broken() { None } else { world.step(time) };
            *steps += u64::from(record.is_some());
            if let (Some(record), Some(story)) = (&record, &world.story) {
                each(&trace::line(record, story));
            }
            record.is_some()
        };
        calm::run(&self.time, &mut self.world, &mut step);
        self.is_broken()
    }

    fn run(&mut self, lasts: u64) -> Result<(), String> {
        self.run_to(Time(self.time.now().0 + lasts))
    }

    fn until(&mut self, condition: &Condition, within: u64) -> Result<(), String> {
        let end = Time(self.time.now().0 + within);
        while !self.holds(condition)? {
            if end <= self.time.now() || !self.step()? {
                return self.untrue(format!("{condition:?} has not come about"));
            }
        }
        Ok(())
    }

    fn never(&mut self, condition: &Condition, lasts: u64) -> Result<(), String> {
        let end = Time(self.time.now().0 + lasts);
        loop {
            if self.holds(condition)? {
                return self.untrue(format!("{condition:?} must never hold"));
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
        let mut any = false;
        for (from, to) in links.iter().copied().chain(back) {
            any |= self.world.apply(What::Cut { shape: Shape::Link(from, to), lasts: FOR_EVER });
        }
        if any { Ok(()) } else { Err(format!("{one:?} and {other:?} are cut off already")) }
    }

    fn open(&mut self, name: &str, at: &Who) -> Result<(), String> {
        let ticket = self.world.ask(self.who(at)?, &Call::Open(name.to_owned()))?;
        match self.answer(ticket)? {
            Ok(_) => Ok(()),
            Err(why) => Err(format!("the session was not opened: {why:?}")),
        }
    }

    fn propose(&mut self, proposal: &Proposal, at: &Who, answer: Option<Answer>) -> Result<(), String> {
        self.world.ask(self.who(at)?, &Call::Propose(proposal.clone()))?;
        answer.map_or(Ok(()), |answer| self.wait(&proposal.value, answer))
    }

    fn wait(&mut self, value: &str, answer: Answer) -> Result<(), String> {
        let ticket = self.world.script.latest(value).ok_or_else(|| format!("{value} was never proposed"))?;
        let outcome = self.answer(ticket)?;
        let came = match outcome {
            Ok((_, Came::Seen(_))) => Answer::Ok,
            Ok((_, Came::Opened(_))) | Err(Failure::Unknown | Failure::Gone) => Answer::Unknown,
            Err(Failure::Expired) => Answer::Expired,
            Err(why) if why.may_have_applied() => Answer::Unknown,
            Err(_) => Answer::Refused,
        };
        if came == answer {
            return Ok(());
        }
        self.untrue(format!("{value} came to {came:?} ({outcome:?}), not {answer:?}"))
    }

    fn read(&mut self, at: &Who, expected: Option<&[String]>) -> Result<(), String> {
        let ticket = self.world.ask(self.who(at)?, &Call::Read(LIST))?;
        let outcome = self.answer(ticket)?;
        let Some(expected) = expected else { return Ok(()) };
        let Ok((_, Came::Seen(seen))) = outcome else { return self.untrue(format!("the read came to {outcome:?}")) };
        let last = expected.last().and_then(|value| self.world.script.number(value)).unwrap_or_default();
        if (seen.len, seen.last) == (expected.len() as u64, last) {
            Ok(())
        } else {
            self.untrue(format!("the read saw {seen:?}, not {expected:?}"))
        }
    }

    /// Runs until a ticket is answered.
    fn answer(&mut self, ticket: usize) -> Result<Outcomes, String> {
        loop {
            if let Some(came) = self.world.script.came(ticket) {
                return Ok(came);
            }
            if !self.step()? {
                return self.untrue("breaks R21: no answer comes".to_owned());
            }
        }
    }

    /// Ends the story at a line whose promise has not come true.
    fn untrue<T>(&mut self, why: String) -> Result<T, String> {
        self.is_untrue = true;
        Err(why)
    }

    /// What must hold at the end of every story.
    fn end(&mut self) -> Result<(), String> {
        self.world.now = self.time.now();
        self.world.end(&self.time);
        self.is_broken()
    }
}
