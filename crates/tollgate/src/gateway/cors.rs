//! Cross-origin answers of routes that allow them (Fetch standard, CORS protocol).

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{HeaderName, Response, StatusCode};
use tollgate_core::head::Head;
use tollgate_core::route::{Cors, Route, preflight_for};

/// Answers a preflight request; nothing where this is none or the route has no rules.
///
/// It comes before identification: browsers send no credential with a preflight.
pub fn preflight(route: &Route, head: &Head) -> Option<Response<Bytes>> {
    let cors = route.cors.as_ref()?;
    let asked = preflight_for(head)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let Some(origin) = allowed_origin(cors, head.headers.get(header::ORIGIN)) else {
        return Some(response);
    };
    let headers = response.headers_mut();
    add_origin(headers, cors, origin);
    let methods = match &route.matching.methods {
        Some(methods) => methods.iter().map(http::Method::as_str).collect::<Vec<_>>().join(", "),
        None => asked.to_string(),
    };
    insert(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &methods);
    if !cors.headers.is_empty() {
        insert(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &names(&cors.headers));
    }
    insert(headers, header::ACCESS_CONTROL_MAX_AGE, &cors.max_age.as_secs().to_string());
    Some(response)
}

/// Lets the page read this answer, whatever it is, if its origin may call.
pub fn decorate(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if preflighted(headers) {
        return;
    }
    let Some(origin) = allowed_origin(cors, origin) else {
        // What is said to one origin must not be kept for another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        return;
    };
    add_origin(headers, cors, origin);
    if !cors.expose.is_empty() {
        insert(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &names(&cors.expose));
    }
}

/// Whether this is the answer to a preflight, which has all of it.
fn preflighted(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS)
}

fn allowed_origin(cors: &Cors, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
    let origin = origin?;
    match &cors.origins {
        None if cors.credentials => Some(origin.clone()),
        None => Some(HeaderValue::from_static("*")),
        Some(list) => list.contains(origin).then(|| origin.clone()),
    }
}

fn add_origin(headers: &mut HeaderMap, cors: &Cors, origin: HeaderValue) {
    if origin != "*" {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if cors.credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn names(list: &[HeaderName]) -> String {
    list.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ")
}
