//! Chance that begins at a seed and is the same everywhere and for ever.
//!
//! A generator of our own because a model must come out the same after every update of every library.

/// Steele, Lea and Flood's `SplitMix64`: equidistributed, fast, and eight lines long.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The chance of one part of a training, such as one tree; parts do not depend on each other's order.
    pub fn new(seed: u64, part: u64) -> Self {
        let mut random = Self { state: seed };
        let state = random.next() ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03);
        Self { state }
    }

    /// A whole number below `bound`, which is at least 1. Its bias is below 2^-32 for the bounds here.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * bound as u128;
        (wide >> 64) as usize
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
