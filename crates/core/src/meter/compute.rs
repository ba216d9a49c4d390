//! Compute units: time at the upstream, weighed.

use std::collections::BTreeMap;
use std::time::Duration;

/// How compute units come about: seconds at the upstream by their price in units, plus what the payload costs, all of it
/// times the model's weight.
///
/// The result is in millionths of a unit, rounded up once at the end: no work is free, and a bill is off by less than a
/// millionth of a unit for each call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComputeUnits {
    /// Units of one second.
    pub per_second: Factor,
    /// Units of one row.
    pub per_row: Factor,
    /// Units of one mebibyte of the request's body.
    pub per_mebibyte: Factor,
    /// What a model weighs beside the others; 1 where it is not named.
    pub models: BTreeMap<Box<str>, Factor>,
}

/// An exact decimal that is not negative: `digits / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factor {
    digits: u64,
    scale: u8,
}

/// A number that is no factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a factor is at most {FACTOR_MAX}, with at most {SCALE_MAX} digits behind the point")]
pub struct FactorError;

/// The largest factor; a million units a second are more than anybody charges for.
const FACTOR_MAX: u64 = 1_000_000;
/// Most digits behind the point.
const SCALE_MAX: u8 = 6;
/// Every factor as a whole number of millionths.
const SCALE: u128 = 1_000_000;
/// The most millionths that one call costs, a thousand million units: sums of many calls stay within 63 bits.
pub const MICROS_MAX: u64 = 1_000_000_000_000_000;
/// Bytes of a mebibyte.
const MEBIBYTE: u128 = 1 << 20;

impl Factor {
    /// What a model weighs that is not named.
    const ONE: Self = Self { digits: 1, scale: 0 };

    /// `digits / 10^scale`.
    ///
    /// # Errors
    /// [`FactorError`] where it is larger or finer than what is counted exactly.
    pub fn new(digits: u64, scale: u8) -> Result<Self, FactorError> {
        if scale > SCALE_MAX || u128::from(digits) > u128::from(FACTOR_MAX) * 10_u128.pow(scale.into()) {
            return Err(FactorError);
        }
        Ok(Self { digits, scale })
    }

    /// The same in whole millionths.
    pub fn micros(self) -> u64 {
        u64::try_from(self.millionths()).unwrap_or(MICROS_MAX)
    }

    fn millionths(self) -> u128 {
        u128::from(self.digits) * 10_u128.pow((SCALE_MAX - self.scale).into())
    }
}

impl ComputeUnits {
    /// Millionths of units of one call: `time` at the upstream, `rows` and `bytes` of its request.
    pub fn micros(&self, time: Duration, rows: u64, bytes: u64, model: Option<&str>) -> u64 {
        let weight = model.and_then(|model| self.models.get(model)).copied().unwrap_or(Factor::ONE);
        // Time in microseconds and factors in millionths. What goes beyond 128 bits is far more than the most, and is held
        // there rather than wrapped to a small number.
        let time = time.as_micros().saturating_mul(self.per_second.millionths());
        let rows = u128::from(rows).saturating_mul(SCALE).saturating_mul(self.per_row.millionths());
        let bytes = u128::from(bytes).saturating_mul(SCALE).saturating_mul(self.per_mebibyte.millionths());
        let sum = time.saturating_add(rows).saturating_mul(MEBIBYTE).saturating_add(bytes);
        let weighed = sum.saturating_mul(weight.millionths());
        u64::try_from(weighed.div_ceil(SCALE * SCALE * MEBIBYTE)).unwrap_or(MICROS_MAX).min(MICROS_MAX)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
