//! One record that was read, and what it makes of the past.

use super::format::{Kind, RecordHead, take_bindings};
use super::index::{Change, Place};
use super::past::{Marked, Past, Rule};
use crate::raft::mutant::mutate;
use crate::raft::wire::entry::Spans;
use crate::raft::{Index, LogId, NodeId};

const BODY: Rule = "a record's body is what its kind says";

/// Replays a record of this segment and place. A broken rule is damage, or a bug: what is recorded never breaks one.
pub(super) fn replay(
    past: &mut Past,
    head: &RecordHead,
    body: &[u8],
    (segment, at): (u64, u64),
) -> Result<Option<Change>, Rule> {
    match head.kind {
        Kind::Entries => {
            let last = entries(past, head, body)?;
            Ok(Some(Change::Put { place: Place::new(head.index, segment, at), last }))
        }
        Kind::State => {
            past.state(head.term, vote(body)?)?;
            past.commit = past.commit.max(head.index);
            Ok(None)
        }
        Kind::Mark if body.is_empty() => {
            past.replay_mark(LogId { term: head.term, index: head.index }, Marked::Held)?;
            Ok(None)
        }
        Kind::Reset if body.is_empty() => {
            past.replay_mark(LogId { term: head.term, index: head.index }, Marked::Emptied)?;
            Ok(Some(Change::Empty { last: head.index }))
        }
        Kind::Bind => {
            past.bindings.extend(take_bindings(body).ok_or(BODY)?);
            Ok(None)
        }
        Kind::Born if body.is_empty() => {
            past.born = true;
            Ok(None)
        }
        Kind::Pad => Ok(None),
        Kind::Anchor | Kind::Seal if body.is_empty() => Ok(None),
        Kind::Mark | Kind::Reset | Kind::Born | Kind::Anchor | Kind::Seal => Err(BODY),
    }
}

fn vote(body: &[u8]) -> Result<Option<NodeId>, Rule> {
    match body {
        [] => Ok(None),
        _ => {
            let vote = Some(NodeId(u64::from_le_bytes(body.try_into().map_err(|_| BODY)?)));
            Ok(mutate!(VoteForZeroLost, vote, vote.filter(|vote| vote.0 != 0)))
        }
    }
}

/// A run, all of it of the record's term. Gives the last index.
fn entries(past: &mut Past, head: &RecordHead, body: &[u8]) -> Result<Index, Rule> {
    let mut count = 0;
    for span in Spans::new(body, 0) {
        let span = span.map_err(|_| BODY)?;
        if span.term != head.term {
            return Err("the entries of a record have its term");
        }
        count += 1;
    }
    if count == 0 {
        return Err(BODY);
    }
    past.entries(head.index, head.term, count)?;
    for (index, span) in (head.index.0..).zip(Spans::new(body, 0).flatten()) {
        past.member(Index(index), span.kind, &body[span.range]);
    }
    Ok(past.last())
}
