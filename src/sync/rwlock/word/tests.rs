use super::*;

/// Every word that may exist: all sets of flags; readers and pending 0, 1, 2, almost full.
fn words() -> impl Iterator<Item = Word> {
    let counts = [0, 1, 2, COUNT_MAX - 3];
    let hits = [0, 1, HITS_MAX].into_iter();
    let flags = hits.flat_map(|hits| (0..128u64).map(move |flags| flags | (hits * HIT_ONE)));
    flags
        .flat_map(move |flags| counts.map(|readers| (flags, readers)))
        .flat_map(move |(flags, readers)| {
            counts.map(|pending| Word(flags | (readers * READER_ONE) | (pending * PENDING_ONE)))
        })
        .filter(|word| word.holds())
}

/// What a change does to readers and pending.
type Change = (&'static str, fn(Word) -> Option<Word>, i64, i64);

const ALL: [Leaves; 6] = [
    Leaves::Reader,
    Leaves::Upgrader,
    Leaves::UpgraderToRead,
    Leaves::Writer,
    Leaves::WriterToRead,
    Leaves::WriterToUpgrader,
];

/// Whether such a one is in, and may leave.
fn leaves(word: Word, who: Leaves) -> bool {
    match who {
        Leaves::Reader => word.readers() > 0,
        Leaves::Upgrader | Leaves::UpgraderToRead => word.has(UPGRADER) && !word.has(DRAIN),
        Leaves::Writer | Leaves::WriterToRead | Leaves::WriterToUpgrader => word.has(WRITER) && !word.has(GIVEN),
    }
}

/// What leaving in this way does to readers.
fn comes(who: Leaves) -> i64 {
    match who {
        Leaves::Reader => -1,
        Leaves::Upgrader | Leaves::Writer | Leaves::WriterToUpgrader => 0,
        Leaves::UpgraderToRead | Leaves::WriterToRead => 1,
    }
}

/// Someone was popped: it is counted, and there is no heir.
fn popped(word: Word, count: u32) -> bool {
    !word.has(HEIR) && word.pending() >= count
}

const CHANGES: [Change; 18] = [
    ("spread", Word::spread, 0, 0),
    (
        "drain_slots",
        |word| (word.has(WRITER) && word.has(SPREAD) && !word.has(GIVEN)).then(|| word.drain_slots()),
        0,
        0,
    ),
    ("read", Word::read, 1, 0),
    ("read_upgradable", Word::read_upgradable, 0, 0),
    ("write", Word::write, 0, 0),
    ("wait_read", Word::wait_read, 0, 1),
    ("wait_upgradable", Word::wait_upgradable, 0, 1),
    ("wait_write", Word::wait_write, 0, 1),
    ("quit", |word| (word.pending() > word.has(HEIR) as u32).then(|| word.quit()), 0, -1),
    ("upgrade", Word::upgrade, 0, 0),
    ("drain", Word::drain, 0, 0),
    ("stay", |word| word.has(DRAIN).then(|| word.stay()), 0, 0),
    ("inherit", Word::inherit, 0, -1),
    ("take_up", Word::take_up, 0, -1),
    ("demand", Word::demand, 0, 0),
    ("sleep_again", Word::sleep_again, 0, 0),
    ("quit_heir", Word::quit_heir, 0, -1),
    ("settle", |word| if popped(word, 2) { word.settle(Run { readers: 2, upgraders: 0 }) } else { None }, 2, -2),
];

const RUNS: [Run; 4] = [Run::READER, Run::UPGRADER, Run { readers: 1, upgraders: 1 }, Run { readers: 2, upgraders: 0 }];

#[test]
fn every_change_of_every_word_keeps_the_invariants() {
    for (name, change, readers, pending) in CHANGES {
        let mut applied = 0;
        for word in words() {
            let Some(next) = change(word) else { continue };
            applied += 1;
            assert!(next.holds(), "{name} of {:#x} gives {:#x}", word.0, next.0);
            assert_eq!(next.readers() as i64 - word.readers() as i64, readers, "{name} of {:#x}", word.0);
            assert_eq!(next.pending() as i64 - word.pending() as i64, pending, "{name} of {:#x}", word.0);
        }
        assert!(applied > 0, "{name} applies to some word");
    }
}

#[test]
fn every_way_out_of_every_word_keeps_the_invariants() {
    let mut applied = 0;
    for (who, word) in ALL.into_iter().flat_map(|who| words().map(move |word| (who, word))) {
        if !leaves(word, who) {
            continue;
        }
        let mut ways = vec![(word.leave(who), 0, 0), (word.leave_others(who), 0, 0)];
        if popped(word, 1) {
            ways.push((Some(word.leave_waking(who)), 0, 0));
            // A reader lets in nobody by leaving; and one place for an upgradable reader there is.
            let runs = RUNS.into_iter().filter(|run| who != Leaves::Reader && word.pending() >= run.len());
            let runs = runs.filter(|run| who != Leaves::WriterToUpgrader || run.upgraders == 0);
            ways.extend(runs.map(|run| (word.leave_granting(who, run), run.readers, run.len())));
        }
        for (next, readers, pending) in ways {
            let Some(next) = next else { continue };
            applied += 1;
            assert!(next.holds(), "{who:?} of {:#x} gives {:#x}", word.0, next.0);
            assert_eq!(next.readers() as i64 - word.readers() as i64, comes(who) + readers as i64, "{:#x}", word.0);
            assert_eq!(word.pending() - next.pending(), pending, "{who:?} of {:#x}", word.0);
        }
    }
    assert!(applied > 100, "{applied}");
}

#[test]
fn who_leaves_pops_only_when_there_is_someone_and_no_heir() {
    for word in words() {
        for who in ALL {
            if leaves(word, who) && word.leave(who).is_none() {
                assert!(popped(word, 1), "{:#x}, {who:?}", word.0);
            }
        }
    }
}

#[test]
fn the_sixteenth_failed_exchange_of_a_reader_spreads_them() {
    let mut word = Word(READER_ONE | PENDING_ONE);
    for hits in 1..=20 {
        word = word.hit(1);
        assert_eq!(word.is_crowded(), hits >= 16, "{hits}");
        assert_eq!((word.readers(), word.pending()), (1, 1));
    }
    assert!(word.hit(1000) == word, "saturated");
    let spread = word.spread().expect("it is not yet");
    assert!(!spread.is_crowded() && spread.spread().is_none());
}

#[test]
fn a_reader_comes_in_by_its_slot_or_waits_never_both() {
    for word in words() {
        assert_eq!(word.is_open(), word.wait_read().is_none(), "{:#x}", word.0);
        assert!(!word.has(SPREAD) || word.is_open() == word.lets_in_by_slot(), "{:#x}", word.0);
        assert!(word.has(SPREAD) || word.is_open() == word.read().is_some(), "{:#x}", word.0);
    }
}

/// R3, R4: who comes in as upgradable finds nobody who could write before it; who drains is the one.
#[test]
fn an_upgradable_reader_is_alone_in_its_part_and_keeps_writers_out() {
    for word in words().filter(|word| word.has(UPGRADER)) {
        let refused = word.read_upgradable().or(word.write()).or(word.inherit()).or(word.settle(Run::UPGRADER));
        assert!(refused.is_none(), "{:#x}", word.0);
        assert_eq!(word.upgrade().is_some(), word.drain().is_none(), "{:#x}: it waits for readers alone", word.0);
        assert!(!word.has(DRAIN) || word.read().or(word.settle(Run::READER)).is_none(), "{:#x}", word.0);
    }
}

#[test]
fn an_heir_has_always_exactly_one_way_on() {
    for word in words().filter(|word| word.has(HEIR)) {
        let takes = word.inherit().is_some() as u32 + word.take_up().is_some() as u32;
        assert_eq!(takes + word.sleep_again().is_some() as u32, 1, "{:#x}", word.0);
        assert_eq!(takes + word.quit_heir().is_some() as u32, 1, "{:#x}", word.0);
    }
}

#[test]
fn the_common_cases_are_those_where_only_readers_or_one_writer_are_in_and_nobody_waits() {
    let (mut came, mut left) = (0, 0);
    for word in words() {
        let plain = word.0 & !(HITS | SPREAD | WRITER) & (READER_ONE - 1) == 0;
        let read = word.read_alone();
        assert_eq!(
            read.is_some(),
            plain && !word.has(SPREAD | WRITER) && u64::from(word.readers()) < COUNT_MAX,
            "{:#x}",
            word.0
        );
        assert!(read.is_none_or(|next| word.read() == Some(next)), "{:#x}", word.0);
        came += u32::from(read.is_some());
        for who in ALL.into_iter().filter(|who| leaves(word, *who)) {
            let alone = word.leave_alone(who);
            let common = match who {
                Leaves::Reader => plain && !word.has(SPREAD | WRITER),
                Leaves::Writer => plain,
                _ => false,
            };
            assert_eq!(alone.is_some(), common, "{who:?} of {:#x}", word.0);
            assert!(alone.is_none_or(|next| word.leave(who) == Some(next)), "{who:?} of {:#x}", word.0);
            left += u32::from(alone.is_some());
        }
    }
    assert!(came >= 2 && left >= 5, "{came}, {left}");
}
