use super::*;

const DEEPEST: u32 = (1 << 24) - 1;
const MOST: u32 = (1 << 31) - 2;

fn guarded(limit: u32) -> Guarded<()> {
    Guarded::new(Inbox::new(false, Vec::new(), Vec::new()), limit)
}

#[test]
fn word_limit_and_busy_bit_leave_each_other_alone() {
    for limit in [0, 1, DEEPEST, DEEPEST + 1, MOST, MOST + 1] {
        for word in [0, 1, 1 << 31, u32::MAX - 1, u32::MAX] {
            let left = Left::new(Word(word), limit.into());
            assert_eq!((left.word().0, left.limit(), left.0 & 1), (word, limit.into(), 0));
        }
    }
}

#[test]
fn a_limit_is_kept_up_to_2_to_the_31_less_2_and_beyond_that_is_none() {
    for limit in [1, DEEPEST, DEEPEST + 1, MOST] {
        assert_eq!(guarded(limit).limit(), limit as usize);
    }
    for none in [MOST + 1, 1 << 31, u32::MAX] {
        assert_eq!(guarded(none).limit(), usize::MAX, "{none}");
    }
}

#[test]
fn the_word_says_that_there_is_room_where_it_knows_the_depth_and_else_leaves_it_to_the_queue() {
    let (deepest, most) = (DEEPEST as usize, MOST as usize);
    for (limit, depth, below) in [
        (1, 0, true),
        (1, 1, false),
        (DEEPEST, deepest - 1, true),
        (DEEPEST, deepest, false),
        (DEEPEST + 1, deepest - 1, true),
        (DEEPEST + 1, deepest, false), // it might be deeper: the word cannot say
        (MOST, deepest - 1, true),
        (MOST, most - 1, false),
        (MOST + 1, deepest - 1, true),
        (MOST + 1, usize::MAX, false),
    ] {
        let inbox = guarded(limit);
        inbox.enter().leave(Word::BORN.with_depth(depth));
        assert_eq!(inbox.enter().is_below_limit(), below, "{depth} of {limit}");
        let left = inbox.enter().left(inbox.word());
        assert!(inbox.replace(left, Word::BORN), "nobody has come");
        assert_eq!(inbox.limit(), guarded(limit).limit(), "a limit never changes");
    }
}
