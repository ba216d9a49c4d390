//! Removes callers' credentials from what goes upstream.
//!
//! Two rules, each enough: what an accepted scheme reads goes, judged or not; and what identifies a consumer of this
//! gate goes on every route, also where nothing reads it. Only an API key scheme with `hide: false` lets keys through, and
//! a route in shadow lets through what identifies nobody.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, header};

use super::api_key::Place;
use super::authorization::{Form, looks_like_jwt};
use super::{Accept, Scheme, cookie, hawk, jwt, percent_decode};
use crate::credential::Digest;
use crate::directory::Known;

/// What becomes of a credential that an accepted scheme reads and that identifies nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It goes, as every credential does.
    Hidden,
    /// It stays: it may be meant for the model, which was reached without a gate before.
    Kept,
}

/// Header fields that clients put keys into, whatever the route reads.
const KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-api-key"), HeaderName::from_static("apikey")];

/// How the gate's own keys start.
const OWN_KEYS: [&[u8]; 3] = [b"hk_live_", b"hk_test_", b"hk_dev_"];

/// What of a header field goes upstream: all of it, a cookie line without those that carry credentials, or nothing.
pub fn field<'v>(
    sent: &HeaderName,
    value: &'v HeaderValue,
    accept: &Accept,
    unknown: Unknown,
    known: &Known<'_>,
) -> Option<Cow<'v, [u8]>> {
    let value = value.as_bytes();
    let folded = folded(sent);
    let name = folded.as_ref().unwrap_or(sent);
    if *name == header::COOKIE {
        return cookies(value, accept, unknown, known);
    }
    let is_read = accept.schemes.iter().any(|scheme| reads_header(scheme, name));
    let hidden = (is_read && unknown == Unknown::Hidden)
        || (*name == header::AUTHORIZATION && hides_authorization(value, accept, unknown, known))
        || ((is_read || KEY_HEADERS.contains(name)) && is_ours(value, accept, known));
    (!hidden).then_some(Cow::Borrowed(value))
}

/// The query without the parameters that carry credentials; nothing where none is left.
pub fn query<'q>(
    query: Option<&'q str>,
    accept: &Accept,
    unknown: Unknown,
    known: &Known<'_>,
) -> Option<Cow<'q, str>> {
    let query = query?;
    let hidden = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (percent_decode(name), percent_decode(value));
        let is_read = || accept.schemes.iter().any(|scheme| reads_parameter(scheme, &name));
        (unknown == Unknown::Hidden && is_read())
            || is_ours(&value, accept, known)
            || (*name == *hawk::BEWIT.as_bytes() && is_read() && hawk::bewit_is_known(&value, known))
    };
    if !query.split('&').any(hidden) {
        return Some(Cow::Borrowed(query));
    }
    let kept = query.split('&').filter(|pair| !hidden(pair)).collect::<Vec<_>>().join("&");
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

/// The name with `-` for `_` and `.`, where it has any: to a server that maps them it is the real name.
pub fn folded(name: &HeaderName) -> Option<HeaderName> {
    let text = name.as_str();
    if !text.bytes().any(|byte| matches!(byte, b'_' | b'.')) {
        return None;
    }
    HeaderName::from_bytes(text.replace(['_', '.'], "-").as_bytes()).ok()
}

fn reads_header(scheme: &Scheme, name: &HeaderName) -> bool {
    match scheme {
        Scheme::ApiKey(options) if options.hide => {
            options.from.iter().any(|place| matches!(place, Place::Header(have) if have == name))
        }
        Scheme::ApiKey(_) | Scheme::Jwt(_) | Scheme::Hawk(_) => false,
    }
}

fn hides_authorization(value: &[u8], accept: &Accept, unknown: Unknown, known: &Known<'_>) -> bool {
    let form = Form::of(value, accept.compat);
    let ours = match form {
        Form::Hawk => unknown == Unknown::Hidden || hawk::header_is_known(value, known),
        Form::Bearer(value) | Form::ApiKey(value) | Form::Raw(value) => is_ours(value, accept, known),
        Form::Foreign => false,
    };
    if ours || unknown == Unknown::Kept {
        return ours;
    }
    accept.schemes.iter().any(|scheme| reads_authorization(scheme, form, accept))
}

fn reads_authorization(scheme: &Scheme, form: Form<'_>, accept: &Accept) -> bool {
    match scheme {
        Scheme::Jwt(options) => {
            let candidate = matches!(form, Form::Bearer(_) | Form::Raw(_)) && !form.is_key(accept);
            options.from.contains(&jwt::Place::Authorization) && (candidate || form.token(accept).is_some())
        }
        Scheme::ApiKey(options) if options.hide => match form {
            Form::Bearer(_) => options.from.contains(&Place::Bearer),
            Form::ApiKey(_) => options.from.contains(&Place::ApiKeyScheme),
            Form::Hawk | Form::Foreign | Form::Raw(_) => false,
        },
        Scheme::ApiKey(_) => false,
        Scheme::Hawk(_) => form == Form::Hawk,
    }
}

fn reads_parameter(scheme: &Scheme, name: &[u8]) -> bool {
    match scheme {
        Scheme::ApiKey(options) if options.hide => {
            options.from.iter().any(|place| matches!(place, Place::Query(have) if have.as_bytes() == name))
        }
        Scheme::ApiKey(_) => false,
        Scheme::Jwt(options) => options
            .from
            .iter()
            .any(|place| matches!(place, jwt::Place::Query(have) if have.as_bytes() == name)),
        Scheme::Hawk(options) => options.bewit && name == hawk::BEWIT.as_bytes(),
    }
}

/// Whether a value is a credential of this gate: a key of its own form or a known one, or a token of a known consumer.
fn is_ours(value: &[u8], accept: &Accept, known: &Known<'_>) -> bool {
    if is_our_token(value, accept, known) {
        return true;
    }
    if value.is_empty() || accept.passes_keys() {
        return false;
    }
    OWN_KEYS.iter().any(|prefix| value.starts_with(prefix)) || known.has_api_key(&Digest::of(value))
}

/// Whether a token names a known credential, in the claim that is usual or in one that the route reads.
fn is_our_token(value: &[u8], accept: &Accept, known: &Known<'_>) -> bool {
    let claims = accept.schemes.iter().filter_map(|scheme| match scheme {
        Scheme::Jwt(options) => Some(&*options.claim),
        Scheme::ApiKey(_) | Scheme::Hawk(_) => None,
    });
    looks_like_jwt(value) && jwt::names_a_credential(value, claims, known)
}

/// The cookies of one line that carry no credential; nothing where none is left.
fn cookies<'v>(
    line: &'v [u8],
    accept: &Accept,
    unknown: Unknown,
    known: &Known<'_>,
) -> Option<Cow<'v, [u8]>> {
    let hidden = |pair: &[u8]| {
        let is_read = |name: &str| cookie::value_of(pair, name).is_some();
        let value = pair.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default();
        is_our_token(value.trim_ascii(), accept, known)
            || unknown == Unknown::Hidden
                && accept.schemes.iter().any(|scheme| token_cookies(scheme).any(is_read))
    };
    if !cookie::pairs(line).any(hidden) {
        return Some(Cow::Borrowed(line));
    }
    let kept: Vec<&[u8]> = cookie::pairs(line).filter(|pair| !hidden(pair)).collect();
    (!kept.is_empty()).then(|| Cow::Owned(kept.join(&b"; "[..])))
}

fn token_cookies(scheme: &Scheme) -> impl Iterator<Item = &str> {
    let places = match scheme {
        Scheme::Jwt(options) => options.from.as_slice(),
        Scheme::ApiKey(_) | Scheme::Hawk(_) => &[],
    };
    places.iter().filter_map(|place| match place {
        jwt::Place::Cookie(name) => Some(&**name),
        jwt::Place::Authorization | jwt::Place::Query(_) => None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
