//! Rare moments, counted: what shows that a run has met them, and what a simulator aims its faults at.
//!
//! ```text
//!   mark!("vote-refused-log")             plain build      nothing: no branch, no name in the binary
//!   mark!("append-cuts-many", 1 < cut)    rsm_marks        one more in this thread's counter of that name
//! ```
//! A mark counts and never changes what happens. A cfg and not a feature: features unify, and would reach a user's binary.

/// Counts a moment, or counts it if the condition holds. Nothing at all without `--cfg rsm_marks`.
#[cfg(any(test, rsm_marks))]
macro_rules! mark {
    ($name:literal) => {{
        const PLACE: usize = $crate::raft::mark::place($name);
        $crate::raft::mark::hit(PLACE);
    }};
    ($name:literal, $when:expr) => {
        if $when {
            mark!($name)
        }
    };
}

/// Counts a moment, or counts it if the condition holds. Nothing at all without `--cfg rsm_marks`.
#[cfg(not(any(test, rsm_marks)))]
macro_rules! mark {
    ($name:literal) => {};
    ($name:literal, $when:expr) => {
        _ = || $when // compiled, so that it stays right, and never called
    };
}

pub(crate) use mark;

#[cfg(any(test, rsm_marks))]
pub use counters::{count, counts, names, quietly, reset};
#[cfg(any(test, rsm_marks))]
pub(crate) use counters::{hit, place};

#[cfg(any(test, rsm_marks))]
mod counters {
    use std::cell::Cell;

    /// All marks, by floor; the place of a name is its number.
    const NAMES: &[&str] = &[
        // consensus
        "term-raised-by-snapshot",
        "begins-newborn",
        "begins-with-its-vote-and-entries-of-that-term",
        "disk-stuck",
        "leader-leaves-full-disk",
        "persisted-old",
        "leader-first-heard",
        "commit-told-beyond-verified",
        "commit-beyond-durable",
        "read-given-up",
        "no-member-dropped",
        "other-life-of-ours-addressed",
        "other-life-of-ours-known",
        "stranger-dropped",
        "former-life-told",
        "vote-refused-led",
        "leader-deposed-by-term",
        "leader-deposed-by-answer",
        "term-learned-from-pre-vote",
        "term-learned-from-refusal",
        "append-of-old-term",
        "heartbeat-of-old-term",
        "vote-of-old-term",
        "vote-reply-of-old-term",
        "vote-reply-of-old-term-counts-no-more",
        "append-reply-of-old-term",
        "round-of-former-reign",
        "pre-vote-of-lower-term-counts",
        "pre-vote-reply-late",
        "vote-refused-candidate",
        "vote-reply-late",
        "timeout-now",
        "forward-to-no-leader",
        "read-asked-of-no-leader",
        "two-leaders",
        "candidate-yields",
        "pre-candidate-yields",
        "pre-vote-asked-by-its-leader",
        "pre-vote-granted-after-a-leader",
        "pre-vote-refused-led",
        "pre-vote-refused-log",
        "pre-vote-refused-term",
        "pre-vote-shorter-of-later-term",
        "vote-refused-given",
        "vote-refused-log",
        "vote-refused-longer-of-older-term",
        "vote-granted",
        "vote-granted-again",
        "vote-granted-to-shorter-log",
        "snapshot-of-old-term",
        "campaign-forborne",
        "append-dropped-full-disk",
        "probe-heard-full-disk",
        "heartbeat-heard-full-disk",
        "round-heard-twice",
        "round-answered-behind-disk",
        "ack-held",
        "pre-vote-in-vain",
        "pre-vote-reply-of-old-question",
        "vote-split",
        "elected-before-own-vote-is-durable",
        "request-held",
        "vote-asked",
        "campaign-given-up",
        "newborn-refused",
        "newborn-attested",
        "born",
        "born-after-refusal",
        "binding-not-durable-yet",
        "elected",
        "elected-with-entries-uncommitted",
        "elected-alone",
        "reads-taken-over",
        "reads-left-behind",
        "leader-leaves-uncommitted",
        "leader-leaves-stuck-disk",
        "leader-leaves-no-quorum",
        "proposal-refused",
        "forward-refused",
        "forward-placed",
        "read-before-own-commit",
        "read-while-a-round-is-under-way",
        "read-behind-the-last-answer",
        "ack-of-another-track",
        "ack-old",
        "ack-beyond-our-log",
        "conflict-goes-back-far",
        "conflict-shares-a-term",
        "round-answered-impossibly",
        "commit-waits-for-own-term",
        "commit-waits-for-own-copy",
        "half-of-four-have-reached-more",
        "two-of-five-have-reached-more",
        "answered-past-32-bits-of-milliseconds",
        "commit-beyond-own-disk",
        "commit-brings-old-terms",
        "read-confirmed",
        "read-confirmed-for-another",
        "snapshot-offered",
        "probe-of-who-lacks-what-was-cut",
        "append-probes-empty",
        "probed-in-vain-and-back",
        "append-read-from-disk",
        "commit-told-is-capped",
        "read-asked-again",
        "read-asked-another-leader",
        "read-answer-late",
        "read-question-replaced",
        "grant-held",
        "grant-sent",
        "refusal-held",
        "pre-vote-reply-held",
        "old-leader-told",
        "attestation-held",
        "apply-from-disk",
        "own-snapshot-overtaken",
        "snapshot-of-what-is-held",
        "snapshot-at-the-commit",
        "append-malformed",
        "append-below-snapshot",
        "append-repeated",
        "append-repeated-short-of-the-end",
        "append-empty-short-of-the-end",
        "append-partly-known",
        "append-straddles-snapshot",
        "append-beyond-our-end",
        "append-conflicts",
        "cut-one",
        "cut-many",
        "cut-durable",
        "cut-staged",
        "installed-over-a-stale-log",
        "installed-ahead",
        "installed-and-suffix-kept",
        "window-full",
        "append-waits-for-room-in-the-window",
        "replicates-from-disk",
        "snapshot-needless",
        "conflict-old",
        "append-lost-and-noticed",
        "snapshot-brought",
        "snapshot-not-brought",
        // storage
        "store-poisoned",
        "segment-without-room",
        "segment-nearly-full",
        "segment-begun",
        "record-begun-is-finished",
        "mark-empties-the-log",
        "record-staged-in-part",
        "segment-removed",
        "recovery-owes-a-mark",
        "recovery-of-nothing",
        "recovery-meets-half-a-removal",
        "recovery-of-many-segments",
        "recovery-meets-a-torn-record",
        "recovery-meets-a-hole",
        "recovery-copies-a-tail",
        "recovery-without-a-tail",
        "recovery-finds-a-spare",
        "recovery-refuses-damage",
        "snapshot-is-here-already",
        "chunk-out-of-place",
        // machine
        "open-repeated",
        "session-evicted",
        "retry-after-eviction",
        "retry-answered-from-the-table",
        "command-below-low",
        "command-beyond-window",
        "machine-left-behind",
        "install-overtaken",
        "state-installed",
        "state-installed-with-tickets-open",
        "read-waits-to-be-applied",
        "read-overdue-at-the-machine",
        "snapshot-begun",
        "snapshot-begun-for-its-bytes",
        "snapshot-waits-for-the-mark-of-the-last",
        "snapshot-without-room",
        // replica
        "retry-met-in-flight",
        "copies-forgotten-with-the-lead",
        "ticket-tried-again",
        "refusal-is-no-promise",
        "own-session-lost-over-a-snapshot",
        "command-moves-to-the-next-session",
        "ticket-overdue",
        "proposal-refused-full-and-unled",
        "proposal-held",
        "proposal-behind-others",
        "proposal-without-room",
        "append-without-room",
        "forward-without-a-leader",
        "forward-repeated",
        "answer-given-by-its-drop",
        // transfer
        "chunk-of-what-is-held",
        "chunk-of-an-older-snapshot",
        "transfer-gives-way",
        "transfer-goes-on-under-another-leader",
        "chunk-sent-again",
        "transfer-resumed-half-way",
        "transfer-falls-back",
        "snapshot-not-read-for-another",
        // wire
        "packet-of-another-cluster",
        "packet-to-another-life",
        "packet-to-another-node",
        "packet-damaged",
        "packet-of-another-version",
    ];

    thread_local! {
        static HITS: [Cell<u64>; NAMES.len()] = const { [const { Cell::new(0) }; NAMES.len()] };
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }

    /// The number of a name, found when the crate is compiled: one that is not listed does not compile.
    pub(crate) const fn place(name: &str) -> usize {
        let mut at = 0;
        while at < NAMES.len() {
            if is_same(NAMES[at].as_bytes(), name.as_bytes()) {
                return at;
            }
            at += 1;
        }
        panic!("a mark stands in the list of names")
    }

    const fn is_same(one: &[u8], other: &[u8]) -> bool {
        let mut at = 0;
        while at < one.len() && at < other.len() && one[at] == other[at] {
            at += 1;
        }
        at == one.len() && at == other.len()
    }

    /// Counts one more.
    pub(crate) fn hit(place: usize) {
        if !QUIET.get() {
            HITS.with(|hits| hits[place].set(hits[place].get() + 1));
        }
    }

    /// The names of all marks.
    #[must_use]
    pub fn names() -> &'static [&'static str] {
        NAMES
    }

    /// How often this thread has met the mark of this number since the last [`reset`].
    #[must_use]
    pub fn count(place: usize) -> u64 {
        HITS.with(|hits| hits[place].get())
    }

    /// The same of all marks, in the order of [`names`].
    #[must_use]
    pub fn counts() -> Vec<u64> {
        HITS.with(|hits| hits.iter().map(Cell::get).collect())
    }

    /// Begins to count anew on this thread.
    pub fn reset() {
        HITS.with(|hits| hits.iter().for_each(|hit| hit.set(0)));
    }

    /// Does something that is not to be counted: a checker's own look at what was counted already.
    ///
    /// # Panics
    /// If it does; then this thread counts again too.
    pub fn quietly<T>(act: impl FnOnce() -> T) -> T {
        let _counts_again = Loud(QUIET.replace(true));
        act()
    }

    /// When it goes, this thread counts as it did before: a panic that a run reports must not silence the runs after it.
    struct Loud(bool);

    impl Drop for Loud {
        fn drop(&mut self) {
            QUIET.set(self.0);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_done_quietly_counts_nothing_and_a_panic_in_it_silences_nobody() {
            let mark = place("elected");
            reset();
            hit(mark);
            quietly(|| hit(mark));
            assert_eq!(count(mark), 1);
            let panicked = std::panic::catch_unwind(|| quietly(|| panic!("of the look that is not counted")));
            assert!(panicked.is_err());
            hit(mark);
            assert_eq!((counts()[mark], counts().iter().sum(), names()[mark]), (2, 2, "elected"));
        }
    }
}
