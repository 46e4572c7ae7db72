use super::*;
use Phase::{Exited, Idle, Killed, Notified, Panicked, Queued, Running};

/// What may happen to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Post,
    Drain,
    Stop,
    Kill,
    Due,
    Take,
    EndIdle,
    Die,
    EndInHand,
    Resume,
}

const EVENTS: [Event; 10] = [
    Event::Post,
    Event::Drain,
    Event::Stop,
    Event::Kill,
    Event::Due,
    Event::Take,
    Event::EndIdle,
    Event::Die,
    Event::EndInHand,
    Event::Resume,
];

/// The word beside what it must agree with: run queues, and what the owner of the turn knows.
#[derive(Clone, Copy, Debug)]
struct Cell {
    word: Word,
    queued: u32,
    told: bool,
    closed: bool,
    /// Between two turns, with commands in hand.
    in_hand: bool,
}

impl Cell {
    fn duty(&mut self, (word, duty): (Word, Duty)) {
        self.word = word;
        self.queued += u32::from(duty == Duty::Schedule);
    }

    /// False if the event cannot happen now.
    fn happens(&mut self, event: Event) -> bool {
        match event {
            Event::Post => match self.word.refusal() {
                Some(_) => return false,
                None => {
                    assert!(!self.closed, "F6: a post is taken after drain, stop or kill returned");
                    let depth = self.word.depth() as usize + 1;
                    self.duty(self.word.with_depth(depth).wake());
                }
            },
            Event::Drain | Event::Stop | Event::Kill => {
                let flag = [DRAIN, STOP, KILL][event as usize - 1];
                self.duty(self.word.signal(flag));
                self.closed = true;
            }
            Event::Due => self.duty(self.word.signal(DUE)),
            Event::Take => match self.word.take() {
                None => return false,
                Some(word) => {
                    self.queued -= 1;
                    self.told |= word.has(DRAIN);
                    self.word = word.with_depth(0);
                }
            },
            Event::EndIdle => match self.word.end(false, self.told) {
                None => return false,
                Some(_) if self.in_hand => return false,
                Some((word, rest)) => {
                    self.word = word;
                    self.queued += u32::from(rest == Rest::Again);
                    if rest == Rest::Drained {
                        self.word = self.word.die(Exited);
                    }
                }
            },
            Event::EndInHand => {
                if self.in_hand || self.word.resume().is_none() {
                    return false;
                }
                self.in_hand = true;
                self.queued += 1;
            }
            Event::Resume => {
                if !self.in_hand {
                    return false;
                }
                let word = self.word.resume().expect("F2: it stays Running until its next turn, whatever comes");
                assert!(!word.has(DUE), "what is due is heard in this turn");
                self.in_hand = false;
                self.queued -= 1;
                self.told |= word.has(DRAIN);
                self.word = word;
            }
            Event::Die => match self.word.phase() {
                Running | Notified if self.in_hand => return false,
                Running | Notified => self.word = self.word.die(Killed),
                Idle | Queued | Exited | Killed | Panicked => return false,
            },
        }
        true
    }

    fn holds(self) {
        let queued = u32::from(self.word.phase() == Queued || self.in_hand);
        assert_eq!(
            self.queued, queued,
            "F2: in one run queue while Queued or with commands in hand, else in none: {self:?}"
        );
        let pending = self.word.has(STOP | KILL | DUE) || self.word.has(DRAIN) && !self.told;
        let unseen = pending || self.word.depth() != 0;
        assert!(!(self.word.phase() == Idle && unseen), "F5: something came, and nobody will look: {self:?}");
        assert!(!self.closed || self.word.refusal().is_some(), "F6: it takes posts again: {self:?}");
    }
}

fn walk(cell: Cell, steps: u32, paths: &mut u32) {
    for event in EVENTS {
        let mut next = cell;
        if next.happens(event) {
            next.holds();
            *paths += 1;
            if steps > 1 {
                walk(next, steps - 1, paths);
            }
        }
    }
}

#[test]
fn on_every_path_of_six_events_a_cell_is_queued_once_and_a_refusal_is_for_ever() {
    let mut paths = 0;
    let born = Cell { word: Word::BORN, queued: 1, told: false, closed: false, in_hand: false };
    walk(born, 6, &mut paths);
    let mut idle = born;
    assert!(idle.happens(Event::Take) && idle.happens(Event::EndIdle));
    walk(idle, 6, &mut paths);
    assert!(60_000 < paths, "{paths} paths");
}

#[test]
fn only_idle_to_queued_schedules_whatever_the_flags() {
    for flags in 0..32 {
        for phase in [Idle, Queued, Running, Notified, Exited, Killed, Panicked] {
            let word = Word(flags << 3 | phase as u32);
            let (next, duty) = word.wake();
            assert_eq!(duty == Duty::Schedule, phase == Idle, "{word:?}");
            assert_eq!(word.is_dead(), next == word && duty == Duty::Nothing && phase as u32 >= 4, "{word:?}");
            assert_eq!(word.take().is_some(), phase == Queued, "{word:?}");
            assert_eq!(word.end(false, false).is_some(), matches!(phase, Running | Notified), "{word:?}");
            assert_eq!(word.phase(), phase);
        }
    }
}

#[test]
fn stop_and_kill_refuse_as_the_dead_do_and_win_over_drain() {
    let (drained, _) = Word::BORN.signal(DRAIN);
    assert_eq!(drained.refusal(), Some(Refusal::Draining));
    assert_eq!(drained.signal(STOP).0.refusal(), Some(Refusal::Dead));
    assert_eq!(drained.signal(KILL).0.refusal(), Some(Refusal::Dead));
    assert_eq!(Word::BORN.die(Panicked).refusal(), Some(Refusal::Dead));
    assert_eq!(Word::BORN.refusal(), None);
}

#[test]
fn the_depth_saturates_and_leaves_the_rest_of_the_word_alone() {
    let word = Word::BORN.signal(DRAIN).0;
    for (depth, shown) in [(0, 0), (7, 7), (1 << 24, DEPTH_MAX), (usize::MAX, DEPTH_MAX)] {
        assert_eq!(word.with_depth(depth).depth(), shown);
        assert_eq!(word.with_depth(depth).with_depth(0), word);
    }
}

#[test]
fn one_who_lingers_rests_instead_of_ending() {
    let running = Word::BORN.signal(DRAIN).0.take().expect("it was queued");
    assert_eq!(running.end(false, true).map(|it| it.1), Some(Rest::Drained));
    assert_eq!(running.linger().end(false, true).map(|it| it.1), Some(Rest::Idle));
    assert_eq!(running.linger().linger_no_more(), running);
    assert_eq!(running.end(true, true).map(|it| it.1), Some(Rest::Again));
    assert_eq!(running.end(false, false).map(|it| it.1), Some(Rest::Again), "the drain was not told yet");
    assert_eq!(running.close().refusal(), Some(Refusal::Dead));
}

#[test]
fn what_is_asked_in_one_comparison_is_what_the_longer_way_says() {
    let all_flags = DRAIN | STOP | KILL | DUE | LINGER;
    for depth in [0, 1, 2, 255, 256, DEPTH_MAX - 1, DEPTH_MAX] {
        for low in 0..=0xff {
            let word = Word(low).with_depth(depth as usize);
            assert_eq!(word.is_open(), word.refusal().is_none(), "{word:?}");
            let quiet = word.phase() == Running && !word.has(all_flags) && word.depth() == 0;
            assert_eq!(word.is_quiet(), quiet, "{word:?}");
            if depth < DEPTH_MAX {
                assert_eq!(word.deeper(), word.with_depth(depth as usize + 1), "{word:?}");
            }
        }
    }
}
