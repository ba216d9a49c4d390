//! Cross-origin rules.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tollgate_core::route::Cors;

use super::context::Context;
use crate::config::file::route as file;
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;

const MAX_AGE: Duration = Duration::from_mins(10);

/// Cross-origin rules of one route.
pub(super) fn cors(cx: &mut Context<'_>, given: &file::Cors) -> Cors {
    let any = given.origins.iter().find(|origin| origin.as_str() == "*");
    if given.origins.is_empty() {
        let finding = Finding::at(given.origins.span, "`origins` is empty, so no page could call");
        cx.error(finding.hint("name origins, or remove `cors`"));
    }
    if let Some(any) = any.filter(|_| given.origins.len() > 1) {
        cx.error(Finding::at(
            any.span,
            "`*` stands for every origin, so nothing may stand beside it",
        ));
    }
    let credentials = given
        .credentials
        .as_ref()
        .is_some_and(|credentials| credentials.value);
    if let (Some(any), Some(allowed), true) = (any, &given.credentials, credentials) {
        let finding = Finding::at(
            any.span,
            "credentials are never allowed to every origin (Fetch standard)",
        );
        cx.error(
            finding
                .beside(allowed.span, "allowed here")
                .hint("name the origins"),
        );
    }
    let origins = given.origins.iter().filter(|origin| origin.as_str() != "*");
    let origins: Vec<_> = origins.filter_map(|given| origin(cx, given)).collect();
    Cors {
        origins: if any.is_some() { None } else { Some(origins) },
        headers: headers(cx, &given.headers),
        expose: headers(cx, &given.expose),
        credentials,
        max_age: given.max_age.as_ref().map_or(MAX_AGE, |age| age.0),
    }
}

/// An origin is what browsers send: scheme, host, and a port that is not the scheme's own (RFC 6454 §6.2).
fn origin(cx: &mut Context<'_>, given: &Spanned<String>) -> Option<HeaderValue> {
    let host = given
        .split_once("://")
        .filter(|(scheme, _)| !scheme.is_empty())
        .map(|(_, host)| host);
    let is_origin = host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/?#@*".contains(&b))
    });
    if let (true, Ok(value)) = (is_origin, HeaderValue::from_str(given)) {
        return Some(value);
    }
    let finding = Finding::at(given.span, format!("`{}` is no origin", given.escape_debug()));
    cx.error(finding.hint("write `https://app.example.com`: lower case, no path, no wildcard"));
    None
}

fn headers(cx: &mut Context<'_>, names: &[Spanned<String>]) -> Vec<HeaderName> {
    let mut headers = Vec::new();
    for name in names {
        match HeaderName::try_from(name.as_str()) {
            Ok(header) => headers.push(header),
            Err(_) => cx.error(Finding::at(
                name.span,
                format!("`{}` is no header name", name.escape_debug()),
            )),
        }
    }
    headers
}
