//! Bodies: read within bounds, then taken for JSON as the original does.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::app::App;
use super::problem::{Flaw, JSON_INVALID, Problem};
use super::room::{self, Taken};

/// How long a body may take to come, all of it.
const IN_TIME: Duration = Duration::from_secs(120);
/// Room is taken in parts of this.
const PART: usize = 64 * 1024;

/// A body, and the room that it was given.
pub(crate) struct Read {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: Taken,
}

/// A body that was read whole and is said to be JSON.
pub(crate) struct Sent(pub(crate) Read);

/// A JSON body that was read whole.
pub(crate) struct Payload {
    pub(crate) value: Value,
    /// As it came; what is stored of a job's request.
    pub(crate) bytes: Vec<u8>,
    /// For the value and the bytes; to be kept as long as any of them.
    pub(crate) room: Taken,
}

/// Reads a body of at most so many bytes.
///
/// # Errors
/// 408, 413, or 503 where all bodies together would need too much memory.
pub(crate) async fn read(app: &App, body: Body) -> Result<Read, Problem> {
    let read = tokio::time::timeout(IN_TIME, collect(app, body)).await;
    read.unwrap_or_else(|_| Err(Problem::timeout()))
}

async fn collect(app: &App, mut body: Body) -> Result<Read, Problem> {
    let most = app.settings.body_max;
    let mut read = Read { bytes: Vec::new(), room: Taken::default() };
    let mut covered = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::bad_request("the body ended early".to_owned()));
        };
        let Ok(data) = frame.into_data() else { continue };
        if read.bytes.len() + data.len() > most {
            return Err(Problem::too_large(most));
        }
        read.bytes.extend_from_slice(&data);
        if read.bytes.len() >= covered + PART {
            app.room.take(&mut read.room, read.bytes.len() - covered)?;
            covered = read.bytes.len();
        }
    }
    Ok(read)
}

impl FromRequest<Arc<App>> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let read = read(app, body).await?;
        if read.bytes.is_empty() {
            return Err(flaw("missing", vec!["body".into()], "Field required", Value::Null, None));
        }
        if !is_json(&parts.headers) {
            let text = match read.bytes.len() {
                ..4096 => String::from_utf8_lossy(&read.bytes).into_owned().into(),
                _ => Value::Null,
            };
            return Err(not_an_object(text));
        }
        Ok(Self(read))
    }
}

impl FromRequest<Arc<App>> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let Sent(mut read) = Sent::from_request(request, app).await?;
        let value = app
            .apart(read.bytes.len(), || {
                app.room.take(&mut read.room, room::of_json(&read.bytes))?;
                parse(&read.bytes)
            })
            .await?;
        Ok(Self { value, bytes: read.bytes, room: read.room })
    }
}

/// The text of a JSON body whose values are still to be read; what only Python writes is told as [`parse`] tells it.
pub(crate) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(raw) => Ok(Cow::Borrowed(raw.get())),
        Err(error) => {
            let mended = without_nan(bytes).and_then(|text| String::from_utf8(text).ok());
            let mended = mended.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
            mended.map(Cow::Owned).ok_or_else(|| not_json(bytes, &error))
        }
    }
}

/// Reads JSON; of what only Python writes, `NaN` becomes null and `Infinity` a text, neither of which is a finite number.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(error) => {
            let mended = without_nan(bytes).and_then(|text| serde_json::from_slice(&text).ok());
            mended.ok_or_else(|| not_json(bytes, &error))
        }
    }
}

/// The body is no JSON: where it stops to be.
fn not_json(bytes: &[u8], error: &serde_json::Error) -> Problem {
    let before = bytes.split(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let offset = before.map(|line| line.len() + 1).sum::<usize>() + error.column().saturating_sub(1);
    let text = error.to_string();
    let why = text.split(" at line ").next().unwrap_or_default().to_owned();
    let context = Some(json!({ "error": why }));
    flaw(JSON_INVALID, vec!["body".into(), offset.into()], "JSON decode error", json!({}), context)
}

/// The body is written as JSON is, and has something that stands for no value.
pub(crate) fn not_a_value(why: &str) -> Problem {
    let context = Some(json!({ "error": why }));
    flaw(JSON_INVALID, vec!["body".into(), 0.into()], "JSON decode error", json!({}), context)
}

/// The body is JSON, or not said to be, and no object.
pub(crate) fn not_an_object(input: Value) -> Problem {
    let message = "Input should be a valid dictionary or object to extract fields from";
    flaw("model_attributes_type", vec!["body".into()], message, input, None)
}

fn flaw(kind: &'static str, at: Vec<Value>, message: &str, input: Value, context: Option<Value>) -> Problem {
    Problem::invalid(vec![Flaw { kind, at, message: message.to_owned(), input, context }])
}

/// Whether the body is said to be JSON; one that is said to be nothing is taken for it.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The text with `NaN` outside of strings as null, `Infinity` and `-Infinity` as texts; absent where there are none.
fn without_nan(bytes: &[u8]) -> Option<Vec<u8>> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let (mut out, mut at, mut quoted, mut found) = (Vec::with_capacity(bytes.len()), 0, false, false);
    while let Some(&byte) = bytes.get(at) {
        let word =
            WORDS.iter().find(|word| !quoted && bytes.get(at..).is_some_and(|rest| rest.starts_with(word)));
        if let Some(word) = word {
            // An infinite number is one that is told of; as null it would be a missing one.
            match *word {
                b"NaN" => out.extend_from_slice(b"null"),
                infinite => out.extend([b"\"", infinite, b"\""].concat()),
            }
            at += word.len();
            found = true;
            continue;
        }
        if quoted && byte == b'\\' {
            out.extend(bytes.get(at..(at + 2).min(bytes.len())).unwrap_or_default());
            at += 2;
            continue;
        }
        quoted ^= byte == b'"';
        out.push(byte);
        at += 1;
    }
    found.then_some(out)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
