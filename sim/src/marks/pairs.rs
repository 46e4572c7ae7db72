//! Which rare moments one run has met together: two of them may be harmless alone.

use super::{Marks, names};
use std::fmt;

/// In how many runs each two marks were both met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Of two marks, the later of which is the nth: at `nth * (nth - 1) / 2`, and as far on as the earlier one's number.
    seeds: Vec<u64>,
}

/// So many are shown.
const SHOWN: usize = 20;

impl Pairs {
    /// One run more.
    pub fn note(&mut self, marks: &Marks) {
        let met: Vec<usize> =
            marks.iter().enumerate().filter(|(_, (_, met))| 0 < met.times).map(|(place, _)| place).collect();
        self.seeds.resize(names().len() * names().len().saturating_sub(1) / 2, 0);
        for (nth, &later) in met.iter().enumerate() {
            met[..nth].iter().for_each(|&earlier| self.seeds[later * (later - 1) / 2 + earlier] += 1);
        }
    }

    /// Those of other runs, too.
    pub fn add(&mut self, other: &Pairs) {
        self.seeds.resize(self.seeds.len().max(other.seeds.len()), 0);
        self.seeds.iter_mut().zip(&other.seeds).for_each(|(seeds, more)| *seeds += more);
    }

    /// Each that was met, in how many runs.
    fn met(&self) -> impl Iterator<Item = (u64, [&'static str; 2])> + '_ {
        let of = |later: usize| (0..later).map(move |earlier| (later * (later - 1) / 2 + earlier, [earlier, later]));
        let all = (1..names().len()).flat_map(of).filter_map(|(at, pair)| Some((*self.seeds.get(at)?, pair)));
        all.filter(|(seeds, _)| 0 < *seeds).map(|(seeds, pair)| (seeds, pair.map(|place| names()[place])))
    }
}

/// How many there are, and the rarest.
impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut met: Vec<_> = self.met().collect();
        met.sort_unstable();
        let all = names().len() * names().len().saturating_sub(1) / 2;
        write!(f, "{} of {all} pairs of marks were met in one seed; the rarest:", met.len())?;
        met.iter().take(SHOWN).try_for_each(|(seeds, [one, other])| write!(f, "\n{seeds} {one} {other}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Counters, OWN};
    use super::*;

    #[test]
    fn two_that_one_run_meets_are_a_pair_and_the_rarest_come_first() {
        let run = |met: &[&str]| {
            let mut counters = Counters::default();
            met.iter().for_each(|name| counters.hit(name));
            counters.all()
        };
        let (mut pairs, mut others) = (Pairs::default(), Pairs::default());
        pairs.note(&run(&OWN[..3]));
        pairs.note(&run(&OWN[1..3]));
        others.note(&run(&[OWN[8]]));
        others.note(&run(&[OWN[8], OWN[1]]));
        pairs.add(&others);
        let mut met: Vec<_> = pairs.met().collect();
        met.sort_unstable();
        let [a, b, c, z] = [OWN[0], OWN[1], OWN[2], OWN[8]];
        let mut expected = vec![(1, [a, b]), (1, [a, c]), (1, [b, z]), (2, [b, c])];
        expected.sort_unstable();
        assert_eq!(met, expected);
        assert!(pairs.to_string().starts_with("4 of ") && pairs.to_string().lines().count() == 5, "{pairs}");
    }
}
