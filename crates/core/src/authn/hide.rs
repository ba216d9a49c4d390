//! Removes callers' credentials from what goes upstream.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::api_key::Place;
use super::authorization::{Form, looks_like_jwt};
use super::{Accept, Scheme, jwt, percent_decode};
use crate::credential::{Credentials, Digest};

/// Removes every credential that an accepted scheme reads from the header fields: what was judged and what was not.
///
/// On a route without schemes only our own material goes: keys and tokens that identify a consumer, and Hawk headers.
pub fn headers(headers: &mut HeaderMap, accept: &Accept, credentials: &Credentials) {
    if hides_authorization(headers, accept, credentials) {
        headers.remove(header::AUTHORIZATION);
    }
    for scheme in &accept.schemes {
        match scheme {
            Scheme::ApiKey(options) if options.hide => {
                for place in &options.from {
                    if let Place::Header(name) = place {
                        headers.remove(name);
                    }
                }
            }
            Scheme::ApiKey(_) | Scheme::Hawk(_) => {}
            Scheme::Jwt(options) => {
                for place in &options.from {
                    if let jwt::Place::Cookie(name) = place {
                        remove_cookie(headers, name);
                    }
                }
            }
        }
    }
    if accept.schemes.is_empty() {
        for name in [HeaderName::from_static("x-api-key"), HeaderName::from_static("apikey")] {
            if headers.get_all(&name).iter().any(|value| is_ours(value.as_bytes(), credentials)) {
                headers.remove(&name);
            }
        }
    }
}

/// The query without the parameters that carry credentials; nothing where none is left.
pub fn query<'q>(query: Option<&'q str>, accept: &Accept, credentials: &Credentials) -> Option<Cow<'q, str>> {
    let query = query?;
    let hidden = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode(name);
        match accept.schemes.is_empty() {
            true => is_ours(&percent_decode(value), credentials),
            false => accept.schemes.iter().any(|scheme| reads_parameter(scheme, &name)),
        }
    };
    if !query.split('&').any(hidden) {
        return Some(Cow::Borrowed(query));
    }
    let kept = query.split('&').filter(|pair| !hidden(pair)).collect::<Vec<_>>().join("&");
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

fn hides_authorization(headers: &HeaderMap, accept: &Accept, credentials: &Credentials) -> bool {
    headers.get_all(header::AUTHORIZATION).iter().any(|value| {
        let form = Form::of(value.as_bytes(), accept.compat);
        if accept.schemes.is_empty() {
            return match form {
                Form::Hawk => true,
                Form::Bearer(value) | Form::ApiKey(value) | Form::Raw(value) => is_ours(value, credentials),
                Form::Foreign => false,
            };
        }
        form == Form::Hawk || accept.schemes.iter().any(|scheme| reads_authorization(scheme, form, accept))
    })
}

fn reads_authorization(scheme: &Scheme, form: Form<'_>, accept: &Accept) -> bool {
    match scheme {
        Scheme::Jwt(options) => {
            options.from.contains(&jwt::Place::Authorization)
                && (matches!(form, Form::Bearer(_) | Form::Raw(_)) || form.token(accept).is_some())
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
        Scheme::Jwt(options) => {
            options.from.iter().any(|place| matches!(place, jwt::Place::Query(have) if have.as_bytes() == name))
        }
        Scheme::Hawk(options) => options.bewit && name == b"bewit",
    }
}

/// Whether a value is a credential of this gate: a key of its own form or a known one, or a token of a known consumer.
fn is_ours(value: &[u8], credentials: &Credentials) -> bool {
    const OWN: [&[u8]; 3] = [b"hk_live_", b"hk_test_", b"hk_dev_"];
    if OWN.iter().any(|prefix| value.starts_with(prefix)) {
        return true;
    }
    if looks_like_jwt(value) {
        return jwt::names_a_credential(value, credentials);
    }
    !value.is_empty() && credentials.api_key(&Digest::of(value)).is_some()
}

fn remove_cookie(headers: &mut HeaderMap, name: &str) {
    let carries = |pair: &str| pair.trim().split_once('=').is_some_and(|(have, _)| have == name);
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    if !lines.iter().any(|line| line.to_str().is_ok_and(|text| text.split(';').any(carries))) {
        return;
    }
    headers.remove(header::COOKIE);
    for line in lines {
        let Ok(text) = line.to_str() else { continue };
        let kept = text.split(';').map(str::trim).filter(|pair| !carries(pair)).collect::<Vec<_>>().join("; ");
        if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::from_str(&kept)) {
            headers.append(header::COOKIE, value);
        }
    }
}
