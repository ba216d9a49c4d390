//! Reads from a request what it asks for.

use std::cell::Cell;

use serde::de::DeserializeSeed;

use super::include_usage::Edit;
use super::json::levels;
use super::reading::tokens_of;
use super::{Estimate, Pointer};
use crate::limit::{Cost, Unit};

mod plan;
mod walk;

use plan::{Plan, Take};
use walk::{Walk, Walked};

/// Reads the body of a request once, whole: the model's name, rows, and what tells how many tokens the call may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestMeter {
    plan: Plan,
    model: Option<Pointer>,
    rows: bool,
}

/// What a request tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestReading {
    /// The model that it names, where the route says that the body does. Absent where it names none, or something that
    /// can be none.
    pub model: Option<Box<str>>,
    /// Rows that it brings, where the route says where they are.
    pub rows: Option<u64>,
    /// Whether the shape of a tensor cannot be true: `rows` is a guess then.
    pub rows_doubted: bool,
    /// Tokens that its prompt may have: a quarter of the body's bytes.
    pub tokens_in: u64,
    /// Tokens that it lets the answer have: `max_completion_tokens`, `max_output_tokens` or `max_tokens`, for each of the
    /// `n` choices.
    pub tokens_out_max: Option<u64>,
    /// Whether the answer is to be streamed.
    pub streamed: bool,
    /// Whether the caller asked for usage in a stream.
    pub usage_asked: bool,
    /// What asks for it in the caller's stead, in a streamed request that does not.
    pub(super) ask: Option<Edit>,
}

/// Why a body cannot be read. Callers get 400 for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is no JSON, and the route needs the model that it names.
    #[error("the body must be JSON")]
    NoJson,
    /// A member that matters, or one on the way to it, stands there twice: the model may read another one than the gate.
    #[error("the body gives `{0}` more than once")]
    Twice(&'static str),
    /// It is packed in a way that is not read, and the route needs what is in it.
    #[error("the body must be plain, or whole and of modest size in gzip, deflate or br")]
    Packed,
    /// It is nested deeper than any model's interface is.
    #[error("the body is nested deeper than {DEPTH_MAX} levels")]
    Deep,
}

/// The deepest body that is read, in levels.
pub const DEPTH_MAX: usize = 128;

/// More rows than one call can bring; whoever names more is taken to bring this many.
pub const ROWS_MAX: u64 = 1_000_000_000;

impl RequestMeter {
    /// Reads the model and rows at these places, and with `tokens` what tells of tokens.
    pub fn new(model: Option<&Pointer>, rows: &[Pointer], tokens: bool) -> Self {
        let mut plan = Plan::default();
        if let Some(model) = model {
            plan.take(model.parts(), Take::Model);
        }
        for place in rows {
            plan.take(place.parts(), Take::Rows);
        }
        if tokens {
            for (name, take) in [
                ("max_completion_tokens", Take::MaxTokens),
                ("max_output_tokens", Take::MaxTokens),
                ("max_tokens", Take::MaxTokens),
                ("n", Take::Choices),
                ("stream", Take::Stream),
                ("stream_options", Take::StreamOptions),
            ] {
                plan.take(std::iter::once(name), take);
            }
        }
        Self { plan, model: model.cloned(), rows: !rows.is_empty() }
    }

    /// Whether there is anything to read, so that the body must be read whole before the call is admitted.
    pub fn reads(&self) -> bool {
        !self.plan.is_empty()
    }

    /// Whether it takes something that nobody tells later, so that a call whose body cannot be read would go uncounted.
    pub fn needs_all(&self) -> bool {
        self.model.is_some() || self.rows
    }

    /// Reads a whole body. One that is no JSON tells its size only.
    ///
    /// # Errors
    /// [`BodyFault`] where the body is ambiguous or too deep, or is no JSON and must name the model.
    pub fn read(&self, body: &[u8]) -> Result<RequestReading, BodyFault> {
        let reading = RequestReading { tokens_in: tokens_of(body.len() as u64), ..RequestReading::default() };
        if !self.reads() {
            return Ok(reading);
        }
        if levels(body) > DEPTH_MAX {
            return Err(BodyFault::Deep);
        }
        let fault = Cell::new(None);
        let mut walked = Walked::new(body, &fault);
        let mut json = serde_json::Deserializer::from_slice(body);
        let whole = Walk::new(&self.plan, &mut walked).deserialize(&mut json).and_then(|_| json.end());
        match (whole, fault.take()) {
            (_, Some(fault)) => Err(fault),
            (Ok(()), None) => Ok(walked.reading(reading)),
            // Where nothing but numbers are taken from the body, the model may judge it.
            (Err(_), None) if self.model.is_none() => Ok(reading),
            (Err(_), None) => Err(BodyFault::NoJson),
        }
    }
}

impl RequestReading {
    /// Whether it has a body.
    pub fn has_body(&self) -> bool {
        self.tokens_in > 0
    }

    /// The tokens to reserve for the call, in units of limits: what it tells, and where it does not tell the route's
    /// `estimate`.
    pub fn cost(&self, cost: Cost, estimate: &Estimate) -> Cost {
        let tokens_in = self.tokens_in.max(estimate.tokens_in.unwrap_or_default());
        let (tokens_out, tokens) = match self.tokens_out_max {
            Some(most) => (most, tokens_in.saturating_add(most)),
            None => {
                let rest = estimate.tokens.unwrap_or_default().saturating_sub(tokens_in);
                let tokens_out = estimate.tokens_out.unwrap_or(rest);
                (tokens_out, tokens_in.saturating_add(tokens_out))
            }
        };
        cost.with(Unit::TokensIn, tokens_in).with(Unit::TokensOut, tokens_out).with(Unit::Tokens, tokens)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
