//! Answers that are not refusals.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::app::App;
use super::problem::Problem;

/// What a handler gives.
pub(crate) type Answer = Result<Response, Problem>;

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = match serde_json::to_vec(body) {
        Ok(text) => text,
        // What is answered has texts for keys, so that this does not come up.
        Err(error) => return Response::new(Body::from(error.to_string())),
    };
    typed(status, "application/json", text)
}

/// An answer of another media type.
pub(crate) fn typed(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An answer without a body.
pub(crate) fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An answer to what was made: 201, and where it is.
pub(crate) fn created(base: &str, path: &str, body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::try_from(format!("{base}{path}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `SCHEME://HOST`, as the caller sees the service: behind a gate, as the gate says.
pub(crate) fn base(app: &App, headers: &HeaderMap, uri: &Uri) -> String {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let secure = text(header::HeaderName::from_static("x-forwarded-proto")) == Some("https");
    let forwarded = text(header::HeaderName::from_static("x-forwarded-host"));
    // Who guards itself has no gate in front that would take another's word away.
    let forwarded = forwarded.filter(|host| app.settings.keys.is_none() && !host.is_empty());
    let host = forwarded.or_else(|| text(header::HOST)).or_else(|| uri.host()).unwrap_or("localhost");
    format!("{}://{host}", if secure { "https" } else { "http" })
}

/// A point in time as rows show it: UTC, whole seconds, no zone.
pub(crate) fn plain_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// A point in time as jobs show it: UTC, microseconds, `Z`.
pub(crate) fn job_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A point in time as the data of artifacts shows it: UTC, microseconds, an offset.
pub(crate) fn data_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}
