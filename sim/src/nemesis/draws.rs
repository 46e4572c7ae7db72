//! What is waited for, and what answers it, as it is drawn.

use super::{Aimed, Answer};
use crate::marks::{Floor, floors};
use crate::plan::{MS, Swarm};
use crate::stream::log_uniform;
use rsm::mix::{Draws, mix};

/// The seeds of which about half meet a moment, and more: by the marks of 700 seeds of five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    Any,
    /// Those of two nodes and more.
    OfTwo,
    /// Those of three and more.
    OfThree,
    /// Those that fill a segment and one more: of two nodes one is mostly awaited, and where power fails too often nothing is written.
    Segments,
    /// Those that take a snapshot soon enough for somebody to lack what it holds.
    Snapshots,
    /// Those in which few appends may be on their way.
    Window,
}

impl Met {
    fn by(self, swarm: &Swarm) -> bool {
        match self {
            Met::Any => true,
            Met::OfTwo => 2 <= swarm.nodes,
            Met::OfThree => 3 <= swarm.nodes,
            Met::Segments => swarm.nodes != 2 && (1 < swarm.pace || !swarm.families.crashes),
            Met::Snapshots => 3 <= swarm.nodes && swarm.snapshot_entries < 86,
            Met::Window => 3 <= swarm.nodes && swarm.window < 4,
        }
    }
}

/// Moments that are waited for, and where.
const AIMS: [(&str, Met); 55] = [
    ("request-held", Met::Any),
    ("elected", Met::Any),
    ("elected-with-entries-uncommitted", Met::Any),
    ("commit-brings-old-terms", Met::Any),
    ("read-confirmed", Met::Any),
    ("read-before-own-commit", Met::Any),
    ("read-waits-to-be-applied", Met::Any),
    ("reads-taken-over", Met::Any),
    ("retry-answered-from-the-table", Met::Any),
    ("apply-from-disk", Met::Any),
    ("snapshot-begun", Met::Any),
    ("recovery-copies-a-tail", Met::Any),
    ("recovery-finds-a-spare", Met::Any),
    ("recovery-of-many-segments", Met::Any),
    ("vote-granted", Met::OfTwo),
    ("grant-held", Met::OfTwo),
    ("leader-first-heard", Met::OfTwo),
    ("ack-held", Met::OfTwo),
    ("append-beyond-our-end", Met::OfTwo),
    ("read-while-a-round-is-under-way", Met::OfTwo),
    ("round-answered-behind-disk", Met::OfTwo),
    ("round-heard-twice", Met::OfTwo),
    ("forward-placed", Met::OfTwo),
    ("copies-forgotten-with-the-lead", Met::OfTwo),
    ("retry-met-in-flight", Met::OfTwo),
    ("ticket-tried-again", Met::OfTwo),
    ("vote-split", Met::OfThree),
    ("pre-vote-reply-late", Met::OfThree),
    ("pre-vote-in-vain", Met::OfThree),
    ("pre-vote-refused-log", Met::OfThree),
    ("pre-vote-refused-term", Met::OfThree),
    ("term-learned-from-pre-vote", Met::OfThree),
    ("leader-leaves-no-quorum", Met::OfThree),
    ("commit-told-is-capped", Met::OfThree),
    ("ack-old", Met::OfThree),
    ("append-repeated", Met::OfThree),
    ("conflict-goes-back-far", Met::OfThree),
    ("append-lost-and-noticed", Met::OfThree),
    ("append-read-from-disk", Met::OfThree),
    ("vote-reply-late", Met::OfThree),
    ("pre-vote-reply-held", Met::OfThree),
    ("campaign-forborne", Met::OfThree),
    ("conflict-old", Met::OfThree),
    ("append-partly-known", Met::OfThree),
    ("leader-leaves-uncommitted", Met::OfThree),
    ("commit-waits-for-own-term", Met::OfThree),
    ("segment-begun", Met::Segments),
    ("segment-removed", Met::Segments),
    ("snapshot-offered", Met::Snapshots),
    ("snapshot-brought", Met::Snapshots),
    ("state-installed", Met::Snapshots),
    ("installed-ahead", Met::Snapshots),
    ("mark-empties-the-log", Met::Snapshots),
    ("commit-beyond-durable", Met::Snapshots),
    ("window-full", Met::Window),
];

/// A moment that one answer makes harmful, if anything does, for as long as these say, in quarters of the least election
/// timeout.
struct Plot {
    mark: &'static str,
    met: Met,
    /// It is one of so many that is meant, the first ones mostly.
    nth_max: u64,
    answer: Answer,
    quarters: (u64, u64),
}

const fn plot(mark: &'static str, met: Met, nth_max: u64, answer: Answer, quarters: (u64, u64)) -> Plot {
    Plot { mark, met, nth_max, answer, quarters }
}

/// The moments that stand just before the harm which bugs of others have done.
const PLOTS: [Plot; 12] = [
    // Votes of a former term come while it stands again, and nobody knows of that.
    plot("vote-asked", Met::OfTwo, 1, Answer::VotesLate, (4, 12)),
    // A leader whose rounds are all answered is read when another leads.
    plot("read-confirmed", Met::OfTwo, 4, Answer::Besieged, (12, 48)),
    plot("read-while-a-round-is-under-way", Met::OfTwo, 2, Answer::Besieged, (12, 48)),
    // Of what a follower lacks the log is cut, and then all of it comes.
    plot("round-answered-behind-disk", Met::OfThree, 4, Answer::EntriesLate, (4, 24)),
    plot("commit-told-is-capped", Met::OfThree, 8, Answer::EntriesLate, (4, 24)),
    // A log grows that nobody shares, and is brought a snapshot.
    plot("forward-placed", Met::OfTwo, 4, Answer::Cornered, (8, 32)),
    plot("elected", Met::OfTwo, 1, Answer::Cornered, (8, 32)),
    // The seal of a segment comes some operations later.
    plot("segment-nearly-full", Met::Segments, 4, SEAL, (1, 8)),
    plot("segment-nearly-full", Met::Segments, 4, SEAL, (1, 8)),
    plot("segment-nearly-full", Met::Segments, 4, SEAL, (1, 8)),
    plot("segment-nearly-full", Met::Segments, 4, SEAL, (1, 8)),
    // The next segment is not ready yet, and finds no room.
    plot("segment-begun", Met::Segments, 4, Answer::Full, (16, 96)),
];

/// Power fails somewhere about the seal of a segment.
const SEAL: Answer = Answer::TornAtDisk(0);
/// Behind an anchor, perhaps a sync, and what names the next segment: its write, or its sync.
const SEALS: [u64; 4] = [5, 6, 6, 7];

/// Draws one.
pub(crate) fn draw(draws: &mut Draws, swarm: &Swarm) -> Aimed {
    if draws.chance(2, 3)
        && let Some(aimed) = draw_plot(draws, swarm)
    {
        return aimed;
    }
    let (rare, common) = (draws.bits(), draws.bits());
    let met = || AIMS.iter().filter(|(_, met)| met.by(swarm)).map(|(name, _)| *name);
    // Most wait for what such a seed mostly meets: who waits in vain strikes nobody.
    let nth = common % met().count().max(1) as u64;
    let mark = met().nth(nth as usize).filter(|_| draws.chance(15, 16)).unwrap_or_else(|| any(rare));
    let kth = log_uniform(draws.bits(), 1, 6);
    let nth = if draws.chance(5, 6) { 1 } else { kth };
    let answer = draw_answer(draws, swarm, true);
    Aimed { mark, nth, answer, lasts: log_uniform(draws.bits(), 2 * MS, 1_000 * MS) }
}

fn draw_plot(draws: &mut Draws, swarm: &Swarm) -> Option<Aimed> {
    let (drawn, about) = (draws.bits(), draws.below(4));
    let met = || PLOTS.iter().filter(|plot| plot.met.by(swarm));
    let Plot { mark, nth_max, answer, quarters: (least, most), .. } =
        *met().nth((drawn % met().count().max(1) as u64) as usize)?;
    let (nth, lasts) = (log_uniform(draws.bits(), 1, nth_max), draws.bits());
    let answer = if answer == SEAL { Answer::TornAtDisk(SEALS[about as usize]) } else { answer };
    let quarter = swarm.election.as_nanos() as u64 / 4;
    Some(Aimed { mark, nth, answer, lasts: log_uniform(lasts, least * quarter, most * quarter) })
}

/// Any mark that something leads to. One more or one less leaves nearly all draws as they were.
fn any(draw: u64) -> &'static str {
    let weigh = |name: &&'static str| name.bytes().fold(draw, |sum, byte| mix(sum, u64::from(byte), 0));
    let met = floors().iter().filter(|(_, floor)| **floor != Floor::Never).map(|(name, _)| *name);
    met.min_by_key(weigh).expect("there are marks")
}

/// Draws what happens to a node, in the midst of a turn or between two; a single one is cut off from nobody.
pub(crate) fn draw_answer(draws: &mut Draws, swarm: &Swarm, in_turn: bool) -> Answer {
    let kinds = if swarm.nodes == 1 { 7 } else { 12 + if in_turn { 3 } else { 0 } };
    match draws.below(kinds) {
        0..=3 => Answer::Crash,
        4 => Answer::CrashAtDisk(draws.below(3)),
        5 => Answer::Pause,
        6 => Answer::Stuck,
        7 => Answer::Deaf,
        8 => Answer::Mute,
        9 => Answer::Alone,
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
        AIMS.into_iter()
            .map(|(name, _)| name)
            .chain(plots)
            .for_each(|name| assert!(floors().contains_key(name), "{name}"));
    }
}
