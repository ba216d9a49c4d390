//! The signatures themselves.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::hawk::Algorithm;

/// What a Hawk signature covers, and with what it is made.
#[derive(Debug)]
pub struct Request<'a> {
    pub id: &'a str,
    pub key: &'a [u8],
    pub algorithm: Algorithm,
    pub ts: u64,
    pub nonce: &'a str,
    pub method: &'a str,
    /// Path and query as they are sent.
    pub resource: &'a str,
    pub host: &'a str,
    pub port: &'a str,
    /// Content type and body; absent leaves the body unsigned.
    pub payload: Option<(&'a str, &'a [u8])>,
    pub ext: Option<&'a str>,
}

/// The value of `Authorization`, attributes in the order in which mohawk writes them.
pub fn hawk(request: &Request<'_>) -> String {
    let (hash_algorithm, mac_algorithm) = match request.algorithm {
        Algorithm::Sha256 => (&digest::SHA256, hmac::HMAC_SHA256),
        Algorithm::Sha1 => (
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        ),
    };
    let hash = request.payload.map(|(content_type, body)| {
        let media_type = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let text = [b"hawk.1.payload\n", media_type.as_bytes(), b"\n", body, b"\n"].concat();
        STANDARD.encode(digest::digest(hash_algorithm, &text))
    });
    let Request {
        id,
        ts,
        nonce,
        method,
        resource,
        host,
        port,
        ..
    } = request;
    let normalised = format!(
        "hawk.1.header\n{ts}\n{nonce}\n{method}\n{resource}\n{host}\n{port}\n{}\n{}\n",
        hash.as_deref().unwrap_or_default(),
        request.ext.unwrap_or_default(),
    );
    let mac = STANDARD.encode(hmac::sign(
        &hmac::Key::new(mac_algorithm, request.key),
        normalised.as_bytes(),
    ));
    let hash = hash.map(|hash| format!(r#", hash="{hash}""#)).unwrap_or_default();
    let ext = request
        .ext
        .map(|ext| format!(r#", ext="{ext}""#))
        .unwrap_or_default();
    format!(r#"Hawk mac="{mac}"{hash}, id="{id}", ts="{ts}", nonce="{nonce}"{ext}"#)
}
