//! JSON Web Signatures in compact form (RFC 7515 §7.1), read strictly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims;

/// A token's three parts, decoded and not yet verified.
pub(super) struct Jws<'t> {
    /// `alg`, as the token says it; never chooses the verifier.
    pub(super) algorithm: String,
    /// The payload's octets; any octets are a valid payload.
    pub(super) payload: Vec<u8>,
    /// The octets that the signature covers.
    pub(super) signed: &'t [u8],
    /// The signature's octets.
    pub(super) signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Reads exactly three parts of base64url without padding, whitespace or stray trailing bits, and a header that is
    /// a JSON object with a text `alg` and no member twice.
    ///
    /// A header with `crit`, `b64` other than `true`, or `zip` asks for rules that are not served, so it is refused
    /// (RFC 7515 §4.1.11, RFC 7797 §3). `kid`, `jku`, `jwk`, `x5u` and `x5c` mean nothing here: keys come from the
    /// configuration alone.
    pub(super) fn parse(token: &'t [u8]) -> Option<Self> {
        let mut parts = token.split(|byte| *byte == b'.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let signed = &token[..header.len() + 1 + payload.len()];
        let header = claims::parse(&URL_SAFE_NO_PAD.decode(header).ok()?)?;
        let plain = !header.contains_key("crit")
            && !header.contains_key("zip")
            && header.get("b64").is_none_or(|value| *value == true);
        if !plain {
            return None;
        }
        Some(Self {
            algorithm: claims::text(&header, "alg")?.to_owned(),
            payload: URL_SAFE_NO_PAD.decode(payload).ok()?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }
}
