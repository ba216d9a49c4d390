//! Addresses of model servers.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::uri::Authority;
use tollgate_core::path::CanonicalPath;
use tollgate_core::upstream::Target;

/// Why a text is no target, and what to do about it.
type Refusal = (String, String);

/// Reads `http://host:port/base`.
pub(super) fn parse(url: &str, weight: u32) -> Result<Target, Refusal> {
    let refuse = |message: &str, hint: &str| Err((message.to_owned(), hint.to_owned()));
    // First of all, for the other messages repeat parts of the text.
    if url.contains('@') {
        return refuse(
            "a target holds no credential",
            "give it as the upstream's `credential`",
        );
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        let hint = format!("write `http://{}`", url.escape_debug());
        return Err((format!("the target `{}` has no scheme", url.escape_debug()), hint));
    };
    let secure = match scheme {
        "http" => false,
        "https" => true,
        _ => {
            let message = format!("`{}` is no scheme of a target", scheme.escape_debug());
            return refuse(&message, "use `http` or `https`");
        }
    };
    if rest.contains(['?', '#']) {
        return refuse(
            "a target has no query and no fragment",
            "keep the part before `?` or `#`",
        );
    }
    let (authority, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((authority, port)) = host_and_port(authority, secure) else {
        return refuse(
            "the target has no valid host and port",
            "write `http://HOST:PORT`",
        );
    };
    let base = base.trim_end_matches('/');
    if !base.is_empty() {
        match CanonicalPath::parse(base) {
            Ok(canonical) if canonical.as_str() == base => {}
            Ok(canonical) => {
                let hint = format!("write `{}`", canonical.as_str());
                return refuse("the target's path is not in its canonical form", &hint);
            }
            Err(error) => return refuse(&error.to_string(), "keep a plain path in the target"),
        }
    }
    Ok(Target {
        secure,
        authority,
        port,
        base: base.into(),
        weight,
    })
}

/// Whether calling the target would reach a listener of ours.
pub(super) fn is_listener(target: &Target, listener: SocketAddr) -> bool {
    if listener.port() == 0 || listener.port() != target.port {
        return false;
    }
    let host = target
        .authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    match host.parse::<IpAddr>() {
        // A listener on every address is on each loopback address too.
        Ok(address) if listener.ip().is_unspecified() => address.is_loopback() || address.is_unspecified(),
        // A connection to the unspecified address ends at loopback.
        Ok(address) if address.is_unspecified() => listener.ip().is_loopback(),
        Ok(address) => address == listener.ip(),
        Err(_) => {
            let here = listener.ip().is_loopback() || listener.ip().is_unspecified();
            here && host.eq_ignore_ascii_case("localhost")
        }
    }
}

fn host_and_port(text: &str, secure: bool) -> Option<(Authority, u16)> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    let valid_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    if !valid_host {
        return None;
    }
    let port = match authority.as_str().get(host.len()..)? {
        "" if secure => 443,
        "" => 80,
        port => port.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?,
    };
    Some((authority, port))
}

#[cfg(test)]
mod tests;
