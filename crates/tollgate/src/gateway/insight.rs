//! What is read of a call while it passes: what its request asks for, what its answer cost.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use smallvec::SmallVec;
use tollgate_core::limit::Cost;
use tollgate_core::meter::{Booked, Ending, Kind, ModelPlace, Piece, RequestReading, UsageChunkFilter, Work};
use tollgate_core::route::Route;
use tollgate_core::usage::{Measures, Quality};

use super::body::RequestBody;
use super::call::{Call, Outcome};
use super::unpacked::AnswerReader;

/// What was read of a call whose route looks into bodies.
#[derive(Debug)]
pub struct Insight {
    /// What the request tells.
    pub request: RequestReading,
    /// Whether there is a body that could be a prompt.
    pub has_body: bool,
    /// Whether the gate asked the model for usage in the caller's stead.
    pub asks: bool,
    /// Reads the answer, once there is one whose tokens count.
    answer: Option<AnswerReader>,
    /// Takes out of the answer what the caller did not ask for.
    filter: Option<UsageChunkFilter>,
}

impl Insight {
    /// What the request tells; `asks` where the gate has made it ask for usage.
    pub fn new(request: RequestReading, has_body: bool, asks: bool) -> Box<Self> {
        Box::new(Self { request, has_body, asks, answer: None, filter: None })
    }

    /// Looks at the next part of the answer, and gives what the caller gets of it; `last` where nothing follows.
    fn pass(&mut self, part: Bytes, last: bool) -> Bytes {
        if let Some(answer) = &mut self.answer {
            answer.feed(&part);
        }
        match &mut self.filter {
            None => part,
            Some(filter) => filtered(filter, &part, last),
        }
    }
}

impl Call {
    /// The model that it uses, as far as its route can tell.
    pub fn model(&self) -> Option<&str> {
        match self.route.as_ref()?.meters.model.as_ref()? {
            ModelPlace::Body(_) => self.insight.as_ref()?.request.model.as_deref(),
            place @ (ModelPlace::Named(_) | ModelPlace::PathSegment(_)) => {
                place.before_the_body(self.path.as_deref()?)
            }
        }
    }

    /// What is reserved for it of its limits.
    pub fn estimate(&self, route: &Route, body: &RequestBody) -> Cost {
        let bytes = match body {
            // As it came, before the gate asked for usage in it.
            RequestBody::Whole(_) => Some(self.request_bytes.get()),
            RequestBody::Stream(stream) => stream.remaining(),
        };
        let request = self.insight.as_ref().map(|insight| &insight.request);
        route.meters.estimate(request, bytes, self.model())
    }

    /// Begins to read the model's answer. What is taken out of it makes it shorter than its head says.
    pub fn begin_answer(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        let tokens = self.route.as_ref().is_some_and(|route| route.meters.tokens());
        let Some(insight) = self.insight.as_mut().filter(|_| tokens) else { return };
        let prompt = insight.has_body.then_some(insight.request.tokens_in);
        insight.answer = Some(AnswerReader::new(status, headers, prompt));
        let kind = Kind::of(status, headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes));
        if insight.asks && kind == Kind::Events && !is_packed(headers) {
            insight.filter = Some(UsageChunkFilter::default());
            headers.remove(CONTENT_LENGTH);
        }
    }

    /// Counts the next part of the answer, and gives what the caller gets of it; `last` where nothing follows.
    pub fn pass(&mut self, part: Bytes, last: bool) -> Bytes {
        let part = match &mut self.insight {
            None => part,
            Some(insight) => insight.pass(part, last),
        };
        self.response_bytes += part.len() as u64;
        part
    }

    /// Looks at a part of the answer that nobody gets any more.
    pub fn pass_nowhere(&mut self, part: &[u8]) {
        if let Some(answer) = self.insight.as_mut().and_then(|insight| insight.answer.as_mut()) {
            answer.feed(part);
        }
    }

    /// Whether something may be taken out of its answer, so that nobody knows how long it will be.
    pub fn is_filtered(&self) -> bool {
        self.insight.as_ref().is_some_and(|insight| insight.filter.is_some())
    }

    /// Whether the model goes on for the bill where the caller leaves.
    pub fn reads_on(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.meters.on_hangup.reads_on())
    }

    /// Counts and logs that its model's own numbers were doubted, if they were, and that its rows had to be guessed. To be
    /// called once, at its end.
    pub fn tell_doubt(&self) {
        let (Some(insight), Some(route)) = (&self.insight, &self.route) else { return };
        let doubt = insight.answer.as_ref().and_then(|answer| answer.read().doubt);
        let told = doubt.map(|doubt| (doubt.as_str(), doubt.to_string()));
        let guessed = self.since_sent().is_some() && route.meters.misses_rows(&insight.request);
        let guessed = guessed.then(|| ("rows", "the request does not tell its rows".to_owned()));
        for (reason, message) in told.into_iter().chain(guessed) {
            self.gate().telemetry.counters.doubt(route.name.as_str(), reason);
            tracing::debug!(route = %route.name, id = self.id.as_str(), "{message}");
        }
    }

    /// What is booked of it if this is its end.
    pub fn booked(&self) -> Booked {
        let plain = Booked { measures: Measures::request(), quality: Quality::Reported };
        let Some(route) = self.route.as_ref().filter(|route| route.meters.measure_more()) else {
            return plain;
        };
        let insight = self.insight.as_deref();
        let answer = insight.and_then(|insight| insight.answer.as_ref()).map(AnswerReader::read);
        let success = self.status.is_some_and(|status| status.is_success());
        route.meters.book(&Work {
            ending: match self.outcome {
                Outcome::Served => Ending::Whole { success },
                Outcome::UpstreamError => Ending::Broken,
                Outcome::Cancelled | Outcome::Denied => {
                    Ending::Left { failed: self.status.is_some() && !success }
                }
            },
            upstream: self.since_sent(),
            model: self.model(),
            request: insight.map(|insight| &insight.request),
            answer,
            request_bytes: self.request_bytes.get(),
            response_bytes: self.response_bytes,
        })
    }
}

/// Whether a body comes in another form than its type says.
pub fn is_packed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// What is left of a part; it is copied only where something was held or taken out.
fn filtered(filter: &mut UsageChunkFilter, part: &Bytes, last: bool) -> Bytes {
    let mut pieces: SmallVec<[Bytes; 2]> = SmallVec::new();
    let mut keep = |piece: Piece<'_>| match piece {
        Piece::Held(bytes) => pieces.push(Bytes::copy_from_slice(bytes)),
        Piece::Part(range) => pieces.push(part.slice(range)),
    };
    filter.feed(part, &mut keep);
    if last {
        filter.finish(keep);
    }
    if pieces.len() > 1 {
        let mut joined = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
        return joined.freeze();
    }
    pieces.pop().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
