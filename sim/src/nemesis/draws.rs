//! What is waited for, and what answers it, as it is drawn.

use super::{Aimed, Answer};
use crate::marks::{Floor, floors};
use crate::plan::{MS, Swarm};
use crate::stream::log_uniform;
use rsm::mix::{Draws, mix};

/// Moments that at least one seed in five meets, most of them more than once in its course.
const AIMS: [&str; 57] = [
    "vote-granted",
    "grant-held",
    "request-held",
    "refusal-held",
    "vote-reply-late",
    "vote-split",
    "pre-vote-reply-late",
    "pre-vote-reply-held",
    "pre-vote-in-vain",
    "pre-vote-refused-log",
    "pre-vote-refused-term",
    "term-learned-from-pre-vote",
    "campaign-forborne",
    "elected",
    "elected-with-entries-uncommitted",
    "leader-first-heard",
    "leader-leaves-uncommitted",
    "leader-leaves-no-quorum",
    "commit-waits-for-own-term",
    "commit-brings-old-terms",
    "commit-told-is-capped",
    "commit-beyond-durable",
    "ack-held",
    "ack-old",
    "append-repeated",
    "append-partly-known",
    "append-beyond-our-end",
    "append-lost-and-noticed",
    "append-read-from-disk",
    "conflict-goes-back-far",
    "conflict-old",
    "cut-durable",
    "window-full",
    "read-confirmed",
    "read-before-own-commit",
    "read-while-a-round-is-under-way",
    "read-waits-to-be-applied",
    "reads-taken-over",
    "round-answered-behind-disk",
    "round-heard-twice",
    "forward-placed",
    "copies-forgotten-with-the-lead",
    "retry-met-in-flight",
    "retry-answered-from-the-table",
    "ticket-tried-again",
    "apply-from-disk",
    "snapshot-begun",
    "snapshot-offered",
    "snapshot-brought",
    "state-installed",
    "installed-ahead",
    "mark-empties-the-log",
    "segment-begun",
    "segment-removed",
    "recovery-copies-a-tail",
    "recovery-finds-a-spare",
    "recovery-of-many-segments",
];

/// A moment that one answer makes harmful, if anything does, for as long as these say, in quarters of the least election
/// timeout.
struct Plot {
    mark: &'static str,
    /// It is one of so many that is meant, the first ones mostly.
    nth_max: u64,
    answer: Answer,
    quarters: (u64, u64),
}

const fn plot(mark: &'static str, nth_max: u64, answer: Answer, quarters: (u64, u64)) -> Plot {
    Plot { mark, nth_max, answer, quarters }
}

/// The moments that stand just before the harm which bugs of others have done.
const PLOTS: [Plot; 11] = [
    // Votes of a former term come while it stands again, and nobody knows of that.
    plot("vote-asked", 1, Answer::VotesLate, (4, 12)),
    // A leader whose rounds are all answered is read when another leads.
    plot("read-confirmed", 32, Answer::Besieged, (12, 48)),
    plot("read-while-a-round-is-under-way", 32, Answer::Besieged, (12, 48)),
    // Of what a follower lacks the log is cut, and then all of it comes.
    plot("round-answered-behind-disk", 32, Answer::EntriesLate, (4, 24)),
    plot("commit-told-is-capped", 32, Answer::EntriesLate, (4, 24)),
    // A log grows that nobody shares, and is brought a snapshot.
    plot("forward-placed", 32, Answer::Cornered, (8, 32)),
    plot("elected", 1, Answer::Cornered, (8, 32)),
    // The seal of a segment comes some operations later.
    plot("segment-nearly-full", 8, SEAL, (1, 8)),
    plot("segment-nearly-full", 8, SEAL, (1, 8)),
    plot("segment-nearly-full", 8, SEAL, (1, 8)),
    // The next segment is not ready yet, and finds no room.
    plot("segment-begun", 8, Answer::Full, (16, 96)),
];

/// Power fails somewhere about the seal of a segment.
const SEAL: Answer = Answer::TornAtDisk(0);
/// Behind an anchor, perhaps a sync, and what names the next segment: its write, or its sync.
const SEALS: [u64; 4] = [5, 6, 6, 7];

/// Draws one.
pub(crate) fn draw(draws: &mut Draws, swarm: &Swarm) -> Aimed {
    if draws.chance(2, 3) {
        return draw_plot(draws, swarm);
    }
    let (rare, common) = (draws.bits(), draws.below(AIMS.len() as u64));
    // Most wait for what is not too rare: who waits in vain strikes nobody.
    let mark = if draws.chance(15, 16) { AIMS[common as usize] } else { any(rare) };
    let kth = log_uniform(draws.bits(), 1, 6);
    let nth = if draws.chance(2, 3) { 1 } else { kth };
    let answer = draw_answer(draws, true);
    Aimed { mark, nth, answer, lasts: log_uniform(draws.bits(), 2 * MS, 1_000 * MS) }
}

fn draw_plot(draws: &mut Draws, swarm: &Swarm) -> Aimed {
    let Plot { mark, nth_max, answer, quarters: (least, most) } = PLOTS[draws.below(PLOTS.len() as u64) as usize];
    let (nth, about, lasts) = (log_uniform(draws.bits(), 1, nth_max), draws.below(4), draws.bits());
    let answer = if answer == SEAL { Answer::TornAtDisk(SEALS[about as usize]) } else { answer };
    let quarter = swarm.election.as_nanos() as u64 / 4;
    Aimed { mark, nth, answer, lasts: log_uniform(lasts, least * quarter, most * quarter) }
}

/// Any mark that something leads to. One more or one less leaves nearly all draws as they were.
fn any(draw: u64) -> &'static str {
    let weigh = |name: &&'static str| name.bytes().fold(draw, |sum, byte| mix(sum, u64::from(byte), 0));
    let met = floors().iter().filter(|(_, floor)| **floor != Floor::Never).map(|(name, _)| *name);
    met.min_by_key(weigh).expect("there are marks")
}

/// Draws what happens to a node, in the midst of a turn or between two.
pub(crate) fn draw_answer(draws: &mut Draws, in_turn: bool) -> Answer {
    match draws.below(if in_turn { 15 } else { 12 }) {
        0..=3 => Answer::Crash,
        4 => Answer::CrashAtDisk(draws.below(4)),
        5 => Answer::Deaf,
        6 => Answer::Mute,
        7 => Answer::Alone,
        8 => Answer::Pause,
        9 => Answer::Stuck,
        10 => Answer::Besieged,
        11 => Answer::Cornered,
        12..=13 => Answer::Hold,
        _ => Answer::Repeat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aim_is_a_mark() {
        let plots = PLOTS.iter().map(|plot| plot.mark);
        AIMS.into_iter().chain(plots).for_each(|name| assert!(floors().contains_key(name), "{name}"));
    }
}
