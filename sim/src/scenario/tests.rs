use super::*;
use crate::plan::Families;
use crate::run::{Case, Stop};
use std::collections::BTreeSet;
use std::time::Duration;

fn failure(script: &str) -> Option<Failed> {
    Scenario::parse(script).unwrap_or_else(|why| panic!("{why}")).play().err()
}

#[test]
fn a_line_that_is_none_is_told_with_its_number() {
    for (script, line, word) in [
        ("", "empty", "cluster"),
        ("cluster 9", "line 1", "seven"),
        ("cluster 3\n\nrun 5", "line 3", "`5`"),
        ("cluster 3 seeds 0", "line 1", "at least one"),
        ("cluster 3 clients 1001", "line 1", "1000"),
        ("cluster 3 clients 2 kinds reader", "line 1", "writer"),
        ("cluster 3 clients 2 kinds writer,baker", "line 1", "`baker`"),
        ("cluster 3 clients 2 rest 0.9ms", "line 1", "1ms"),
        ("cluster 3 clients 2 lists 0", "line 1", "255"),
        ("cluster 3 clients 2 lists 256", "line 1", "255"),
        ("cluster 3\ndance", "line 2", "`dance`"),
        ("cluster 3\ndrop next Vote form 1", "line 2", "`form`"),
        ("cluster 3\nheal all", "line 2", "too many"),
        ("cluster 3\ntell 0 to 1 Vote", "line 2", "`from`"),
        ("cluster 3\ntell 0 from 1 Veto", "line 2", "`Veto`"),
        ("cluster 3\ntell 0 from 1 Vote matched 3", "line 2", "`matched` is nothing that Vote says"),
        ("cluster 3\ntell 0 from 1 Vote term", "line 2", "too early"),
        ("cluster 3\ntell 0 from 1 Vote term 1 term 2", "line 2", "once"),
        ("cluster 3\ntell 0 from 1 Vote term 0.life", "line 2", "`0.life`"),
        ("cluster 3\nlie 0 from 1 Vote", "line 2", "`to`"),
        ("cluster 3\ntransfer 1", "line 2", "waits"),
    ] {
        let why = Scenario::parse(script).expect_err(script);
        assert!(why.contains(line) && why.contains(word), "{script}: {why}");
    }
}

#[test]
fn clients_of_their_own_are_as_many_as_the_head_says_and_of_these_kinds() {
    let script = "cluster 3 seed 1 clients 2 kinds writer,reader rest 5ms\nrun to 2000ms";
    let scenario = Scenario::parse(script).expect("it is a story");
    assert_eq!(scenario.to_string(), script);
    let asks = |script: &str| {
        let (mut asks, scenario) = (Vec::<usize>::new(), Scenario::parse(script).expect("it is a story"));
        let mut see = |line: &str| {
            let mut asked = (0..9).filter(|client| line.contains(&format!("{{\"client\":{client},")));
            asks.extend(asked.by_ref());
        };
        scenario.trace(&mut see).came.expect("it holds");
        asks.sort_unstable();
        asks.dedup();
        asks
    };
    assert_eq!(asks(script), [0, 1]);
    assert_eq!(asks("cluster 3 seed 1\nrun to 2000ms"), []);
}

#[test]
fn clients_of_their_own_share_four_lists_or_as_many_as_the_head_says() {
    let used = |option: &str| {
        let script = format!("cluster 3 seed 1 clients 4{option} kinds writer rest 5ms\nrun to 2000ms");
        let (mut used, scenario) = (BTreeSet::new(), Scenario::parse(&script).expect("it is a story"));
        assert_eq!(scenario.to_string(), script);
        let mut see = |line: &str| {
            let to = line.split(" to list ").skip(1).filter_map(|rest| rest.split('"').next());
            used.extend(to.map(|list| list.parse::<u8>().expect("a number")));
        };
        scenario.trace(&mut see).came.expect("it holds");
        used
    };
    assert_eq!(used(" lists 1"), BTreeSet::from([0]));
    assert_eq!(used(""), (0..4).collect());
    assert_eq!(used(" lists 16"), (0..16).collect());
}

#[test]
fn what_does_not_hold_fails_at_its_line() {
    let script = "cluster 3 seed 1 # a cluster\nrun until leader as L\npropose a at L -> ok\n";
    assert_eq!(failure(script), None);
    for (line, word) in [
        ("expect no leader", "NoLeader"),
        ("expect never L leads for 1T", "never"),
        ("expect L down within 3T", "Down"),
        ("propose b at L -> expired", "Ok"),
        ("read at L -> b", "saw"),
        ("pause X 1T", "X"),
        ("await b ok", "never proposed"),
        ("propose a at L", "another name"),
    ] {
        let failed = failure(&format!("{script}{line}")).unwrap_or_else(|| panic!("{line} holds"));
        assert!(4 <= failed.line && failed.why.contains(word), "{line}: {failed}");
    }
}

#[test]
fn a_story_with_many_seeds_fails_if_it_does_with_one_of_them_and_says_with_which() {
    let told = |seeds: &str| failure(&format!("cluster 3 {seeds}\nrun until leader as L\nexpect 0 leads"));
    let holds = |seed: u64| told(&format!("seed {seed}")).is_none();
    let last = (1..40).find(|&seed| holds(seed) && !holds(seed + 1)).expect("not all are alike");
    assert_eq!(told(&format!("seed {last} seeds 1")), None);
    let failed = told(&format!("seed {last} seeds 2")).expect("the second seed fails");
    assert!(failed.line == 3 && failed.why.ends_with(&format!("(with seed {})", last + 1)), "{failed}");
}

#[test]
fn a_fault_that_has_no_effect_fails_the_story() {
    for (first, again) in [
        ("crash 0", "crash 0"),
        ("kill 0", "kill 0"),
        ("run 1T", "restart 0"),
        ("kill 0\nrestart 0", "restart 0"),
        ("cut 0 -> 1", "cut 0 -> 1"),
        ("cut 0 <-> others", "cut others -> 0"),
    ] {
        let script = format!("cluster 3\nrun 1T\n{first}\n");
        assert_eq!(failure(&script), None, "{first}");
        let failed = failure(&format!("{script}{again}")).unwrap_or_else(|| panic!("{again} after {first} holds"));
        assert_eq!(failed.line, script.lines().count() + 1, "{failed}");
    }
}

/// What nobody has sent comes at once, over a link that is cut, says what the line says, and is one packet more.
#[test]
fn a_member_is_told_what_a_story_says_and_all_rules_stay_on() {
    let script = "cluster 3 seed 1\nrun until leader as L\nname A other-than L\nname B other-than L A\ncut B -> L\n";
    let told = |line: &str| failure(&format!("{script}tell L from B {line}\nrun 1ms\nexpect L is follower"));
    assert_eq!(told("AppendReply term L.term+1"), None, "of a later term");
    for line in ["AppendReply", "AppendReply term L.term-1", "AppendReply term L.term+1 life 1"] {
        assert_eq!(told(line).map(|failed| failed.line), Some(8), "{line} changes nothing");
    }
    assert_eq!(told("Heartbeat term L.term+1 extension 6").map(|failed| failed.line), Some(8), "a critical extension");
    assert_eq!(told("Heartbeat term L.term+1 extension 7"), None, "one to pass over");
    for line in ["Hello life 1", "Hello extension 6"] {
        assert_eq!(failure(&format!("{script}tell L from B {line}\nrun 20T")), None, "{line}: refused, and counted");
    }
    assert_eq!(failure(&format!("{script}run 1T\nkill L\ntell L from B Hello")).map(|failed| failed.line), Some(8));
    let (mut seen, text) = (Vec::new(), format!("{script}tell L from B AppendReply term 9\nrun 1ms\nexpect term 9"));
    let scenario = Scenario::parse(&text).expect("it is a story");
    scenario.trace(|line| seen.extend(arrival(line))).came.expect("it holds");
    assert!(seen.iter().any(|line| line.contains("AppendReply")), "{seen:?}");
    // A word that nobody has given, and that its receiver counts: it is found, unless he has to believe it.
    let wrong = "from A AppendReply matched L.last";
    let script = format!("{script}run 1T\nkill A\npropose a at L\nrun 2ms\n");
    let broken = |verb: &str| failure(&format!("{script}{verb} L {wrong}\nrun 2ms")).and_then(|failed| failed.broken);
    assert_eq!(broken("tell").map(|broken| broken.rule), Some("R7"));
    assert_eq!(broken("lie to"), None);
}

/// Who is left out of a story is named in no message either, nor in its numbers.
#[test]
fn who_is_left_out_of_a_story_tells_nobody_anything() {
    let of = |line: &str| {
        let text = format!("cluster 4\nat 1ms {line}");
        Scenario::parse(&text).expect("it is a story").moments.remove(0).1
    };
    for line in ["tell 1 from 0 Vote", "tell 0 from 1 Vote", "tell 0 from 2 Vote term 1.term"] {
        assert!(!of(line).leave_out(1), "{line}");
    }
    let mut moment = of("lie to 0 from 2 Vote term 3.term");
    assert!(moment.leave_out(1));
    assert_eq!(Words(&moment).to_string(), "lie to 0 from 1 Vote term 2.term");
}

/// A follower that loses power in a sync has what it had written, or has nothing of it, as the script says.
#[test]
fn what_a_crash_spares_is_the_scripts_if_it_says_so() {
    let left = |word: &str, seed: u64| {
        let script = format!(
            "cluster 3 seed {seed}\nrun until leader as L\nname A other-than L\nname B other-than L A\n\
             propose s at L -> ok\nrun 1T\nkill B\ncrash A at disk 1 {word}\npropose a at L\nrun until A down within 20T\nkill L\nrun 1T\nrestart A\nrestart B\n\
             run until leader as M within 60T\npropose z at M -> ok\nexpect M holds a"
        );
        failure(&script).is_none()
    };
    for seed in 1..=4 {
        assert!(left("keep", seed), "seed {seed}: the sync had not returned, and what was written is there");
        assert!(!left("lose", seed), "seed {seed}: nothing of it is");
    }
    let script = "cluster 3\nrun until leader as L\nname A other-than L\n";
    for line in ["disk A full 2T", "drain A\nrun until A down within 30T\nrestart A", "crash A tear"] {
        assert_eq!(failure(&format!("{script}{line}\nrun 5T")), None, "{line}");
    }
}

#[test]
fn a_story_says_which_marks_this_build_never_meets() {
    let line = |mark: &str| format!("cluster 3\nat 1ms when {mark} 1 crash for 30ms");
    let of = |mark: &str| Scenario::parse(&line(mark)).expect("it is a story").waits_in_vain_for();
    assert!(of("crash-of-a-leader").is_empty());
    assert_eq!(of("cut-durable").is_empty(), crate::marks::ARE_COUNTED);
}

const LASTS: Duration = Duration::from_secs(2);

#[test]
fn a_seed_that_is_written_down_is_read_as_it_was_written() {
    for seed in 0..60 {
        let scenario = Case::new(seed, LASTS).recorded().scenario;
        let read = Scenario::parse(&scenario.to_string()).unwrap_or_else(|why| panic!("{seed}: {why}"));
        assert_eq!(read.to_string(), scenario.to_string());
        assert!(read.moments == scenario.moments && read.head == scenario.head, "seed {seed}: {scenario}");
    }
}

/// What single packets met, too, and what no plan draws.
#[test]
fn every_moment_is_read_as_it_was_written() {
    for line in [
        "drop next Append from 0 to 1",
        "dup next Vote to 1 skip 2 by 3.5ms",
        "delay next Heartbeat by 300ms",
        "flip next AppendReply from 2 bit 300",
        "disk 1 forgets for 0.000001ms",
        "disk 1 rots 17 for 3ms",
        "disk 1 rots zeros 17 for 3ms",
        "disk 1 rots former 17 for 3ms",
        "disk 1 rots unreadable 17 for 3ms",
        "disk 1 full for 3ms",
        "disk 1 fails sync-names 0 for 3ms",
        "disk 1 fails sync-names 1 2 times for 3ms",
        "disk 1 full but 4096 for 3ms",
        "crash 1 at disk 3 for 3ms",
        "crash 1 at disk 3 tear for 3ms",
        "when cut-durable 3 crash-at-disk 2 for 30ms",
        "tell 1 from 0 Heartbeat",
        "tell 1 from 0 Append term 1.term+1 prev 0.last-2 prev-term 0.last-term entries 3 entry-term 2 commit 1.commit",
        "lie to 1 from 2 AppendReply track 18446744073709551615 conflict 2.snapshot conflict-term 0 extension 7 life 1",
        "read at 2",
        "propose b at 1 to 3 over a in s 9",
        "propose b at 1 in s 9 pad 700",
    ] {
        let text = format!("cluster 3 seed 1\nat 1.000001ms {line}");
        assert_eq!(Scenario::parse(&text).map(|scenario| scenario.to_string()), Ok(text));
    }
    for (line, word) in [
        ("at 1ms crash 3 for 1ms", "no node"),
        ("at 1ms read at 3", "no node"),
        ("at 1ms read 256 at 0", "no list"),
        ("at 1ms dance 1 for 1ms", "dance"),
        ("at 1ms tell 3 from 0 Heartbeat", "no node"),
        ("at 1ms tell 1 from 0 Heartbeat term 3.term", "no node"),
        ("at 1ms lie to A from 0 Heartbeat", "number"),
        ("at 1ms crash 1", "too early"),
        ("at 1.0000001ms crash 1 for 1ms", "time"),
        ("at 1ms open s at 0 now", "too many"),
        ("run to", "too early"),
    ] {
        let why = Scenario::parse(&format!("cluster 3\n{line}")).expect_err(line);
        assert!(why.starts_with("line 2: ") && why.contains(word), "{line}: {why}");
    }
}

/// The peers of a story meet the same as those of the seed, packet by packet, with no client that draws.
#[test]
fn a_seed_that_is_written_down_comes_to_the_same() {
    let (mut same, mut calls) = (0, 0);
    for seed in 0..16 {
        let mut case = Case::new(seed, LASTS);
        // Else a call counts as its client's, and comes before or behind others of its time; and all clients begin at once.
        (case.swarm.ties, case.swarm.clients) = (false, 1);
        case.swarm.weather.bandwidth = None; // the numbers that stand for values are shorter
        let Recorded { report, scenario, .. } = case.recorded();
        assert_eq!(report.hash, case.run().hash, "seed {seed}: writing down changes nothing");
        assert_eq!((scenario.head.swarm.clients, scenario.head.swarm.families), (0, Families::default()));
        calls += scenario.moments.iter().filter(|(_, moment)| matches!(moment, Moment::Call(..))).count();
        let (mut seen, mut told) = (Vec::new(), Vec::new());
        let _ = case.trace(Stop::default(), |line| seen.extend(arrival(line)));
        scenario.trace(|line| told.extend(arrival(line))).came.expect("it breaks no rule");
        seen.truncate(told.len());
        let differ = seen.iter().zip(&told).find(|(seen, told)| seen != told);
        assert!(differ.is_none() && seen.len() == told.len(), "seed {seed}: {differ:?}");
        same += told.len();
    }
    assert!(1_000 < same && 200 < calls, "{same} packets, {calls} calls");
}

/// When a packet arrives, where from, and what it carries.
fn arrival(line: &str) -> Option<String> {
    let (_, line) = line.split_once("\"at\":")?;
    line.contains("\"arrive\"").then(|| line.split(",\"digest\"").next().unwrap_or_default().to_owned())
}
