//! Reading what a call brings: bodies, parameters and parts of the path, each with an error that names what is wrong.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tokio::time::{Instant, timeout_at};
use tollgate_core::credential::Digest;

use super::problem::{Problem, Result};

/// Bytes that a body may have.
pub const MOST: usize = 64 * 1024;
/// How fast a body comes at least. All of it takes less than the call has, so that a slow caller is told that it is slow.
const PACE: Pace = Pace { grace: Duration::from_secs(5), rate: 1024, whole: Duration::from_secs(25) };

/// A JSON body.
#[derive(Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub text: Bytes,
    /// What makes the request the same as an earlier one.
    pub repeat: Repeat,
}

/// How to recognise a request that comes twice.
#[derive(Debug)]
pub struct Repeat {
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// Digest of method, path and body.
    pub fingerprint: Digest,
}

/// How fast a body comes at least.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How long it may take to begin.
    grace: Duration,
    /// Bytes that come in a second from then on.
    rate: u64,
    /// How long it may take in all.
    whole: Duration,
}

/// Parameters after the `?`.
#[derive(Debug)]
pub struct Asked<T>(pub T);

/// The parts of the path that a route leaves open.
#[derive(Debug)]
pub struct Part<T>(pub T);

/// What a partial change says of a member: nothing, `null`, or a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Member<T> {
    /// It is absent.
    #[default]
    Absent,
    /// It is `null`.
    Null,
    /// It is this.
    Is(T),
}

impl<T> Member<T> {
    /// The value, if it has one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Is))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let text = read(&parts.headers, body, PACE).await?;
        if !text.is_empty() && !is_json(&parts.headers) {
            let detail = "the body must be JSON, with `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
        }
        // A call without a body says nothing, which for some calls is enough.
        let json: &[u8] = if text.is_empty() { b"{}" } else { &text };
        let value = parse(json)?;
        let repeat = Repeat::of(&parts, &text)?;
        Ok(Self { value, text, repeat })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text =
                    std::error::Error::source(&rejection).map_or_else(String::new, ToString::to_string);
                let (field, why) = match text.split_once(": ") {
                    Some((field, why)) if !field.contains(' ') => (field.to_owned(), why.to_owned()),
                    _ => (quoted(&text).unwrap_or("query").to_owned(), text.clone()),
                };
                Err(Problem::invalid(&field, format!("is refused: {why}")))
            }
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Part<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            // Whatever is no text names nothing.
            Err(_) => Err(Problem::not_found("object")),
        }
    }
}

impl Repeat {
    fn of(parts: &Parts, body: &[u8]) -> Result<Self> {
        let key = parts.headers.get("idempotency-key").map(|value| {
            value.to_str().map_err(|_| Problem::invalid("idempotency_key", "is no text")).map(str::to_owned)
        });
        // None of the first two has a NUL, so the borders cannot move.
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let method = parts.method.as_str().as_bytes();
        let fingerprint = Digest::of_parts(&[method, b"\0", path.as_bytes(), b"\0", body]);
        Ok(Self { key: key.transpose()?, fingerprint })
    }
}

/// The whole body, if it is not too long. A length that is declared is believed, so that nothing needs to be read.
async fn read(headers: &HeaderMap, mut body: axum::body::Body, pace: Pace) -> Result<Bytes> {
    let too_long = || {
        let detail = format!("the body has more than {MOST} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > MOST as u64) {
        return Err(too_long());
    }
    let mut text = Vec::new();
    let began = Instant::now();
    loop {
        let frame =
            timeout_at(began + pace.time_for(text.len()), body.frame()).await.map_err(|_| pace.missed())?;
        let Some(frame) = frame else { return Ok(text.into()) };
        let frame = frame.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "the body did not come whole")
        })?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if text.len() + data.len() > MOST {
            return Err(too_long());
        }
        text.extend_from_slice(&data);
    }
}

impl Pace {
    /// How long after its beginning a body may be on its way of which so many bytes came. Each byte buys time, so a few of
    /// them now and then do not keep a connection for long.
    fn time_for(self, bytes: usize) -> Duration {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let bought = Duration::from_millis(bytes.saturating_mul(1000) / self.rate);
        self.grace.saturating_add(bought).min(self.whole)
    }

    fn missed(self) -> Problem {
        let Self { grace, rate, whole } = self;
        let (grace, whole) = (grace.as_secs(), whole.as_secs());
        let detail = format!(
            "the body came too slowly: after {grace} s it comes with at least {rate} bytes a second, and within \
             {whole} s whole; nothing was done"
        );
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail).header(header::CONNECTION, "close")
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Text that is no JSON is 400, JSON that does not say what it should is 422 and names the member.
fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    // A list would be taken for the members in their order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<serde::de::IgnoredAny>(text).map_err(|error| malformed(&error))?;
        return Err(Problem::invalid("body", "must be an object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        wrong(text, path, &error.into_inner())
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// What is wrong with a body; `path` is where.
fn wrong(text: &[u8], path: String, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return malformed(error);
    }
    // What follows a wrong member must be JSON, too, before the member is worth a word.
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(text) {
        return malformed(&error);
    }
    let why = error.to_string();
    let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
    // An unknown or missing member is named by the text, any other by its place.
    let words = ["unknown field", "missing field", "duplicate field"];
    let named = words.iter().any(|word| why.starts_with(word));
    let field = match quoted(why) {
        Some(name) if named => name.to_owned(),
        _ if path == "." => "body".to_owned(),
        _ => path,
    };
    Problem::invalid(&field, format!("is refused: {why}"))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_json", format!("the body is no JSON: {error}"))
}

/// The first text between backticks.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
