use super::*;
use crate::client::Kind;
use crate::plan::{FOR_EVER, Fault, LISTS};
use rsm::raft::Time;

const LASTS: Duration = Duration::from_secs(5);

/// A busy seed of three nodes, one of whose disks forgets: no protocol survives that, so some rule breaks.
fn forgetful() -> Case {
    let cases = (0..).map(|seed| Case::new(seed, LASTS));
    let busy = cases.filter(|case| case.swarm.nodes == 3 && 20 < case.plan.len() && 2 < case.swarm.clients);
    let forget = |mut case: Case| {
        case.plan.push(Fault { at: Time(3_000 * MS), what: What::Rollback { node: 1, down: 10 * MS } });
        case
    };
    // Whose peer is down just then, or has written nothing since it began, forgets nothing.
    let mut found = busy.map(forget).filter(|case| case.run().broken.is_some_and(|broken| broken.rule == "R11"));
    found.next().expect("some seed has many faults")
}

#[test]
fn a_failing_seed_becomes_a_short_story_that_breaks_the_same_rule() {
    let found = minimize(&forgetful(), Duration::MAX, |_| Duration::ZERO).expect("a disk that forgets is found out");
    assert_eq!(found.rule, "R11");
    let text = found.scenario.to_string();
    assert!(found.scenario.events() <= 25 && 50 < found.before, "{} before: {text}", found.before);
    assert!(text.contains("disk 1 forgets for") || text.contains("disk 0 forgets for"), "{text}");
    let again = Scenario::parse(&text).expect("it is a story").play().expect_err("it breaks a rule");
    assert_eq!(again.broken.map(|violation| violation.rule), Some("R11"), "{text}");
    assert!(!text.contains(" loss ") && !text.contains(" double "), "nothing is left to the weather: {text}");
}

/// What it takes is a hundred calls, or five clients of a kind that changes nothing by itself.
#[test]
fn where_no_few_calls_break_the_rule_a_number_of_clients_does() {
    let is_such =
        |case: &Case| 10 < case.swarm.clients && case.swarm.lists != LISTS && case.swarm.kinds.contains(&Kind::Reader);
    let cases = (0..).map(|seed| Case::new(seed, LASTS)).filter(is_such);
    let calls =
        |scenario: &Scenario| scenario.moments.iter().filter(|(_, moment)| matches!(moment, Moment::Call(..))).count();
    let mut recorded =
        cases.map(|case| (case.recorded(), case)).filter(|(recorded, _)| 150 < calls(&recorded.scenario));
    let (recorded, case) = recorded.next().expect("some seed has many calls");
    let cause = || ("liveness".to_owned(), "no answer".to_owned());
    let breaks = |scenario: &Scenario| {
        let swarm = &scenario.head.swarm;
        (100 <= calls(scenario) || 5 <= swarm.clients && swarm.kinds.contains(&Kind::Reader)).then(cause)
    };
    let (patience, spent) = (Duration::from_secs(4_000), |runs: u32| Duration::from_secs(runs.into()));
    let (scenario, until) = (recorded.scenario.clone(), patience / 2);
    let search = Search { scenario, cause: cause(), runs: 0, calls_first: false, breaks, until, spent };
    let found = search.least(&case, &recorded, patience).expect("there is a story");
    let text = found.scenario.to_string();
    assert!(READABLE < found.before && (found.scenario.events(), found.of_ten) == (0, 10), "{text}");
    let swarm = &found.scenario.head.swarm;
    assert_eq!((swarm.clients, swarm.lists, swarm.kinds.len(), swarm.nodes), (5, LISTS, 2, 1), "{text}");
    assert_eq!(Scenario::parse(&text).as_ref().map(ToString::to_string), Ok(text));
}

#[test]
fn a_seed_that_breaks_no_rule_has_no_story() {
    assert_eq!(
        minimize(&Case::new(3, LASTS), Duration::MAX, |_| Duration::ZERO).map(|found| found.runs),
        Err(Whole::Holds)
    );
}

/// Ten crashes, each at its millisecond.
fn crashes() -> Scenario {
    let lines: Vec<String> = (0..10).map(|nth| format!("at {nth}ms crash {} for 9ms", nth % 3)).collect();
    Scenario::parse(&format!("cluster 3 seed 3 ties on\n{}\nrun to 80ms", lines.join("\n"))).expect("it is a story")
}

#[test]
fn what_is_less_but_breaks_another_rule_or_the_same_otherwise_is_another_story() {
    let has = |scenario: &Scenario, nth: u64| scenario.to_string().contains(&format!("at {nth}ms crash"));
    for other in [("R2", "two votes"), ("R20", "packets are not accounted for")] {
        let of = |(rule, sentence): (&str, &str)| (rule.to_owned(), sentence.to_owned());
        let cause = of(("R20", "faults are not accounted for"));
        // Two faults break it; one alone breaks another rule, or another sentence of it.
        let breaks = |scenario: &Scenario| {
            let broken = if has(scenario, 6) { cause.clone() } else { of(other) };
            has(scenario, 4).then_some(broken)
        };
        let (scenario, cause) = (crashes(), cause.clone());
        let mut search = Search {
            scenario,
            cause,
            runs: 0,
            calls_first: false,
            breaks,
            until: Duration::MAX,
            spent: |_| Duration::ZERO,
        };
        search.all();
        let text = "cluster 2 seed 3\nat 4ms crash 1 for 1ms\nat 6ms crash 0 for 1ms\nrun to ";
        assert!(search.scenario.to_string().starts_with(text), "{}", search.scenario);
    }
}

#[test]
fn a_search_that_is_over_keeps_what_it_has() {
    let cause = ("R1".to_owned(), "two lead".to_owned());
    let breaks = |_: &Scenario| Some(cause.clone());
    let (until, spent) = (Duration::from_secs(2), |runs: u32| Duration::from_secs(runs.into()));
    let (scenario, cause) = (crashes(), cause.clone());
    let mut search = Search { scenario, cause, runs: 0, calls_first: false, breaks, until, spent };
    search.all();
    // All ten at once; then it is asked of no call, of no packet, and of two nodes.
    assert_eq!((search.runs, search.scenario.events(), search.scenario.head.swarm.nodes), (3, 0, 1));
}

#[test]
fn a_node_is_left_out_with_all_that_names_it() {
    let text = "cluster 3 seed 3
at 1ms crash 1 for 9ms
at 2ms cut 0,2 <-> others for 9ms
at 3ms clog 1 -> 2 for 9ms
at 4ms propose a at 2
at 5ms drop next Vote from 0 to 2
run to 9ms";
    let mut scenario = Scenario::parse(text).expect("it is a story");
    scenario.leave_out(1);
    let left = "cluster 2 seed 3
at 2ms cut 0,1 <-> others for 9ms
at 4ms propose a at 1
at 5ms drop next Vote from 0 to 1
run to 9ms";
    assert_eq!(scenario.to_string(), left);
}

#[test]
fn names_are_given_in_the_order_in_which_they_come() {
    let text = "cluster 3 seed 3
at 1ms open s17 at 0
at 2ms propose v300 at 0 in s17 1
at 3ms propose v2 at 0 over v300 in s17 2
at 4ms propose v5 at 0 over nothing";
    let mut scenario = Scenario::parse(text).expect("it is a story");
    scenario.name_in_order();
    let named = "cluster 3 seed 3
at 1ms open s at 0
at 2ms propose a at 0 in s 1
at 3ms propose b at 0 over a in s 2
at 4ms propose c at 0 over nothing";
    assert_eq!(scenario.to_string(), named);
}

/// Half of it would be days, for which the calm would wait.
#[test]
fn what_lasts_for_ever_is_made_to_last_a_minute() {
    let mut moment = Moment::Fault(What::Stuck { node: 1, lasts: FOR_EVER });
    moment.shorten();
    assert_eq!(moment, Moment::Fault(What::Stuck { node: 1, lasts: 60_000 * MS }));
    moment.shorten();
    assert_eq!(moment, Moment::Fault(What::Stuck { node: 1, lasts: 30_000 * MS }));
}
