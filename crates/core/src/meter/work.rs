//! What a call is worth: what is reserved for it before it is sent, and what is booked of it when it is over.

use std::time::Duration;

use super::{ComputeUnits, Meters, OnHangup, Reading, RequestReading};
use crate::limit::{Cost, Unit};
use crate::usage::{Measure, Measures, Quality};

/// What is known of a call when it is over, or as far as it is.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// How it ended.
    pub ending: Ending,
    /// How long it was at the upstream; absent where it was never sent there.
    pub upstream: Option<Duration>,
    /// The model that it used.
    pub model: Option<&'a str>,
    /// What its request told, where the route reads requests.
    pub request: Option<&'a RequestReading>,
    /// What its answer told, where one began and the route reads answers.
    pub answer: Option<Reading>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body that passed to the caller.
    pub response_bytes: u64,
}

/// How a call ended, as far as that decides what is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The model's whole answer went to the caller.
    Whole {
        /// Whether its status says so, too.
        success: bool,
    },
    /// The caller left; or nothing has ended yet, and the caller may still leave.
    Left {
        /// Whether the status of an answer that had begun says that the model failed.
        failed: bool,
    },
    /// The model broke off, or gave no answer.
    Broken,
}

/// What is booked of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    /// What was counted.
    pub measures: Measures,
    /// How far that can be trusted.
    pub quality: Quality,
}

/// Rows of a call.
#[derive(Debug, Clone, Copy)]
struct Rows {
    count: u64,
    /// Whether its request tells that.
    told: bool,
}

impl Meters {
    /// What is reserved for a call: itself, its bytes, and what its request lets it use of whatever the route counts.
    /// `bytes` are those of its body, where it declares them, `model` the model that it uses.
    pub fn estimate(
        &self,
        request: Option<&RequestReading>,
        bytes: Option<u64>,
        model: Option<&str>,
    ) -> Cost {
        let bytes = bytes.or(self.estimate.bytes).unwrap_or_default();
        let cost = Cost::request().with(Unit::Bytes, bytes);
        let cost = match &self.compute_units {
            None => cost,
            Some(units) => cost.with(Unit::ComputeUnits, self.estimate_work(units, request, bytes, model)),
        };
        let Some(request) = request else { return cost };
        let most = request.cost(Cost::default(), &self.estimate);
        let (tokens_in, tokens_out) = self.counted(most.of(Unit::TokensIn), most.of(Unit::TokensOut));
        let rows = self.rows_of(Some(request)).map_or(0, |rows| rows.count);
        with_tokens(cost, tokens_in, tokens_out).with(Unit::Rows, rows)
    }

    /// What its payload costs where the file does not tell; how long it takes no request tells. Never nothing, so that
    /// who has used up a limit does not pass.
    fn estimate_work(
        &self,
        units: &ComputeUnits,
        request: Option<&RequestReading>,
        bytes: u64,
        model: Option<&str>,
    ) -> u64 {
        let rows = || self.rows_of(request).map_or(0, |rows| rows.count);
        let known = || units.micros(Duration::ZERO, rows(), bytes, model);
        self.estimate.compute_units.unwrap_or_else(known).max(1)
    }

    /// What is booked of a call. The same call books the same, whoever asks and however often.
    pub fn book(&self, work: &Work<'_>) -> Booked {
        let mut measures = Measures::request();
        if self.bytes_in {
            measures = measures.with(Measure::RequestBytes, work.request_bytes);
        }
        if self.bytes_out {
            measures = measures.with(Measure::ResponseBytes, work.response_bytes);
        }
        let booked = Booked { measures, quality: Quality::Reported };
        match work.upstream {
            Some(time) => self.add_tokens(self.add_work(booked, work, time), work),
            // The model did nothing for a call that it never saw.
            None => booked,
        }
    }

    /// The rows of a request, where the route counts them: what it tells, else the estimate, else one for a body.
    fn rows_of(&self, request: Option<&RequestReading>) -> Option<Rows> {
        if self.rows.is_empty() {
            return None;
        }
        if let Some(count) = request.and_then(|request| request.rows) {
            return Some(Rows { count, told: !request.is_some_and(|request| request.rows_doubted) });
        }
        let one = request.filter(|request| request.has_body()).map(|_| 1);
        self.estimate.rows.or(one).map(|count| Rows { count, told: false })
    }

    /// Whether the route counts rows, and a request with a body does not tell how many it has, or what cannot be true.
    pub fn misses_rows(&self, request: &RequestReading) -> bool {
        !self.rows.is_empty() && (request.rows.is_none() || request.rows_doubted) && request.has_body()
    }

    /// Rows and compute units.
    fn add_work(&self, booked: Booked, work: &Work<'_>, time: Duration) -> Booked {
        let Booked { mut measures, mut quality } = booked;
        let began = work.response_bytes > 0 || work.answer.is_some_and(|answer| answer.began);
        let (pays, gets) = match work.ending {
            // Nothing was predicted for a payload that the model refused, but it took its time to.
            Ending::Whole { success } => (true, success),
            Ending::Left { failed } => {
                let pays = self.on_hangup.bills_work(began);
                (pays, pays && !failed)
            }
            Ending::Broken => (began, began),
        };
        let rows = self.rows_of(work.request);
        if let Some(Rows { count, told }) = rows {
            measures = measures.with(Measure::Rows, if gets { count } else { 0 });
            quality = if told || !gets { quality } else { Quality::Estimated };
        }
        if let Some(units) = &self.compute_units {
            let (rows, bytes) =
                if gets { (rows.map_or(0, |rows| rows.count), work.request_bytes) } else { (0, 0) };
            let micros = if pays { units.micros(time, rows, bytes, work.model) } else { 0 };
            measures = measures.with(Measure::ComputeUnits, micros);
        }
        Booked { measures, quality }
    }

    fn add_tokens(&self, booked: Booked, work: &Work<'_>) -> Booked {
        let Booked { mut measures, mut quality } = booked;
        if !self.tokens() {
            return booked;
        }
        let read = work.answer.unwrap_or_else(|| match (work.request, self.on_hangup) {
            // The model has the prompt, and goes on with it although nobody listens.
            (Some(request), OnHangup::Generated) if work.ending == (Ending::Left { failed: false }) => {
                Reading {
                    tokens_in: Some(request.tokens_in),
                    tokens_out: Some(0),
                    quality: Quality::Estimated,
                    quality_in: Quality::Estimated,
                    ..Reading::default()
                }
            }
            _ => Reading::default(),
        });
        let reading = match work.ending {
            Ending::Whole { .. } => read,
            Ending::Left { .. } => self.on_hangup.billed(read),
            Ending::Broken => OnHangup::Delivered.billed(read),
        };
        for (measure, tokens, counted) in [
            (Measure::TokensIn, reading.tokens_in, self.tokens_in),
            (Measure::TokensOut, reading.tokens_out, self.tokens_out),
            (Measure::TokensCached, reading.tokens_cached, self.tokens_in),
        ] {
            if let (Some(tokens), true) = (tokens, counted) {
                measures = measures.with(measure, tokens);
            }
        }
        quality = quality.worst(if self.tokens_out { reading.quality } else { reading.quality_in });
        Booked { measures, quality }
    }

    /// Those of them that the route counts.
    fn counted(&self, tokens_in: u64, tokens_out: u64) -> (u64, u64) {
        (if self.tokens_in { tokens_in } else { 0 }, if self.tokens_out { tokens_out } else { 0 })
    }
}

impl Booked {
    /// The same as limits count it, with the bytes of both bodies, to settle what was reserved.
    pub fn cost(&self, bytes: u64) -> Cost {
        cost_of(&self.measures).with(Unit::Requests, 1).with(Unit::Bytes, bytes)
    }
}

/// What was measured, as limits count it. Bytes are there where they were measured.
pub fn cost_of(measures: &Measures) -> Cost {
    let of = |measure| measures.of(measure).unwrap_or_default();
    let bytes = of(Measure::RequestBytes).saturating_add(of(Measure::ResponseBytes));
    let cost = Cost::default().with(Unit::Requests, of(Measure::Requests)).with(Unit::Bytes, bytes);
    with_tokens(cost, of(Measure::TokensIn), of(Measure::TokensOut))
        .with(Unit::Rows, of(Measure::Rows))
        .with(Unit::ComputeUnits, of(Measure::ComputeUnits))
}

fn with_tokens(cost: Cost, tokens_in: u64, tokens_out: u64) -> Cost {
    cost.with(Unit::TokensIn, tokens_in)
        .with(Unit::TokensOut, tokens_out)
        .with(Unit::Tokens, tokens_in.saturating_add(tokens_out))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
