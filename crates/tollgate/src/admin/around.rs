//! What every call of the control plane goes through, whichever it is.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Control;
use super::caller::Peer;
use super::problem::Problem;

/// From a request's head to its answer, the reading of its body included.
const TIME: Duration = Duration::from_secs(30);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a call an id, a time, and its answer the fields and the body that all have.
pub async fn every_call(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let id = request_id();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let answered = tokio::time::timeout(TIME, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        let detail =
            format!("the call was not done within {} s; it may have been done all the same", TIME.as_secs());
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail).retry_after(1).into_response()
    });
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        let media_type = HeaderValue::from_static(problem.media_type());
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        *response.body_mut() = Body::from(problem.body(&id).to_string());
        tracing::debug!(request_id = %id, code = problem.code(), "refused");
    }
    control.calls.add(path.as_deref().unwrap_or("none"), method.as_str(), response.status());
    fixed_fields(response.headers_mut(), &id);
    response
}

/// Answers nobody who was led here by a name that is not ours: a page of somebody else's whose name now points to this
/// machine (DNS rebinding) has that name in `Host`.
pub async fn own_hosts(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let local = request.extensions().get::<Peer>().map(|peer| peer.local.to_canonical());
    let name = host(&request);
    let own = name.as_deref().is_some_and(|name| {
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().ok();
        name == "localhost"
            || address.is_some_and(|address| {
                address.to_canonical().is_loopback() || Some(address.to_canonical()) == local
            })
            || control.settings.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    });
    if own {
        return next.run(request).await;
    }
    let detail = "this listener is not called so; add the name to `admin.hosts` if it should be";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "host_refused", detail).into_response()
}

/// For paths that nothing has.
pub async fn nothing_here() -> Problem {
    Problem::not_found("path")
}

/// For methods that a path does not take; the field `Allow` is added by whoever knows it.
pub async fn other_method() -> Problem {
    let detail = "the path does not take this method; see `Allow`";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// The one name that the request was sent to, in lower case and without its port.
fn host(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return None;
    }
    let in_field = || first?.to_str().ok()?.parse::<Authority>().ok();
    // A target in absolute form wins over the field (RFC 9112 §3.2.2).
    let authority = request.uri().authority().cloned().or_else(in_field)?;
    Some(authority.host().to_ascii_lowercase())
}

fn fixed_fields(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
}

/// A ULID; where there are no random bytes, one of time alone, because an answer needs no secret.
fn request_id() -> String {
    let millis = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let random = crate::keys::random::<16>().map_or(0, u128::from_be_bytes);
    ulid::Ulid::from_parts(u64::try_from(millis.as_millis()).unwrap_or(u64::MAX), random).to_string()
}
