//! Hawk request signatures (mozilla/hawk 9, BSD-3-Clause: the header, bewits and server authorisation).
//!
//! The order of refusals: parse (400), credentials, MAC, payload hash missing, time, nonce. It differs from the
//! original in one point: the nonce comes last, so that stale requests cannot fill the memory of nonces. The payload is
//! proven afterwards, by [`Unproven::prove`], as the body is not read for a caller whose head is not signed.

mod bewit;
mod header;
mod host;
mod key;
mod mac;
mod nonces;
mod respond;
mod sign;

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderValue, header as field};

use super::authorization::Form;
use super::{Accept, Compat, Identity, single, single_parameter};
use crate::credential::{Credential, Proof};
use crate::denial::{Denial, Malformed, Unauthenticated};
use crate::directory::{Found, Known, Lookup};
use crate::head::Head;
use crate::time::Now;

use self::header::Attributes;
use self::mac::{Kind, Signed, equal};

pub use self::host::SignedHost;
pub use self::key::{Algorithm, Key, KeyError, UnknownAlgorithm};
pub use self::nonces::Nonces;
pub use self::respond::{Artifacts, Claim};
pub use self::sign::{BadAttribute, Request, sign};

/// The query parameter that holds a bewit.
pub(super) const BEWIT: &str = "bewit";

/// The longest header value, and the longest target with a bewit, that is looked at; the original's bound.
const MAX_LENGTH: usize = 4096;

/// How Hawk requests are judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// `Empty bewit`.
    EmptyBewit,
    /// `Invalid method`: a bewit with another method than `GET` and `HEAD`.
    InvalidMethod,
    /// `Access expired`: the bewit's time is over.
    AccessExpired,
}

impl Refusal {
    /// The original implementation's text, which clients read.
    pub fn message(&self) -> &'static str {
        match self {
            Self::UnknownCredentials => "Unknown credentials",
            Self::BadMac => "Bad mac",
            Self::MissingPayloadHash => "Missing required payload hash",
            Self::BadPayloadHash => "Bad payload hash",
            Self::InvalidNonce => "Invalid nonce",
            Self::StaleTimestamp { .. } => "Stale timestamp",
            Self::EmptyBewit => "Empty bewit",
            Self::InvalidMethod => "Invalid method",
            Self::AccessExpired => "Access expired",
        }
    }
}

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
    Refused {
        /// The reason.
        refusal: Refusal,
        /// Whether the credential is one of this gate.
        ours: bool,
    },
    /// Another outcome: a malformed header, too many nonces.
    Denied(Denial),
    /// The credential must be asked for.
    Ask(Lookup),
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        let ours = match refusal {
            // Of these, the credential is not looked for.
            Refusal::UnknownCredentials | Refusal::EmptyBewit | Refusal::InvalidMethod => false,
            Refusal::BadMac
            | Refusal::MissingPayloadHash
            | Refusal::BadPayloadHash
            | Refusal::InvalidNonce
            | Refusal::StaleTimestamp { .. }
            | Refusal::AccessExpired => true,
        };
        Self::Refused { refusal, ours }
    }
}

impl Fail {
    fn malformed(why: &'static str) -> Self {
        Self::Denied(Denial::Malformed(Malformed::Hawk(why)))
    }
}

/// A request whose head is signed and whose body is not yet proven.
#[derive(Debug)]
pub struct Unproven {
    identity: Identity,
    key: Key,
    hash: Box<str>,
}

impl Unproven {
    /// What signed the head. Nobody is identified by it before the body is proven.
    pub fn credential(&self) -> &Arc<Credential> {
        &self.identity.credential
    }

    /// What the caller signed.
    pub fn artifacts(&self) -> Option<&Artifacts> {
        self.identity.hawk.as_deref()
    }

    /// Compares the body with the signed hash; `content_type` is the request's own field.
    ///
    /// # Errors
    /// A 401 `Bad payload hash`.
    pub fn prove(
        self,
        accept: &Accept,
        content_type: Option<&HeaderValue>,
        body: &[u8],
    ) -> Result<Identity, Denial> {
        let content_type = content_type.map(HeaderValue::as_bytes).unwrap_or_default();
        let hash = mac::payload_hash(self.key.algorithm(), content_type, body);
        if equal(&hash, &self.hash) {
            Ok(self.identity)
        } else {
            Err(accept.refuse_ours(Unauthenticated::Hawk(Refusal::BadPayloadHash)))
        }
    }
}

/// What a request presents, not yet read.
pub(super) enum Presented<'h> {
    /// The whole value of `Authorization`.
    Header(&'h [u8]),
    /// The query parameter.
    Bewit(Cow<'h, [u8]>),
}

/// The Hawk header or, where the route takes one, the bewit.
pub(super) fn find<'h>(
    head: &'h Head,
    options: &Options,
    compat: Compat,
) -> Result<Option<Presented<'h>>, Denial> {
    let authorization = single(&head.headers, &field::AUTHORIZATION, compat)?.map(HeaderValue::as_bytes);
    let header = authorization.filter(|value| Form::of(value, compat) == Form::Hawk).map(Presented::Header);
    if !options.bewit {
        return Ok(header);
    }
    match single_parameter(head, BEWIT, Compat::None)? {
        None => Ok(header),
        // As the original: a bewit is the whole authorisation or none of it.
        Some(_) if authorization.is_some() => Err(Denial::Ambiguous),
        Some(bewit) => Ok(Some(Presented::Bewit(bewit))),
    }
}

pub(super) fn judge(
    presented: &Presented<'_>,
    head: &Head,
    options: &Options,
    known: &Known<'_>,
    nonces: &Nonces,
    now: Now,
) -> Result<Judged, Fail> {
    let value = match presented {
        Presented::Bewit(bewit) => return bewit::judge(bewit, head, options, known, now),
        Presented::Header(value) => value,
    };
    let attributes = Attributes::parse(value).map_err(Fail::malformed)?;
    let credential = credential(known, attributes.id)?;
    let key = key_of(&credential)?;
    let host = options.host.verify(key, attributes.mac, head, |host| Signed {
        kind: Kind::Header,
        ts: attributes.ts_text,
        nonce: attributes.nonce,
        method: head.method.as_str(),
        resource: head.target.as_str(),
        host,
        hash: attributes.hash,
        ext: attributes.ext,
        app: attributes.app,
        dlg: attributes.dlg,
    });
    let host = host.ok_or(Refusal::BadMac)?;
    if attributes.hash.is_none() && head.has_body && options.payload_required {
        return Err(Refusal::MissingPayloadHash.into());
    }
    let ours = now.unix_seconds();
    if attributes.ts.abs_diff(ours) > options.skew {
        let tsm = key.mac_of_time(ours).into();
        return Err(Refusal::StaleTimestamp { ts: ours, tsm }.into());
    }
    match nonces.remember(&key.id, attributes.ts, attributes.nonce, options.skew, now) {
        nonces::Seen::First => {}
        nonces::Seen::Before => return Err(Refusal::InvalidNonce.into()),
        nonces::Seen::TooMany { retry_after } => {
            return Err(Fail::Denied(Denial::NonceLimit { retry_after }));
        }
    }
    let artifacts = Artifacts::new(key, &attributes, head, host, options.skew);
    let key = key.clone();
    let identity = Identity { credential, hawk: Some(Arc::new(artifacts)) };
    Ok(match attributes.hash {
        None => Judged::Identified(identity),
        Some(hash) => Judged::Unproven(Unproven { identity, key, hash: hash.into() }),
    })
}

pub(super) fn challenge(reason: &Unauthenticated) -> HeaderValue {
    const PLAIN: HeaderValue = HeaderValue::from_static("Hawk");
    let Unauthenticated::Hawk(refusal) = reason else {
        return PLAIN;
    };
    let message = refusal.message();
    let text = if let Refusal::StaleTimestamp { ts, tsm } = refusal {
        format!("Hawk ts=\"{ts}\", tsm=\"{tsm}\", error=\"{message}\"")
    } else {
        format!("Hawk error=\"{message}\"")
    };
    HeaderValue::try_from(text).unwrap_or(PLAIN)
}

/// Whether the value of `Authorization` names a known credential; nothing is verified.
pub(super) fn header_is_known(value: &[u8], known: &Known<'_>) -> bool {
    // What cannot be read names nobody for sure, so that it is not shown to anybody.
    Attributes::parse(value).map_or(true, |attributes| known.has_hawk(attributes.id))
}

/// The same of a bewit.
pub(super) fn bewit_is_known(bewit: &[u8], known: &Known<'_>) -> bool {
    bewit::id(bewit).is_none_or(|id| known.has_hawk(&id))
}

fn credential(known: &Known<'_>, id: &str) -> Result<Arc<Credential>, Fail> {
    match known.hawk(id) {
        Found::Credential(credential) => Ok(credential),
        Found::Gone => Err(Fail::Refused { refusal: Refusal::UnknownCredentials, ours: true }),
        Found::Nobody => Err(Refusal::UnknownCredentials.into()),
        Found::Ask(lookup) => Err(Fail::Ask(lookup)),
    }
}

fn key_of(credential: &Credential) -> Result<&Key, Refusal> {
    match &credential.proof {
        Proof::Hawk(key) => Ok(key),
        Proof::ApiKey(_) | Proof::Jwt(_) => Err(Refusal::UnknownCredentials),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
