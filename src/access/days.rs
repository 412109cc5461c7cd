//! The days on which something was seen, as a bitmap: it merges, and window and saturation are read off it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A day, as whole days since 1970-01-01 UTC (may be negative).
pub type Day = i32;

/// A set of days. Words of 64 days each: word `w`, bit `b` stands for day `64 * w + b`. Empty means never seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Days(BTreeMap<i32, u64>);

impl Days {
    /// The set that holds one day.
    #[must_use]
    pub fn of(day: Day) -> Self {
        let mut days = Days::default();
        days.insert(day);
        days
    }

    /// Adds a day.
    pub fn insert(&mut self, day: Day) {
        self.insert_word(day.div_euclid(64), 1 << day.rem_euclid(64));
    }

    /// Adds up to 64 days at once: a word and its bits, as [`Days::words`] gives them.
    pub fn insert_word(&mut self, word: i32, bits: u64) {
        *self.0.entry(word).or_default() |= bits;
    }

    /// Adds every day of another set.
    pub fn merge(&mut self, other: &Days) {
        for (word, bits) in &other.0 {
            self.insert_word(*word, *bits);
        }
    }

    /// The words that hold days, in order.
    pub fn words(&self) -> impl Iterator<Item = (i32, u64)> {
        self.0.iter().map(|(word, bits)| (*word, *bits))
    }

    /// How many days.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.values().map(|bits| bits.count_ones()).sum()
    }
}

impl Days {
    /// The days, in order.
    pub fn iter(&self) -> impl Iterator<Item = Day> {
        self.words().flat_map(|(word, bits)| {
            (0..64_i32).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word.saturating_mul(64).saturating_add(bit))
        })
    }

    /// The runs of days between the first and the last on which nothing was seen: first and last day of each run.
    #[must_use]
    pub fn gaps(&self) -> Vec<(Day, Day)> {
        let after = self.iter().skip(1);
        let pairs = self.iter().zip(after).filter(|(day, next)| next.saturating_sub(*day) > 1);
        pairs.map(|(day, next)| (day.saturating_add(1), next.saturating_sub(1))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_is_union() {
        let mut days = Days::of(-1);
        days.insert(0);
        days.insert(63);
        days.merge(&Days::of(64));
        days.merge(&Days::of(0));
        assert_eq!(days.count(), 4);
        assert_eq!(days.words().collect::<Vec<_>>(), [(-1, 1 << 63), (0, (1 << 63) | 1), (1, 1)]);
    }

    #[test]
    fn gaps_lie_between_days() {
        let mut days = Days::default();
        assert!(days.gaps().is_empty());
        [-3, 0, 1, 63, 64, 200].into_iter().for_each(|day| days.insert(day));
        assert_eq!(days.iter().collect::<Vec<_>>(), [-3, 0, 1, 63, 64, 200]);
        assert_eq!(days.gaps(), [(-2, -1), (2, 62), (65, 199)]);
    }
}
