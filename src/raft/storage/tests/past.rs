//! What older segments said may be forgotten: a replay that begins at any later head comes to the same past.

use crate::raft::consensus::Record;
use crate::raft::storage::conformance::history::History;
use crate::raft::storage::conformance::oracle::Model;
use crate::raft::storage::past::{Marked, Past};
use crate::raft::{Incarnation, Index, LogId, Term};

/// What a segment holds of a record: a mark says what it did to the log.
#[derive(Clone)]
enum Step {
    Record(Record),
    Mark(LogId, Marked),
}

fn step(past: &mut Past, record: &Record) -> Step {
    match record {
        Record::Mark { at } => return Step::Mark(*at, past.mark(*at).unwrap()),
        Record::Bind { node, incarnation } => {
            past.bindings.insert(*node, *incarnation);
        }
        Record::Born => past.born = true,
        Record::State { term, vote } => past.state(*term, *vote).unwrap(),
        Record::Entries { after, entries } => past.runs(*after, entries).unwrap(),
    }
    Step::Record(record.clone())
}

/// As a segment's head tells it.
fn head(past: &Past) -> Past {
    let mut head = Past::at_header(past.last().next(), past.snapshot);
    (head.incarnation, head.born, head.bindings) = (past.incarnation, past.born, past.bindings.clone());
    (head.term, head.vote, head.commit) = (past.term, past.vote, past.commit);
    head
}

#[test]
fn a_replay_from_any_head_that_a_mark_covers_comes_to_the_same_past() {
    let mut replayed = 0;
    for seed in 0..300 {
        let mut history = History::new(seed, 100);
        let (mut past, mut model) = (Past::new(Incarnation(1)), Model::default());
        // Each head, where it stands in the stream; a log is begun at each of them.
        let (mut heads, mut steps) = (Vec::new(), Vec::new());
        for _ in 0..60 {
            heads.push((steps.len(), head(&past)));
            let mark = history.draws.chance(1, 5).then(|| history.snapshot(&model, &model, Index(0))).flatten();
            let records = match mark {
                // No two entries of one place and term differ: a snapshot ahead has a term of its own.
                Some(at) if model.at(at.index) == Some(at) => vec![Record::Mark { at }],
                Some(at) => {
                    let term = Term(model.term.0 + 1);
                    let at = LogId { term, ..at };
                    vec![Record::State { term, vote: None }, Record::Mark { at }]
                }
                None => history.next(&model).into_iter().collect(),
            };
            for record in records {
                model.apply(&record);
                steps.push(step(&mut past, &record));
            }
        }
        let whole = past.recovered(None).unwrap();
        for (from, mut replay) in heads {
            if past.snapshot.index < replay.last() {
                continue; // no mark makes up for what stood before: recovery refuses
            }
            for step in &steps[from..] {
                match step {
                    Step::Mark(at, marked) => replay.replay_mark(*at, *marked).unwrap(),
                    Step::Record(record) => drop(self::step(&mut replay, record)),
                }
            }
            let told = replay.recovered(None).unwrap();
            let heads = |past: &crate::raft::Recovered| (past.term, past.vote, past.born, past.snapshot, past.last);
            assert_eq!(heads(&told), heads(&whole), "seed {seed}, from step {from}");
            assert_eq!((&told.bindings, &told.membership), (&whole.bindings, &whole.membership));
            assert!(told.base.index <= told.snapshot.index, "seed {seed}, from step {from}");
            assert_eq!(model.at(told.base.index), Some(told.base), "seed {seed}, from step {from}");
            for index in told.base.index.0..=told.last.index.0 {
                let term = replay.term_at(Index(index));
                assert_eq!(term, model.at(Index(index)).map(|at| at.term), "seed {seed}, from step {from}");
            }
            replayed += 1;
        }
    }
    assert!(1_000 < replayed, "{replayed}");
}
