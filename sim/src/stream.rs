//! Where all chance of a run comes from: one seed, and a stream of its own for each purpose.
//!
//! ```text
//!   seed ── stream(purpose, who) ──> Draws       the swarm, the plan, store and core of a node in its nth start, a client
//!        └─ fate(purpose, who, nth) ──> u64      the nth packet of a link, the nth operation of a disk
//! ```
//! No stream is shared by two parts, so one draw more in a part leaves all others as they were: this is what lets a
//! failing plan be shortened. Integers only: logarithms and exponentials come from tables, since those of two machines
//! may differ in the last bit.

use crate::plan::MS;
use rsm::fsm::virtual_time::Clock;
use rsm::mix::{Draws, mix};
use rsm::raft::Time;

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The sizes and options of the run.
    Swarm = 1,
    /// The faults.
    Plan,
    /// A node's seed in one of its starts.
    Node,
    /// A node's disk.
    Disk,
    /// A node's clock.
    Clock,
    /// A client.
    Client,
    /// A link between two nodes.
    Link,
    /// The order of events at the same time.
    Tie,
    /// The executor.
    Executor,
    /// Which steps are taken twice.
    Check,
    /// A node's store, when its directory is new.
    Wipe,
    /// Packets that are not for whom they reach.
    Foreign,
    /// A node's store in one of its starts.
    Store,
    /// Which seeds are also judged blind.
    Blind,
    /// Which seeds end with a calm phase, and who is in it.
    Calm,
    /// What liars say.
    Lie,
    /// Who is of tomorrow's version, and what it says besides.
    Version,
    /// Of which disks a copy is started, and its chance.
    Copy,
}

/// The stream of one part.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, who: u64) -> Draws {
    Draws::new(mix(seed, purpose as u64, who))
}

/// The `nth` draw of one part, without a sequence.
#[must_use]
pub fn fate(seed: u64, purpose: Purpose, who: u64, nth: u64) -> u64 {
    nth_fate(fates(seed, purpose, who), nth)
}

/// The same for a part that has mixed seed, purpose and who once: what [`fates`] has given.
#[must_use]
pub fn nth_fate(of: u64, nth: u64) -> u64 {
    mix(of, 0, nth)
}

/// What all draws of one part have in common.
#[must_use]
pub fn fates(seed: u64, purpose: Purpose, who: u64) -> u64 {
    mix(seed, purpose as u64, who)
}

/// A ratio as a threshold against 32 random bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratio(u32);

impl Ratio {
    /// `of` in `among`.
    #[must_use]
    pub fn new(of: u32, among: u32) -> Ratio {
        Ratio((u64::from(of) * u64::from(u32::MAX) / u64::from(among.max(1))) as u32)
    }

    /// So many times as often.
    pub(crate) fn times(self, times: u64) -> Ratio {
        Ratio((u64::from(self.0) * times).min(u64::from(u32::MAX)) as u32)
    }

    /// In so many of a thousand, if it was made so.
    pub(crate) fn of_1000(self) -> u32 {
        (u64::from(self.0) * 1_000).div_ceil(u64::from(u32::MAX)) as u32
    }

    /// Whether these bits (the low 32 of them) fall below the threshold.
    #[must_use]
    pub fn holds(self, bits: u64) -> bool {
        (bits as u32) < self.0
    }
}

/// An exponentially distributed number with this mean.
#[must_use]
pub fn exponential(bits: u64, mean: u64) -> u64 {
    ((u128::from(mean) * u128::from(EXPONENTIAL[(bits >> 56) as usize])) >> 16) as u64
}

/// A number between `low` and `high`, its order of magnitude uniform.
#[must_use]
pub fn log_uniform(bits: u64, low: u64, high: u64) -> u64 {
    let low = low.max(1);
    let octaves = u64::from((high.max(low) / low).ilog2()) + 1;
    let step = ((u128::from(bits) * u128::from(octaves * 256)) >> 64) as u64;
    let scaled = ((u128::from(low) << (step >> 8)) * u128::from(POWERS[(step & 255) as usize])) >> 16;
    u64::try_from(scaled).unwrap_or(u64::MAX).clamp(low, high)
}

/// -ln(u) in 1/65,536, for the middles of 256 slices of u.
#[rustfmt::skip]
const EXPONENTIAL: [u32; 256] = [
    128, 385, 643, 902, 1162, 1423, 1685, 1949, 2213, 2478, 2745, 3012, 3281, 3550, 3821, 4093,
    4366, 4640, 4916, 5192, 5470, 5749, 6029, 6310, 6593, 6876, 7161, 7448, 7735, 8024, 8314, 8605,
    8898, 9191, 9487, 9783, 10081, 10380, 10681, 10983, 11286, 11591, 11897, 12205, 12514, 12825, 13137, 13451,
    13766, 14082, 14400, 14720, 15041, 15364, 15689, 16015, 16342, 16672, 17003, 17335, 17670, 18006, 18344, 18683,
    19024, 19368, 19712, 20059, 20408, 20758, 21111, 21465, 21821, 22179, 22539, 22901, 23265, 23632, 24000, 24370,
    24742, 25117, 25493, 25872, 26253, 26637, 27022, 27410, 27800, 28192, 28587, 28984, 29384, 29786, 30191, 30598,
    31007, 31419, 31834, 32252, 32672, 33095, 33520, 33948, 34380, 34814, 35251, 35690, 36133, 36579, 37028, 37480,
    37935, 38393, 38855, 39320, 39788, 40259, 40734, 41212, 41694, 42180, 42669, 43162, 43658, 44158, 44663, 45171,
    45683, 46199, 46719, 47243, 47772, 48304, 48842, 49383, 49929, 50480, 51035, 51596, 52161, 52730, 53305, 53885,
    54470, 55061, 55657, 56258, 56865, 57477, 58095, 58720, 59350, 59986, 60629, 61277, 61933, 62595, 63264, 63939,
    64622, 65312, 66009, 66714, 67426, 68146, 68874, 69611, 70355, 71109, 71871, 72642, 73422, 74212, 75011, 75820,
    76639, 77469, 78309, 79160, 80022, 80896, 81782, 82680, 83590, 84513, 85449, 86399, 87363, 88341, 89334, 90342,
    91366, 92406, 93464, 94538, 95630, 96741, 97871, 99021, 100191, 101383, 102596, 103833, 105093, 106378, 107689, 109027,
    110392, 111786, 113211, 114668, 116157, 117681, 119242, 120840, 122479, 124159, 125884, 127655, 129476, 131348, 133276, 135262,
    137310, 139425, 141609, 143869, 146210, 148638, 151159, 153781, 156512, 159361, 162341, 165462, 168740, 172190, 175832, 179688,
    183785, 188156, 192839, 197883, 203347, 209309, 215868, 223157, 231360, 240738, 251686, 264838, 281308, 303359, 336836, 408835,
];

/// 2^(i/256) in 1/65,536.
#[rustfmt::skip]
const POWERS: [u32; 256] = [
    65536, 65714, 65892, 66071, 66250, 66429, 66609, 66790, 66971, 67153, 67335, 67517, 67700, 67884, 68068, 68252,
    68438, 68623, 68809, 68996, 69183, 69370, 69558, 69747, 69936, 70126, 70316, 70507, 70698, 70889, 71082, 71274,
    71468, 71661, 71856, 72050, 72246, 72442, 72638, 72835, 73032, 73230, 73429, 73628, 73828, 74028, 74229, 74430,
    74632, 74834, 75037, 75240, 75444, 75649, 75854, 76060, 76266, 76473, 76680, 76888, 77096, 77305, 77515, 77725,
    77936, 78147, 78359, 78572, 78785, 78998, 79212, 79427, 79642, 79858, 80075, 80292, 80510, 80728, 80947, 81166,
    81386, 81607, 81828, 82050, 82273, 82496, 82719, 82944, 83169, 83394, 83620, 83847, 84074, 84302, 84531, 84760,
    84990, 85220, 85451, 85683, 85915, 86148, 86382, 86616, 86851, 87086, 87322, 87559, 87796, 88034, 88273, 88513,
    88752, 88993, 89234, 89476, 89719, 89962, 90206, 90451, 90696, 90942, 91188, 91436, 91684, 91932, 92181, 92431,
    92682, 92933, 93185, 93438, 93691, 93945, 94200, 94455, 94711, 94968, 95226, 95484, 95743, 96002, 96263, 96524,
    96785, 97048, 97311, 97575, 97839, 98104, 98370, 98637, 98905, 99173, 99442, 99711, 99982, 100253, 100524, 100797,
    101070, 101344, 101619, 101895, 102171, 102448, 102726, 103004, 103283, 103564, 103844, 104126, 104408, 104691, 104975, 105260,
    105545, 105831, 106118, 106406, 106694, 106984, 107274, 107565, 107856, 108149, 108442, 108736, 109031, 109326, 109623, 109920,
    110218, 110517, 110816, 111117, 111418, 111720, 112023, 112327, 112631, 112937, 113243, 113550, 113858, 114167, 114476, 114787,
    115098, 115410, 115723, 116036, 116351, 116667, 116983, 117300, 117618, 117937, 118257, 118577, 118899, 119221, 119544, 119869,
    120194, 120519, 120846, 121174, 121502, 121832, 122162, 122493, 122825, 123158, 123492, 123827, 124163, 124500, 124837, 125176,
    125515, 125855, 126197, 126539, 126882, 127226, 127571, 127917, 128263, 128611, 128960, 129310, 129660, 130012, 130364, 130718,
];

/// So many orders of magnitude, up to the half of all that a clock may say, which no run comes to the end of: one of four
/// is past 32 bits of milliseconds, as of a machine that has run for fifty days.
const MAGNITUDES: u64 = 44;

/// The clock of a node: somewhere, of each order of magnitude as likely, a little fast or slow; sometimes just before a number
/// of milliseconds that does not fit 32 bits.
pub(crate) fn clock(seed: u64, node: usize, drift_ppm: i64) -> Clock {
    let mut draws = stream(seed, Purpose::Clock, node as u64);
    let offset = if draws.chance(1, 16) {
        let edge = [(1u64 << 31) * MS, (1u64 << 32) * MS, 1 << 63][draws.below(3) as usize];
        edge - draws.below(2_000 * MS)
    } else {
        draws.bits() >> (1 + draws.below(MAGNITUDES))
    };
    let ppm = draws.below(2 * drift_ppm.unsigned_abs() + 1) as i64 - drift_ppm;
    Clock { offset: Time(offset), ppm: ppm as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_seed_purpose_and_part_alone() {
        let first = stream(1, Purpose::Plan, 0).bits();
        assert_eq!(first, stream(1, Purpose::Plan, 0).bits());
        for other in [stream(2, Purpose::Plan, 0), stream(1, Purpose::Swarm, 0), stream(1, Purpose::Plan, 1)] {
            assert_ne!(first, { other }.bits());
        }
    }

    #[test]
    fn clocks_say_times_of_every_magnitude_of_which_some_fit_no_32_bits_of_milliseconds() {
        let all: Vec<u64> = (0..4_000).map(|seed| clock(seed, 1, 50).offset.0).collect();
        let beyond = |bits: u32| all.iter().filter(|&&time| 1 << bits <= time / MS).count();
        assert!((800..1_600).contains(&beyond(32)) && (800..1_700).contains(&beyond(31)), "{}", beyond(32));
        assert!(all.iter().any(|&time| time < 1 << 24) && all.iter().all(|&time| time < 1 << 63));
    }

    #[test]
    fn an_exponential_has_its_mean() {
        let mut draws = Draws::new(3);
        let sum: u64 = (0..20_000).map(|_| exponential(draws.bits(), 1_000)).sum();
        assert!((950..1_050).contains(&(sum / 20_000)), "{}", sum / 20_000);
    }

    #[test]
    fn a_log_uniform_number_stays_in_its_range_and_reaches_every_octave() {
        let mut draws = Draws::new(4);
        let mut octaves = [0; 8];
        for _ in 0..8_000 {
            let value = log_uniform(draws.bits(), 10, 2_550);
            assert!((10..=2_550).contains(&value));
            octaves[(value / 10).ilog2() as usize] += 1;
        }
        assert!(octaves.iter().all(|&times| 700 < times), "{octaves:?}");
    }

    #[test]
    fn a_ratio_holds_as_often_as_it_says() {
        let mut draws = Draws::new(5);
        let half = (0..10_000).filter(|_| Ratio::new(1, 2).holds(draws.bits())).count();
        assert!((4_700..5_300).contains(&half), "{half}");
        assert!(!Ratio::new(0, 1).holds(0));
    }
}
