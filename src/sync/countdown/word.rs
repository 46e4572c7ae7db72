//! All that a countdown knows, and how it changes. Pure.
//!
//! ```text
//!   63            32 31    29 28            8    7     6     0
//!  +----------------+--------+---------------+--------+-------+
//!  |    payload     | state  |     count     | WAITED |   0   |     OPEN, RUNNING, DONE, FAILED
//!  +----------------+--------+---------------+--------+-------+
//! ```
//! WAITED: somebody is queued, or was.

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It counts.
    Open,
    /// It has reached zero, and the closure runs.
    Running,
    /// The closure has returned.
    Done,
    /// The closure has panicked.
    Failed,
}

const WAITED: u64 = 1 << 7;
const COUNT_ONE: u64 = 1 << 8;
/// The highest count.
pub(crate) const COUNT_MAX: u32 = (1 << 21) - 1;
const STATE_SHIFT: u32 = 29;

impl Word {
    /// It counts, from there; `None` if that is too high.
    pub(crate) const fn new(count: u32, payload: u32) -> Option<Word> {
        if count > COUNT_MAX { None } else { Some(Word(0).with(payload, State::Open, count)) }
    }

    const fn with(self, payload: u32, state: State, count: u32) -> Word {
        let waited = self.0 & WAITED;
        Word(waited | (payload as u64) << 32 | (state as u64) << STATE_SHIFT | (count as u64 * COUNT_ONE))
    }

    pub(crate) const fn payload(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn state(self) -> State {
        match (self.0 >> STATE_SHIFT) & 0b111 {
            0 => State::Open,
            1 => State::Running,
            2 => State::Done,
            _ => State::Failed,
        }
    }

    pub(crate) const fn count(self) -> u32 {
        (self.0 / COUNT_ONE) as u32 & COUNT_MAX
    }

    /// Somebody is queued, or was.
    pub(crate) const fn is_waited(self) -> bool {
        self.0 & WAITED != 0
    }

    /// Neither done nor failed: one may wait.
    pub(crate) const fn is_under_way(self) -> bool {
        matches!(self.state(), State::Open | State::Running)
    }

    /// So many fewer, with a new payload. Reaching zero it becomes `last`. `None` below zero, and when it counts no more.
    pub(crate) const fn decrement(self, count: u32, payload: u32, last: State) -> Option<Word> {
        match (self.state(), self.count().checked_sub(count)) {
            (State::Open, Some(0)) => Some(self.with(payload, last, 0)),
            (State::Open, Some(rest)) => Some(self.with(payload, State::Open, rest)),
            (State::Open, None) | (State::Running | State::Done | State::Failed, _) => None,
        }
    }

    /// So many more; `None` if it counts no more, or could not count so far.
    pub(crate) const fn increment(self, count: u32) -> Option<Word> {
        match (self.state(), self.count().checked_add(count)) {
            (State::Open, Some(sum)) if sum <= COUNT_MAX => Some(self.with(self.payload(), State::Open, sum)),
            (State::Open, _) | (State::Running | State::Done | State::Failed, _) => None,
        }
    }

    /// The closure has ended: `Done` or `Failed`.
    pub(crate) const fn end(self, how: State) -> Option<Word> {
        match self.state() {
            State::Running => Some(self.with(self.payload(), how, 0)),
            State::Open | State::Done | State::Failed => None,
        }
    }

    /// Somebody waits, as it is under way.
    pub(crate) const fn wait(self) -> Option<Word> {
        if self.is_under_way() { Some(Word(self.0 | WAITED)) } else { None }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    const STATES: [State; 4] = [State::Open, State::Running, State::Done, State::Failed];
    const COUNTS: [u32; 5] = [0, 1, 2, COUNT_MAX - 1, COUNT_MAX];
    const PAYLOADS: [u32; 3] = [0, 1, u32::MAX];

    /// C2: what does not count any more has reached zero, and what counts has not.
    fn is_sound(word: Word) -> bool {
        (word.state() == State::Open) == (word.count() > 0)
    }

    /// Each state x count x payload x WAITED that C2 allows.
    fn words() -> impl Iterator<Item = Word> {
        let words = STATES.into_iter().flat_map(|state| COUNTS.map(|count| (state, count)));
        words
            .flat_map(|(state, count)| PAYLOADS.map(|payload| (state, count, payload)))
            .flat_map(|(state, count, payload)| [0, WAITED].map(|waited| Word(waited).with(payload, state, count)))
            .filter(|word| is_sound(*word))
    }

    fn parts(word: Word) -> (u32, State, u32, bool) {
        (word.payload(), word.state(), word.count(), word.is_waited())
    }

    #[test]
    fn every_transition_changes_what_it_says_and_nothing_else() {
        let mut seen = 0;
        let mut row = |next: Option<Word>, want: Option<(u32, State, u32, bool)>, what: &str, word: Word| {
            assert_eq!(next.map(parts), want, "{what} of {word:?}");
            assert!(next.is_none_or(is_sound), "C2 after {what} of {word:?}");
            seen += 1;
        };
        for word in words() {
            let (payload, state, count, waited) = parts(word);
            let open = state == State::Open;
            for change in COUNTS {
                for last in [State::Running, State::Done] {
                    let fits = open && change <= count;
                    let then = if change == count { last } else { State::Open };
                    let want = fits.then(|| (payload ^ 5, then, count - change, waited));
                    row(word.decrement(change, payload ^ 5, last), want, "decrement", word);
                }
                let fits = open && change <= COUNT_MAX - count;
                row(word.increment(change), fits.then(|| (payload, state, count + change, waited)), "increment", word);
            }
            for how in [State::Done, State::Failed] {
                row(word.end(how), (state == State::Running).then_some((payload, how, 0, waited)), "end", word);
            }
            row(word.wait(), word.is_under_way().then_some((payload, state, count, true)), "wait", word);
        }
        assert_eq!(seen, (4 + 3) * 6 * (15 + 3), "the table has {seen} rows");
    }

    #[test]
    fn what_has_ended_is_left_by_no_transition() {
        for word in words().filter(|word| !word.is_under_way()) {
            let all = [word.decrement(0, 0, State::Running), word.increment(0), word.end(State::Done), word.wait()];
            assert_eq!(all, [None; 4], "C2: {word:?}");
        }
    }

    #[test]
    fn a_count_that_does_not_fit_is_refused() {
        assert_eq!(Word::new(COUNT_MAX + 1, 0), None);
        assert_eq!(Word::new(COUNT_MAX, 7).map(parts), Some((7, State::Open, COUNT_MAX, false)));
    }
}
