//! What is counted, and how much of it a call costs.

use std::fmt;
use std::str::FromStr;

/// What a limit counts, always in whole numbers: of what has fractions in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens of prompt and answer together.
    Tokens,
    /// Tokens of the prompt, cached ones included.
    TokensIn,
    /// Tokens of the answer.
    TokensOut,
    /// Bytes of bodies.
    Bytes,
    /// Rows of a table to predict for.
    Rows,
    /// Millionths of units of compute time.
    ComputeUnits,
    /// Millionths of the currency's main unit, so that a call's price is whole.
    Money(Currency),
}

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// A text that is no ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters, such as `USD`")]
pub struct NoCurrency;

/// How much of each unit a call costs: an estimate when it is reserved, the truth when it is settled.
///
/// A unit that is not named costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    plain: [u64; 7],
    /// Empty for most calls, and then without memory of its own.
    money: Vec<(Currency, u64)>,
}

/// What one unit with fractions has.
const MILLIONTHS: u64 = 1_000_000;

impl Unit {
    /// The unit's name in config, headers and API; of money the currency.
    pub fn name(&self) -> &str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::Bytes => "bytes",
            Self::Rows => "rows",
            Self::ComputeUnits => "compute_units",
            Self::Money(currency) => currency.code(),
        }
    }

    /// How many of what is counted make one of what people write and read.
    pub fn parts(&self) -> u64 {
        match self {
            Self::ComputeUnits | Self::Money(_) => MILLIONTHS,
            Self::Requests | Self::Tokens | Self::TokensIn | Self::TokensOut | Self::Bytes | Self::Rows => 1,
        }
    }

    /// So much of what is counted as people read it. A fraction is left out, so that nobody is told of more than there is.
    pub fn whole(&self, counted: u64) -> u64 {
        match self.parts() {
            1 => counted,
            parts => counted / parts,
        }
    }
}

impl Currency {
    /// The three letters.
    pub fn code(&self) -> &str {
        // Only ASCII letters get in.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = NoCurrency;

    fn from_str(text: &str) -> Result<Self, NoCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(NoCurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Cost {
    /// One request and nothing else.
    pub fn request() -> Self {
        Self::default().with(Unit::Requests, 1)
    }

    /// The same cost with this much of `unit`.
    #[must_use]
    pub fn with(mut self, unit: Unit, units: u64) -> Self {
        match unit {
            Unit::Money(currency) => match self.money.iter_mut().find(|(have, _)| *have == currency) {
                Some((_, amount)) => *amount = units,
                None => self.money.push((currency, units)),
            },
            Unit::Requests => self.plain[0] = units,
            Unit::Tokens => self.plain[1] = units,
            Unit::TokensIn => self.plain[2] = units,
            Unit::TokensOut => self.plain[3] = units,
            Unit::Bytes => self.plain[4] = units,
            Unit::Rows => self.plain[5] = units,
            Unit::ComputeUnits => self.plain[6] = units,
        }
        self
    }

    /// How much of `unit`.
    pub fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Money(currency) => {
                self.money.iter().find(|(have, _)| *have == currency).map_or(0, |(_, amount)| *amount)
            }
            Unit::Requests => self.plain[0],
            Unit::Tokens => self.plain[1],
            Unit::TokensIn => self.plain[2],
            Unit::TokensOut => self.plain[3],
            Unit::Bytes => self.plain[4],
            Unit::Rows => self.plain[5],
            Unit::ComputeUnits => self.plain[6],
        }
    }
}
