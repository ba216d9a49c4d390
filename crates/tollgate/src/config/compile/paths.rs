//! What a route matches: paths, methods and hosts; and the path that goes upstream.

use http::Method;
use tollgate_core::path::{CanonicalPath, PathError};
use tollgate_core::route::{HostPattern, PathPattern, Rewrite};

use super::context::Context;
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;

/// Reads `/x` or `/x/**`.
pub(super) fn pattern(cx: &mut Context<'_>, path: &Spanned<String>) -> Option<PathPattern> {
    match path.strip_suffix("/**") {
        Some(base) => below(cx, path, base).map(PathPattern::Below),
        None => exact(cx, path).map(PathPattern::Exact),
    }
}

/// Reads `/p`, or `/p/**` where the route's path ends in `/**` too.
pub(super) fn rewrite(
    cx: &mut Context<'_>,
    given: &Spanned<String>,
    route: &Spanned<String>,
) -> Option<Rewrite> {
    let Some(base) = given.strip_suffix("/**") else {
        return exact(cx, given).map(Rewrite::Whole);
    };
    if !route.ends_with("/**") {
        let finding = Finding::at(
            given.span,
            "`**` stands for what the route's `**` matched, and its path has none",
        );
        cx.error(
            finding
                .beside(route.span, "the route's path")
                .hint("write the whole path that goes upstream"),
        );
        return None;
    }
    below(cx, given, base).map(Rewrite::Prefix)
}

fn exact(cx: &mut Context<'_>, path: &Spanned<String>) -> Option<Box<str>> {
    if path.contains('*') {
        let finding = Finding::at(path.span, "`*` may stand only at the end, as `/**`");
        cx.error(
            finding.hint("`/x/**` matches whole segments below `/x`; there is no match within a segment"),
        );
        return None;
    }
    canonical(cx, path, path, "")
}

fn below(cx: &mut Context<'_>, path: &Spanned<String>, base: &str) -> Option<Box<str>> {
    if base.contains('*') {
        cx.error(Finding::at(path.span, "`*` may stand only at the end, as `/**`"));
        return None;
    }
    if base.is_empty() {
        return Some("".into());
    }
    if base.ends_with('/') {
        let finding = Finding::at(path.span, PathError::EmptySegment.to_string());
        cx.error(finding.hint(format!(
            "write `{}/**`",
            base.trim_end_matches('/').escape_debug()
        )));
        return None;
    }
    canonical(cx, path, base, "/**")
}

/// Requests are matched in canonical form, so a pattern in another spelling would never match.
fn canonical(cx: &mut Context<'_>, place: &Spanned<String>, text: &str, suffix: &str) -> Option<Box<str>> {
    let finding = match CanonicalPath::parse(text) {
        Ok(canonical) if canonical.as_str() == text => return Some(text.into()),
        Ok(canonical) => Finding::at(place.span, "the path is not in its canonical form")
            .hint(format!("write `{}{suffix}`", canonical.as_str())),
        Err(error) => {
            let finding = Finding::at(place.span, error.to_string());
            let encoded = match error {
                PathError::NotAbsolute => CanonicalPath::parse(&format!("/{text}")),
                PathError::BadCharacter => CanonicalPath::parse(&encode(text)),
                error => Err(error),
            };
            match encoded {
                Ok(encoded) => finding.hint(format!("write `{}{suffix}`", encoded.as_str())),
                Err(_) => finding,
            }
        }
    };
    cx.error(finding);
    None
}

/// Percent-encodes what is not ASCII or may not stand in a path, for the hint.
fn encode(text: &str) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/!$&'()+,=:@%".contains(&byte);
    text.bytes()
        .map(|byte| {
            if keeps(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Reads method names, which are case-sensitive (RFC 9110 §9.1).
pub(super) fn methods(cx: &mut Context<'_>, given: &Spanned<Vec<Spanned<String>>>) -> Vec<Method> {
    if given.is_empty() {
        let finding = Finding::at(given.span, "`methods` is empty, so nothing could match");
        cx.error(finding.hint("leave it out to match any method"));
    }
    let mut methods = Vec::new();
    for name in &given.value {
        let upper = name.to_ascii_uppercase();
        match Method::from_bytes(name.as_bytes()) {
            Ok(method) if upper == **name && !methods.contains(&method) => methods.push(method),
            Ok(_) if upper == **name => {}
            Ok(_) => {
                let finding = Finding::at(name.span, "methods are written in capitals");
                cx.error(finding.hint(format!("write `{upper}`")));
            }
            Err(_) => cx.error(Finding::at(
                name.span,
                format!("`{}` is no method", name.escape_debug()),
            )),
        }
    }
    methods
}

/// Reads `name` or `*.name`.
pub(super) fn host(cx: &mut Context<'_>, given: &Spanned<String>) -> Option<HostPattern> {
    let lower = given.to_ascii_lowercase();
    let below = lower.strip_prefix('*');
    let name = below.and_then(|rest| rest.strip_prefix('.')).unwrap_or(&lower);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let is_address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|address| below.is_none() && address.parse::<std::net::Ipv6Addr>().is_ok());
    if is_address || name.split('.').all(label) {
        return Some(match below {
            Some(suffix) => HostPattern::Below(suffix.into()),
            None => HostPattern::Exact(name.into()),
        });
    }
    let finding = Finding::at(given.span, format!("`{}` is no host", given.escape_debug()));
    cx.error(finding.hint("write `example.com` or `*.example.com`, without scheme and port"));
    None
}
