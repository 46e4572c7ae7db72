//! The network: what becomes of each packet on its way from one node to another.
//!
//! ```text
//!   from ──link──> to        open | cut until t | clogged until t        each direction on its own
//!        ──────────          so many bytes a second, so many packets on their way: beyond that one of them is lost
//!
//!   fate of the nth packet of a link = a hash of (seed, link, n): lost? doubled? damaged? how late is each copy?
//! ```
//! Order follows from delay alone: a packet that was sent later may come earlier, unless the weather keeps them in order.

mod harm;

use crate::aim::{Act, Aim, Aims};
use crate::nemesis::Held;
use crate::plan::MS;
use crate::stream::{Purpose, Ratio, exponential, fate, fates, log_uniform, nth_fate};
pub use harm::Harm;
use rsm::time::Time;
use std::collections::BTreeSet;

/// What the network does to packets, in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// The least delay, in nanoseconds.
    pub delay_min: u64,
    /// The mean of what is added to it.
    pub delay_mean: u64,
    /// How many are lost.
    pub loss: Ratio,
    /// Some links lose none of that, others twice as many, or three times.
    pub is_patchy: bool,
    /// How many come twice.
    pub double: Ratio,
    /// How many have a bit flipped, or some of up to 32 in a row.
    pub flip: Ratio,
    /// How many lose their end.
    pub truncate: Ratio,
    /// How many are a hundred times as late as they would be.
    pub late: Ratio,
    /// Of those that come twice, how many come again long after: a replay, when everybody has moved on.
    pub replay: Ratio,
    /// A link may be slower than another, so many times at most. 0 and 1: all are alike.
    pub spread: u64,
    /// Packets of one link arrive in the order in which they were sent, but for those that come again.
    pub is_fifo: bool,
    /// At most so many copies are on their way on one link; beyond that one of them is lost, whichever.
    pub crowd_max: Option<usize>,
    /// A link carries so many bytes a second.
    pub bandwidth: Option<u64>,
}

impl Weather {
    /// Nothing happens to packets but that they take their time.
    #[must_use]
    pub fn fair(delay_min: u64, delay_mean: u64) -> Weather {
        Weather { delay_min, delay_mean, ..Weather::default() }
    }
}

/// What waits longer than this for its link to be free is lost.
const BACKLOG: u64 = 1_000 * MS;
/// The longest time after which a packet is said again.
const REPLAY: u64 = 120_000 * MS;

/// What has happened to packets. Sent + doubled = delivered + missed + lost + cut + crowded + on their way: `World` checks
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Given to the network.
    pub sent: u64,
    /// Second copies made.
    pub doubled: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost at a cut link.
    pub cut: u64,
    /// Lost where too many were on their way, or too much.
    pub crowded: u64,
    /// Came to a node that was down.
    pub missed: u64,
    /// Came to a node.
    pub delivered: u64,
    /// Delivered after one that was sent later on the same link.
    pub reordered: u64,
    /// Delivered with a bit flipped.
    pub flipped: u64,
    /// Delivered without their end.
    pub truncated: u64,
    /// Second copies that come long after the first.
    pub replayed: u64,
}

/// One direction between two nodes.
#[derive(Clone, Debug, Default)]
struct Link {
    cut_until: Time,
    clogged_until: Time,
    /// What was sent before it has left.
    free_at: Time,
    /// The last arrival, while order is kept.
    last_arrival: Time,
    sent: u64,
    newest_delivered: u64,
    /// Copies that were made.
    copies: u64,
    /// Those that were made before all was to arrive soon.
    early: u64,
    /// The numbers of those on their way, while they are counted.
    on_way: Vec<u64>,
    /// Of those that will arrive, the ones that must not.
    crowded_out: Vec<u64>,
}

/// A copy of a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// When it arrives.
    pub at: Time,
    /// The number of its packet on its link.
    pub number: u64,
    /// Its own number on its link.
    pub copy: u64,
    /// What is done to it on the way.
    pub harm: Option<Harm>,
    /// So many messages of its packet are of a kind that nobody of today's version knows.
    pub unknown: u64,
}

/// All links of a cluster.
#[derive(Debug)]
pub struct Net {
    seed: u64,
    nodes: usize,
    weather: Weather,
    links: Vec<Link>,
    aims: Aims,
    /// What was on its way arrives until then, or never.
    patience: Time,
    /// Who is listened to, and how many packets they have sent to each other.
    among: Option<(BTreeSet<usize>, u64)>,
    /// What has happened so far.
    pub traffic: Traffic,
}

impl Net {
    /// Open links between so many nodes.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, weather: Weather) -> Net {
        let links = vec![Link::default(); nodes * nodes];
        let (aims, patience, traffic) = (Aims::default(), Time::MAX, Traffic::default());
        Net { seed, nodes, weather, links, aims, patience, among: None, traffic }
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[from * self.nodes + to]
    }

    /// Nothing passes from `from` to `to` before `until`. Whether that is news.
    pub fn cut(&mut self, from: usize, to: usize, until: Time) -> bool {
        prolong(&mut self.link(from, to).cut_until, until)
    }

    /// What is sent before `until` arrives no earlier than then. Whether that is news.
    pub fn clog(&mut self, from: usize, to: usize, until: Time) -> bool {
        prolong(&mut self.link(from, to).clogged_until, until)
    }

    /// What was sent before arrives until then: where order is kept, what is sent from now on does so later.
    pub(crate) fn nothing_before(&mut self, (from, to): (usize, usize), arrived: Time) {
        prolong(&mut self.link(from, to).last_arrival, arrived);
    }

    /// All links are whole again, and from now on the weather is this.
    pub fn heal(&mut self, weather: Weather) {
        self.weather = weather;
        self.aims.forget(Time::MAX);
        self.mend_links();
    }

    /// What is on its way arrives before `end`, or never.
    pub(crate) fn lose_what_comes_after(&mut self, end: Time) {
        self.patience = end;
        for link in &mut self.links {
            (link.early, link.last_arrival) = (link.copies, link.last_arrival.min(end));
        }
    }

    fn is_too_late(&self, from: usize, to: usize, copy: Copy) -> bool {
        self.patience < copy.at && copy.copy <= self.links[from * self.nodes + to].early
    }

    /// Whether packets are lost by chance.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.weather.loss != Ratio::default()
    }

    /// Begins to count what these nodes send to each other.
    pub fn count_among(&mut self, nodes: BTreeSet<usize>) {
        self.among = Some((nodes, 0));
    }

    /// How many packets that was.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.among.as_ref().map_or(0, |(_, count)| *count)
    }

    /// All links are whole again.
    pub fn mend_links(&mut self) {
        for link in &mut self.links {
            (link.cut_until, link.clogged_until) = (Time::ZERO, Time::ZERO);
        }
    }

    /// Whether a packet that is sent now from `from` to `to` would meet a cut.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize, now: Time) -> bool {
        now < self.links[from * self.nodes + to].cut_until
    }

    /// Until when nothing passes from `from` to `to`, and until when what passes is held up.
    pub(crate) fn troubled_until(&self, from: usize, to: usize) -> (Time, Time) {
        let link = &self.links[from * self.nodes + to];
        (link.cut_until, link.clogged_until)
    }

    /// The first packet that this fits has a fate of its own.
    pub fn aim(&mut self, aim: Aim) {
        self.aims.at_one(aim);
    }

    /// All packets that this fits, and that are sent later than now, have that fate until `end`.
    pub(crate) fn aim_for(&mut self, aim: Aim, now: Time, end: Time) {
        self.aims.at_all(aim, now, end);
    }

    /// Whether some packet is aimed at, so that what it carries must be known.
    #[must_use]
    pub fn is_aiming(&self) -> bool {
        !self.aims.is_empty()
    }

    /// As [`send`](Net::send), for a packet that carries such messages.
    pub fn send_aimed(&mut self, from: usize, to: usize, now: Time, len: usize, kinds: &[&str]) -> [Option<Copy>; 2] {
        let copies = self.send(from, to, now, len);
        self.aims.forget(now);
        let (copy, other) = match copies {
            [Some(copy), other] => (copy, other),
            [None, Some(other)] => (other, None),
            [None, None] => return copies,
        };
        let Some(act) = self.aims.take((from, to), now, kinds) else { return copies };
        match act {
            Act::Drop => {
                let lost = [Some(copy), other].into_iter().flatten();
                lost.for_each(|copy| _ = self.forget(from, to, copy.copy));
                self.traffic.lost += 1 + u64::from(other.is_some());
                [None, None]
            }
            Act::Double(by) => {
                if let Some(other) = other {
                    self.forget(from, to, other.copy);
                } else {
                    self.traffic.doubled += 1;
                }
                let again = self.number_copy(from, to);
                [Some(copy), Some(Copy { at: Time(copy.at.0.saturating_add(by)), copy: again, ..copy })]
            }
            Act::Delay(by) => {
                let late = |copy: Copy| Copy { at: Time(copy.at.0.saturating_add(by)), ..copy };
                [Some(late(copy)), other.map(late)]
            }
            Act::Flip(bit) => [Some(Copy { harm: Some(Harm::Flip(bit)), ..copy }), other],
        }
    }

    /// What was just sent, and comes later, or comes again.
    pub(crate) fn hold(&mut self, link: (usize, usize), copies: [Option<Copy>; 2], held: Held) -> [Option<Copy>; 2] {
        let late = |copy: Copy| Copy { at: Time(copy.at.0.saturating_add(held.by)), ..copy };
        match copies {
            [Some(copy), None] if held.twice => {
                self.traffic.doubled += 1;
                let again = self.number_copy(link.0, link.1);
                [Some(copy), Some(Copy { copy: again, ..late(copy) })]
            }
            [Some(copy), Some(other)] if held.twice => [Some(copy), Some(late(other))],
            _ => copies.map(|copy| copy.map(late)),
        }
    }

    /// The number of the packet that comes next on a link.
    pub(crate) fn number(&self, from: usize, to: usize) -> u64 {
        self.links[from * self.nodes + to].sent
    }

    /// A packet of so many bytes is sent: which copies of it are on their way now. None: it is lost.
    pub fn send(&mut self, from: usize, to: usize, now: Time, len: usize) -> [Option<Copy>; 2] {
        let weather = self.weather;
        let name = (from * self.nodes + to) as u64;
        let number = self.link(from, to).sent;
        self.link(from, to).sent += 1;
        self.traffic.sent += 1;
        if let Some((nodes, count)) = &mut self.among {
            *count += u64::from(nodes.contains(&from) && nodes.contains(&to));
        }
        if self.is_cut(from, to, now) {
            self.traffic.cut += 1;
            return [None, None];
        }
        let of_link = fates(self.seed, Purpose::Link, name);
        let draw = |which: u64| nth_fate(of_link, number * 16 + which);
        let holds = |ratio: Ratio, which: u64| ratio != Ratio::default() && ratio.holds(draw(which));
        let (lost, doubled) = (holds(self.loss(of_link), 0), holds(weather.double, 1));
        let harm = if holds(weather.flip, 2) {
            Some(if draw(14).is_multiple_of(2) { Harm::Flip(draw(3)) } else { Harm::Burst(draw(3)) })
        } else {
            holds(weather.truncate, 8).then(|| Harm::Truncate(draw(9)))
        };
        self.traffic.lost += u64::from(lost);
        self.traffic.doubled += u64::from(doubled);
        let Some(left) = self.leave(from, to, now, len) else {
            self.traffic.crowded += u64::from(!lost) + u64::from(doubled);
            return [None, None];
        };
        let first = self.delay(name, draw(4), holds(weather.late, 5));
        let mut arrival = Time(left.0.saturating_add(first));
        if weather.is_fifo {
            let last = &mut self.link(from, to).last_arrival;
            arrival = arrival.max(*last);
            *last = arrival;
        }
        let one = if lost { None } else { self.crowd(from, to, draw(10)).map(|copy| (arrival, copy, harm)) };
        let other = if doubled {
            let is_replay = holds(weather.replay, 11);
            self.traffic.replayed += u64::from(is_replay);
            let usual = self.delay(name, draw(6), holds(weather.late, 7)) * 4;
            let after = if is_replay { log_uniform(draw(12), REPLAY / 2_400, REPLAY) } else { usual };
            self.crowd(from, to, draw(13)).map(|copy| (Time(arrival.0.saturating_add(after)), copy, None))
        } else {
            None
        };
        [one, other].map(|made| made.map(|(at, copy, harm)| Copy { at, number, copy, harm, unknown: 0 }))
    }

    /// A packet that nobody has sent, and that comes at once.
    pub(crate) fn slip_in(&mut self, from: usize, to: usize, now: Time) -> Copy {
        let number = self.link(from, to).sent;
        self.link(from, to).sent += 1;
        self.traffic.sent += 1;
        Copy { at: now, number, copy: self.number_copy(from, to), harm: None, unknown: 0 }
    }

    /// When the last byte of a packet has left, or `None` if too much waits before it.
    fn leave(&mut self, from: usize, to: usize, now: Time, len: usize) -> Option<Time> {
        let bandwidth = self.weather.bandwidth;
        let link = self.link(from, to);
        let mut left = now;
        if let Some(bandwidth) = bandwidth {
            if now.0 + BACKLOG < link.free_at.0 {
                return None;
            }
            left = Time(now.max(link.free_at).0 + len as u64 * 1_000 * MS / bandwidth);
            link.free_at = left;
        }
        Some(left.max(link.clogged_until))
    }

    /// A copy is put on its way: its number, or `None` if it is lost to the crowd. Another may be lost for it.
    fn crowd(&mut self, from: usize, to: usize, draw: u64) -> Option<u64> {
        let copy = self.number_copy(from, to);
        let Some(most) = self.weather.crowd_max else { return Some(copy) };
        let link = self.link(from, to);
        link.on_way.push(copy);
        if link.on_way.len() <= most {
            return Some(copy);
        }
        let victim = link.on_way.swap_remove((draw % (most as u64 + 1)) as usize);
        if victim == copy {
            self.traffic.crowded += 1;
            return None;
        }
        link.crowded_out.push(victim);
        Some(copy)
    }

    fn number_copy(&mut self, from: usize, to: usize) -> u64 {
        let copies = &mut self.link(from, to).copies;
        *copies += 1;
        *copies
    }

    /// A copy is not on its way any more. Whether it was to arrive.
    fn forget(&mut self, from: usize, to: usize, copy: u64) -> bool {
        let link = self.link(from, to);
        link.on_way.retain(|&other| other != copy);
        let place = link.crowded_out.iter().position(|&other| other == copy);
        place.map(|place| link.crowded_out.swap_remove(place)).is_none()
    }

    /// When the packet that was sent last on a link would arrive if it met nothing but its usual delay.
    pub(crate) fn calm_arrival(&self, from: usize, to: usize, now: Time) -> Time {
        let (name, link) = (from * self.nodes + to, &self.links[from * self.nodes + to]);
        let bits = fate(self.seed, Purpose::Link, name as u64, (link.sent - 1) * 16 + 4);
        Time(now.max(link.clogged_until).0.saturating_add(self.delay(name as u64, bits, false)))
    }

    /// How many of a link's packets are lost.
    fn loss(&self, of_link: u64) -> Ratio {
        let Weather { loss, is_patchy, .. } = self.weather;
        // The number of no packet.
        if is_patchy { loss.times(nth_fate(of_link, u64::MAX - 1) % 4) } else { loss }
    }

    fn delay(&self, link: u64, bits: u64, is_late: bool) -> u64 {
        let usual = self.weather.delay_min + exponential(bits, self.weather.delay_mean);
        // The number of no packet.
        let factor = match self.weather.spread {
            0 | 1 => 1,
            spread => 1 + fate(self.seed, Purpose::Link, link, u64::MAX) % spread,
        };
        if is_late { usual * factor * 100 } else { usual * factor }
    }

    /// Whether this copy gets lost before it arrives.
    #[must_use]
    pub fn is_crowded_out(&self, from: usize, to: usize, copy: Copy) -> bool {
        self.links[from * self.nodes + to].crowded_out.contains(&copy.copy) || self.is_too_late(from, to, copy)
    }

    /// A copy arrives at a node that is up, or at one that is not, or it got lost on the way. Whether it is delivered.
    pub fn arrive(&mut self, from: usize, to: usize, copy: Copy, up: bool) -> bool {
        let (is_too_late, is_here) = (self.is_too_late(from, to, copy), self.forget(from, to, copy.copy));
        let traffic = &mut self.traffic;
        if is_here && is_too_late {
            traffic.lost += 1;
            return false;
        }
        if !is_here || !up {
            *(if is_here { &mut traffic.missed } else { &mut traffic.crowded }) += 1;
            return false;
        }
        traffic.delivered += 1;
        match copy.harm {
            Some(Harm::Flip(_) | Harm::Burst(_)) => traffic.flipped += 1,
            Some(Harm::Truncate(_)) => traffic.truncated += 1,
            None => {}
        }
        let link = &mut self.links[from * self.nodes + to];
        traffic.reordered += u64::from(copy.number < link.newest_delivered);
        link.newest_delivered = link.newest_delivered.max(copy.number);
        true
    }
}

/// Something lasts until `end` at least. Whether it would have ended before.
pub(crate) fn prolong(until: &mut Time, end: Time) -> bool {
    let is_longer = *until < end;
    *until = end.max(*until);
    is_longer
}

#[cfg(test)]
mod tests;
