//! What is counted of a call, and how far a count can be trusted.

/// How many of what [`Measure::ComputeUnits`] counts make one compute unit.
///
/// A measure is a whole number, so compute units are counted in millionths: one call of 1.5 units has 1,500,000.
pub const MICROS_PER_COMPUTE_UNIT: u64 = 1_000_000;

/// One thing that is counted, always in whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Calls.
    Requests,
    /// Compute time, in millionths of a unit; see [`MICROS_PER_COMPUTE_UNIT`].
    ComputeUnits,
    /// Rows that were predicted for.
    Rows,
    /// Tokens of the whole prompt, cached ones included.
    TokensIn,
    /// Tokens of the answer.
    TokensOut,
    /// Those of the prompt's tokens that the model had cached.
    TokensCached,
    /// Bytes of the request's body, where the route meters them.
    RequestBytes,
    /// Bytes of the answer's body, where the route meters them.
    ResponseBytes,
}

/// One reading of each measure that was taken. What was not measured is absent, which is not zero.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Measures {
    /// Bit *n* says that `Measure::ALL[n]` was measured; the value of what was not is zero.
    taken: u16,
    values: [u64; Measure::ALL.len()],
}

/// How far a count can be trusted; a later one is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Quality {
    /// The model said so, or the gate counted what cannot be miscounted.
    #[default]
    Reported,
    /// Counted by the gate: one token for each delta of text, or by the configured tokenizer.
    Counted,
    /// Guessed from the size.
    Estimated,
}

impl Measure {
    /// Every measure, in the order of the canonical form. New ones go to the end.
    pub const ALL: [Self; 8] = [
        Self::Requests,
        Self::ComputeUnits,
        Self::Rows,
        Self::TokensIn,
        Self::TokensOut,
        Self::TokensCached,
        Self::RequestBytes,
        Self::ResponseBytes,
    ];

    /// Its name in config, JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::ComputeUnits => "compute_units",
            Self::Rows => "rows",
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::TokensCached => "tokens_cached",
            Self::RequestBytes => "request_bytes",
            Self::ResponseBytes => "response_bytes",
        }
    }

    /// The measure of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == name)
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Measures {
    /// One request, and nothing else measured.
    pub fn request() -> Self {
        Self::default().with(Measure::Requests, 1)
    }

    /// The same reading with this value of `measure`, at most what a signed 64-bit column holds.
    #[must_use]
    pub fn with(mut self, measure: Measure, value: u64) -> Self {
        self.taken |= 1 << measure.index();
        self.values[measure.index()] = super::encoding::bounded(value);
        self
    }

    /// The value of `measure`, where it was measured.
    pub fn of(&self, measure: Measure) -> Option<u64> {
        (self.taken & (1 << measure.index()) != 0).then(|| self.values[measure.index()])
    }

    /// What was measured, in the order of [`Measure::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Measure, u64)> {
        Measure::ALL.into_iter().filter_map(|measure| Some((measure, self.of(measure)?)))
    }

    /// The set of what was measured, as bits in the order of [`Measure::ALL`].
    pub(super) fn taken(&self) -> u16 {
        self.taken
    }
}

impl std::fmt::Debug for Measures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(measure, value)| (measure.as_str(), value))).finish()
    }
}

impl Quality {
    /// Every quality, the best first.
    pub const ALL: [Self; 3] = [Self::Reported, Self::Counted, Self::Estimated];

    /// Its name in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Counted => "counted",
            Self::Estimated => "estimated",
        }
    }

    /// The quality of two readings together: that of the worse.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }
}
