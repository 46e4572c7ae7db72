//! Five hundred clusters, each in a seed, with everything that can go wrong; and what shows that the checks bite.

use rsm::time::Time;
use rsm_sim::plan::{Families, Fault, MS, What, lasts, plan, swarm};
use rsm_sim::run::{Case, Report, run};
use rsm_sim::sums::Sums;
use std::time::Duration;

const LASTS: Duration = Duration::from_secs(5);

/// Runs seeds on both cores.
fn run_all(seeds: u64) -> Vec<Report> {
    let half =
        |odd: u64| (0..seeds).filter(move |seed| seed % 2 == odd).map(|seed| run(seed, LASTS)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let other = scope.spawn(move || half(1));
        let mut all = half(0);
        all.extend(other.join().expect("a run's panic is its report's"));
        all
    })
}

#[test]
fn five_hundred_seeds_break_no_rule_and_meet_every_kind_of_fault() {
    let reports = run_all(500);
    for report in &reports {
        assert_eq!(report.broken, None, "again: cargo run -p rsm-sim -- --seed {} --milliseconds 5000", report.seed);
    }
    let mut sums = Sums::default();
    reports.iter().for_each(|report| sums += report.sums);
    eprintln!("{sums}");
    let may_live = |report: &&Report| {
        let swarm = swarm(report.seed);
        swarm.is_budgeted && swarm.liars == 0
    };
    let asked = reports.iter().filter(may_live).count() as u64;
    assert_eq!(sums.calm + sums.unasked, asked, "each that may be asked to live is: {sums}");
    assert!(100 * sums.unasked <= asked, "{sums}");
    assert!(2_000 <= sums.elections, "{sums}");
    let mut commits: Vec<u64> = reports.iter().map(|report| report.sums.commits).collect();
    commits.sort_unstable();
    assert!(50 <= commits[commits.len() / 2], "the median seed commits {}", commits[commits.len() / 2]);
    let faults = [
        ("lost", sums.lost),
        ("doubled", sums.doubled),
        ("reordered", sums.reordered),
        ("flipped", sums.flipped),
        ("truncated", sums.truncated),
        ("crowded", sums.crowded),
        ("replayed", sums.replayed),
        ("foreign", sums.foreign),
        ("of another version", sums.other_versions),
        ("of tomorrow", sums.of_tomorrow),
        ("of unknown kinds", sums.unknown_kinds),
        ("from no member", sums.no_members),
        ("from a former life", sums.former_lives),
        ("of liars", sums.lies),
        ("cut off", sums.cut_off),
        ("cuts", sums.cuts),
        ("clogs", sums.clogs),
        ("crashes", sums.crashes),
        ("at disk", sums.at_disk),
        ("blackouts", sums.blackouts),
        ("lost bytes", sums.lost_bytes),
        ("torn", sums.torn),
        ("lost names", sums.lost_names),
        ("pauses", sums.pauses),
        ("stuck", sums.stuck),
        ("broken", sums.broken),
        ("failed syncs", sums.failed_syncs),
        ("slow", sums.slow),
        ("unread", sums.unread),
        ("full", sums.full),
        ("nearly full", sums.nearly_full),
        ("wipes", sums.wipes),
        ("leaps", sums.leaps),
        ("drained", sums.drained),
        ("asides", sums.asides),
        ("at the leader", sums.at_leader),
        ("calm phases", sums.calm),
        ("reads", sums.reads),
        ("swapped", sums.swapped),
        ("unknown", sums.unknown),
        ("expired", sums.expired),
        ("refused", sums.refused),
        ("too large", sums.too_large),
        ("witnessed", sums.witnessed),
    ];
    assert!(30 <= sums.at_start, "power that fails in a start: {sums}");
    let seldom = [
        ("failed writes", sums.failed_writes),
        ("failed reads", sums.failed_reads),
        ("failed creates", sums.failed_creates),
        ("failed renames", sums.failed_renames),
        ("failed removals", sums.failed_removals),
        ("failed syncs of names", sums.failed_name_syncs),
        ("stuck for ever", sums.stuck_for_ever),
        ("rotten logs", sums.rotten),
        ("rotten snapshots", sums.rotten_snapshots),
        ("zeroed sectors", sums.zeroed),
        ("former sectors", sums.reverted),
        ("disks read in part", sums.unreadable),
        ("beyond what may be lost", sums.beyond_budget),
        ("lost renames", sums.lost_renames),
    ];
    for (kind, times) in seldom {
        assert!(15 <= times, "{kind}: {times} times only; {sums}");
    }
    for (kind, times) in faults {
        assert!(100 <= times, "{kind}: {times} times only; {sums}");
    }
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in [3, 8, 21] {
        let (once, again) = (run(seed, LASTS), run(seed, LASTS));
        assert_eq!((once.hash, once.sums), (again.hash, again.sums), "seed {seed}");
    }
    assert_ne!(run(3, LASTS).hash, run(4, LASTS).hash);
}

#[test]
fn a_fault_less_leads_to_another_run() {
    let mut case = Case::new(5, LASTS);
    case.swarm.families = Families { crashes: true, cuts: true, ..Families::default() };
    case.plan = plan(5, &case.swarm, Time::ZERO.after(LASTS));
    let whole = case.run();
    case.plan.remove(0);
    assert_ne!(whole.hash, case.run().hash);
}

/// A disk that forgets what it had made durable is beyond every promise: some rule must break, and say so.
#[test]
fn a_disk_that_forgets_is_found_out() {
    let mut found = 0;
    for seed in 0..10 {
        let mut case = Case::new(seed, LASTS);
        (case.swarm.nodes, case.swarm.families) = (3, Families::default());
        case.plan = vec![Fault { at: Time(3_000 * MS), what: What::Rollback { node: 1, down: 10 * MS } }];
        let report = case.run();
        found += u64::from(report.broken.is_some_and(|violation| violation.rule == "R11"));
    }
    assert_eq!(found, 10);
}

/// One seed stands in what newcomers read first: its run is worth looking at, whatever is drawn by then.
#[test]
fn the_seed_that_is_shown_to_newcomers_has_something_to_show() {
    let texts = [
        include_str!("../../README.md"),
        include_str!("../../docs/verification.md"),
        include_str!("../src/options.rs"),
    ];
    let said = texts.iter().flat_map(|text| text.split("cargo sim --seed ").skip(1));
    let numbers = said.filter_map(|rest| rest.split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok());
    let seeds: Vec<u64> = numbers.collect();
    assert!(5 < seeds.len() && seeds.iter().all(|seed| *seed == seeds[0]), "{seeds:?}: one seed, everywhere");
    // As it is drawn, since none of these commands says how long it is to last; and short, for who reads all of it.
    let drawn = lasts(seeds[0]);
    assert!(drawn <= 3 * LASTS, "seed {} lasts for {drawn:?}", seeds[0]);
    let sums = run(seeds[0], drawn).sums;
    let least = [(sums.steps, 5_000), (sums.elections, 2), (sums.commits, 50), (sums.cuts, 3), (sums.crashes, 3)];
    assert!(least.iter().all(|(times, least)| least <= times), "seed {}: {sums}", seeds[0]);
}
