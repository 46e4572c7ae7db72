//! All that a sender and its ticket know of each other, and how it changes. Pure.
//!
//! ```text
//!     31    4    3       2      1        0        VALUE    the value lies there
//!    +--------+---------+------+--------+-------+  CLOSED   the sender was dropped without sending
//!    |   0    | WAITING | LEFT | CLOSED | VALUE |  LEFT     the ticket was dropped
//!    +--------+---------+------+--------+-------+  WAITING  the receiver's sleeper lies there
//! ```
//! | by | transition | needs | does | and what it means for who does it |
//! |---|---|---|---|---|
//! | sender | `resolve` | neither VALUE nor CLOSED | + VALUE, or + CLOSED | LEFT: the box is ours. WAITING: so is the sleeper. Neither: we are out |
//! | sender | `quit` | WAITING, and VALUE or CLOSED | - WAITING | the sleeper is taken, and we are out |
//! | ticket | `register` | nothing at all | + WAITING | else it has resolved, and nobody would wake us |
//! | ticket | `withdraw` | WAITING alone | - WAITING | the sleeper is ours again |
//! | ticket | `leave` | neither LEFT nor, ours, WAITING | + LEFT | VALUE or CLOSED: the box is ours, once the sender is out |

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u32);

const VALUE: u32 = 1 << 0;
const CLOSED: u32 = 1 << 1;
const LEFT: u32 = 1 << 2;
const WAITING: u32 = 1 << 3;

/// The sender's last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// The value lies there.
    Value = VALUE as isize,
    /// There is none, and will be none.
    Closed = CLOSED as isize,
}

/// What the sender has to do after its last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing: the box is the ticket's.
    Nothing,
    /// Takes the sleeper, [quits](Word::quit), and wakes it.
    Wakes,
    /// Frees the box, as the ticket has left it.
    Frees,
}

/// What the ticket finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The sender has not said its last word.
    Pending,
    /// It has, and is about to take the sleeper: a few instructions.
    SenderInside,
    /// It has, and is out: the box is the ticket's.
    Box,
}

impl Word {
    /// Both sides are there, and nobody waits.
    pub(super) const NEW: Word = Word(0);

    /// Whether the sender has said its last word.
    pub(super) const fn is_resolved(self) -> bool {
        self.0 & (VALUE | CLOSED) != 0
    }

    /// Whether the ticket was dropped.
    pub(super) const fn has_left(self) -> bool {
        self.0 & LEFT != 0
    }

    const fn is_waiting(self) -> bool {
        self.0 & WAITING != 0
    }

    /// The sender says its last word: sets these bits.
    pub(super) const fn resolve(last: Last) -> u32 {
        last as u32
    }

    /// What the sender has to do, where this was the word before its last one (T1, T2).
    pub(super) const fn then(self) -> Then {
        match (self.has_left(), self.is_waiting()) {
            (true, _) => Then::Frees,
            (false, true) => Then::Wakes,
            (false, false) => Then::Nothing,
        }
    }

    /// The sender is out: clears all bits but these.
    pub(super) const fn quit() -> u32 {
        !WAITING
    }

    /// A sleeper lies there from now on. Where nothing has happened yet, alone: else nobody would wake it.
    pub(super) const fn register(self) -> Option<Word> {
        if self.0 == Word::NEW.0 { Some(Word(WAITING)) } else { None }
    }

    /// The sleeper is taken back by the one who left it; not if the sender has it (T2).
    pub(super) const fn withdraw(self) -> Option<Word> {
        if self.0 == WAITING { Some(Word::NEW) } else { None }
    }

    /// The ticket leaves: sets these bits.
    pub(super) const fn leave() -> u32 {
        LEFT
    }

    /// What a ticket that has not left finds (T1).
    pub(super) const fn found(self) -> Found {
        match (self.is_resolved(), self.is_waiting()) {
            (false, _) => Found::Pending,
            (true, true) => Found::SenderInside,
            (true, false) => Found::Box,
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn words() -> impl Iterator<Item = Word> {
        (0..16).map(Word)
    }

    #[test]
    fn every_transition_of_every_word_changes_what_it_says_and_nothing_else() {
        for word in words() {
            let Word(bits) = word;
            let [value, closed, left, waiting] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
            assert_eq!([Word::resolve(Last::Value), Word::resolve(Last::Closed), Word::leave()], [1, 2, 4]);
            assert_eq!(bits & Word::quit(), bits % 8, "quit of {word:?}");
            assert_eq!(word.register(), (bits == 0).then_some(Word(8)), "register of {word:?}");
            assert_eq!(word.withdraw(), (bits == 8).then_some(Word(0)), "withdraw of {word:?}");
            assert_eq!((word.is_resolved(), word.has_left()), (value || closed, left));
            let then = if left { Then::Frees } else { [Then::Nothing, Then::Wakes][usize::from(waiting)] };
            assert_eq!(word.then(), then, "the last word after {word:?}");
            let found = if waiting { Found::SenderInside } else { Found::Box };
            assert_eq!(word.found(), if value || closed { found } else { Found::Pending }, "what {word:?} says");
        }
    }

    /// Where the sender is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Sender {
        Holds,
        /// Takes the sleeper.
        Inside,
        Out,
    }

    /// Where the ticket is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Ticket {
        Idle,
        Waits,
        /// It is dropped, and second: it waits for the sender to get out.
        Leaves,
        Out,
    }

    /// All there is: the word, both sides, whether the sleeper's place is full, how often the box was freed.
    type World = (u32, Sender, Ticket, bool, u32);

    /// What may come next, by either side.
    fn after((bits, sender, ticket, sleeper, freed): World) -> Vec<World> {
        let word = Word(bits);
        let mut next = Vec::new();
        match sender {
            Sender::Holds => next.extend([Last::Value, Last::Closed].map(|last| {
                let said = bits | Word::resolve(last);
                match word.then() {
                    Then::Nothing => (said, Sender::Out, ticket, sleeper, freed),
                    Then::Wakes => (said, Sender::Inside, ticket, sleeper, freed),
                    Then::Frees => (said, Sender::Out, ticket, false, freed + 1),
                }
            })),
            Sender::Inside => {
                assert!(sleeper, "T2: beside the last word the sleeper is the sender's");
                next.push((bits & Word::quit(), Sender::Out, ticket, false, freed));
            }
            Sender::Out => {}
        }
        let frees = (bits, sender, Ticket::Out, false, freed + 1);
        match ticket {
            Ticket::Idle => {
                next.extend(word.register().map(|Word(bits)| (bits, sender, Ticket::Waits, true, freed)));
                next.extend((word.found() == Found::Box).then_some(frees));
                let how = if word.is_resolved() { Ticket::Leaves } else { Ticket::Out };
                next.push((bits | Word::leave(), sender, how, sleeper, freed));
            }
            Ticket::Waits => match word.withdraw() {
                Some(Word(bits)) => {
                    assert!(sleeper, "T2: beside no last word the sleeper is the ticket's");
                    next.push((bits, sender, Ticket::Idle, false, freed));
                }
                None => next.push((bits, sender, Ticket::Idle, sleeper, freed)),
            },
            Ticket::Leaves => next.extend((word.found() == Found::Box).then_some(frees)),
            Ticket::Out => {}
        }
        next
    }

    #[test]
    fn whatever_both_sides_do_the_box_is_freed_once_by_the_one_who_is_second() {
        let mut left: Vec<World> = vec![(Word::NEW.0, Sender::Holds, Ticket::Idle, false, 0)];
        let mut seen: BTreeSet<World> = left.iter().copied().collect();
        let mut ends = 0;
        while let Some(world) = left.pop() {
            let (_, sender, ticket, _, freed) = world;
            assert!(freed <= 1, "T1: {world:?}");
            let out = sender == Sender::Out && ticket == Ticket::Out;
            assert!(freed == 0 || out, "T1: nobody is left in a box that is freed, {world:?}");
            let next = after(world);
            assert!(!next.is_empty() || freed == 1, "T1: the last one out has freed it, {world:?}");
            ends += u32::from(next.is_empty());
            left.extend(next.into_iter().filter(|world| seen.insert(*world)));
        }
        assert!(ends >= 4 && seen.len() >= 16, "{ends} ends in {} worlds", seen.len());
    }
}
