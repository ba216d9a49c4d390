//! Is there a Redis? Asked by a bare `PING`, without its password.

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use http::Uri;
use serde_json::Value;
use tollgate_secrets::{Reference, resolve};

/// The URL that `shared` says, or leads to; nothing for `none`.
pub fn url(shared: &Value, base: &Path) -> Option<Uri> {
    let place = |name: &str| shared[name].as_str().or_else(|| shared["url"][name].as_str());
    let reference = match (place("env"), place("file")) {
        (Some(name), _) => Some(Reference::Env(name.to_owned())),
        (None, Some(path)) => Some(Reference::File(path.into())),
        (None, None) => None,
    };
    let text = match reference {
        Some(reference) => {
            let secret = resolve(&reference, base, &|name| std::env::var(name).ok()).ok()?;
            std::str::from_utf8(secret.expose()).ok()?.to_owned()
        }
        None => shared.as_str().or_else(|| shared["url"].as_str())?.to_owned(),
    };
    let url: Uri = text.parse().ok()?;
    (matches!(url.scheme_str(), Some("redis" | "rediss")) && url.host().is_some()).then_some(url)
}

/// The address, without user and password.
pub fn shown(url: &Uri) -> String {
    format!("{}:{}", url.host().unwrap_or_default(), port(url))
}

/// Asks whether it is there. Over TLS only the connection is tried; a Redis that first wants a password is there too.
///
/// # Errors
/// Nobody answers, or somebody who is no Redis.
pub fn ping(url: &Uri, patience: Duration) -> std::io::Result<&'static str> {
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let mut stream = super::connect(host, port(url))?;
    if url.scheme_str() == Some("rediss") {
        return Ok(" (connected; TLS was not tried)");
    }
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer)?;
    match answer.get(..length).unwrap_or_default() {
        text if text.starts_with(b"+PONG") => Ok(""),
        text if text.starts_with(b"-NOAUTH") => Ok(" (its password was not tried)"),
        _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "who answers is no Redis")),
    }
}

fn port(url: &Uri) -> u16 {
    url.port_u16().unwrap_or(6379)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
