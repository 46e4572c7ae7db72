//! The network: what becomes of each packet on its way from one node to another.
//!
//! ```text
//!   from ──link──> to        open | cut until t | clogged until t        each direction on its own
//!
//!   fate of the nth packet of a link = a hash of (seed, link, n): lost? doubled? how late is each copy?
//! ```
//! Order follows from delay alone: a packet that was sent later may come earlier.

use crate::aim::{Act, Aim};
use crate::stream::{Purpose, Ratio, exponential, fate};
use rsm::time::Time;
use std::collections::BTreeSet;

/// What the network does to packets, in one run.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The least delay, in nanoseconds.
    pub delay_min: u64,
    /// The mean of what is added to it.
    pub delay_mean: u64,
    /// How many are lost.
    pub loss: Ratio,
    /// How many come twice.
    pub double: Ratio,
    /// How many have one bit flipped.
    pub flip: Ratio,
    /// How many are a hundred times as late as they would be.
    pub late: Ratio,
}

/// What has happened to packets. Sent + doubled = delivered + lost + in flight: `World` checks it.
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
    /// Came to a node that was down.
    pub missed: u64,
    /// Came to a node.
    pub delivered: u64,
    /// Delivered after one that was sent later on the same link.
    pub reordered: u64,
    /// With a bit flipped.
    pub flipped: u64,
}

/// One direction between two nodes.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    cut_until: Time,
    clogged_until: Time,
    sent: u64,
    newest_delivered: u64,
}

/// A copy of a packet on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// When it arrives.
    pub at: Time,
    /// Its number on its link.
    pub number: u64,
    /// The bit that is flipped on the way, counted modulo the packet's length.
    pub flip: Option<u64>,
}

/// All links of a cluster.
#[derive(Debug)]
pub struct Net {
    seed: u64,
    nodes: usize,
    weather: Weather,
    links: Vec<Link>,
    aims: Vec<Aim>,
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
        Net { seed, nodes, weather, links, aims: Vec::new(), among: None, traffic: Traffic::default() }
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[from * self.nodes + to]
    }

    /// Nothing passes from `from` to `to` before `until`. Whether that is news.
    pub fn cut(&mut self, from: usize, to: usize, until: Time) -> bool {
        prolong(&mut self.link(from, to).cut_until, until)
    }

    /// What is sent before `until` arrives no earlier than then, in a burst. Whether that is news.
    pub fn clog(&mut self, from: usize, to: usize, until: Time) -> bool {
        prolong(&mut self.link(from, to).clogged_until, until)
    }

    /// All links are whole again, and from now on the weather is this.
    pub fn heal(&mut self, weather: Weather) {
        self.weather = weather;
        self.mend_links();
    }

    /// When the last of what is held up arrives, but for its delay.
    #[must_use]
    pub fn clogged_until(&self) -> Time {
        self.links.iter().map(|link| link.clogged_until).max().unwrap_or_default()
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
        self.aims.push(aim);
    }

    /// Whether some packet is aimed at, so that what it carries must be known.
    #[must_use]
    pub fn is_aiming(&self) -> bool {
        !self.aims.is_empty()
    }

    /// As [`send`](Net::send), for a packet that carries such messages.
    pub fn send_aimed(&mut self, from: usize, to: usize, now: Time, kinds: &[&str]) -> [Option<Copy>; 2] {
        let copies = self.send(from, to, now);
        let [Some(copy), other] = copies else { return copies };
        let Some(nth) = self.aims.iter_mut().position(|aim| aim.takes(from, to, kinds)) else { return copies };
        match self.aims.remove(nth).act {
            Act::Drop => {
                self.traffic.lost += 1 + u64::from(other.is_some());
                [None, None]
            }
            Act::Double(by) => {
                self.traffic.doubled += u64::from(other.is_none());
                [Some(copy), Some(Copy { at: Time(copy.at.0.saturating_add(by)), ..copy })]
            }
            Act::Delay(by) => [Some(Copy { at: Time(copy.at.0.saturating_add(by)), ..copy }), other],
            Act::Flip(bit) => [Some(Copy { flip: Some(bit), ..copy }), other],
        }
    }

    /// A packet is sent: which copies of it are on their way now. None: it is lost.
    pub fn send(&mut self, from: usize, to: usize, now: Time) -> [Option<Copy>; 2] {
        let name = (from * self.nodes + to) as u64;
        let number = self.link(from, to).sent;
        self.link(from, to).sent += 1;
        self.traffic.sent += 1;
        if let Some((nodes, count)) = &mut self.among {
            *count += u64::from(nodes.contains(&from) && nodes.contains(&to));
        }
        let draw = |which: u64| fate(self.seed, Purpose::Link, name, number * 8 + which);
        let lost = self.weather.loss.holds(draw(0));
        let doubled = self.weather.double.holds(draw(1));
        let flip = self.weather.flip.holds(draw(2)).then(|| draw(3));
        let (first, second) = (self.delay(draw(4), draw(5)), self.delay(draw(6), draw(7)));
        if self.is_cut(from, to, now) {
            self.traffic.cut += 1;
            return [None, None];
        }
        self.traffic.lost += u64::from(lost);
        self.traffic.doubled += u64::from(doubled);
        let clogged_until = self.link(from, to).clogged_until;
        let arrival = |delay: u64| Time(now.0.max(clogged_until.0).saturating_add(delay));
        let one = (!lost).then(|| Copy { at: arrival(first), number, flip });
        let other = doubled.then(|| Copy { at: arrival(first.saturating_add(second * 4)), number, flip: None });
        [one, other]
    }

    fn delay(&self, bits: u64, late: u64) -> u64 {
        let usual = self.weather.delay_min + exponential(bits, self.weather.delay_mean);
        if self.weather.late.holds(late) { usual * 100 } else { usual }
    }

    /// A copy arrives at a node that is up, or at one that is not.
    pub fn arrive(&mut self, from: usize, to: usize, copy: Copy, up: bool) {
        let traffic = &mut self.traffic;
        if !up {
            traffic.missed += 1;
            return;
        }
        traffic.delivered += 1;
        traffic.flipped += u64::from(copy.flip.is_some());
        let link = &mut self.links[from * self.nodes + to];
        traffic.reordered += u64::from(copy.number < link.newest_delivered);
        link.newest_delivered = link.newest_delivered.max(copy.number);
    }
}

/// Something lasts until `end` at least. Whether it would have ended before.
pub(crate) fn prolong(until: &mut Time, end: Time) -> bool {
    let is_longer = *until < end;
    *until = end.max(*until);
    is_longer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(loss: u32, double: u32) -> Weather {
        let (loss, double) = (Ratio::new(loss, 100), Ratio::new(double, 100));
        Weather { delay_min: 10, delay_mean: 100, loss, double, flip: Ratio::default(), late: Ratio::default() }
    }

    #[test]
    fn a_packets_fate_does_not_depend_on_other_links() {
        let run = |busy: bool| {
            let mut net = Net::new(7, 3, weather(30, 30));
            (0..100).for_each(|at| {
                if busy {
                    net.send(1, 2, Time(at));
                }
            });
            (0..50).map(|at| net.send(0, 1, Time(at))).collect::<Vec<_>>()
        };
        assert_eq!(run(false), run(true));
    }

    #[test]
    fn a_cut_is_one_way_and_ends() {
        let mut net = Net::new(7, 2, weather(0, 0));
        net.cut(0, 1, Time(100));
        assert_eq!(net.send(0, 1, Time(99)), [None, None]);
        assert!(net.send(1, 0, Time(99))[0].is_some());
        assert!(net.send(0, 1, Time(100))[0].is_some());
    }

    #[test]
    fn what_is_clogged_arrives_after_the_clog() {
        let mut net = Net::new(7, 2, weather(0, 0));
        net.clog(0, 1, Time(1_000));
        let copy = net.send(0, 1, Time(5))[0].expect("not lost");
        assert!(Time(1_000) < copy.at);
    }

    #[test]
    fn every_packet_is_accounted_for() {
        let mut net = Net::new(9, 2, weather(20, 20));
        let copies: u64 = (0..1_000).map(|at| net.send(0, 1, Time(at)).iter().flatten().count() as u64).sum();
        let traffic = net.traffic;
        assert_eq!(traffic.sent + traffic.doubled, copies + traffic.lost + traffic.cut);
        assert!(100 < traffic.lost && 100 < traffic.doubled);
    }
}
