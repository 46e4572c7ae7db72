use super::*;
use crate::run::Case;
use std::collections::BTreeSet;

const SEEDS: u64 = 2_000;

/// The least and the most that any of these draws, in this order of its parts, corners aside.
fn range(of: impl Fn(&Swarm) -> u64) -> (u64, u64) {
    let all: BTreeSet<u64> = (0..SEEDS).map(|seed| of(&usual(seed))).collect();
    (*all.first().expect("there are some"), *all.last().expect("there are some"))
}

/// How many of these it holds of, corners aside.
fn count(holds: impl Fn(&Swarm) -> bool) -> u64 {
    (0..SEEDS).filter(|&seed| holds(&usual(seed))).count() as u64
}

fn ms(time: Duration) -> u64 {
    time.as_millis() as u64
}

#[test]
fn every_size_is_drawn_small_and_large() {
    let of = |size: fn(&Swarm) -> u64, least: u64, most: u64| {
        let (low, high) = range(size);
        assert!(low <= least && most <= high, "{low} to {high}, where {least} to {most} are to be met");
    };
    of(|swarm| swarm.nodes as u64, 1, 7);
    of(|swarm| ms(swarm.election), 51, 1_700);
    of(|swarm| (swarm.election.as_nanos() / swarm.heartbeat.as_nanos()) as u64, 3, 10);
    of(|swarm| ms(swarm.timeout), 250, 4_000);
    of(|swarm| swarm.snapshot_entries, 4, 800);
    of(|swarm| swarm.snapshot_bytes, 300, SNAPSHOT_BYTES);
    of(|swarm| swarm.segment_bytes, 128 << 10, 256 << 10);
    of(|swarm| swarm.sessions_max as u64, 4, 60);
    of(|swarm| swarm.clients as u64, 1, 31);
    of(|swarm| swarm.lists as u64, 1, 60);
    of(|swarm| swarm.rest / MS, 1, 200);
    of(|swarm| swarm.tickets as u64, 1, TICKETS as u64);
    of(|swarm| swarm.inbox as u64, 64, INBOX as u64);
    of(|swarm| swarm.disk_mean, MS / 40, 50 * MS);
    of(|swarm| swarm.drift_ppm as u64, 0, 50_000);
    of(|swarm| swarm.window as u64, 1, 60);
    of(|swarm| swarm.window_bytes as u64, 70, WINDOW_BYTES as u64);
    of(|swarm| swarm.entry_bytes as u64, 100, usize::MAX as u64);
    of(|swarm| swarm.append_bytes as u64, 70, 60 << 10);
    of(|swarm| swarm.cache_bytes as u64, 70, 60 << 10);
    of(|swarm| swarm.piece_bytes, 70, 60 << 10);
    of(|swarm| u64::from(swarm.pad), 0, 7 << 10);
    of(|swarm| swarm.pace, 1, 5);
    of(|swarm| swarm.weather.delay_mean, MS / 50, 20 * MS);
    of(|swarm| swarm.weather.spread, 1, 9);
    of(|swarm| swarm.weather.crowd_max.unwrap_or_default() as u64, 0, 30);
    of(|swarm| swarm.weather.bandwidth.unwrap_or_default(), 0, 1_800_000);
    let of_1000 = |ratio: fn(&Weather) -> Ratio, most: u64| {
        let (low, high) = range(|swarm| u64::from(ratio(&swarm.weather).of_1000()));
        assert!(low == 0 && most <= high, "{low} to {high}");
    };
    of_1000(|weather| weather.loss, 290);
    of_1000(|weather| weather.double, 190);
    of_1000(|weather| weather.replay, 190);
    of_1000(|weather| weather.flip, 9);
    of_1000(|weather| weather.truncate, 9);
    of_1000(|weather| weather.late, 3);
}

#[test]
fn a_seed_lasts_five_to_sixty_seconds_each_octave_as_often() {
    let octave = |seconds: std::ops::RangeInclusive<u64>| {
        (0..SEEDS).filter(|&seed| seconds.contains(&(lasts(seed).as_millis() as u64))).count()
    };
    let octaves = [5_000..=9_999, 10_000..=19_999, 20_000..=39_999, 40_000..=60_000].map(octave);
    assert_eq!(octaves.iter().sum::<usize>(), SEEDS as usize, "{octaves:?}");
    assert!(octaves[..3].iter().all(|times| (500..620).contains(times)), "{octaves:?}");
    let longest = octave(60_000..=60_000);
    assert!(longest < 5, "{longest} last for just as long as one may");
}

#[test]
fn clients_share_one_list_or_a_few_or_sixteen_and_more() {
    let [one, few, many] = [1..=2, 4..=4, 16..=64].map(|lists| count(|swarm| lists.contains(&swarm.lists)));
    assert!(one + few + many == SEEDS && [one, few, many].iter().all(|times| (600..740).contains(times)));
    assert_eq!(count(|swarm| swarm.lists == 2 && swarm.clients <= 16), 0);
}

#[test]
fn every_switch_is_on_in_some_seeds_and_off_in_others() {
    let switches: [fn(&Swarm) -> bool; 27] = [
        |swarm| swarm.powersafe,
        |swarm| !swarm.powersafe && swarm.sector == 4_096,
        |swarm| swarm.ties,
        |swarm| swarm.pre_vote,
        |swarm| swarm.check_quorum,
        |swarm| swarm.weather.is_fifo,
        |swarm| swarm.families.cuts,
        |swarm| swarm.families.clogs,
        |swarm| swarm.families.crashes,
        |swarm| swarm.families.blackouts,
        |swarm| swarm.families.pauses,
        |swarm| swarm.families.stuck,
        |swarm| swarm.families.broken,
        |swarm| swarm.families.wipes,
        |swarm| swarm.families.full,
        |swarm| swarm.families.leaps,
        |swarm| swarm.families.rot,
        |swarm| swarm.families.drains,
        |swarm| swarm.families.asides,
        |swarm| swarm.families.leaders,
        |swarm| swarm.families.rivals,
        |swarm| swarm.piece_bytes <= 512,
        |swarm| swarm.families.aimed,
        |swarm| swarm.families.slow,
        |swarm| swarm.is_control,
        |swarm| swarm.is_budgeted,
        |swarm| swarm.entry_bytes == usize::MAX,
    ];
    for (nth, switch) in switches.into_iter().enumerate() {
        let on = count(switch);
        assert!((80..SEEDS - 80).contains(&on), "switch {nth} is on in {on} of {SEEDS}");
    }
}

#[test]
fn every_kind_of_client_is_there_in_half_of_the_seeds_and_a_busy_one_in_all() {
    for kind in KINDS {
        let with = count(|swarm| swarm.kinds.contains(&kind));
        assert!((900..1_250).contains(&with), "{kind:?} in {with} of {SEEDS}");
    }
    assert_eq!(count(|swarm| !swarm.kinds.iter().any(|kind| kind.is_busy())), 0);
    assert_eq!(count(|swarm| swarm.is_control && swarm.kinds.contains(&Kind::Flooder)), 0);
}

/// Everything that can be switched on is on at once, now and then, and never in a control.
#[test]
fn all_that_goes_wrong_goes_wrong_at_once_in_some_seeds_and_nothing_in_others() {
    let is_all = |swarm: &Swarm| {
        let (on, weather) = (swarm.families, &swarm.weather);
        let families = on.cuts && on.clogs && on.crashes && on.wipes && on.rot && on.aimed && on.slow;
        families
            && weather.crowd_max.is_some()
            && weather.bandwidth.is_some()
            && 1 < weather.spread
            && weather.is_patchy == (weather.loss != Ratio::default())
    };
    let is_small = |swarm: &Swarm| {
        swarm.kinds == KINDS
            && swarm.tickets <= 8
            && swarm.inbox <= 1_024
            && swarm.entry_bytes <= 1_024
            && swarm.snapshot_bytes <= 32 << 10
    };
    assert!(80 < count(|swarm| is_all(swarm) && is_small(swarm)), "{}", count(is_all));
    let is_quiet = |swarm: &Swarm| {
        let fair = Weather {
            is_fifo: swarm.weather.is_fifo,
            ..Weather::fair(swarm.weather.delay_min, swarm.weather.delay_mean)
        };
        swarm.families == Families::default() && swarm.weather == fair && swarm.entry_bytes == usize::MAX
    };
    assert_eq!(count(|swarm| swarm.is_control && !is_quiet(swarm)), 0);
}

#[test]
fn in_some_seeds_peers_are_of_tomorrow_and_in_no_control_nor_among_liars() {
    let on = count(|swarm| swarm.tomorrow);
    assert!((200..500).contains(&on), "{on} of {SEEDS}");
    assert_eq!(count(|swarm| swarm.tomorrow && (swarm.is_control || 0 < swarm.liars)), 0);
}

#[test]
fn few_seeds_have_liars_and_no_control_has() {
    let lied = count(|swarm| 0 < swarm.liars);
    assert!((30..90).contains(&lied), "{lied} of {SEEDS}");
    assert!(8 < count(|swarm| 1 < swarm.liars) && 8 < count(|swarm| swarm.liars == 1));
    assert_eq!(count(|swarm| 0 < swarm.liars && (swarm.is_control || swarm.nodes < swarm.liars.max(2))), 0);
}

#[test]
fn where_somebody_lies_half_as_many_families_of_faults_are_on() {
    let on = |Families { cuts, clogs, crashes, blackouts, pauses, stuck, broken, wipes, .. }: Families| {
        [cuts, clogs, crashes, blackouts, pauses, stuck, broken, wipes].into_iter().filter(|&is_on| is_on).count()
    };
    let tenths = |is_lied_in: bool| {
        let all = (0..SEEDS).map(swarm).filter(|swarm| !swarm.is_control && is_lied_in == (0 < swarm.liars));
        let all: Vec<usize> = all.map(|swarm| on(swarm.families)).collect();
        all.iter().sum::<usize>() * 10 / all.len()
    };
    let (lied_in, others) = (tenths(true), tenths(false));
    assert!((17..26).contains(&lied_in) && (40..46).contains(&others), "{lied_in} and {others} tenths of eight");
}

#[test]
fn few_seeds_have_slow_disks_and_they_elect_all_the_same() {
    let is_slow = |swarm: &Swarm| 5 * MS < swarm.disk_mean;
    let slow = count(is_slow);
    assert!((150..300).contains(&slow), "{slow} of {SEEDS}");
    assert_eq!(count(|swarm| is_slow(swarm) && swarm.is_control), 0);
    let seeds = (0..SEEDS).filter(|&seed| 10 * MS < swarm(seed).disk_mean && swarm(seed).liars == 0);
    for seed in seeds.take(12) {
        let swarm = swarm(seed);
        assert!(swarm.disk_mean <= swarm.election.as_nanos() as u64 / 4, "seed {seed}");
        let report = Case { seed, swarm, plan: Vec::new(), lasts: Duration::from_secs(6), is_calmed: true }.run();
        assert!(report.broken.is_none() && 5 < report.sums.commits, "seed {seed}: {}", report.sums);
    }
}
