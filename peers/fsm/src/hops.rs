//! Actors that hand a number on: two of them, a ring, one and a thousand.

use crate::on_actix::OnActix;
use crate::on_kameo::OnKameo;
use crate::on_ractor::OnRactor;
use crate::on_std::OnStd;
use crate::on_tokio::{OnTokio, Recv};
use crate::on_xtra::OnXtra;
use crate::platform::{END, Platform};
use crate::roles::{Hub, Later, Leaf, Link, PIN};
use crate::rsm_runners::OnPool;
use crate::{FRAMEWORK, Ratio, TASK, WORKERS, point, ratios};
use rsm_peers_kit::rounds::{CPU, Rounds, Run, Subject, subject};
use rsm_peers_kit::section::Section;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

const HOP: &str = "ns/hop";
const TIME: Duration = Duration::from_millis(40);
/// Hops between two looks at the clock.
const HOPS: u64 = 4_000;

/// A closed ring of actors, one for each of these systems by turns.
struct Ring<P: Platform> {
    links: Vec<P::Address<Link<P>>>,
    done: Receiver<()>,
}

impl<P: Platform> Ring<P> {
    fn new(systems: &[P::System], len: usize) -> Ring<P> {
        let (sender, done) = mpsc::channel();
        let laters: Vec<Later<P::Address<Link<P>>>> = (0..len).map(|_| Later::default()).collect();
        let link = |nth: usize| {
            let link = Link { next: laters[nth].clone(), done: sender.clone() };
            P::spawn(&systems[nth % systems.len()], None, link)
        };
        let links: Vec<_> = (0..len).map(link).collect();
        for (nth, later) in laters.iter().enumerate() {
            assert!(later.set(links[(nth + 1) % len].clone()).is_ok(), "each is set once");
        }
        Ring { links, done }
    }

    /// Hands a number on for about `time`: the hops.
    fn run(&self, time: Duration) -> (u64, Duration) {
        let (began, mut hops) = (Instant::now(), 0);
        while began.elapsed() < time {
            P::tell(&self.links[0], HOPS);
            self.done.recv().expect("it comes to 0");
            hops += HOPS;
        }
        (hops, began.elapsed())
    }
}

impl<P: Platform> Drop for Ring<P> {
    fn drop(&mut self) {
        self.links.drain(..).for_each(|link| P::tell(&link, END));
    }
}

fn of(hops: u64, took: Duration) -> Run {
    Run { operations: hops as f64, figures: vec![(HOP, took.as_nanos() as f64 / hops as f64)] }
}

fn ring<P: Platform>(len: usize) -> Subject {
    subject(P::NAME, move |time| {
        let system = [P::system(WORKERS)];
        let (hops, took) = Ring::<P>::new(&system, len).run(time);
        of(hops, took)
    })
}

/// Two actors in systems of one worker each, on a processor each.
fn apart<P: Platform>() -> Subject {
    subject(P::NAME, |time| {
        let systems = [P::system(1), P::system(1)];
        let ring = Ring::<P>::new(&systems, 2);
        ring.links.iter().enumerate().for_each(|(nth, link)| P::tell(link, PIN + nth as u64));
        let (hops, took) = ring.run(time);
        of(hops, took)
    })
}

fn fan_out<P: Platform>() -> Subject {
    const LEAVES: usize = 1_000;
    subject(P::NAME, |time| {
        let system = P::system(WORKERS);
        let later: Later<P::Address<Hub<P>>> = Later::default();
        let leaf = |_| P::spawn(&system, None, Leaf::<P> { hub: later.clone() });
        let leaves: Vec<_> = (0..LEAVES).map(leaf).collect();
        let (sender, done) = mpsc::channel();
        let hub = Hub::<P> { leaves: leaves.clone(), rounds: 0, answers: 0, done: sender };
        let hub = P::spawn(&system, None, hub);
        assert!(later.set(hub.clone()).is_ok(), "it is set once");
        let (began, mut messages) = (Instant::now(), 0);
        while began.elapsed() < time {
            P::tell(&hub, 4);
            done.recv().expect("all answer");
            messages += 4 * 2 * LEAVES as u64;
        }
        let run = of(messages, began.elapsed());
        P::tell(&hub, END);
        leaves.iter().for_each(|leaf| P::tell(leaf, END));
        run
    })
}

macro_rules! all {
    ($run:ident, $($argument:expr),*) => {
        vec![
            $run::<OnPool>($($argument),*),
            $run::<OnTokio<Recv>>($($argument),*),
            $run::<OnStd>($($argument),*),
            $run::<OnActix>($($argument),*),
            $run::<OnRactor>($($argument),*),
            $run::<OnKameo>($($argument),*),
            $run::<OnXtra>($($argument),*),
        ]
    };
}

pub(crate) fn section(rounds: &mut Rounds) -> Section {
    let mut section = Section::new(
        "Hops",
        "Nanoseconds from one actor to the next, when a number is handed on and nothing else is to do. ping-pong together: two actors \
         wherever the scheduler likes; apart: in two systems of one worker, each bound to a processor of its own. ring: so many \
         actors (the `threads`). fan-out: one asks 1,000 and all answer; a message is a hop.",
    );
    point(rounds, &mut section, ("hops ping-pong together", 2), TIME, all!(ring, 2));
    point(rounds, &mut section, ("hops ping-pong apart", 2), TIME, all!(apart,));
    for len in [100, 1_000] {
        point(rounds, &mut section, ("hops ring", len), TIME, all!(ring, len));
    }
    point(rounds, &mut section, ("hops fan-out", 1_000), TIME, all!(fan_out,));
    for bench in ["hops ping-pong", "hops ring", "hops fan-out"] {
        section.table(bench, HOP);
        section.table(bench, CPU);
    }
    ratios(&mut section, HOP, false, &GOALS);
    section
}

const GOALS: [Ratio; 6] = [
    (("hops ping-pong together", 2), TASK, Some("tokio task"), 0.6),
    (("hops ping-pong together", 2), FRAMEWORK, None, 0.1),
    (("hops ping-pong apart", 2), TASK, Some("tokio task"), 0.5),
    (("hops ping-pong apart", 2), "two std threads", Some("std thread"), 0.5),
    (("hops ring", 1_000), TASK, Some("tokio task"), 0.6),
    (("hops ring", 1_000), FRAMEWORK, None, 0.25),
];
