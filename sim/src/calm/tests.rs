use super::spared::{Frozen, outside};
use super::*;
use crate::client::{Kind, Of};
use crate::lists::Lists;
use crate::mutants::cause;
use crate::plan::{Families, INBOX, Swarm, TICKETS, What, swarm};
use rsm::raft::invariants::Violation;
use std::sync::Arc;

#[test]
fn clients_do_not_ask_who_may_never_answer() {
    for seed in 0..10 {
        let mut swarm = swarm(seed);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(seed);
        let mut world = World::new(seed, swarm, Vec::new(), &time);
        time.run_until(Time(3_000 * MS), &mut world);
        assert!(world.apply(What::Wipe { node: 1, down: MS }));
        time.run_until(Time(3_100 * MS), &mut world);
        let go: Go<'_> = &mut |_, _| true;
        let mut phase = Phase::new(&time, &mut world, go, 0);
        phase.draw_core();
        assert_eq!(world.spoken_to, Some(BTreeSet::from([0, 2])), "seed {seed}");
    }
}

/// A first formation needs all who are awaited: one whose disk was found damaged attests nobody.
#[test]
fn who_can_never_be_born_is_asked_for_nothing() {
    let core = |at: u64| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(at), &mut world);
        world.nodes[2].kill();
        world.nodes[2].is_refused = true;
        let go: Go<'_> = &mut |_, _| true;
        let mut phase = Phase::new(&time, &mut world, go, 0);
        phase.draw_core();
        phase.core
    };
    assert_eq!(core(5), BTreeSet::new(), "nobody was born before");
    assert_eq!(core(3_000 * MS), BTreeSet::from([0, 1]));
}

#[test]
fn in_half_of_the_phases_who_is_outside_the_core_babbles_where_that_is_allowed() {
    let seeds = 0..2_000;
    let drawn = |may_babble, is_one_stranded| {
        let of = |seed| outside(&mut stream(seed, Purpose::Calm, 1), 3, may_babble, is_one_stranded);
        seeds.clone().map(of).collect::<Vec<_>>()
    };
    let times = |all: &[(u64, Frozen)], is: Frozen| all.iter().filter(|&&(some, mode)| 0 < some && mode == is).count();
    let modes = [Frozen::Babbling, Frozen::Down, Frozen::Cut, Frozen::Stuck];
    let all = drawn(true, false);
    let [babbling, others @ ..] = modes.map(|mode| times(&all, mode));
    assert!((900..1_100).contains(&babbling) && others.iter().all(|&times| 80 < times), "{babbling}, {others:?}");
    assert_eq!(all.iter().map(|(some, _)| *some).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2, 3]));
    let silent = drawn(false, false);
    let [babbling, others @ ..] = modes.map(|mode| times(&silent, mode));
    assert!(babbling == 0 && others.iter().all(|&times| 180 < times), "{babbling}, {others:?}");
    // Who is left out then is one who would have told the others.
    let stranded = drawn(false, true);
    let [babbling, down, cut, stuck] = modes.map(|mode| times(&stranded, mode));
    assert!(babbling + stuck == 0 && down + cut == seeds.count(), "{babbling}, {down}, {cut}, {stuck}");
}

/// Whether one leads throughout, and whether a rule is broken: three nodes lose so much, or their leader is cut off.
fn quiet(loss: Ratio, is_cut: bool) -> (bool, bool) {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families) = (3, Families::default());
    let (t_max, weather) = (swarm.election.as_nanos() as u64 * 2, Weather { loss, ..swarm.weather });
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(3_000 * MS), &mut world);
    world.rests_since = Some(world.now);
    time.run_until(Time(6_000 * MS), &mut world);
    world.net.heal(weather);
    assert!(!is_cut || world.apply(What::Cut { shape: Shape::Leader, lasts: QUIET * t_max }));
    let go: Go<'_> = &mut |time, world| time.step(world).is_some();
    let mut phase = Phase::new(&time, &mut world, go, t_max);
    phase.core = BTreeSet::from([0, 1, 2]);
    let lead = phase.lead();
    phase.be_quiet();
    (lead.is_some() && phase.lead() == lead, world.is_broken())
}

#[test]
fn another_leads_only_where_heartbeats_are_lost() {
    assert_eq!(quiet(Ratio::default(), false), (true, false));
    assert_eq!(quiet(Ratio::new(9, 10), false), (false, false), "lost in a row");
    assert_eq!(quiet(Ratio::default(), true), (false, true));
}

/// What a phase has come to once this has happened at three nodes of which one leads.
fn parted(happens: fn(&mut Phase<'_>) -> Option<()>, then: impl FnOnce(&mut Phase<'_>)) {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.families, swarm.tickets) = (3, Families::default(), TICKETS);
    (swarm.election, swarm.heartbeat) = (Duration::from_millis(80), Duration::from_millis(20));
    (swarm.weather, swarm.snapshot_entries, swarm.piece_bytes) = (Weather::fair(MS / 10, MS / 10), 4, 64);
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(2_000 * MS), &mut world);
    let go: Go<'_> = &mut |time, world| !world.is_broken() && time.step(world).is_some();
    let mut phase = Phase::new(&time, &mut world, go, 168 * MS);
    happens(&mut phase).expect("no rule is broken");
    then(&mut phase);
}

#[test]
fn the_longer_log_and_the_later_term_are_in_a_core_that_needs_both() {
    parted(
        |phase| phase.outgrow(),
        |phase| {
            let parted = phase.parted.expect("another was elected");
            phase.draw_core();
            let last = |id: usize| phase.world.nodes[id].look(|core, _| core.log().last()).expect("it is up");
            let other = 3 - parted.stays - parted.leaves;
            assert_eq!(phase.core, BTreeSet::from([parted.stays, other]));
            let (long, late) = (last(parted.stays), last(other));
            assert!(late.index < long.index && long.term < late.term, "{long:?} {late:?}");
        },
    );
}

#[test]
fn who_is_brought_half_of_a_snapshot_is_needed_by_those_who_have_an_older_one() {
    parted(
        |phase| phase.die_half_way(),
        |phase| {
            let parted = phase.parted.expect("it was brought");
            phase.draw_core();
            let other = 3 - parted.stays - parted.leaves;
            assert_eq!((&phase.core, &phase.slow), (&BTreeSet::from([parted.stays, other]), &vec![other]));
            let log = |id: usize| {
                let of = |core: &Consensus, _: &Role| (core.log().last(), core.log().base(), core.log().snapshot());
                phase.world.nodes[id].look(of).expect("it is up")
            };
            let ((last, ..), (_, base, older)) = (log(parted.stays), log(other));
            assert!(last.index < base.index && base.index <= older.index, "{last:?} {base:?} {older:?}");
            let is_slow = |id: usize| phase.world.now < phase.world.nodes[id].slow_until;
            assert!(is_slow(other) && !is_slow(parted.stays));
            phase.world.go_on(other);
            assert!(phase.world.nodes[other].slow_until <= phase.world.now && !phase.world.is_broken());
        },
    );
}

/// Whether whoever led is gone by itself, and the others have all; or what is said if nothing of it reaches who came back.
#[test]
fn who_leads_and_can_read_nothing_ends_or_brings_it_from_memory() {
    let told = |is_cut: bool, is_kept_from: bool| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.families, swarm.cache_bytes) = (3, Families::default(), 64);
        (swarm.election, swarm.heartbeat) = (Duration::from_millis(80), Duration::from_millis(20));
        (swarm.weather, swarm.snapshot_entries) = (Weather::fair(MS / 10, MS / 10), if is_cut { 4 } else { 1_000 });
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(2_000 * MS), &mut world);
        let go: Go<'_> = &mut |time, world| {
            let unread = world.nodes.iter().position(|node| node.is_unreadable).filter(|_| is_kept_from);
            unread.into_iter().flat_map(|id| Shape::Isolate(id).links(3, None)).for_each(|(from, to)| {
                world.net.cut(from, to, Time::MAX);
            });
            !world.is_broken() && time.step(world).is_some()
        };
        let mut phase = Phase::new(&time, &mut world, go, 168 * MS);
        phase.core = BTreeSet::from([0, 1, 2]);
        let holds = phase.leave_unread(is_cut).is_some();
        let others = phase.core.len();
        assert_eq!(world.sums.unreadable, 1);
        let gone = world.nodes.iter().filter(|node| node.process.is_none()).count();
        let check = world.check.lock();
        (holds, others, gone, check.broken().map(cause).map(|(_, sentence)| sentence).unwrap_or_default())
    };
    for is_cut in [false, true] {
        assert_eq!(told(is_cut, false), (true, 2, 1, String::new()));
        let (holds, _, gone, what) = told(is_cut, true);
        assert_eq!((holds, gone), (false, 0));
        assert!(what.starts_with("no log that all have applied, nor an end"), "{what}");
    }
}

#[test]
fn in_one_phase_of_three_one_disk_is_slower_and_elects_all_the_same() {
    let mut slow = Vec::new();
    for seed in 0..60 {
        let mut swarm = swarm(seed);
        (swarm.nodes, swarm.families) = (3, Families::default());
        let (most, time) = (swarm.election.as_nanos() as u64 / 8, VirtualTime::new(seed));
        let mut world = World::new(seed, swarm, Vec::new(), &time);
        let go: Go<'_> = &mut |_, _| true;
        let mut phase = Phase::new(&time, &mut world, go, 0);
        phase.core = BTreeSet::from([0, 2]);
        phase.slow_a_disk();
        slow.extend(world.slow_disk.map(|(id, mean)| (id, mean <= most.min(DISK))));
    }
    assert!((10..32).contains(&slow.len()) && slow.iter().all(|&(id, is_fast)| id != 1 && is_fast), "{slow:?}");
}

/// What is asked of a core.
type Ask = fn(&mut Phase<'_>) -> Option<()>;

/// What happens to it before.
type Happens = fn(&mut Phase<'_>);

/// The rule that is broken, and in which words, of three nodes to which nothing but this has happened, once this is asked of
/// them.
fn broken_rule(happens: Happens, ask: Ask) -> Option<(String, String)> {
    violation(happens, ask).as_ref().map(cause)
}

/// The same, whole.
fn violation(happens: Happens, ask: Ask) -> Option<Violation> {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.clients, swarm.families) = (3, 3, Families::default());
    (swarm.election, swarm.heartbeat) = (Duration::from_millis(40), Duration::from_millis(10));
    (swarm.weather, swarm.rest) = (Weather::fair(MS / 10, MS / 10), 10 * MS);
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(2_000 * MS), &mut world);
    let go: Go<'_> = &mut |time, world| !world.is_broken() && time.step(world).is_some();
    let mut phase = Phase::new(&time, &mut world, go, 84 * MS);
    phase.core = BTreeSet::from([0, 1, 2]);
    happens(&mut phase);
    ask(&mut phase);
    let check = world.check.lock();
    check.broken().cloned()
}

/// The sentence of liveness that is broken so.
fn broken(happens: Happens, ask: Ask) -> Option<String> {
    broken_rule(happens, ask).filter(|(rule, _)| rule == "liveness").map(|(_, sentence)| sentence)
}

/// What is asked of them here is judged as what clients ask: a read from before what somebody was told of, a call that is
/// given up too early, and one that is answered too late.
#[test]
fn r17_r21_what_each_peer_is_asked_in_a_calm_phase() {
    let foretold: Happens = |phase| {
        be_still(phase);
        let (answers, check) = (&mut phase.world.answers, &mut phase.world.check.lock());
        let call = answers.opened(0);
        answers.resolved(check, call, u64::MAX);
        answers.answered(check, call, Of::Change(None), 1 << 40);
    };
    // Their own patience is another one than this.
    let hasty: Happens = |phase| {
        mute(phase);
        be_patient(phase, Duration::from_secs(60));
    };
    let tardy: Happens = |phase| {
        mute(phase);
        be_patient(phase, Duration::ZERO);
    };
    for ask in [(|phase| phase.be_asked()) as Ask, |phase| phase.drain()] {
        let rule = |happens| broken_rule(happens, ask).map(|(rule, _)| rule);
        assert_eq!((rule(be_still), rule(foretold)), (None, Some("R17".to_owned())));
    }
    let propose: Ask = |phase| {
        phase.propose(Some(0));
        phase.rest()
    };
    assert_eq!(broken_rule(be_still, propose), None);
    // Who was told to end may give up whatever it was asked for, at any time.
    let calls: [(Happens, Ask); 3] =
        [(hasty, |phase| phase.be_asked()), (hasty, propose), (tardy, |phase| phase.drain())];
    let rules = calls.map(|(happens, ask)| broken_rule(happens, ask).map(|(rule, _)| rule));
    assert_eq!(rules, [(); 3].map(|()| Some("R21".to_owned())));
}

/// What an election has taken is not there again for the first commit.
#[test]
fn the_time_for_a_leader_and_that_for_a_commit_are_one() {
    let overdue: Happens = |phase| {
        cut_all(phase);
        wait(phase);
        phase.since = Time(phase.time.now().0 - phase.hard());
    };
    for ask in [(|phase| phase.be_led()) as Ask, |phase| phase.commit_beyond(phase.committed())] {
        let told = violation(overdue, ask).map(|violation| violation.what).unwrap_or_default();
        assert!(told.contains("among {0, 1, 2} within 0 ms: "), "{told}");
    }
}

fn nothing(_: &mut Phase<'_>) {}

fn wait(phase: &mut Phase<'_>) {
    phase.pass(Time(phase.time.now().0 + 1_000 * MS)).expect("nothing is broken yet");
}

fn be_still(phase: &mut Phase<'_>) {
    phase.world.rests_since = Some(phase.world.now);
    wait(phase);
}

fn mute(phase: &mut Phase<'_>) {
    be_still(phase);
    cut_all(phase);
}

/// Whoever judges takes this for the time after which a call is given up.
fn be_patient(phase: &mut Phase<'_>, timeout: Duration) {
    phase.world.swarm = Arc::new(Swarm { timeout, ..(*phase.world.swarm).clone() });
}

fn cut_all(phase: &mut Phase<'_>) {
    (0..3).for_each(|node| phase.cut(3, &Shape::Isolate(node)));
}

fn cut_a_follower(phase: &mut Phase<'_>) {
    let leader = phase.world.leader();
    let follower = (0..3).find(|&node| leader != Some(node)).expect("there are two");
    phase.cut(3, &Shape::Isolate(follower));
    wait(phase);
}

#[test]
fn more_than_one_in_a_hundred_that_is_late_is_too_many() {
    let are_late = |late: Calm| {
        let mut calms = Calms::default();
        let (led, fresh, allowed) = (ROUNDS * PARTS, FRESH * PARTS, 9 * PARTS);
        (0..199).for_each(|_| calms.add(Calm { led, fresh, caught_up: allowed, allowed }));
        calms.add(late);
        let one = calms.are_late();
        (0..2).for_each(|_| calms.add(late));
        (one, calms.are_late())
    };
    let none = Calm { led: 0, fresh: 0, caught_up: 0, allowed: 9 };
    assert_eq!(are_late(none), (false, false));
    assert_eq!(are_late(Calm { led: ROUNDS * PARTS + 1, ..none }), (false, true));
    assert_eq!(are_late(Calm { fresh: FRESH * PARTS + 1, ..none }), (false, true));
    assert_eq!(are_late(Calm { caught_up: 10, ..none }), (false, true));
}

#[test]
fn each_sentence_of_liveness_is_broken_by_a_cluster_that_does_not_live_so() {
    let leaderless: Happens = |phase| {
        cut_all(phase);
        wait(phase);
    };
    let strangers: Happens = |phase| {
        let leader = phase.world.leader().expect("one leads");
        phase.core.remove(&leader);
    };
    let impatient: Happens = |phase| {
        cut_a_follower(phase);
        phase.t_max *= 10;
    };
    let struck: Happens = |phase| {
        be_still(phase);
        assert!(phase.world.apply(What::Cut { shape: Shape::Leader, lasts: QUIET * phase.t_max }));
    };
    let stormy: Happens = |phase| {
        be_still(phase);
        phase.t_max *= 20;
        phase.world.net.heal(Weather { loss: Ratio::new(1, 2), ..Weather::fair(MS / 10, MS / 10) });
    };
    let (led, rest, asked, quiet): (Ask, Ask, Ask, Ask) =
        (|phase| phase.be_led(), |phase| phase.rest(), |phase| phase.be_asked(), |phase| phase.be_quiet());
    let commit: Ask = |phase| phase.commit_beyond(phase.committed());
    let equal: Ask = |phase| phase.agree("log", CATCH_UP);
    let end: Ask = |phase| phase.drain();
    let (born, say): (Ask, Ask) =
        (|phase| phase.be_born(), |phase| phase.say_what_they_wait_for(&[1, 2, 1], &BTreeSet::from([0, 2])));
    let still: Happens = |phase| {
        be_still(phase);
        assert!(phase.world.apply(What::Pause { node: 1, lasts: 9_000 * MS }));
    };
    let unborn: Happens = |phase| {
        assert!(phase.world.apply(What::Wipe { node: 1, down: MS }));
        wait(phase);
    };
    let silent: Happens = |phase| {
        assert!(phase.world.apply(What::Wipe { node: 1, down: MS }));
        wait(phase);
        phase.world.check.lock().forget_what_is_said(NodeId(1));
    };
    let crowded: Happens = |phase| {
        let process = phase.world.nodes[0].process.as_ref().expect("it runs");
        (0..2 * TICKETS.max(INBOX)).for_each(|_| process.peer.read_then(|_: &Lists| (), |_| ()));
    };
    // A call of a client that waits for the answer to another one alone.
    let owing: Happens = |phase| _ = phase.world.answers.opened(0);
    // All is applied that is there: more was to be, by now.
    let behind: Happens = |phase| {
        be_still(phase);
        (phase.behind.0, phase.late) = (u64::MAX, phase.time.now());
    };
    let all: [(Happens, Ask, &str); 16] = [
        (leaderless, led, "no leader of their own that all know among"),
        (strangers, led, "no leader of their own that all know among"),
        (unborn, born, "no birth of all among"),
        (silent, say, "waits to be born, and says Waits"),
        (mute, commit, "no fresh commit among"),
        (leaderless, rest, "no answer to every call among"),
        (owing, rest, "no answer to every call among"),
        (impatient, asked, "no answer of each peer for itself among"),
        (cut_a_follower, asked, "a read was given up where nobody was elected"),
        // It is refused at once, and told so at once.
        (crowded, asked, "a read was given up where nobody was elected"),
        (cut_a_follower, equal, "no log among"),
        (behind, commit, "not applied in time by all of"),
        (struck, quiet, "another leads where all was quiet"),
        (stormy, quiet, "were elected where all was quiet"),
        (nothing, quiet, "packets without end"),
        (still, end, "no end of all who were told to end within"),
    ];
    for (happens, ask, sentence) in all {
        let told = broken(happens, ask).unwrap_or_default();
        assert!(told.starts_with(sentence), "{told:?} instead of {sentence:?}");
    }
    for ask in [born, led, commit, rest, asked, equal, quiet, say, end] {
        assert_eq!(broken(be_still, ask), None);
    }
    assert_eq!(broken(unborn, say), None);
    // Of one who gives up before an answer can come nothing is wanted: the same as above, but for the time.
    let hurried: Happens = |phase| {
        cut_a_follower(phase);
        phase.t_max *= 10;
        be_patient(phase, Duration::from_millis(70));
    };
    assert_eq!(broken(hurried, asked), None);
    // Who is no part of the core may owe an answer for as long as it likes.
    let elsewhere: Happens = |phase| {
        phase.core.remove(&2);
        phase.world.answers.opened(2);
    };
    assert_eq!(broken(elsewhere, rest), None);
}

/// Who is brought a snapshot may take longer than others, and excuses nobody else.
#[test]
fn what_is_not_applied_in_time_is_excused_while_one_of_the_core_is_brought_a_snapshot() {
    let told = |is_of_the_core: bool| {
        let mut swarm = swarm(3);
        (swarm.nodes, swarm.clients, swarm.families) = (3, 3, Families::default());
        (swarm.election, swarm.heartbeat) = (Duration::from_millis(40), Duration::from_millis(10));
        (swarm.weather, swarm.rest, swarm.snapshot_entries) = (Weather::fair(MS / 10, MS / 10), MS, 4);
        let time = VirtualTime::new(3);
        let mut world = World::new(3, swarm, Vec::new(), &time);
        time.run_until(Time(2_000 * MS), &mut world);
        let go: Go<'_> = &mut |time, world| !world.is_broken() && time.step(world).is_some();
        let mut phase = Phase::new(&time, &mut world, go, 84 * MS);
        let leader = phase.world.leader().expect("one leads");
        let behind = (leader + 1) % 3;
        phase.cut(3, &Shape::Isolate(behind));
        wait(&mut phase);
        phase.world.net.mend_links();
        phase.core = BTreeSet::from([0, 1, 2]);
        while phase.who_is_brought_a_snapshot() != Some(behind) {
            phase.pass(Time(phase.time.now().0 + 1)).expect("nothing is broken yet");
        }
        if !is_of_the_core {
            phase.core.remove(&behind);
        }
        (phase.behind.0, phase.late) = (u64::MAX, phase.time.now());
        phase.until(0, "end", |_| false);
        let check = world.check.lock();
        check.broken().map(cause).map(|(_, sentence)| sentence).unwrap_or_default()
    };
    assert!(told(true).starts_with("no end among"), "{}", told(true));
    assert!(told(false).starts_with("not applied in time by all of"), "{}", told(false));
}

/// Each opens a session, anew once it is given up: so fast that, were all of it placed, what a small window carries would be
/// given up before its turn comes.
#[test]
fn all_are_answered_whose_entries_are_more_than_a_small_window_carries_in_time() {
    let mut swarm = swarm(3);
    (swarm.nodes, swarm.clients, swarm.families) = (3, 32, Families::default());
    (swarm.kinds, swarm.rest) = (vec![Kind::Writer, Kind::Flooder], MS);
    (swarm.election, swarm.heartbeat) = (Duration::from_millis(1_000), Duration::from_millis(250));
    (swarm.timeout, swarm.weather) = (Duration::from_millis(400), Weather::fair(7 * MS, 27 * MS));
    (swarm.window, swarm.window_bytes, swarm.append_bytes) = (30, 70, 64);
    let time = VirtualTime::new(3);
    let mut world = World::new(3, swarm, Vec::new(), &time);
    time.run_until(Time(5_000 * MS), &mut world);
    let go: Go<'_> = &mut |time, world| !world.is_broken() && time.step(world).is_some();
    let mut phase = Phase::new(&time, &mut world, go, 2_106 * MS);
    phase.core = BTreeSet::from([0, 1, 2]);
    phase.rest();
    assert_eq!(world.check.lock().broken().map(cause), None);
}
