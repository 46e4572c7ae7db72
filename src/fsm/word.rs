//! The scheduling word: all that decides whether a cell runs, and whether it takes a command.
//!
//! ```text
//!   31                    8   7      6     5     4      3    2     0
//!  +-----------------------+--------+-----+------+------+-------+-------+
//!  |         depth         | linger | due | kill | stop | drain | phase |
//!  +-----------------------+--------+-----+------+------+-------+-------+
//!
//!           post, signal           take            end, nothing left
//!    Idle ---------------> Queued ------> Running -------------------> Idle
//!          schedule, once    ^             |    | post, signal
//!                            | end, work   |    v
//!                            +-------------+-- Notified          any, at death ---> Exited, Killed, Panicked
//! ```
//! It is the payload of the bit behind which the inbox lies (a `Spin`), and changes only with leaving it: a queue and its phase
//! cannot disagree, and no protocol stands beside the bit's own. Here are the transitions, pure; the cell applies them.

/// The phase, five flags, and the depth of the inbox.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Word(pub(crate) u32);

/// Where a cell is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In exactly one run queue. A new cell is: its `Start` is to be delivered.
    Queued,
    /// Nothing to do; in no run queue.
    Idle,
    /// In a turn, or between two with commands in hand: then in exactly one run queue, too.
    Running,
    /// So, and something came since it began.
    Notified,
    /// Dead after `Exit`.
    Exited,
    /// Dead without.
    Killed,
    /// Dead of a panic.
    Panicked,
}

/// What the one that made a change must do once it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Duty {
    /// Nothing: someone else will look.
    Nothing,
    /// Hand the cell to its home, exactly once.
    Schedule,
}

/// Why a command is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It drains.
    Draining,
    /// It has ended, or is about to.
    Dead,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// There is more to do: back to the run queue.
    Again,
    /// Nothing is left.
    Idle,
    /// Nothing is left, and none will come: what is still postponed, then `Exit`.
    Drained,
}

pub(crate) const DRAIN: u32 = 1 << 3;
pub(crate) const STOP: u32 = 1 << 4;
pub(crate) const KILL: u32 = 1 << 5;
pub(crate) const DUE: u32 = 1 << 6;
pub(crate) const LINGER: u32 = 1 << 7;
/// What the owner of a turn heeds between two inputs.
pub(crate) const ALERTS: u32 = DRAIN | STOP | KILL;
const _: () = assert!((ALERTS | DUE) <= u8::MAX as u32, "they fit into the notes of a turn");

const PHASE: u32 = 7;
/// The bit that the dead phases have, and no other.
const DEAD: u32 = 4;
const _: () = assert!(Word::BORN.0 == 0, "a new word is 0");
const DEPTH_SHIFT: u32 = 8;
/// The depth saturates here: what is full is decided by the queue's own length, inside.
pub(crate) const DEPTH_MAX: u32 = u32::MAX >> DEPTH_SHIFT;

impl Word {
    /// A cell at birth.
    pub(crate) const BORN: Word = Word(Phase::Queued as u32);

    pub(crate) const fn phase(self) -> Phase {
        match self.0 & PHASE {
            0 => Phase::Queued,
            1 => Phase::Idle,
            2 => Phase::Running,
            3 => Phase::Notified,
            4 => Phase::Exited,
            5 => Phase::Killed,
            _ => Phase::Panicked,
        }
    }

    const fn with_phase(self, phase: Phase) -> Word {
        Word((self.0 & !PHASE) | phase as u32)
    }

    pub(crate) const fn has(self, flags: u32) -> bool {
        self.0 & flags != 0
    }

    pub(crate) const fn is_dead(self) -> bool {
        matches!(self.phase(), Phase::Exited | Phase::Killed | Phase::Panicked)
    }

    /// Whether commands are taken, and nobody has asked for an end: `refusal` is `None`. One comparison.
    pub(crate) const fn is_open(self) -> bool {
        self.0 & (DEAD | DRAIN | STOP | KILL) == 0
    }

    /// Whether it is dead, or told to stop or to die: for good, so a look from outside suffices.
    pub(crate) const fn is_ending(self) -> bool {
        self.is_dead() || self.has(STOP | KILL)
    }

    /// In a turn that leaves nothing behind, if nobody does anything: no flag, no command.
    pub(crate) const fn is_quiet(self) -> bool {
        self.0 == Phase::Running as u32
    }

    const fn is_running(self) -> bool {
        matches!(self.phase(), Phase::Running | Phase::Notified)
    }

    pub(crate) const fn depth(self) -> u32 {
        self.0 >> DEPTH_SHIFT
    }

    pub(crate) const fn with_depth(self, depth: usize) -> Word {
        let depth = if depth < DEPTH_MAX as usize { depth as u32 } else { DEPTH_MAX };
        Word((self.0 & !(DEPTH_MAX << DEPTH_SHIFT)) | (depth << DEPTH_SHIFT))
    }

    /// One command more, where the depth is below its greatest.
    pub(crate) const fn deeper(self) -> Word {
        Word(self.0 + (1 << DEPTH_SHIFT))
    }

    /// Why a command would not be taken now (F6). A stop or kill, pending or done, is death to its sender.
    pub(crate) const fn refusal(self) -> Option<Refusal> {
        if self.is_ending() {
            Some(Refusal::Dead)
        } else if self.has(DRAIN) {
            Some(Refusal::Draining)
        } else {
            None
        }
    }

    /// Someone brought a command or a signal. Only Idle -> Queued schedules (F2).
    pub(crate) const fn wake(self) -> (Word, Duty) {
        match self.phase() {
            Phase::Idle => (self.with_phase(Phase::Queued), Duty::Schedule),
            Phase::Running => (self.with_phase(Phase::Notified), Duty::Nothing),
            Phase::Queued | Phase::Notified | Phase::Exited | Phase::Killed | Phase::Panicked => (self, Duty::Nothing),
        }
    }

    /// Drain, stop, kill, or something due; nothing if that is known already, or of no use to the dead.
    pub(crate) const fn signal(self, flag: u32) -> (Word, Duty) {
        if self.is_dead() || self.has(flag) { (self, Duty::Nothing) } else { Word(self.0 | flag).wake() }
    }

    /// A runner takes a queued cell into a turn; the system's inputs go with it.
    pub(crate) const fn take(self) -> Option<Word> {
        match self.phase() {
            Phase::Queued => Some(Word(self.0 & !DUE).with_phase(Phase::Running)),
            _ => None,
        }
    }

    /// A runner goes on with a cell whose last turn has left commands in hand; the system's inputs go with it.
    pub(crate) const fn resume(self) -> Option<Word> {
        if self.is_running() { Some(Word(self.0 & !DUE).with_phase(Phase::Running)) } else { None }
    }

    /// Someone looks into an idle cell from outside, and ends as a turn does.
    pub(crate) const fn look(self) -> Option<Word> {
        match self.phase() {
            Phase::Idle => Some(self.with_phase(Phase::Running)),
            _ => None,
        }
    }

    /// The end of a turn. `more`: something is left besides what this word knows; `told`: `Drain` was delivered.
    pub(crate) const fn end(self, more: bool, told: bool) -> Option<(Word, Rest)> {
        if !self.is_running() {
            return None;
        }
        let news = self.has(STOP | KILL | DUE) || (self.has(DRAIN) && !told) || self.depth() != 0;
        Some(if more || news {
            (self.with_phase(Phase::Queued), Rest::Again)
        } else if told && !self.has(LINGER) {
            (Word(self.0 | STOP), Rest::Drained)
        } else {
            (self.with_phase(Phase::Idle), Rest::Idle)
        })
    }

    /// The owner of the turn will not end with its last command.
    pub(crate) const fn linger(self) -> Word {
        Word(self.0 | LINGER)
    }

    /// The owner of the turn ends with its last command after all.
    pub(crate) const fn linger_no_more(self) -> Word {
        Word(self.0 & !LINGER)
    }

    /// The owner of the turn has begun to end: every post is refused from here.
    pub(crate) const fn close(self) -> Word {
        Word(self.0 | STOP)
    }

    /// Death, once the state is gone. `how` is one of the three dead phases.
    pub(crate) const fn die(self, how: Phase) -> Word {
        Word(self.0 & !DUE).with_phase(how).with_depth(0)
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.phase())?;
        for (flag, name) in [(DRAIN, "drain"), (STOP, "stop"), (KILL, "kill"), (DUE, "due"), (LINGER, "linger")] {
            if self.has(flag) {
                write!(f, "+{name}")?;
            }
        }
        write!(f, " {}", self.depth())
    }
}

#[cfg(test)]
mod tests;
