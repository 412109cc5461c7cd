//! Draws: a seeded source of the names and numbers that logs are made of.

use std::fmt::Write as _;

/// A stream of draws; equal seeds give equal streams.
pub(crate) struct Draw(fastrand::Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Draw(fastrand::Rng::with_seed(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end.max(1))
    }

    /// Whether something happens that happens `percent` times of a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A number below `end`, small ones far more often: a heavy tail.
    pub(crate) fn tailed(&mut self, end: usize) -> usize {
        let (one, other, third) = (self.below(end), self.below(end), self.below(end));
        one * other / end.max(1) * third / end.max(1)
    }

    /// One of some.
    pub(crate) fn one_of<'a, T: ?Sized>(&mut self, some: &[&'a T]) -> &'a T {
        some[self.below(some.len())]
    }

    /// One of some, the first far more often.
    pub(crate) fn mostly_first<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.tailed(some.len())]
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }

    /// Letters and digits as in an access key.
    pub(crate) fn capitals(&mut self, many: usize) -> String {
        (0..many).map(|_| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[self.below(32)])).collect()
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (one, two) = (self.0.u64(..), self.0.u64(..));
        let mut text = String::with_capacity(36);
        let _ = write!(
            text,
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            one >> 32,
            one >> 16 & 0xffff,
            one & 0xfff,
            two >> 52,
            two & 0xffff_ffff_ffff
        );
        text
    }

    /// A moment of a day of October 2026, in whole seconds or with microseconds.
    pub(crate) fn time(&mut self, day: u64, micros: bool) -> String {
        let second = self.below(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        if micros {
            format!("2026-10-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", self.below(1_000_000))
        } else {
            format!("2026-10-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        }
    }

    /// An object's key below a prefix: no two alike.
    pub(crate) fn object_key(&mut self, day: u64) -> String {
        match self.below(4) {
            0 => format!("raw/dt=2026-10-{day:02}/part-{:05}-{}.snappy.parquet", self.below(100_000), self.uuid()),
            1 => format!("uploads/{}/{}.jpg", self.below(100_000), self.hex(32)),
            2 => format!("invoices/2026/10/{day:02}/INV-{:08}.pdf", self.below(100_000_000)),
            _ => format!("exports/{}/file name {}.csv", self.hex(8), self.below(1000)),
        }
    }
}
