//! What is judged of an HTTP/1 head as bytes, judged of an HTTP/2 head that came decoded.

use http::header::{self, HeaderMap, HeaderValue};
use tollgate_core::denial::{Bound, Denial, Malformed};

use crate::config::process::Bounds;
use crate::gateway::wire::request::is_plain_target;

/// Holds the head to the bounds, refuses a doubtful length, and joins cookies as HTTP/1.1 wants them.
///
/// # Errors
/// A bound that is crossed, or a length that is not one plain number.
pub fn check(headers: &mut HeaderMap, target: &str, bounds: &Bounds) -> Result<(), Denial> {
    if target.len() > bounds.target_bytes {
        return Err(Denial::Bound(Bound::Target));
    }
    if !is_plain_target(target.as_bytes()) {
        return Err(Malformed::Target.into());
    }
    let long = |(name, value): (&header::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() > bounds.header_bytes
    };
    if headers.len() > bounds.header_fields || headers.iter().any(long) {
        return Err(Denial::Bound(Bound::Headers));
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let plain = lengths.next().is_none_or(|length| is_plain_number(length.as_bytes()));
    if !plain || lengths.next().is_some() {
        return Err(Malformed::ContentLength.into());
    }
    join_cookies(headers);
    Ok(())
}

fn is_plain_number(digits: &[u8]) -> bool {
    matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit)
}

/// HTTP/2 may split cookies over fields; whoever passes them on joins them (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, whole);
    }
}
