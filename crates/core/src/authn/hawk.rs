//! Hawk request signatures.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderValue;

use super::{Accept, Identity};
use crate::credential::Credentials;
use crate::denial::{Denial, Unauthenticated};
use crate::head::Head;
use crate::time::Now;

/// How Hawk requests are judged.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether a request with a body must carry a payload hash.
    pub payload_required: bool,
    /// Seconds by which `ts` may differ from our clock, both ways.
    pub skew: u64,
    /// Which host and port the caller signed.
    pub host: SignedHost,
    /// Whether `GET` and `HEAD` may carry a bewit.
    pub bewit: bool,
}

/// Which host and port the caller signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SignedHost {
    /// Those of the `Host` header; without a port 80, or 443 over TLS.
    #[default]
    Header,
    /// Always these.
    Fixed {
        /// Host in lower case.
        host: Box<str>,
        /// Port.
        port: u16,
    },
    /// An empty host and the port `None`, as mohawk signs a bare path.
    BarePath,
}

impl Default for Options {
    fn default() -> Self {
        Self { payload_required: true, skew: 60, host: SignedHost::Header, bewit: false }
    }
}

/// Why a request was refused; the texts are the original implementation's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `Unknown credentials`.
    UnknownCredentials,
    /// `Bad mac`.
    BadMac,
    /// `Missing required payload hash`.
    MissingPayloadHash,
    /// `Bad payload hash`.
    BadPayloadHash,
    /// `Invalid nonce`.
    InvalidNonce,
    /// `Stale timestamp`, with our clock and its MAC.
    StaleTimestamp {
        /// Our clock in Unix seconds.
        ts: i64,
        /// MAC over it.
        tsm: Box<str>,
    },
}

/// A Hawk credential.
#[derive(Debug)]
pub struct Key {
    /// What the `id` attribute says.
    pub id: Box<str>,
}

/// What an answer's signature covers of the request.
#[derive(Debug)]
pub struct Artifacts {}

/// A request whose head is signed and whose body is not yet proven.
#[derive(Debug)]
pub struct Unproven {}

/// Nonces within the window.
#[derive(Debug)]
pub struct Nonces {}

/// A judged head.
#[derive(Debug)]
pub enum Judged {
    /// Nothing is left to prove.
    Identified(Identity),
    /// The body must match the hash.
    Unproven(Unproven),
}

/// Why a head fails.
#[derive(Debug)]
pub enum Fail {
    /// A 401 with Hawk's own reason.
    Refused(Refusal),
    /// Another outcome: a malformed header, too many nonces.
    Denied(Denial),
}

impl Nonces {
    /// At most `per_credential` unexpired nonces of one credential.
    pub fn new(_per_credential: usize) -> Self {
        Self {}
    }
}

impl Unproven {
    /// Compares the body with the signed hash.
    ///
    /// # Errors
    /// A 401 `Bad payload hash`.
    pub fn prove(self, _accept: &Accept, _content_type: Option<&HeaderValue>, _body: &[u8]) -> Result<Identity, Denial> {
        Err(Denial::Ambiguous)
    }
}

impl Artifacts {
    /// `Server-Authorization` for an answer; `payload` is its content type and whole body, absent for streams.
    pub fn server_authorization(&self, _payload: Option<(&str, &[u8])>) -> Option<HeaderValue> {
        None
    }
}

pub(super) fn find<'h>(_head: &'h Head, _accept: &Accept) -> Result<Option<Cow<'h, [u8]>>, Denial> {
    Ok(None)
}

pub(super) fn judge(
    _material: &[u8],
    _head: &Head,
    _options: &Options,
    _credentials: &Credentials,
    _nonces: &Nonces,
    _now: Now,
) -> Result<Judged, Fail> {
    Err(Fail::Refused(Refusal::BadMac))
}

pub(super) fn challenge(_reason: &Unauthenticated) -> HeaderValue {
    HeaderValue::from_static("Hawk")
}

/// Kept for the index.
pub type Shared<T> = Arc<T>;
