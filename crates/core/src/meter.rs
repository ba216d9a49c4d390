//! What is read from requests and answers to be counted, limited and billed.
//!
//! Everything here looks on while bytes pass: a meter is fed with parts of any size, keeps a few hundred bytes of state
//! however large the body is, and never alters, keeps or delays what it sees. Two things alter bytes, and say so:
//! [`include_usage`] asks the model for its count where the caller did not, and [`UsageChunkFilter`] takes the answer to
//! that out again.
#![doc = include_str!("meter/rules.md")]
//!
//! [`Quality::Reported`]: crate::usage::Quality::Reported
//! [`Quality::Counted`]: crate::usage::Quality::Counted
//! [`Quality::Estimated`]: crate::usage::Quality::Estimated

mod answer;
mod compute;
mod events;
mod grammar;
mod hangup;
pub mod include_usage;
mod json;
mod model;
mod pointer;
mod reading;
mod reported;
mod request;
mod usage_chunk;
mod work;

pub use answer::{AnswerMeter, Kind};
pub use compute::{ComputeUnits, Factor, FactorError, MICROS_MAX};
pub use hangup::OnHangup;
pub use model::ModelPlace;
pub use pointer::{Pointer, PointerError};
pub use reading::{Doubt, Reading};
pub use request::{BodyFault, DEPTH_MAX, ROWS_MAX, RequestMeter, RequestReading};
pub use usage_chunk::{HELD_MAX, Piece, UsageChunkFilter};
pub use work::{Booked, Ending, Work, cost_of};

/// More tokens than one call can have; a model that reports more is not believed, and a caller who asks for more has
/// this many reserved.
pub const TOKENS_MAX: u64 = 100_000_000;

/// What a route counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meters {
    /// Whether its calls make no usage events: `meters: off`.
    pub off: bool,
    /// Tokens of the prompt.
    pub tokens_in: bool,
    /// Tokens of the answer.
    pub tokens_out: bool,
    /// Bytes of request bodies.
    pub bytes_in: bool,
    /// Bytes of answers.
    pub bytes_out: bool,
    /// Time at the upstream, and what a unit of it is.
    pub compute_units: Option<ComputeUnits>,
    /// The lists in a request that may have an item for each row; of several the longest counts. Empty where no rows are
    /// counted.
    pub rows: Vec<Pointer>,
    /// What is reserved while a request does not tell how much it will use.
    pub estimate: Estimate,
    /// What is billed of a call whose caller left.
    pub on_hangup: OnHangup,
    /// Which model a call uses; absent where the file does not say.
    pub model: Option<ModelPlace>,
    /// Reads what the above needs from the body of a request.
    pub request: RequestMeter,
}

/// What is reserved by unit while a request does not tell how much it will use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Tokens of prompt and answer together.
    pub tokens: Option<u64>,
    /// Tokens of the prompt.
    pub tokens_in: Option<u64>,
    /// Tokens of the answer.
    pub tokens_out: Option<u64>,
    /// Bytes of a body whose length is not declared.
    pub bytes: Option<u64>,
    /// Rows.
    pub rows: Option<u64>,
    /// Millionths of compute units.
    pub compute_units: Option<u64>,
}

impl Meters {
    /// Whether tokens of either side are counted, so that answers are to be read.
    pub fn tokens(&self) -> bool {
        self.tokens_in || self.tokens_out
    }

    /// What needs the body of a request read whole, by its name in the file.
    pub fn needs_body(&self) -> Option<&'static str> {
        match (&self.model, self.rows.is_empty()) {
            (Some(ModelPlace::Body(_)), _) => Some("model"),
            (_, false) => Some("rows"),
            (_, true) if self.tokens() => Some("tokens"),
            // Nobody is there any more to send the rest to a model that is to go on.
            (_, true) => self.on_hangup.reads_on().then_some("on_hangup"),
        }
    }

    /// Whether more than requests is counted.
    pub fn measure_more(&self) -> bool {
        let bytes = self.bytes_in || self.bytes_out;
        self.tokens() || bytes || self.compute_units.is_some() || !self.rows.is_empty()
    }

    /// Readies [`Self::request`] for what the other fields ask of request bodies.
    #[must_use]
    pub fn ready(mut self) -> Self {
        let model = match &self.model {
            Some(ModelPlace::Body(pointer)) => Some(pointer),
            Some(ModelPlace::Named(_) | ModelPlace::PathSegment(_)) | None => None,
        };
        self.request = RequestMeter::new(model, &self.rows, self.tokens());
        self
    }
}
