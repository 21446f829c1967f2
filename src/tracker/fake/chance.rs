//! Draws pseudo-random numbers from a seed: the same seed gives the same run.

/// A sequence of pseudo-random numbers (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of the numbers below `most`; 0 if there is none.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        let below = self.next() % most.max(1) as u64;
        usize::try_from(below).unwrap_or(0)
    }

    /// True in so many of a hundred calls.
    pub(crate) fn happens(&mut self, percent: usize) -> bool {
        percent > 0 && self.below(100) < percent
    }
}
