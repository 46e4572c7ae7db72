//! All that a `Once` knows, and how it changes. Pure.
//!
//! ```text
//!   63      56 55            32 31             8 7   2 1       0
//!  +----------+----------------+----------------+-----+---------+
//!  |    0     |    watching    |    pending     |  0  |  state  |     EMPTY, RUNNING, READY
//!  +----------+----------------+----------------+-----+---------+
//! ```
//! - pending: they wait for the run that is under way, and would make the value themselves if it fails.
//! - watching: they wait for a value that others make.

/// The word. Once there is a value it is READY and nothing else, which is zero: one load and a test decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const STATE: u64 = 0b11;
const EMPTY: u64 = 1;
const RUNNING: u64 = 2;
const PENDING_ONE: u64 = 1 << 8;
const WATCHING_ONE: u64 = 1 << 32;
/// So many may wait, of either kind.
pub(crate) const WAITERS_MAX: u64 = (1 << 24) - 1;

impl Word {
    /// No value, nobody makes one, nobody waits.
    pub(crate) const EMPTY: Word = Word(EMPTY);
    /// There is a value.
    pub(crate) const READY: Word = Word(0);

    pub(crate) const fn is_ready(self) -> bool {
        self.0 == Word::READY.0
    }

    pub(crate) const fn is_running(self) -> bool {
        self.0 & STATE == RUNNING
    }

    const fn with(self, state: u64) -> Word {
        Word((self.0 & !STATE) | state)
    }

    /// Those who would make the value if the run that is under way fails.
    pub(crate) const fn pending(self) -> u64 {
        (self.0 / PENDING_ONE) & WAITERS_MAX
    }

    /// Those who wait for a value that others make.
    pub(crate) const fn watching(self) -> u64 {
        (self.0 / WATCHING_ONE) & WAITERS_MAX
    }

    /// Nobody waits.
    pub(crate) const fn is_alone(self) -> bool {
        self.pending() + self.watching() == 0
    }

    /// A run begins, if there is neither a value nor a run.
    pub(crate) const fn begin(self) -> Option<Word> {
        if self.0 & STATE == EMPTY { Some(self.with(RUNNING)) } else { None }
    }

    /// The run has made the value. Who waits is counted no more (O3): they are all let go.
    pub(crate) const fn finish(self) -> Option<Word> {
        if self.is_running() { Some(Word::READY) } else { None }
    }

    /// The run has failed, and nobody is there to try next; else see [`hand_over`](Word::hand_over).
    pub(crate) const fn fail(self) -> Option<Word> {
        if self.is_running() && self.pending() == 0 { Some(self.with(EMPTY)) } else { None }
    }

    /// The run has failed: one who waits is now the one that runs, and no newcomer comes in between.
    pub(crate) const fn hand_over(self) -> Option<Word> {
        if self.is_running() && self.pending() > 0 { Some(Word(self.0 - PENDING_ONE)) } else { None }
    }

    /// One more waits for the run that is under way, to try if it fails.
    pub(crate) const fn wait(self) -> Option<Word> {
        if self.is_running() && self.pending() < WAITERS_MAX { Some(Word(self.0 + PENDING_ONE)) } else { None }
    }

    /// One more waits for a value that others make.
    pub(crate) const fn watch(self) -> Option<Word> {
        if self.is_ready() || self.watching() == WAITERS_MAX { None } else { Some(Word(self.0 + WATCHING_ONE)) }
    }

    /// One gives up who would have tried. Once there is a value nobody is counted.
    pub(crate) const fn quit(self) -> Option<Word> {
        match (self.is_ready(), self.pending()) {
            (true, _) => Some(self),
            (false, 0) => None,
            (false, _) => Some(Word(self.0 - PENDING_ONE)),
        }
    }

    /// One waits no longer for a value that others make, or goes to the end of the queue.
    pub(crate) const fn unwatch(self) -> Option<Word> {
        match (self.is_ready(), self.watching()) {
            (true, _) => Some(self),
            (false, 0) => None,
            (false, _) => Some(Word(self.0 - WATCHING_ONE)),
        }
    }
}

#[cfg(all(test, not(any(rsm_loom, rsm_shuttle))))]
mod tests {
    use super::*;

    /// O3: with a value nobody is counted. O4: nobody waits for a run that does not run.
    fn is_sound(word: Word) -> bool {
        let waiters = word.pending() + word.watching();
        (word.0 & STATE != Word::READY.0 || waiters == 0) && (word.pending() == 0 || word.is_running())
    }

    /// Each state x pending x watching that O3 and O4 allow.
    fn words() -> impl Iterator<Item = Word> {
        let counts = [0, 1, 2, WAITERS_MAX];
        (0..3u64)
            .flat_map(move |state| counts.map(|pending| (state, pending)))
            .flat_map(move |(state, pending)| counts.map(|watching| Word(state | pending << 8 | watching << 32)))
            .filter(|word| is_sound(*word))
    }

    /// (state, pending, watching).
    fn parts(word: Word) -> (u64, u64, u64) {
        (word.0 & STATE, word.pending(), word.watching())
    }

    #[test]
    fn every_transition_changes_what_it_says_and_nothing_else() {
        let mut seen = 0;
        let mut row = |next: Option<Word>, want: Option<(u64, u64, u64)>, what: &str, word: Word| {
            assert_eq!(next.map(parts), want, "{what} of {word:?}");
            assert!(next.is_none_or(is_sound), "O3, O4 after {what} of {word:?}");
            seen += 1;
        };
        for word in words() {
            let (state, pending, watching) = parts(word);
            let (ready, empty, running) = (state == 0, state == 1, state == 2);
            row(word.begin(), empty.then_some((2, pending, watching)), "begin", word);
            row(word.finish(), running.then_some((0, 0, 0)), "finish", word);
            row(word.fail(), (running && pending == 0).then_some((1, 0, watching)), "fail", word);
            let heirs = running && pending > 0;
            row(word.hand_over(), heirs.then(|| (2, pending - 1, watching)), "hand_over", word);
            let room = running && pending < WAITERS_MAX;
            row(word.wait(), room.then_some((2, pending + 1, watching)), "wait", word);
            let room = !ready && watching < WAITERS_MAX;
            row(word.watch(), room.then_some((state, pending, watching + 1)), "watch", word);
            let quit = if ready { Some((0, 0, 0)) } else { (pending > 0).then(|| (state, pending - 1, watching)) };
            row(word.quit(), quit, "quit", word);
            let less = if ready { Some((0, 0, 0)) } else { (watching > 0).then(|| (state, pending, watching - 1)) };
            row(word.unwatch(), less, "unwatch", word);
        }
        assert_eq!(seen, 8 * (4 + 16 + 1), "the table has {seen} rows");
    }

    #[test]
    fn a_failed_run_is_followed_by_nobody_or_by_one_who_waits() {
        for word in words().filter(|word| word.is_running()) {
            assert_ne!(word.fail().is_some(), word.hand_over().is_some(), "O4: exactly one of the two, {word:?}");
        }
    }

    #[test]
    fn a_value_is_left_by_no_transition() {
        let word = Word::READY;
        let all = [word.begin(), word.finish(), word.fail(), word.hand_over(), word.wait(), word.watch()];
        assert_eq!(all, [None; 6], "O2");
    }
}
