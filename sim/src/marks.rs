//! Rare moments that a run has met: the proof that its faults matter, and what the nemesis aims at.
//!
//! ```text
//!   the crate:  mark!("cut-durable") ──> a counter of this thread ──┐                      mandatory: in 1 of 100 seeds
//!   the world:  its own, of crashes and starts ─────────────────────┴──> Marks x seeds ──> nightly:   in 1 of 100,000
//!                                                          sim/marks.txt, the floors ────> never
//! ```
//! The crate counts only in a build with `--cfg rsm_marks`, which the alias `cargo sim` sets; without it none
//! but the simulator's own is ever met, and nothing that waits for another happens.

mod pairs;

pub use pairs::Pairs;
use rsm::sync::once::Once;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// Whether the marks of this build count.
pub const ARE_COUNTED: bool = cfg!(rsm_marks);

/// What each mark must come to, and why; all marks stand here.
const FLOORS: &str = include_str!("../marks.txt");

/// Of a hundred seeds so many meet a mark that is mandatory.
const MANDATORY_OF_100: u64 = 1;

/// Marks of the simulator's own: what the crate cannot see.
pub const OWN: [&str; 15] = [
    "crash-before-the-vote-is-durable",
    "crash-before-the-grant-is-sent",
    "crash-of-a-leader",
    "crash-of-a-leader-ahead-of-its-disk",
    "crash-of-a-newborn",
    "end-by-a-part-unread",
    "end-by-damage",
    "start-after-a-failed-sync",
    "start-after-a-lost-rename",
    "start-after-another-failure",
    "start-after-lost-names",
    "start-after-a-wipe",
    "start-refused-for-a-part-unread",
    "start-refused-for-damage",
    "wipe-before-all-are-born",
];

/// How much of a mark there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// One seed in a hundred meets it.
    Mandatory,
    /// One seed in a hundred thousand meets it.
    Nightly,
    /// No seed meets it.
    Never,
}

/// The floor of each mark, as `sim/marks.txt` says.
///
/// # Panics
/// If that file has a line that is none.
pub fn floors() -> &'static BTreeMap<&'static str, Floor> {
    static FOUND: Once<BTreeMap<&'static str, Floor>> = Once::new();
    FOUND.get_or_init(|| {
        let lines = FLOORS.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let floor = |line: &'static str| match line.split_once(' ')? {
            ("mandatory", name) => Some((name, Floor::Mandatory)),
            ("nightly", name) => Some((name, Floor::Nightly)),
            ("never", name) => Some((name, Floor::Never)),
            _ => None,
        };
        let of = |line| floor(line).unwrap_or_else(|| panic!("sim/marks.txt: `{line}` names no floor"));
        lines.filter(|line| !line.is_empty()).map(of).collect()
    })
}

/// The names of all marks: those of the crate, then our own. Only our own in a build that counts none.
pub fn names() -> &'static [&'static str] {
    static FOUND: Once<Vec<&'static str>> = Once::new();
    FOUND.get_or_init(|| counted::names().iter().copied().chain(OWN).collect())
}

/// The number of a mark, if this build counts it.
#[must_use]
pub fn place(name: &str) -> Option<usize> {
    names().iter().position(|&known| known == name)
}

/// Does something whose marks are not the run's: a look at what has been counted already.
pub(crate) use counted::quietly;

/// Begins to count anew on this thread.
pub(crate) use counted::reset;

/// The counters of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    own: [u64; OWN.len()],
}

impl Counters {
    /// One of our own is met.
    pub(crate) fn hit(&mut self, name: &str) {
        let place = OWN.iter().position(|&own| own == name).expect("a mark of our own stands in the list");
        self.own[place] += 1;
    }

    /// How often the mark of this number has been met.
    pub(crate) fn count(&self, place: usize) -> u64 {
        place.checked_sub(counted::names().len()).map_or_else(|| counted::count(place), |own| self.own[own])
    }

    /// All of them.
    pub(crate) fn all(&self) -> Marks {
        let met = |place| {
            let times = self.count(place);
            Met { times, seeds: u64::from(0 < times), of: 1 }
        };
        Marks { seeds: 1, met: (0..names().len()).map(met).collect(), former: BTreeMap::new() }
    }
}

/// How often a mark was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// In all.
    pub times: u64,
    /// In so many seeds.
    pub seeds: u64,
    /// Of so many: those whose build could count it.
    pub of: u64,
}

impl Met {
    /// Whether fewer than one seed in a hundred thousand meet it: none of so many, or so few that chance explains it once
    /// in forty times, if that (two deviations).
    fn is_too_rare(self) -> bool {
        let nights = self.of / NIGHT;
        0 < nights && (self.seeds == 0 || self.seeds + 2 * nights.isqrt() < nights)
    }
}

impl AddAssign for Met {
    fn add_assign(&mut self, more: Met) {
        *self = Met { times: self.times + more.times, seeds: self.seeds + more.seeds, of: self.of + more.of };
    }
}

/// Marks of one run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    seeds: u64,
    met: Vec<Met>,
    /// Those that this build does not know, as a former campaign has counted them.
    former: BTreeMap<String, Met>,
}

impl AddAssign<&Marks> for Marks {
    fn add_assign(&mut self, other: &Marks) {
        self.seeds += other.seeds;
        self.met.resize(self.met.len().max(other.met.len()), Met::default());
        for (met, more) in self.met.iter_mut().zip(&other.met) {
            *met += *more;
        }
        for (name, more) in &other.former {
            *self.former.entry(name.clone()).or_default() += *more;
        }
    }
}

impl Marks {
    /// Each mark of this build, and how often it was met.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Met)> + '_ {
        let met = |(place, &name): (usize, &&'static str)| (name, self.met.get(place).copied().unwrap_or_default());
        names().iter().enumerate().map(met)
    }

    /// How often a mark was met; 0 if this build does not count it.
    #[must_use]
    pub fn times(&self, name: &str) -> u64 {
        place(name).and_then(|place| self.met.get(place)).map_or(0, |met| met.times)
    }

    /// How many different marks were met.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.iter().filter(|(_, met)| 0 < met.seeds).count()
    }

    /// That, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        if ARE_COUNTED {
            format!("{} of {} marks", self.reached(), self.iter().count())
        } else {
            "no marks: this build counts none".to_owned()
        }
    }

    /// What falls short of the floors, a line each. Rare ones are asked for only of so many seeds that they must show. A floor
    /// whose mark this build, which counts them, does not know falls short of anything.
    #[must_use]
    pub fn short(&self) -> Vec<String> {
        let of = |(name, met): (&'static str, Met)| match floors().get(name) {
            None => Some(format!("{name} has no floor in sim/marks.txt")),
            Some(Floor::Mandatory) if met.seeds * 100 < met.of * MANDATORY_OF_100 => {
                Some(format!("{name} is met by {} of {} seeds; one in a hundred must", met.seeds, met.of))
            }
            Some(Floor::Nightly) if met.is_too_rare() => {
                Some(format!("{name} is met by {} of {} seeds; one in a hundred thousand must", met.seeds, met.of))
            }
            Some(Floor::Never) if 0 < met.seeds => Some(format!("{name} is met, which nothing should lead to")),
            Some(Floor::Mandatory | Floor::Nightly | Floor::Never) => None,
        };
        let gone = floors().keys().filter(|name| ARE_COUNTED && place(name).is_none());
        let gone = gone.map(|name| format!("{name} is no mark any more, and has a floor"));
        self.iter().filter_map(of).chain(gone).collect()
    }

    /// Reads what [`Display`](fmt::Display) writes; marks that this build does not know are kept aside.
    #[must_use]
    pub fn parse(text: &str) -> Option<Marks> {
        let mut lines = text.lines();
        let seeds = lines.next()?.strip_prefix("marks of ")?.strip_suffix(" seeds")?.parse().ok()?;
        let mut marks = Marks { seeds, met: vec![Met::default(); names().len()], former: BTreeMap::new() };
        for line in lines {
            let [name, times, seeds, of] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
            let met = Met { times: times.parse().ok()?, seeds: seeds.parse().ok()?, of: of.parse().ok()? };
            match place(name) {
                Some(place) => marks.met[place] = met,
                None => _ = marks.former.insert(name.to_owned(), met),
            }
        }
        Some(marks)
    }
}

/// A mark that one seed in a hundred thousand meets shows in as many.
const NIGHT: u64 = 100_000;

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "marks of {} seeds", self.seeds)?;
        let mut line = |name: &str, Met { times, seeds, of }: Met| write!(f, "\n{name} {times} {seeds} {of}");
        self.iter().try_for_each(|(name, met)| line(name, met))?;
        self.former.iter().try_for_each(|(name, met)| line(name, *met))
    }
}

#[cfg(rsm_marks)]
mod counted {
    pub(crate) use rsm::raft::mark::{count, names, quietly, reset};
}

#[cfg(not(rsm_marks))]
mod counted {
    pub(crate) fn names() -> &'static [&'static str] {
        &[]
    }

    pub(crate) fn count(_place: usize) -> u64 {
        0
    }

    pub(crate) fn reset() {}

    pub(crate) fn quietly<T>(act: impl FnOnce() -> T) -> T {
        act()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_floor() {
        for name in names() {
            assert!(floors().contains_key(name), "{name} stands in no line of sim/marks.txt");
        }
        assert!(80 <= floors().len());
    }

    #[test]
    fn marks_are_read_as_they_were_written_and_add_up() {
        let mut counters = Counters::default();
        counters.hit("crash-of-a-leader");
        counters.hit("crash-of-a-leader");
        let one = counters.all();
        let mut sum = one.clone();
        sum += &one;
        assert_eq!(Marks::parse(&sum.to_string()), Some(sum.clone()));
        let met = sum.iter().find(|(name, _)| *name == "crash-of-a-leader").expect("it is one of our own").1;
        assert_eq!((met, sum.seeds), (Met { times: 4, seeds: 2, of: 2 }, 2));
    }

    #[test]
    fn a_mark_that_is_new_is_asked_of_the_seeds_that_could_meet_it_and_a_former_one_is_kept() {
        let text = "marks of 1000 seeds\nof-a-former-version 7 5 1000";
        let mut marks = Marks::parse(text).expect("it was written so");
        assert!(!marks.short().iter().any(|line| line.starts_with("crash-of-a-leader ")), "{:?}", marks.short());
        marks += &Counters::default().all();
        assert!(marks.short().contains(&"crash-of-a-leader is met by 0 of 1 seeds; one in a hundred must".to_owned()));
        assert!(marks.to_string().starts_with("marks of 1001 seeds\n"), "{marks}");
        assert!(marks.to_string().ends_with("\nof-a-former-version 7 5 1000"), "{marks}");
    }

    #[test]
    fn a_mandatory_mark_that_too_few_seeds_meet_is_short_and_one_that_nothing_leads_to_is_told() {
        let mut none = Counters::default().all();
        none.met.iter_mut().for_each(|met| met.of = 100);
        assert!(none.short().iter().any(|line| line.starts_with("crash-of-a-leader ")), "{:?}", none.short());
        let place = place("crash-of-a-leader").expect("it is one of our own");
        none.met[place] = Met { times: 1, seeds: 1, of: 100 };
        assert!(!none.short().iter().any(|line| line.starts_with("crash-of-a-leader ")));
    }

    #[test]
    fn a_nightly_mark_that_fewer_than_one_seed_in_a_hundred_thousand_meets_is_short() {
        let is_short = |seeds: u64, of: u64| {
            let mut marks = Counters::default().all();
            let place = place("end-by-damage").expect("it is one of our own, and nightly");
            marks.met[place] = Met { times: seeds, seeds, of };
            marks.short().iter().any(|line| line.starts_with("end-by-damage "))
        };
        assert_eq!([is_short(0, NIGHT - 1), is_short(0, NIGHT), is_short(1, NIGHT)], [false, true, false]);
        assert_eq!([is_short(1, 5 * NIGHT), is_short(2, 9 * NIGHT), is_short(3, 9 * NIGHT)], [false, true, false]);
        assert_eq!([is_short(19, 40 * NIGHT), is_short(28, 40 * NIGHT)], [true, false]);
    }
}
