//! The wire form of a denial, in the route's dialect. No other file makes an error body.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tollgate_core::authn::jwt;
use tollgate_core::denial::{
    Balance, Denial, Dialect, DirectoryFailure, Forbidden, Unauthenticated, UpstreamFailure, Wanted,
};
use tollgate_core::limit::{Ends, Per, Rule};

/// Makes the answer to a denied request.
///
/// `instance` is the request's path, `request_id` the gate's id of the request; both only where they are known.
pub fn response(
    denial: &Denial,
    dialect: Dialect,
    instance: Option<&str>,
    request_id: &str,
) -> Response<Bytes> {
    let status = status(denial, dialect);
    let (media_type, body) = match dialect {
        Dialect::Problem => ("application/problem+json", problem(denial, status, instance, request_id)),
        Dialect::Detail => ("application/json", detail(denial)),
        Dialect::Apisix => ("application/json", apisix(denial)),
        Dialect::Openai => ("application/json", openai(denial)),
        Dialect::Alpa => ("application/json", json!({ "type": "error", "message": message(denial) })),
    };
    let mut text = body.to_string();
    if dialect == Dialect::Apisix {
        text.push('\n');
    }
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    headers(response.headers_mut(), denial, media_type);
    response
}

/// The same answer as bytes, for a connection whose framing is in doubt: it ends after them.
pub fn raw(denial: &Denial, dialect: Dialect, request_id: &str) -> Vec<u8> {
    let response = response(denial, dialect, None, request_id);
    let mut head = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        head.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
    }
    head.push_str(&format!(
        "x-request-id: {request_id}\r\ncontent-length: {}\r\n\r\n",
        response.body().len()
    ));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(response.body());
    bytes
}

fn headers(headers: &mut HeaderMap, denial: &Denial, media_type: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    for (name, value) in denial.headers() {
        headers.append(name, value);
    }
    if denial.ends_connection() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Alpa's clients know no other status for a refused credential than 400.
fn status(denial: &Denial, dialect: Dialect) -> StatusCode {
    match (dialect, denial) {
        (Dialect::Alpa, Denial::Unauthenticated { .. } | Denial::Forbidden(_)) => StatusCode::BAD_REQUEST,
        _ => denial.status(),
    }
}

fn problem(denial: &Denial, status: StatusCode, instance: Option<&str>, request_id: &str) -> Value {
    let mut body = json!({
        "type": format!("urn:tollgate:error:{}", denial.code()),
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": message(denial),
        "code": denial.code(),
        "request_id": request_id,
    });
    let Some(members) = body.as_object_mut() else { return body };
    if let Some(instance) = instance {
        members.insert("instance".into(), instance.into());
    }
    match denial {
        Denial::Forbidden(Forbidden::Scope { required, current }) => {
            members.insert("required_scopes".into(), required.iter().collect());
            members.insert("current_scopes".into(), current.iter().collect());
        }
        Denial::Limited { rule, ends } => {
            members.insert("violated-policies".into(), json!([rule.name()]));
            members.insert("retry_after".into(), ends.retry_after().into());
        }
        _ => {}
    }
    body
}

fn detail(denial: &Denial) -> Value {
    match denial {
        Denial::Unauthenticated { reason: Unauthenticated::Missing(_), .. } => {
            json!({ "detail": "API key required" })
        }
        Denial::Unauthenticated { .. } => json!({ "detail": "Invalid or expired API key" }),
        Denial::Limited { .. } => json!({ "detail": "Rate limit exceeded" }),
        Denial::NoRoute => json!({ "detail": "Not Found" }),
        Denial::MethodNotAllowed { .. } => json!({ "detail": "Method Not Allowed" }),
        Denial::Forbidden(Forbidden::Scope { required, current }) => json!({
            "detail": "Insufficient permissions for this operation",
            "error": "FORBIDDEN",
            "message": message(denial),
            "required_scope": required.iter().collect::<Vec<_>>().join(" and "),
            "current_scopes": current.iter().collect::<Vec<_>>(),
        }),
        Denial::Directory(failure) => json!({ "detail": match failure {
            DirectoryFailure::Away | DirectoryFailure::Busy => "Authentication service unavailable",
            DirectoryFailure::Timeout => "Authentication service timeout",
            DirectoryFailure::Failed => "Authentication service error",
            DirectoryFailure::Throttled { .. } => "Rate limit exceeded",
        } }),
        Denial::Balance(Balance::Low) => json!({ "detail": "Insufficient balance" }),
        Denial::Balance(Balance::Refused { reason, code }) => {
            json!({ "error": "usage_debit_rejected", "reason": reason, "reason_code": code })
        }
        Denial::Forbidden(Forbidden::Consumer) => json!({
            "detail": "Insufficient permissions for this operation",
            "error": "FORBIDDEN",
            "message": message(denial),
        }),
        _ => json!({ "detail": message(denial) }),
    }
}

/// APISIX's own texts where it has one (plug-ins jwt-auth, key-auth, consumer-restriction).
fn apisix(denial: &Denial) -> Value {
    let text = match denial {
        Denial::NoRoute => return json!({ "error_msg": "404 Route Not Found" }),
        Denial::Unauthenticated { reason, .. } => match reason {
            Unauthenticated::Missing(Wanted::Jwt) => "Missing JWT token in request".to_owned(),
            Unauthenticated::Missing(Wanted::ApiKey) => "Missing API key in request".to_owned(),
            Unauthenticated::Missing(Wanted::Hawk) => "Missing Hawk authorization in request".to_owned(),
            Unauthenticated::ApiKey => "Invalid API key in request".to_owned(),
            Unauthenticated::Jwt(jwt::Refusal::Malformed) => "JWT token invalid".to_owned(),
            Unauthenticated::Jwt(jwt::Refusal::NoKeyClaim) => "missing user key in JWT token".to_owned(),
            Unauthenticated::Jwt(jwt::Refusal::UnknownKey) => "Invalid user key in JWT token".to_owned(),
            Unauthenticated::Jwt(jwt::Refusal::NotVerified) => "failed to verify jwt".to_owned(),
            Unauthenticated::Hawk(refusal) => refusal.message().to_owned(),
        },
        Denial::Forbidden(Forbidden::Consumer) => "The consumer_name is forbidden.".to_owned(),
        _ => message(denial),
    };
    json!({ "message": text })
}

fn openai(denial: &Denial) -> Value {
    let (kind, code) = match denial {
        Denial::Unauthenticated { .. } => ("invalid_request_error", Some("invalid_api_key")),
        Denial::Forbidden(_) => ("invalid_request_error", Some("insufficient_permissions")),
        Denial::NonceLimit { .. } | Denial::Limited { .. } => ("requests", Some("rate_limit_exceeded")),
        Denial::Balance(_) => ("insufficient_quota", Some("insufficient_quota")),
        Denial::Directory(DirectoryFailure::Throttled { .. }) => ("requests", Some("rate_limit_exceeded")),
        Denial::Overloaded
        | Denial::Directory(_)
        | Denial::Uncounted
        | Denial::Unmetered
        | Denial::Upstream(_) => ("server_error", Some(denial.code())),
        _ => ("invalid_request_error", Some(denial.code())),
    };
    json!({ "error": { "message": message(denial), "type": kind, "param": null, "code": code } })
}

/// What happened and what to do, for the caller.
pub fn message(denial: &Denial) -> String {
    match denial {
        Denial::Malformed(malformed) => malformed.to_string(),
        Denial::Path(error) => error.to_string(),
        Denial::Ambiguous => "more than one credential was sent; send exactly one".into(),
        Denial::NoRoute => "no route matches this path".into(),
        Denial::MethodNotAllowed { .. } => "the path does not take this method; see `Allow`".into(),
        Denial::Unauthenticated { reason, .. } => unauthenticated(reason),
        Denial::Forbidden(Forbidden::Consumer) => "this consumer may not call this route".into(),
        Denial::Forbidden(Forbidden::Scope { required, .. }) => {
            format!("the credential lacks a scope; needed: {required}")
        }
        Denial::Bound(bound) => match bound {
            tollgate_core::denial::Bound::Body { max } => format!("the body is larger than {max} bytes"),
            tollgate_core::denial::Bound::Target => "the request target is too long".into(),
            tollgate_core::denial::Bound::Headers => "the header fields are too large or too many".into(),
            tollgate_core::denial::Bound::Slow => "the request came too slowly".into(),
        },
        Denial::ExpectationFailed => "only `Expect: 100-continue` can be met".into(),
        Denial::NonceLimit { .. } => "too many signed requests within the time window; retry later".into(),
        Denial::Limited { rule, ends } => limited(rule, *ends),
        Denial::Directory(failure) => match failure {
            DirectoryFailure::Away => "credentials cannot be checked at the moment; retry soon".into(),
            DirectoryFailure::Timeout => "checking the credential took too long; retry soon".into(),
            DirectoryFailure::Failed => "the credential could not be checked; retry soon".into(),
            DirectoryFailure::Busy => "too many unknown credentials are being checked; retry soon".into(),
            DirectoryFailure::Throttled { .. } => "credentials are checked too often; retry later".into(),
        },
        Denial::Uncounted => "what was used of a quota cannot be read at the moment; retry soon".into(),
        Denial::Unmetered => "what is used cannot be recorded at the moment; retry soon".into(),
        Denial::Revoked => "the credential was revoked while the call was under way".into(),
        Denial::Balance(Balance::Low) => "the account's balance is too low".into(),
        Denial::Balance(Balance::Refused { reason, .. }) => reason.to_string(),
        Denial::Overloaded => "the gate holds as many bodies as it can; retry in a moment".into(),
        Denial::Upstream(failure) => match failure {
            UpstreamFailure::Unreachable => "the model could not be reached".into(),
            UpstreamFailure::Invalid => "the model gave no valid answer".into(),
            UpstreamFailure::Timeout => "the model did not answer in time".into(),
            UpstreamFailure::NoHealthyTarget => "no healthy instance of the model is available".into(),
        },
    }
}

/// Which limit is used up, for whom, and when it has room again.
fn limited(rule: &Rule, ends: Ends) -> String {
    let for_whom = match rule.per() {
        Per::Consumer => "",
        Per::Credential => " per credential",
        Per::Address => " per address",
    };
    let limit = format!("the {}'s limit of {}{for_whom}", rule.owner(), rule.limit());
    match ends {
        Ends::After(_) => {
            format!("{limit} is used up; retry in {} s", ends.retry_after().unwrap_or_default())
        }
        Ends::Released => format!("{limit} is in use; retry when an earlier call has ended"),
        Ends::Never => format!("{limit} is too small for this call"),
    }
}

fn unauthenticated(reason: &Unauthenticated) -> String {
    match reason {
        Unauthenticated::Missing(Wanted::ApiKey) => "an API key is required".into(),
        Unauthenticated::Missing(Wanted::Jwt) => "a JSON Web Token is required".into(),
        Unauthenticated::Missing(Wanted::Hawk) => "a Hawk authorization is required".into(),
        // The same answer for unknown, disabled and mistyped keys: nothing can be guessed from it.
        Unauthenticated::ApiKey => "the API key is invalid or expired".into(),
        Unauthenticated::Jwt(jwt::Refusal::Malformed) => "the JSON Web Token is malformed".into(),
        Unauthenticated::Jwt(jwt::Refusal::NoKeyClaim) => {
            "the token lacks the claim that names its credential".into()
        }
        Unauthenticated::Jwt(jwt::Refusal::UnknownKey) => "no credential belongs to the token".into(),
        Unauthenticated::Jwt(jwt::Refusal::NotVerified) => {
            "the token's signature or time is not valid".into()
        }
        Unauthenticated::Hawk(refusal) => refusal.message().into(),
    }
}
