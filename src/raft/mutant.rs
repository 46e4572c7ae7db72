//! Faults on purpose: one line of the crate replaced by a worse one, chosen at run time, to see that a test notices.
//!
//! ```text
//!   mutate!(SESSIONS_OFF, good, bad)      plain build             it is `good`: no branch, no name in the binary
//!                                         cfg(test), rsm_mutant   `bad` while this thread's fault is SESSIONS_OFF
//! ```
//! A cfg and not a feature: features unify, and would reach a user's binary.

/// The good expression, or the bad one while its fault is chosen. Nothing but the good one in a plain build.
#[cfg(any(test, rsm_mutant))]
macro_rules! mutate {
    ($fault:ident, $good:expr, $bad:expr) => {
        if $crate::raft::mutant::is_on($crate::raft::mutant::Fault::$fault) { $bad } else { $good }
    };
}

/// The good expression, or the bad one while its fault is chosen. Nothing but the good one in a plain build.
#[cfg(not(any(test, rsm_mutant)))]
macro_rules! mutate {
    ($fault:ident, $good:expr, $bad:expr) => {
        $good
    };
}

pub(crate) use mutate;

#[cfg(test)]
pub(crate) use switch::choose;
#[cfg(any(test, rsm_mutant))]
pub(crate) use switch::{Fault, is_on};
#[cfg(rsm_mutant)]
pub use switch::{names, select};

#[cfg(any(test, rsm_mutant))]
mod switch {
    use std::cell::Cell;

    /// Declares the faults: each with its name, and what it does.
    macro_rules! faults {
        ($($fault:ident $name:literal $does:literal,)*) => {
            /// The faults that can be chosen.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) enum Fault {
                $(#[doc = $does] $fault,)*
            }

            /// All of them.
            #[cfg(rsm_mutant)]
            const ALL: &[(Fault, &str, &str)] = &[$((Fault::$fault, $name, $does),)*];
        };
    }

    faults! {
        SessionsOff "sessions-off" "Commands are applied whatever their session says, and a leader places copies of what is on its way.",
        StaleTermTaken "stale-term-taken" "An append of a term that is over is taken as if it were of ours.",
        OldVotesCount "old-votes-count" "A vote given in a former term counts in this one.",
        PreVotesCount "pre-votes-count" "Who would vote for us has voted for us.",
        VoteTwice "vote-twice" "A voter votes again in a term in which it has voted.",
        VoteForAnyLog "vote-for-any-log" "A candidate's log is not looked at, by votes and pre-votes alike.",
        VoteByIndex "vote-by-index" "Logs are compared by length alone.",
        VoteByBoth "vote-by-both" "A candidate's log must be behind neither in its term nor in its length.",
        VoteCleared "vote-cleared" "An append of the term clears the vote that was given in it.",
        VoteForgotten "vote-forgotten" "A restarted peer does not know whom it voted for.",
        TermForgotten "term-forgotten" "A restarted peer knows its term from its log alone.",
        BindingsForgotten "bindings-forgotten" "A restarted peer does not know which lives of others it had bound.",
        BornAtOnce "born-at-once" "An empty directory votes without being attested.",
        BornOfFew "born-of-few" "One attestation fewer is enough.",
        BoundAnew "bound-anew" "A binding gives way to another life.",
        GrantEarly "grant-early" "A vote is granted before it is durable.",
        RefusalEarly "refusal-early" "A refusal is sent before its term is durable.",
        RequestEarly "request-early" "A candidate asks before its own vote is durable.",
        AttestEarly "attest-early" "A life is attested before its binding is durable.",
        AckEarly "ack-early" "An append is acknowledged before it is durable.",
        PulseAckEarly "pulse-ack-early" "A heartbeat's answer acknowledges what is not durable.",
        OwnCopyEarly "own-copy-early" "A leader counts its own copy before it is durable.",
        VoteWithTerm "vote-with-term" "A vote counts as durable once its term is.",
        PersistedIsAll "persisted-is-all" "One completion counts for all that was given to the disk.",
        LogPersistedIsAll "log-persisted-is-all" "One completion makes all of the log durable that was given to the disk.",
        CutStaysDurable "cut-stays-durable" "What replaces a cut entry counts as durable, as the cut one was.",
        CutStaysStaged "cut-stays-staged" "What replaces a cut entry is not given to the disk.",
        SyncDropped "sync-dropped" "The log is written and not synced.",
        NamesUnsynced "names-unsynced" "A new segment's name is not synced.",
        NamesTrusted "names-trusted" "A start goes on from names that may not be durable.",
        SegmentUnsynced "segment-unsynced" "A new segment gets its name before its bytes are synced.",
        AnchorSealed "anchor-sealed" "A segment ends behind its anchor, which is in one sector with the seal.",
        WholeIgnored "whole-ignored" "What was durable before a segment got its name is not taken for testified.",
        BindEmpty "bind-empty" "The first record of a segment binds nobody.",
        BirthUnheaded "birth-unheaded" "The head of a segment does not say that its peer is born.",
        VoteForZeroLost "vote-for-zero-lost" "A vote for node 0 that is read is none.",
        SnapshotUnsynced "snapshot-unsynced" "A snapshot gets its name before its bytes are synced.",
        SnapshotNameUnsynced "snapshot-name-unsynced" "A snapshot's name is not synced.",
        OldTermsCount "old-terms-count" "Entries of former terms are committed by counting copies.",
        HalfIsQuorum "half-is-quorum" "Half of an even number of voters is a quorum.",
        LessIsQuorum "less-is-quorum" "One fewer than a majority is a quorum.",
        SortedInPart "sorted-in-part" "A quorum of four voters and more is looked for in a list whose end is not sorted.",
        VerifiedAtOnce "verified-at-once" "A follower takes all of its log for the new leader's.",
        CapOff "cap-off" "A leader tells its commit whatever the follower has acknowledged.",
        SentBeyondWindow "sent-beyond-window" "An entry larger than an append is to be is sent beside what is on its way.",
        OldAppendCuts "old-append-cuts" "An append cuts what follows its entries, conflict or not.",
        PrevUnchecked "prev-unchecked" "The term of the entry before an append's is not looked at.",
        ConflictStays "conflict-stays" "Entries that conflict stay.",
        ReadUnasked "read-unasked" "A read is confirmed by nobody.",
        ReadJoinsSent "read-joins-sent" "A read joins the round that is under way.",
        ReadBeforeOwn "read-before-own" "A new leader reads at its commit, before it has committed in its term.",
        ReadLocally "read-locally" "A follower reads at its own commit.",
        ApplyUncommitted "apply-uncommitted" "What is durable is applied, committed or not.",
        ReplyForgotten "reply-forgotten" "A session does not keep the reply to what it has applied.",
        ExpiredApplied "expired-applied" "A command of a session that is gone is applied.",
        EvictsTheNewest "evicts-the-newest" "Where there is no room for another session, the one goes that was named last.",
        LowIgnored "low-ignored" "A command below what its caller has acknowledged is applied.",
        SnapshotWithoutSessions "snapshot-without-sessions" "A snapshot holds no sessions.",
        SnapshotWithoutReplies "snapshot-without-replies" "A snapshot's sessions hold no replies.",
        InstallDropsAll "install-drops-all" "A snapshot of what is held empties the log behind it.",
        UnknownIsRefused "unknown-is-refused" "What was not answered in time is said to be refused.",
        UnsureIsFull "unsure-is-full" "What may find room once more is durable is told that there is none.",
        AnswerDropped "answer-dropped" "An answer that is dropped tells its caller nothing.",
        RefusalUnlearned "refusal-unlearned" "Who is refused a vote learns of no later term.",
        TimeoutsAlike "timeouts-alike" "All election timeouts are the least one.",
        AnswerUnlearned "answer-unlearned" "A leader learns of no later term from answers.",
        QuorumUnchecked "quorum-unchecked" "A leader that no quorum answers goes on leading.",
        AnsweredIn32Bits "answered-in-32-bits" "When somebody answered a leader is kept in 32 bits of milliseconds.",
        StuckStays "stuck-stays" "A leader whose disk is stuck goes on leading.",
        OwnWriteUncounted "own-write-uncounted" "A leader's own write counts only when somebody answers.",
        CommitUntold "commit-untold" "A heartbeat carries no commit.",
        CommitCutShort "commit-cut-short" "What is committed ahead of the own disk is applied only with the next commit.",
        ConflictUnanswered "conflict-unanswered" "An append that does not attach is not answered.",
        LossUnnoticed "loss-unnoticed" "A leader does not notice that an append was lost.",
        WayUncleared "way-uncleared" "What was on its way still weighs when a peer is asked anew where it stands.",
        ProbeDropped "probe-dropped" "Who has no room for entries takes no append at all.",
        SnapshotUnoffered "snapshot-unoffered" "Who lacks what was cut waits for a snapshot that nobody sends.",
        TransferStays "transfer-stays" "A snapshot that could not be brought is not offered again.",
        LaterLeaderUnheard "later-leader-unheard" "An older snapshot is not taken, though a later leader sends it.",
        ReadAskedOnce "read-asked-once" "A leader is asked once for where to read.",
        TicketTriedOnce "ticket-tried-once" "What was not answered is not proposed again.",
        FailedSyncIsDone "failed-sync-is-done" "A sync that fails counts as one that was done.",
        UnreadIsLost "unread-is-lost" "An append whose entries cannot be read counts as a packet that was lost.",
        SnapshotUnreadIsLost "snapshot-unread-is-lost" "A snapshot that cannot be read is a transfer that has failed.",
        ApplyUndurable "apply-undurable" "What is committed is applied, durable here or not.",
        ProbingStays "probing-stays" "A peer that was probed in vain is probed for ever.",
        OldSnapshotInstalled "old-snapshot-installed" "A snapshot of what is held is installed.",
        ConflictSurvivesInstall "conflict-survives-install" "What follows a snapshot's place stays, equal to it there or not.",
        OlderTransferUnheard "older-transfer-unheard" "The end of a transfer counts only of the newest snapshot.",
        EntriesClearVote "entries-clear-vote" "A restarted peer that holds an entry of its term has voted for nobody.",
        BacklogOff "backlog-off" "A leader places all that it is asked for, however little of it is committed.",
        TwoLeadersBorne "two-leaders-borne" "A leader goes on though another leads in its term.",
        TracksIgnored "tracks-ignored" "An answer counts in whatever track it is given.",
        VerifiedStays "verified-stays" "What was known to equal the leader's log counts so though it was cut.",
        PieceOfAnyTerm "piece-of-any-term" "A piece of a snapshot is taken of a term that nobody has heard of.",
        HeldByTerm "held-by-term" "A snapshot of an older term than the last mark's counts as held, whatever its place.",
        LastTagRefused "last-tag-refused" "An extension of the greatest tag is refused, though its tag is odd.",
        SnapshotsPileUp "snapshots-pile-up" "Another snapshot is taken in before the mark of the last one is durable.",
        SnapshotsUnmarked "snapshots-unmarked" "Another snapshot is written before the mark of the last one is durable.",
        RoomUntold "room-untold" "That there is room again is told with the next flush alone.",
    }

    thread_local! {
        #[cfg_attr(not(rsm_mutant), expect(clippy::missing_const_for_thread_local, reason = "under `rsm_mutant` it is not"))]
        static CHOSEN: Cell<Option<Fault>> = Cell::new(named());
    }

    /// Whether this fault is chosen on this thread.
    pub(crate) fn is_on(fault: Fault) -> bool {
        CHOSEN.get() == Some(fault)
    }

    /// Chooses a fault for this thread until the value is dropped.
    #[cfg(test)]
    pub(crate) fn choose(fault: Fault) -> Chosen {
        CHOSEN.set(Some(fault));
        Chosen
    }

    /// A fault is chosen.
    #[cfg(test)]
    pub(crate) struct Chosen;

    #[cfg(test)]
    impl Drop for Chosen {
        fn drop(&mut self) {
            CHOSEN.set(None);
        }
    }

    /// The name of each fault, and what it does.
    #[cfg(rsm_mutant)]
    pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
        ALL.iter().map(|(_, name, does)| (*name, *does))
    }

    /// Chooses the fault of this name for this thread, or none; `null` is one that changes nothing. False if there is no
    /// such fault.
    #[cfg(rsm_mutant)]
    pub fn select(name: Option<&str>) -> bool {
        let fault = name.filter(|&name| name != "null").map(by_name);
        CHOSEN.set(fault.flatten());
        fault != Some(None)
    }

    #[cfg(rsm_mutant)]
    fn by_name(name: &str) -> Option<Fault> {
        ALL.iter().find(|(_, known, _)| *known == name).map(|(fault, ..)| *fault)
    }

    /// The fault that the environment names: a whole process, whose threads are its own, is asked so.
    #[cfg(rsm_mutant)]
    fn named() -> Option<Fault> {
        std::env::var("RSM_MUTANT").ok().and_then(|name| by_name(&name))
    }

    #[cfg(not(rsm_mutant))]
    const fn named() -> Option<Fault> {
        None
    }
}
