use super::*;
use crate::aim::{Act, Aim};
use bytes::Bytes;

/// What all packets weigh here.
const LEN: usize = 100;

fn weather(loss: u32, double: u32) -> Weather {
    let (loss, double) = (Ratio::new(loss, 100), Ratio::new(double, 100));
    Weather { loss, double, ..Weather::fair(10, 100) }
}

#[test]
fn a_packets_fate_does_not_depend_on_other_links() {
    let run = |busy: bool| {
        let mut net = Net::new(7, 3, weather(30, 30));
        (0..100).for_each(|at| {
            if busy {
                net.send(1, 2, Time(at), LEN);
            }
        });
        (0..50).map(|at| net.send(0, 1, Time(at), LEN)).collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_cut_is_one_way_and_ends() {
    let mut net = Net::new(7, 2, weather(0, 0));
    net.cut(0, 1, Time(100));
    assert_eq!(net.send(0, 1, Time(99), LEN), [None, None]);
    assert!(net.send(1, 0, Time(99), LEN)[0].is_some());
    assert!(net.send(0, 1, Time(100), LEN)[0].is_some());
}

#[test]
fn what_is_clogged_arrives_after_the_clog() {
    let mut net = Net::new(7, 2, weather(0, 0));
    net.clog(0, 1, Time(1_000));
    let copy = net.send(0, 1, Time(5), LEN)[0].expect("not lost");
    assert!(Time(1_000) < copy.at);
}

#[test]
fn every_packet_is_accounted_for() {
    let mut net = Net::new(9, 2, weather(20, 20));
    let copies: u64 = (0..1_000).map(|at| net.send(0, 1, Time(at), LEN).iter().flatten().count() as u64).sum();
    let traffic = net.traffic;
    assert_eq!(traffic.sent + traffic.doubled, copies + traffic.lost + traffic.cut);
    assert!(100 < traffic.lost && 100 < traffic.doubled);
}

/// Packets of which all are sent at once, and how they arrive, in order of time.
fn arrivals(weather: Weather, packets: u64) -> (Net, Vec<Copy>) {
    let mut net = Net::new(9, 2, weather);
    let mut copies: Vec<Copy> = (0..packets).flat_map(|_| net.send(0, 1, Time(0), LEN)).flatten().collect();
    copies.sort_by_key(|copy| (copy.at, copy.copy));
    let mut delivered = copies.clone();
    delivered.retain(|&copy| net.arrive(0, 1, copy, true));
    (net, delivered)
}

#[test]
fn of_too_many_on_their_way_some_are_lost_whichever() {
    let (net, delivered) = arrivals(Weather { crowd_max: Some(10), ..weather(0, 20) }, 1_000);
    let Traffic { sent, doubled, crowded, .. } = net.traffic;
    assert_eq!((delivered.len() as u64, sent + doubled), (10, 10 + crowded));
    assert!(delivered.iter().any(|copy| copy.number < 990), "not the newest alone: {delivered:?}");
}

#[test]
fn a_narrow_link_lets_one_packet_through_after_the_other_and_keeps_few_waiting() {
    let bandwidth = Some(1_000 * LEN as u64);
    let (net, delivered) = arrivals(Weather { bandwidth, ..Weather::fair(0, 0) }, 5_000);
    let at: Vec<u64> = delivered.iter().map(|copy| copy.at.0 / MS).collect();
    assert_eq!(at, (1..=1_001).collect::<Vec<_>>(), "a packet each millisecond, for as long as any may wait");
    assert_eq!(net.traffic.crowded, 3_999);
}

#[test]
fn order_is_kept_where_the_weather_keeps_it() {
    let of = |is_fifo| arrivals(Weather { is_fifo, ..weather(0, 0) }, 100).0.traffic.reordered;
    assert!(of(true) == 0 && 20 < of(false));
}

#[test]
fn links_are_as_slow_as_their_own_factor_says() {
    let mut net = Net::new(9, 4, Weather { spread: 10, ..Weather::fair(1_000, 0) });
    let mut delay = |from, to| net.send(from, to, Time(0), LEN)[0].map(|copy| copy.at.0).unwrap_or_default();
    let one: Vec<u64> = (1..4).map(|to| delay(0, to)).collect();
    assert!(one.iter().all(|delay| (1_000..=10_000).contains(delay) && delay % 1_000 == 0), "{one:?}");
    assert!(one[0] != one[1] || one[1] != one[2], "{one:?}");
    assert_eq!(delay(0, 1), one[0]);
}

#[test]
fn where_loss_is_patchy_each_link_loses_as_much_as_its_own_factor_says() {
    let lost = |is_patchy: bool| {
        let mut net = Net::new(9, 6, Weather { is_patchy, ..weather(10, 0) });
        let mut of = |from: usize, to: usize| {
            (0..1_000).filter(|&at| net.send(from, to, Time(at), LEN)[0].is_none()).count().div_ceil(50) / 2
        };
        let links = (0..6).flat_map(|from| (0..6).map(move |to| (from, to))).filter(|(from, to)| from != to);
        links.map(|(from, to)| of(from, to)).collect::<BTreeSet<_>>()
    };
    assert_eq!(lost(false), BTreeSet::from([1]));
    assert_eq!(lost(true), BTreeSet::from([0, 1, 2, 3]));
}

#[test]
fn a_replay_comes_long_after() {
    let replay = Ratio::new(1, 2);
    let (net, delivered) = arrivals(Weather { replay, ..weather(0, 50) }, 1_000);
    let late = delivered.iter().filter(|copy| REPLAY / 2_400 < copy.at.0).count() as u64;
    assert_eq!(late, net.traffic.replayed);
    assert!(100 < late && delivered.iter().all(|copy| copy.at.0 < REPLAY + 10 * MS));
}

#[test]
fn what_is_truncated_is_shorter_than_it_was_and_what_is_flipped_differs_in_a_few_bits_in_a_row() {
    let packet = Bytes::from_static(b"packet");
    for draw in 0..100 {
        let left = Harm::Truncate(draw).done_to(&packet);
        assert!(left.len() < packet.len() && packet.starts_with(&left));
        let flipped = Harm::Flip(draw).done_to(&packet);
        let bits: u32 = packet.iter().zip(&flipped).map(|(one, other)| (one ^ other).count_ones()).sum();
        assert_eq!((flipped.len(), bits), (packet.len(), 1));
        let draw = draw << 32 | 0x8000_0000;
        let burst = Harm::Burst(draw).done_to(&packet);
        let is_flipped = |bit: &usize| (packet[bit / 8] ^ burst[bit / 8]) >> (bit % 8) & 1 == 1;
        let (first, flipped) = ((draw >> 32) as usize % 48, (0..48).filter(is_flipped).collect::<Vec<_>>());
        assert_eq!(flipped, [first, first + 31].into_iter().filter(|&bit| bit < 48).collect::<Vec<_>>());
        let names = [Harm::Truncate(draw), Harm::Flip(draw), Harm::Burst(draw)].map(Harm::name);
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    }
    let (flip, truncate) = (Ratio::new(1, 4), Ratio::new(1, 4));
    let traffic = arrivals(Weather { flip, truncate, ..weather(0, 0) }, 1_000).0.traffic;
    assert!(200 < traffic.flipped && 150 < traffic.truncated, "{traffic:?}");
}

#[test]
fn what_is_on_its_way_when_all_is_to_arrive_soon_comes_by_then_or_never() {
    let mut net = Net::new(9, 2, Weather { is_fifo: true, ..Weather::fair(20 * MS, 0) });
    let before = net.send(0, 1, Time(0), LEN)[0].expect("it is fair weather");
    net.lose_what_comes_after(Time(10 * MS));
    let after = net.send(0, 1, Time(1), LEN)[0].expect("it is fair weather");
    assert!(net.is_crowded_out(0, 1, before) && !net.arrive(0, 1, before, true));
    assert!(!net.is_crowded_out(0, 1, after) && net.arrive(0, 1, after, true));
    assert_eq!((net.traffic.lost, net.traffic.delivered), (1, 1));
}

#[test]
fn what_is_aimed_at_comes_late_in_both_its_copies_and_in_one_whose_first_is_lost() {
    let half = Ratio::new(1, 2);
    let mut net = Net::new(9, 2, Weather { loss: half, double: half, ..Weather::fair(MS, 0) });
    let aim = Aim { from: Some(0), to: Some(1), kind: None, skip: 0, act: Act::Delay(20 * MS) };
    net.aim_for(aim, Time(0), Time(1_000));
    let sent: Vec<_> = (1..1_000).map(|at| net.send_aimed(0, 1, Time(at), LEN, &[])).collect();
    let mut arrivals = sent.iter().flatten().flatten();
    assert!(arrivals.all(|copy| 20 * MS < copy.at.0), "late, whichever copy it is");
    assert!(sent.iter().any(|copies| copies.iter().all(Option::is_some)), "some come twice");
}
