use super::*;

#[test]
fn a_seed_has_one_plan_in_order_of_time() {
    let swarm = swarm(11);
    let faults = plan(11, &swarm, Time(5_000 * MS));
    assert_eq!(faults, plan(11, &swarm, Time(5_000 * MS)));
    assert!(faults.is_sorted_by_key(|fault| fault.at));
}

#[test]
fn a_family_that_is_off_leaves_the_others_as_they_were() {
    let mut with = swarm(3);
    with.families = Families { cuts: true, crashes: true, ..Families::default() };
    let mut without = with.clone();
    without.families.cuts = false;
    let crashes = |faults: Vec<Fault>| -> Vec<_> {
        faults.into_iter().filter(|fault| !matches!(fault.what, What::Cut { .. })).collect()
    };
    let until = Time(60_000 * MS);
    assert_eq!(crashes(plan(3, &with, until)), crashes(plan(3, &without, until)));
}

#[test]
fn every_family_and_every_shape_is_drawn_by_some_seed() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..200 {
        for fault in plan(seed, &swarm(seed), Time(5_000 * MS)) {
            let name = format!("{:?}", fault.what);
            kinds.insert(name.split([' ', '(']).next().unwrap_or_default().to_owned());
            if let What::Cut { shape, .. } = fault.what {
                kinds.insert(format!("{shape:?}").split('(').next().unwrap_or_default().to_owned());
            }
        }
    }
    assert_eq!(kinds.len(), 17 + 10, "{kinds:?}");
}

#[test]
fn some_of_them_are_not_all_and_may_be_as_few_or_as_many_as_there_are_sizes() {
    let (mut draws, swarm) = (Draws::new(5), Swarm { nodes: 5, ..swarm(5) });
    let mut sizes = [0; 5];
    (0..1_000).for_each(|_| sizes[some_of(&mut draws, &swarm).count_ones() as usize] += 1);
    assert!(sizes[0] == 0 && sizes[1..].iter().all(|&times| 200 < times), "{sizes:?}");
}

#[test]
fn a_cut_that_flaps_comes_again_with_pauses_between() {
    let mut swarm = swarm(3);
    swarm.families = Families { cuts: true, ..Families::default() };
    let faults = plan(3, &swarm, Time(60_000 * MS));
    let alike = |one: &Fault| faults.iter().filter(|other| other.what == one.what).count();
    let most = faults.iter().map(alike).max().unwrap_or_default();
    assert!(3 <= most && faults.is_sorted_by_key(|fault| fault.at), "{most}");
}

#[test]
fn links_flap_for_a_second_to_half_a_minute() {
    let (mut draws, cut) = (Draws::new(5), What::Cut { shape: Shape::Ring, lasts: 0 });
    let span = |_| {
        let mut faults = Vec::new();
        flap(&mut draws, Time::ZERO, Time::MAX, &cut, &mut faults);
        Some(faults.last()?.at.0 / MS)
    };
    let spans: Vec<u64> = (0..2_000).filter_map(span).collect();
    let (least, most) = (spans.iter().min(), spans.iter().max());
    // From the first cut to the last: half a second less, for that cut and the pause behind it.
    assert!(least.is_some_and(|least| (500..1_100).contains(least)), "{least:?}");
    assert!(most.is_some_and(|most| (25_000..=30_000).contains(most)), "{most:?}");
}

#[test]
fn a_disk_is_stuck_for_a_tenth_of_a_second_to_half_a_minute_or_for_ever() {
    let (mut draws, swarm) = (Draws::new(5), swarm(5));
    let mut lasts: Vec<u64> = (0..2_000)
        .map(|_| match stuck(&mut draws, &swarm) {
            What::Stuck { lasts, .. } => lasts,
            other => panic!("{other:?}"),
        })
        .collect();
    lasts.sort_unstable();
    let ends = lasts.partition_point(|&lasts| lasts < FOR_EVER);
    assert!((200..300).contains(&(2_000 - ends)), "{} last for ever", 2_000 - ends);
    let (first, last) = (lasts[0], lasts[ends - 1]);
    assert!((100 * MS..110 * MS).contains(&first) && (25_000 * MS..=30_000 * MS).contains(&last), "{first} {last}");
}

#[test]
fn a_disk_that_cannot_keep_names_fails_in_the_next_starts_too_and_power_in_one_of_them() {
    let mut swarm = swarm(3);
    swarm.families = Families { broken: true, ..Families::default() };
    let faults = plan(3, &swarm, Time(600_000 * MS));
    let on = |nth: usize| match faults.get(nth..nth + 3)?.iter().map(|fault| &fault.what).collect::<Vec<_>>()[..] {
        [
            What::Crash { node, .. },
            What::Broken { node: broken, operation: Operation::SyncDir, after: 0, times, .. },
            What::CrashAtDisk { node: cut, .. },
        ] => ([broken, cut] == [node; 2]).then_some(*times),
        _ => None,
    };
    let times: Vec<u64> = (0..faults.len()).filter_map(on).collect();
    let first = |fault: &&Fault| matches!(fault.what, What::Broken { operation: Operation::SyncDir, times: 1, .. });
    let all = faults.iter().filter(first).count();
    assert!((all..all * 3).contains(&times.len()), "{} beside {all}", times.len());
    assert!(times.iter().all(|times| (2..=8).contains(times)) && times.iter().any(|times| 2 < *times), "{times:?}");
}

#[test]
fn a_bridge_joins_two_halves_that_do_not_meet() {
    let links = Shape::Bridge(4).links(5, None);
    assert!(links.contains(&(0, 1)) && !links.contains(&(0, 2)) && !links.contains(&(0, 4)));
    for nodes in 3..=7 {
        let meets = |node: usize, links: &[(usize, usize)]| links.iter().all(|&(from, to)| from != node && to != node);
        for node in 0..nodes {
            let links = Shape::Bridge(node).links(nodes, None);
            assert!(!links.is_empty() && meets(node, &links), "{node} of {nodes}");
        }
    }
}

#[test]
fn shapes_cut_what_they_say() {
    let left = |shape: Shape| {
        let (cut, all) = (shape.links(4, Some(0)), Shape::Isolate(0).links(4, None));
        let kept = all.iter().filter(|link| !cut.contains(link)).count();
        (cut.len(), kept)
    };
    assert_eq!(left(Shape::HalfBridge(2)), (4, 2), "the leader meets one of the others");
    assert_eq!(left(Shape::HalfBridge(0)), (0, 6), "who leads is cut off from nobody by itself");
    assert_eq!(left(Shape::Chain), (6, 2), "the first has one neighbour");
    assert_eq!(left(Shape::Ring), (4, 4), "each has two");
}
