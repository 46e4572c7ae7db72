//! Ten thousand automata on a pool, killed, stopped, drained, made to panic and begun anew at random, while others post to them:
//! each command that was accepted is delivered or dropped, once, in this life or the next: a few are children of a supervisor, which
//! brings them back with what their inbox held (F3).
//!
//! Ten seconds, or as many as `RSM_STRESS_SECONDS` says; what was counted is printed.

use rsm::fsm::{Address, Automaton, Child, Context, Door, Input, Pool, Restart, Runner};
use rsm::fsm::{Strategy, Supervision, Supervisor};
use rsm::mix::Draws;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const AUTOMATA: usize = 10_000;
const THREADS: usize = 4;
/// Of each thread, behind doors.
const CHILDREN: usize = 50;

#[derive(Default)]
struct Ledger {
    accepted: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    /// Of these, by a later life than the last that had begun when its post had returned.
    kept: AtomicU64,
    dropped: AtomicU64,
    born: AtomicU64,
    dead: AtomicU64,
}

/// A command; its drop tells of one that was accepted and never delivered.
struct Token {
    ledger: Arc<Ledger>,
    does: Does,
    /// Which life of whom it is sent to was the last when its post had returned: it was accepted in that life or one before.
    life: Option<Arc<AtomicU64>>,
    settled: bool,
}

enum Does {
    Nothing,
    Postpone,
    Turn,
    Panic,
    Stop,
    Pass(Address<Token>),
}

impl Token {
    fn new(ledger: &Arc<Ledger>, does: Does) -> Token {
        Token { ledger: ledger.clone(), does, life: None, settled: false }
    }

    /// False if it was refused.
    fn post(self, to: &Address<Token>) -> bool {
        let ledger = self.ledger.clone();
        ledger.accepted.fetch_add(1, Relaxed); // before the post: it may be delivered at once
        to.post(self)
            .map_err(|rejected| {
                rejected.into_inner().settled = true;
                ledger.accepted.fetch_sub(1, Relaxed);
                ledger.refused.fetch_add(1, Relaxed);
            })
            .is_ok()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if !self.settled {
            self.ledger.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// Counts its death when it is dropped. Which of its lives it is.
struct Soldier(Arc<Ledger>, u64);

impl Drop for Soldier {
    fn drop(&mut self) {
        self.0.dead.fetch_add(1, Relaxed);
    }
}

#[derive(Clone, Copy)]
enum Foot {
    Left,
    Right,
}

impl Automaton for Soldier {
    type State = Foot;
    type Command = Token;

    fn next(&mut self, foot: Foot, input: Input<Self>, context: &mut Context<Self>) -> Foot {
        let Input::Command(mut token) = input else { return foot };
        if matches!(token.does, Does::Postpone) {
            token.does = Does::Nothing;
            context.postpone(token);
            return foot;
        }
        token.settled = true;
        token.ledger.delivered.fetch_add(1, Relaxed);
        let kept = token.life.as_ref().is_some_and(|life| life.load(Relaxed) < self.1);
        token.ledger.kept.fetch_add(u64::from(kept), Relaxed);
        match &token.does {
            Does::Nothing | Does::Postpone => foot,
            Does::Turn => match foot {
                Foot::Left => Foot::Right,
                Foot::Right => Foot::Left,
            },
            Does::Panic => resume_unwind(Box::new("told to")),
            Does::Stop => {
                context.stop();
                foot
            }
            Does::Pass(next) => {
                let _may_be_dead = Token::new(&token.ledger, Does::Turn).post(next);
                foot
            }
        }
    }
}

/// Spawns, posts and kills until the time is over.
fn campaign(pool: &Pool, ledger: &Arc<Ledger>, seed: u64, end: Instant) {
    let mut draws = Draws::new(seed);
    let spawn = || {
        ledger.born.fetch_add(1, Relaxed);
        pool.spawn(Soldier(ledger.clone(), 0), Foot::Left)
    };
    let lives: Vec<_> = (0..CHILDREN).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let supervisor = Supervisor::new(Strategy::OneForOne).intensity(u32::MAX, Duration::from_secs(1));
    let supervisor = pool.spawn(supervisor, Supervision::Up);
    let add = |life: &Arc<AtomicU64>| {
        let (ledger, life) = (ledger.clone(), life.clone());
        let enlist = move || {
            ledger.born.fetch_add(1, Relaxed);
            (Soldier(ledger.clone(), life.fetch_add(1, Relaxed) + 1), Foot::Left)
        };
        supervisor.add(Child::new("child", Restart::Always, enlist).keep_inbox()).expect("nobody ends it yet")
    };
    let doors: Vec<Door<Token>> = lives.iter().map(add).collect();
    let mut company: Vec<_> = (0..AUTOMATA / THREADS).map(|_| spawn()).collect();
    while Instant::now() < end {
        for _ in 0..256 {
            let nth = draws.below(company.len() as u64) as usize;
            let other = company[draws.below(company.len() as u64) as usize].clone();
            let does = match draws.below(100) {
                0 => Does::Panic,
                1 => Does::Stop,
                2..20 => Does::Pass(other),
                20..30 => Does::Postpone,
                30..50 => Does::Turn,
                _ => Does::Nothing,
            };
            let whom = if nth < CHILDREN { doors[nth].address() } else { company[nth].clone() };
            match draws.below(200) {
                0 => whom.kill(),
                1 => whom.drain(),
                2 => company[nth] = spawn(), // the last address of another, perhaps
                _ => {}
            }
            if nth < CHILDREN {
                let (mut token, life) = (Token::new(ledger, does), Arc::new(AtomicU64::new(u64::MAX)));
                token.life = Some(life.clone());
                let _between_two_lives = token.post(&doors[nth]);
                life.store(lives[nth].load(Relaxed), Relaxed);
            } else if !Token::new(ledger, does).post(&company[nth]) {
                company[nth] = spawn();
            }
        }
    }
}

#[test]
fn every_accepted_command_is_accounted_for_whatever_dies_meanwhile() {
    let seconds = std::env::var("RSM_STRESS_SECONDS").map_or(10, |text| text.parse().expect("a number of seconds"));
    let (pool, ledger) = (Pool::new(3), Arc::new(Ledger::default()));
    let end = Instant::now() + Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        for seed in 0..THREADS as u64 {
            let (pool, ledger) = (&pool, &ledger);
            scope.spawn(move || campaign(pool, ledger, seed, end));
        }
    });
    pool.drain_timeout(Duration::from_secs(60)).unwrap_or_else(|alive| panic!("{alive}"));
    let read = |count: &AtomicU64| count.load(Relaxed);
    let [accepted, delivered, dropped, kept] =
        [&ledger.accepted, &ledger.delivered, &ledger.dropped, &ledger.kept].map(read);
    eprintln!(
        "posted {accepted} = delivered {} + dropped {dropped} + kept {kept} for a next life, delivered there; refused {}",
        delivered - kept,
        read(&ledger.refused)
    );
    eprintln!("{} automata were born, {} died; {:?}", read(&ledger.born), read(&ledger.dead), pool.counters());
    assert_eq!(accepted, delivered + dropped, "F3");
    assert_eq!(read(&ledger.born), read(&ledger.dead), "F8: who is dead was dropped");
    assert!(0 < kept, "F3: what an inbox kept is delivered in the next life");
    assert!(0 < dropped && 0 < read(&ledger.refused), "some died with commands");
}
