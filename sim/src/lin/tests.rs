use super::witness::{self, Place};
use super::*;
use rsm::mix::Draws;

/// Straight from the definition: some order of all that returned, and of some that did not, is that of one copy.
fn brute(operations: &[Operation]) -> bool {
    fn go(left: &[Operation], value: u64) -> bool {
        if left.iter().all(|operation| operation.returned.is_none()) {
            return true;
        }
        let first_return = left.iter().filter_map(|operation| operation.returned).min().unwrap_or(u64::MAX);
        left.iter().enumerate().filter(|(_, operation)| operation.called <= first_return).any(|(nth, operation)| {
            let is_known = operation.returned.is_some();
            let next = match operation.call {
                Call::Write(new) => Some(new),
                Call::Read(seen) => (!is_known || seen == value).then_some(value),
                Call::Swap { expected, new, found } => {
                    let fits = !is_known || found == value;
                    fits.then_some(if expected == value { new } else { value })
                }
            };
            let others = || [&left[..nth], &left[nth + 1..]].concat();
            next.is_some_and(|next| go(&others(), next))
        })
    }
    go(operations, INITIAL)
}

struct Made {
    operations: Vec<Operation>,
    placed: Vec<(Place, Operation)>,
}

/// What so many clients do with one register, each operation at its place; one in `unknown` is never answered.
fn make(draws: &mut Draws, count: usize, clients: u64, swaps: bool, unknown: u64) -> Made {
    let mut free_at = vec![0; clients as usize];
    let mut effects: Vec<(u64, usize, u64, Option<u64>)> = Vec::new();
    for nth in 0..count {
        let client = draws.below(clients) as usize;
        let called = free_at[client] + draws.below(4);
        let effect = called + draws.below(6);
        let returned = effect + draws.below(6);
        free_at[client] = returned + 1;
        let is_unknown = draws.chance(1, unknown);
        effects.push((effect, nth, called, (!is_unknown).then_some(returned)));
    }
    effects.sort_unstable();
    let (mut value, mut written, mut made) = (INITIAL, INITIAL, Made { operations: Vec::new(), placed: Vec::new() });
    for (place, (_, _, called, returned)) in effects.into_iter().enumerate() {
        let has_effect = returned.is_some() || draws.chance(1, 2);
        let call = match draws.below(if swaps { 4 } else { 3 }) {
            0 => {
                written += 1;
                Call::Write(written)
            }
            3 => {
                written += 1;
                let expected = if draws.chance(2, 3) { value } else { draws.below(written) };
                Call::Swap { expected, new: written, found: value }
            }
            _ => Call::Read(value),
        };
        let operation = Operation { called, returned, call };
        if has_effect {
            value = match call {
                Call::Write(new) => new,
                Call::Swap { new, .. } if !call.has_lost() => new,
                Call::Swap { .. } | Call::Read(_) => value,
            };
            made.placed.push((place as Place + 1, operation));
        }
        made.operations.push(operation);
    }
    made
}

/// Makes one of what was seen something else, if anything was.
fn spoil(draws: &mut Draws, operations: &mut [Operation]) {
    let most = operations.iter().filter_map(|operation| operation.call.writes()).max().unwrap_or(1);
    let nth = draws.below(operations.len() as u64) as usize;
    if let Call::Read(seen) = &mut operations[nth].call {
        *seen = draws.below(most + 1);
    } else {
        operations[nth].called += draws.below(20);
        operations[nth].returned = operations[nth].returned.map(|at| at.max(operations[nth].called) + draws.below(20));
    }
}

#[test]
fn zones_search_and_brute_force_agree_on_two_hundred_thousand_histories() {
    let mut draws = Draws::new(8);
    let (mut bad, mut by_force) = (0, 0);
    for round in 0..200_000u64 {
        let (swaps, count) = (round % 2 == 1, 4 + draws.below(10) as usize);
        let mut history = make(&mut draws, count, 4, swaps, 10).operations;
        (0..draws.below(3)).for_each(|_| spoil(&mut draws, &mut history));
        let events = Events::new(&history).expect("no value is written twice");
        let (zones, found) = (zones::holds(&events), search::run(&events, CONFIGURATIONS_MAX).is_ok());
        bad += u64::from(!found);
        assert!(zones || !found, "zones are necessary:\n{}", draw::bars(&history));
        assert!(swaps || zones == found, "and exact without swaps:\n{}", draw::bars(&history));
        if history.len() <= 7 {
            by_force += 1;
            assert_eq!(found, brute(&history), "{}", draw::bars(&history));
        }
    }
    assert!(20_000 < bad && 50_000 < by_force, "{bad} of them bad, {by_force} by force");
}

/// The other way round it need not be: brute force looks for any order, a witness claims one.
#[test]
fn what_a_witness_accepts_however_spoiled_some_order_explains() {
    let mut draws = Draws::new(11);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..40_000u64 {
        let count = 3 + draws.below(5) as usize;
        let mut placed = make(&mut draws, count, 3, round % 4 != 0, 4).placed;
        if placed.is_empty() {
            continue;
        }
        for _ in 0..draws.below(3) {
            spoil_places(&mut draws, &mut placed);
        }
        if witness::register(&placed).is_ok() {
            accepted += 1;
            let operations: Vec<Operation> = placed.iter().map(|(_, operation)| *operation).collect();
            assert!(brute(&operations), "{placed:?}\n{}", draw::bars(&operations));
        } else {
            refused += 1;
        }
    }
    assert!(15_000 < accepted && 12_000 < refused, "{accepted} accepted, {refused} refused");
}

/// Two change places, or one has seen something else, came at another time, or was never answered.
fn spoil_places(draws: &mut Draws, placed: &mut [(Place, Operation)]) {
    let (one, other) = (draws.below(placed.len() as u64) as usize, draws.below(placed.len() as u64) as usize);
    match draws.below(4) {
        0 => (placed[one].0, placed[other].0) = (placed[other].0, placed[one].0),
        1 => placed[one].1.returned = None,
        2 => match &mut placed[one].1.call {
            Call::Swap { expected: seen, .. } if draws.chance(1, 2) => *seen = draws.below(5),
            Call::Read(seen) | Call::Swap { found: seen, .. } => *seen = draws.below(5),
            Call::Write(_) => {}
        },
        _ => {
            let mut alone = [placed[one].1];
            spoil(draws, &mut alone);
            placed[one].1 = alone[0];
        }
    }
}

#[test]
fn a_search_that_takes_no_shortcut_agrees_too() {
    let mut draws = Draws::new(9);
    for _ in 0..20_000 {
        let mut history = make(&mut draws, 7, 7, true, 6).operations;
        spoil(&mut draws, &mut history);
        let events = Events::new(&history).expect("no value is written twice");
        assert_eq!(search::run(&events, CONFIGURATIONS_MAX).is_ok(), brute(&history), "{}", draw::bars(&history));
    }
}

#[test]
fn what_a_log_explains_every_checker_accepts() {
    let mut draws = Draws::new(10);
    for round in 0..2_000 {
        let made = make(&mut draws, 40, 6, round % 2 == 0, 12);
        assert_eq!(witness::register(&made.placed), Ok(()), "{}", draw::bars(&made.operations));
        assert_eq!(register(&made.operations), Ok(()));
    }
}

#[test]
fn a_witness_refuses_what_was_not_there_came_too_early_or_stands_twice() {
    let of = |called, returned, call| Operation { called, returned: Some(returned), call };
    let (write, other) = (of(1, 2, Call::Write(1)), of(3, 4, Call::Write(2)));
    let read = |seen| of(5, 6, Call::Read(seen));
    let good = [(1, write), (2, other), (2, read(2))];
    assert_eq!(witness::register(&good), Ok(()));
    assert_eq!(witness::register(&[(1, write), (2, other), (2, read(1))]), Err(witness::Refused::Saw(2, read(1), 2)));
    assert_eq!(witness::register(&[(2, write), (1, other)]), Err(witness::Refused::Early(2, write)));
    assert_eq!(witness::register(&[(1, write), (1, other)]), Err(witness::Refused::Twice(1)));
}

#[test]
fn a_witness_asks_of_a_swap_without_an_answer_that_it_could_win() {
    let of = |called, call| Operation { called, returned: Some(called + 1), call };
    let history = |expected| {
        let call = Call::Swap { expected, new: 3, found: expected };
        let swap = Operation { called: 5, returned: None, call };
        [(5, of(1, Call::Write(1))), (6, of(3, Call::Write(2))), (7, swap), (8, of(7, Call::Read(3)))]
    };
    assert_eq!(witness::register(&history(2)), Ok(()));
    let refused = history(1);
    assert_eq!(witness::register(&refused), Err(witness::Refused::Saw(7, refused[2].1, 2)));
    assert!(register(&refused.map(|(_, operation)| operation)).is_err(), "and so says who knows no log");
}

#[test]
fn an_operation_that_returned_before_it_was_called_is_refused_and_no_panic() {
    for call in [Call::Read(0), Call::Write(1)] {
        let backwards = Operation { called: 5, returned: Some(3), call };
        assert_eq!(register(&[backwards]), Err(Refused::Backwards(backwards)));
        assert_eq!(witness::register(&[(1, backwards)]), Err(witness::Refused::Backwards(1, backwards)));
        let told = Refused::Backwards(backwards).to_string();
        assert!(told.contains("called at 5 and returned at Some(3)"), "{told}");
    }
}

#[test]
fn one_stale_read_among_ten_thousand_operations_is_found_whichever_it_is_and_shown_in_twelve() {
    let mut draws = Draws::new(11);
    // Where there are swaps it is the search that must find it, which takes longer.
    for (swaps, spoilt) in [(false, 40), (true, 10)] {
        let mut history = make(&mut draws, 10_000, 8, swaps, 60).operations;
        assert_eq!(register(&history), Ok(()));
        for nth in 0..spoilt {
            let from = 5_000 + draws.below(4_900) as usize;
            let is_late = |operation: &Operation| matches!(operation.call, Call::Read(seen) if 100 < seen);
            let spoiled = from + history[from..].iter().position(is_late).expect("a third of them read");
            // A value that was overwritten long ago, for sure, since another that came later was read long ago.
            let old = draws.below(1_000) as usize;
            let old = history[..4_000].iter().filter_map(|operation| operation.call.sees()).nth(old);
            let whole = history[spoiled];
            history[spoiled].call = Call::Read(old.expect("a third of them read"));
            history[spoiled].returned = whole.returned.or(Some(whole.called + 1));
            assert_eq!(judge(&history), Err(Refused::NotLinearizable(Vec::new())), "{:?}", history[spoiled]);
            if nth == 0 {
                let Err(Refused::NotLinearizable(part)) = register(&history) else { panic!("it was found before") };
                assert!(part.len() <= 12, "{} operations to show it:\n{}", part.len(), draw::bars(&part));
                assert!(register(&part).is_err());
            }
            history[spoiled] = whole;
        }
    }
}

#[test]
fn a_drawing_is_read_as_what_was_drawn() {
    let mut draws = Draws::new(12);
    for _ in 0..500 {
        let history = make(&mut draws, 12, 4, true, 8).operations;
        let again = parse(&draw::bars(&history)).expect("we have drawn it");
        assert_eq!(again.len(), history.len());
        assert_eq!(register(&again).is_ok(), register(&history).is_ok(), "{}", draw::bars(&history));
    }
    assert_eq!(parse("[x1 ]"), None);
    assert_eq!(parse("[w1"), None);
}

#[test]
fn what_cannot_be_judged_is_not_accepted() {
    let twice = parse("[w1 ] [w1 ]").expect("a drawing");
    assert_eq!(register(&twice), Err(Refused::Repeated(1)));
    let first = parse("[w0 ]").expect("a drawing");
    assert_eq!(register(&first), Err(Refused::Repeated(0)));
    let many: Vec<Operation> = (1..=30)
        .flat_map(|value| {
            let at = |call| Operation { called: 0, returned: Some(100), call };
            [at(Call::Write(value)), at(Call::Read(value))]
        })
        .collect();
    assert_eq!(register(&many), Err(Refused::GaveUp));
}

#[test]
fn keys_do_not_mix() {
    let of = |called, call| Operation { called, returned: Some(called + 1), call };
    let history = [("x", of(0, Call::Write(1))), ("y", of(2, Call::Read(0))), ("x", of(4, Call::Read(1)))];
    assert_eq!(check(&history), Ok(()));
    let stale = [history[0], history[1], ("x", of(4, Call::Read(0)))];
    assert!(matches!(check(&stale), Err(Refused::NotLinearizable(part)) if part.len() == 2));
}

/// A name, whether some order explains it, and the drawing.
const TABLE: [(&str, bool, &str); 41] = [
    ("nothing", true, ""),
    ("a read of what was there at first", true, "[r0]"),
    ("a write", true, "[w1]"),
    ("a read of what was written", true, "[w1] [r1]"),
    ("a stale read", false, "[w1] [r0]"),
    ("a read under way sees the old", true, "[w1   ]\n [r0]"),
    ("a read under way sees the new", true, "[w1   ]\n [r1]"),
    ("a read that touches the write's end", true, "[w1]\n   [r0]"),
    ("a read of what nobody wrote", false, "[w1] [r2]"),
    ("a read from the future", false, "[r1] [w1]"),
    ("a lost update", false, "[w1] [w2] [r1]"),
    ("two writes at once, either wins", true, "[w1  ] [r1]\n [w2]"),
    ("two writes at once, the other wins", true, "[w1  ] [r2]\n [w2]"),
    ("two writes at once, both win", false, "[w1  ] [r1] [r2]\n [w2]"),
    ("two readers, the old after the new", false, "[w1           ]\n [r1]\n      [r0]"),
    ("two readers, the new after the old", true, "[w1           ]\n [r0]\n      [r1]"),
    ("two readers at once see what they like", true, "[w1           ]\n [r1  ]\n  [r0  ]"),
    ("a value comes back", false, "[w1] [r1] [w2] [r2] [r1]"),
    ("a write never answered that was seen", true, "[w1 ?\n      [r1] [r1]"),
    ("a write never answered that was not", true, "[w1 ?\n      [r0] [r0]"),
    ("one never answered, seen at last", true, "[w1 ?\n      [r0] [r1]"),
    ("one never answered, seen and gone", false, "[w1 ?\n      [r1] [r0]"),
    ("one never answered, risen again", false, "[w1 ?\n     [r1] [w2] [r2] [r1]"),
    ("one never answered, after a later one", true, "[w1 ?\n     [w2] [r2] [r1]"),
    ("one seen before it was called", false, "       [w1 ?\n [r1]"),
    ("a read never answered says nothing", true, "[w1] [r7 ?"),
    ("a swap that wins", true, "[s0>1] [r1]"),
    ("a swap that wins and is not seen", false, "[s0>1] [r0]"),
    ("a swap that loses", true, "[w1] [s0>2!1] [r1]"),
    ("a swap that loses, and is seen", false, "[w1] [s0>2!1] [r2]"),
    ("a swap that loses to what is not there", false, "[w1] [w2] [s0>3!1]"),
    ("a swap won twice", false, "[s0>1] [s0>2]"),
    ("a swap won twice at once", false, "[s0>1  ]\n [s0>2  ]"),
    ("a swap won after another", true, "[s0>1  ]\n [s1>2  ]"),
    ("a swap that wins beside a write is overwritten", false, "[s0>1  ] [r1]\n [w2    ]"),
    ("a swap that wins what was overwritten", false, "[w1] [w2] [s1>3]"),
    ("a swap never answered that won", true, "[s0>1 ?\n        [r1]"),
    ("one never answered that cannot have won", false, "[w5]\n     [s0>1 ?\n             [r1]"),
    ("one never answered, won by another", true, "[s0>1 ?\n        [s1>2] [r2]"),
    ("one never answered that came too late to win", false, "[w1] [w2] [s1>3 ?\n               [r3]"),
    ("three in a ring", false, "[w1  ]   [r2]\n [w2  ]     [r1]\n  [r1] [r2] [r1]"),
];

#[test]
fn small_histories_are_judged_as_a_reader_would() {
    for (name, explains, drawing) in TABLE {
        let history = parse(drawing).unwrap_or_else(|| panic!("{name}: {drawing}"));
        assert_eq!(register(&history).is_ok(), explains, "{name}:\n{drawing}");
        assert_eq!(brute(&history), explains, "{name}, by force:\n{drawing}");
    }
}
