//! Many runs in three numbers.

use std::fmt;

/// The median of some figures, and their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle; of an even number the mean of the two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these figures; all zero if there are none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Spread {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (figures.first(), figures.last()) else {
            return Spread { median: 0.0, min: 0.0, max: 0.0 };
        };
        let middle = figures.len() / 2;
        let median = if figures.len().is_multiple_of(2) {
            f64::midpoint(figures[middle - 1], figures[middle])
        } else {
            figures[middle]
        };
        Spread { median, min, max }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}-{}]", short(self.median), short(self.min), short(self.max))
    }
}

/// The one of these sorted figures that lies at this share of them, 0 to 1; 0 of none.
pub fn at_share(sorted: &[u64], share: f64) -> f64 {
    let nth = (sorted.len() as f64 * share) as usize;
    sorted.get(nth.min(sorted.len().saturating_sub(1))).map_or(0.0, |&figure| figure as f64)
}

/// Three digits that count.
pub fn short(figure: f64) -> String {
    match figure.abs() {
        0.0 => "0".to_owned(),
        size if size < 1.0 => format!("{figure:.3}"),
        size if size < 10.0 => format!("{figure:.2}"),
        size if size < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

/// The mean of ratios: that of their logarithms. 0 of none.
pub fn geometric_mean(ratios: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for ratio in ratios {
        sum += ratio.ln();
        count += 1;
    }
    if count == 0 { 0.0 } else { (sum / f64::from(count)).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let odd = Spread::of([3.0, 1.0, 9.0]);
        assert_eq!((odd.min, odd.median, odd.max), (1.0, 3.0, 9.0));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 9.0]).median, 3.0);
    }

    #[test]
    fn a_share_of_figures_is_one_of_them() {
        let figures: Vec<u64> = (0..100).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| at_share(&figures, share)), [0.0, 50.0, 99.0, 99.0]);
        assert_eq!(at_share(&[], 0.5), 0.0);
    }

    #[test]
    fn a_doubling_and_a_halving_make_one() {
        assert!((geometric_mean([2.0, 0.5]) - 1.0).abs() < 1e-12);
    }
}
