use super::*;

fn inbox() -> Inbox<u32> {
    Inbox::new(false, Vec::new(), Vec::new())
}

fn drained(inbox: &mut Inbox<u32>) -> Vec<u32> {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while inbox.len() != 0 {
        let (_, order) = inbox.fill(&mut batch);
        order.turn(&mut batch);
        all.extend(batch.drain(..).rev());
    }
    all
}

#[test]
fn commands_come_out_as_they_went_in_across_chunks() {
    for len in [0, 1, 255, 256, 257, 1_023, 1_024, 1_025, 2_048, 2_049, 9_000] {
        let mut inbox = inbox();
        (0..len).for_each(|n| inbox.push_growing(n));
        assert_eq!(inbox.len(), len as usize);
        assert_eq!(drained(&mut inbox), (0..len).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_pushed_while_a_burst_drains_comes_after_it() {
    let mut inbox = inbox();
    let (mut next, mut expected, mut batch) = (0, 0, Vec::new());
    for _ in 0..50 {
        (0..1_300).for_each(|_| {
            inbox.push_growing(next);
            next += 1;
        });
        let (_, order) = inbox.fill(&mut batch);
        order.turn(&mut batch);
        for command in batch.drain(..).rev() {
            assert_eq!(command, expected);
            expected += 1;
        }
    }
    assert_eq!(drained(&mut inbox), (expected..next).collect::<Vec<_>>());
}

#[test]
fn the_oldest_is_the_one_displaced_also_across_chunks() {
    for limit in [1, 2, 3, 1_000, 1_024, 1_025, 2_400, 5_000] {
        for displaced in [0, 1, 2, 700, 3 * limit / 2] {
            let mut inbox = inbox();
            (0..limit).for_each(|n| inbox.push_growing(n));
            for n in 0..displaced {
                while !inbox.has_room_within(limit as usize) {
                    let fresh = Vec::with_capacity(inbox.wanted());
                    inbox.reuse();
                    drop(inbox.make_room(fresh));
                }
                let capacity = inbox.queue.capacity();
                assert_eq!(inbox.displace(limit + n).0, Some(n));
                assert_eq!(inbox.queue.capacity(), capacity, "the allocator is not called inside");
                assert_eq!(inbox.len() as u32, limit);
            }
            let expected: Vec<_> = (displaced..displaced + limit).collect();
            if displaced.is_multiple_of(2) {
                assert_eq!(drained(&mut inbox), expected);
            } else {
                assert_eq!(inbox.empty().into_iter().flatten().collect::<Vec<_>>(), expected);
            }
        }
    }
}

#[test]
fn a_queue_begins_with_no_more_than_an_idle_inbox_keeps_or_with_one_if_that_is_none() {
    fn first<C>() -> usize {
        Inbox::<C>::new(false, Vec::new(), Vec::new()).wanted()
    }
    assert_eq!([first::<u8>(), first::<[u8; 64]>(), first::<[u8; 65]>(), first::<[u8; 256]>()], [4, 4, 3, 1]);
    assert_eq!([first::<[u8; 257]>(), first::<[u8; 1024]>(), first::<[u8; 1025]>()], [1, 1, 1]);
}

#[test]
fn one_that_is_told_things_needs_no_more_than_a_short_list() {
    let mut inbox = inbox();
    inbox.tell(System::Due { tag: 1, now: Time(2) });
    assert!(inbox.more.as_ref().is_none() && size_of::<Told<u32>>() <= 40, "a million timers that fire");
    assert_eq!(inbox.take_system().len(), 1);
}

#[test]
fn an_idle_inbox_keeps_at_most_eight_elements_and_256_bytes() {
    for (pushed, kept) in [(4, true), (8, true), (9, false), (300, false), (10_000, false)] {
        let mut inbox = inbox();
        (0..pushed).for_each(|n| inbox.push_growing(n));
        let mut batch = Vec::new();
        while inbox.len() != 0 {
            drop(inbox.fill(&mut batch));
            batch.clear();
        }
        assert!(
            kept == (inbox.is_small() && !is_large::<u32>(batch.capacity())),
            "F12: a turn that rests without a look leaves nothing large"
        );
        drop((inbox.shrink(), shrunk(&mut batch)));
        let spare = inbox.more.as_ref().map_or(0, |more| more.spare.capacity());
        let list = inbox.more.as_ref().map_or(0, |more| more.chunks.capacity());
        assert!(list <= KEPT_LEN, "F12: a list of {list} chunks is kept after {pushed}");
        let most = inbox.queue.capacity().max(batch.capacity()).max(spare);
        assert!(most <= KEPT_LEN, "F12: {most} elements are kept after {pushed}");
        assert_eq!(most != 0, kept, "a small buffer is worth keeping");
    }
    assert!(Inbox::<()>::new(true, Vec::new(), Vec::new()).is_small(), "F12: what has no size takes no memory");
    let mut wide = vec![[0u8; 100]; 4];
    wide.clear();
    assert!(shrunk(&mut wide).capacity() != 0, "F12: 400 bytes are kept");
}
