//! Reads from a request what it asks for.

use std::cell::Cell;

use serde::de::DeserializeSeed;

use super::include_usage::Edit;
use super::json::levels;
use super::reading::tokens_of;
use super::{Estimate, Pointer};
use crate::limit::{Cost, Unit};

mod lenient;
mod opening;
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
    /// Tokens that it lets the answer have: `max_completion_tokens`, `max_output_tokens` or `max_tokens`, for each of the `n`
    /// or `best_of` choices of each `prompt`.
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
    /// It is no JSON, and the route needs the model that it names; or it begins as JSON and cannot be read.
    #[error("the body must be JSON")]
    NoJson,
    /// A member that matters, or one on the way to it, stands there twice: the model may read another one than the gate.
    #[error("the body gives `{0}` more than once")]
    Twice(&'static str),
    /// It is packed in a way that is not read, and the route needs what is in it.
    #[error("the body must be plain, or whole and of modest size in gzip, deflate or br")]
    Packed,
    /// It is packed, and could be JSON as it came, too.
    #[error("the packed body must not begin as JSON")]
    Misleading,
    /// It is in an encoding that says more than its bytes do.
    #[error("the body must be in UTF-8")]
    Charset,
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
                ("best_of", Take::Choices),
                ("prompt", Take::Prompts),
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
    /// [`BodyFault`] where the body is ambiguous or too deep, or is no JSON and must name the model, or only begins as
    /// JSON.
    pub fn read(&self, body: &[u8]) -> Result<RequestReading, BodyFault> {
        match self.parse(body)? {
            Some(reading) => Ok(reading),
            None if self.model.is_none() && !opening::begins_as_json(body) => Ok(of_size(body)),
            None => Err(BodyFault::NoJson),
        }
    }

    /// Whether a packed body could be read as it came by a server that does not unpack it, and tell that server something
    /// else.
    pub fn could_mislead(&self, packed: &[u8]) -> bool {
        self.reads() && opening::could_be_json(packed)
    }

    /// Reads a body with something behind its JSON, which is said to be so long; absent where what is said can be
    /// understood in several ways. Who does not know of such bodies reads all of it, so it is tried as well.
    ///
    /// # Errors
    /// As [`RequestMeter::read`], and [`BodyFault::NoJson`] where neither is JSON and something in it matters.
    pub fn read_beginning(&self, body: &[u8], json: Option<usize>) -> Result<RequestReading, BodyFault> {
        if let Some(beginning) = json.and_then(|length| body.get(..length)).filter(|json| !json.is_empty())
            && let Some(reading) = self.parse(beginning)?
        {
            return Ok(RequestReading { tokens_in: tokens_of(body.len() as u64), ..reading });
        }
        match self.parse(body) {
            Ok(Some(reading)) => Ok(reading),
            Err(fault) if fault != BodyFault::Deep => Err(fault),
            // Nothing but binary data, which may look as deep as it likes.
            _ if self.model.is_none() && json == Some(0) && !opening::could_be_json(body) => {
                Ok(of_size(body))
            }
            _ if self.needs_all() || opening::begins_as_json(body) => Err(BodyFault::NoJson),
            _ => Ok(of_size(body)),
        }
    }

    /// What a body tells; nothing where it is no JSON, not even with the numbers that some write.
    fn parse(&self, body: &[u8]) -> Result<Option<RequestReading>, BodyFault> {
        if !self.reads() {
            return Ok(Some(of_size(body)));
        }
        if levels(body) > DEPTH_MAX {
            return Err(BodyFault::Deep);
        }
        match self.walk(body)? {
            Some(reading) => Ok(Some(reading)),
            None => lenient::numbers(body).map_or(Ok(None), |plain| self.walk(&plain)),
        }
    }

    fn walk(&self, body: &[u8]) -> Result<Option<RequestReading>, BodyFault> {
        let fault = Cell::new(None);
        let mut walked = Walked::new(body, &fault);
        let mut json = serde_json::Deserializer::from_slice(body);
        let whole = Walk::new(&self.plan, &mut walked).deserialize(&mut json).and_then(|_| json.end());
        match (whole, fault.take()) {
            (_, Some(fault)) => Err(fault),
            (Ok(()), None) => Ok(Some(walked.reading(of_size(body)))),
            (Err(_), None) => Ok(None),
        }
    }
}

/// What a body tells that is not read.
fn of_size(body: &[u8]) -> RequestReading {
    RequestReading { tokens_in: tokens_of(body.len() as u64), ..RequestReading::default() }
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
