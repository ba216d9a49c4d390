//! JSON Web Tokens signed by the consumer, found by a claim that names the credential.
//!
//! The order of refusals is that of APISIX: unparsable, no key claim, unknown key, not verified. The algorithm comes
//! from the credential alone; what the token's header says is only compared with it (RFC 8725 §3.1).

mod algorithm;
mod claims;
mod jws;
mod key;
mod pem;
mod proofs;
mod sign;

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderValue, header};

use super::authorization::Form;
use super::{Accept, Compat, cookie, single, single_parameter};
use crate::credential::{Credential, Proof};
use crate::denial::{Denial, Unauthenticated};
use crate::directory::{Found, Known, Lookup};
use crate::head::Head;
use crate::time::Now;

use self::claims::Times;
use self::jws::Jws;

pub use self::algorithm::{Algorithm, UnknownAlgorithm};
pub use self::key::{Key, KeyError, Material};
pub use self::proofs::Proofs;
pub use self::sign::{SignError, sign};

/// The claim that names the credential where a route does not say otherwise, as in APISIX.
pub const DEFAULT_CLAIM: &str = "key";

/// The longest token in bytes that is looked at; longer ones are refused before they are decoded.
pub const MAX_TOKEN: usize = 16 * 1024;

/// Where tokens are looked for and how their claims are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Options {
    /// The first place that holds something decides.
    pub from: Vec<Place>,
    /// The claim that names the credential.
    pub claim: Box<str>,
    /// Seconds by which `exp` may lie behind and `nbf` ahead.
    pub leeway: u64,
}

/// One place that may hold a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// `Authorization`, raw or after `Bearer`.
    Authorization,
    /// A query parameter.
    Query(Box<str>),
    /// A cookie.
    Cookie(Box<str>),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            from: vec![Place::Authorization, Place::Query("jwt".into()), Place::Cookie("jwt".into())],
            claim: DEFAULT_CLAIM.into(),
            leeway: 0,
        }
    }
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JWS in compact form, or breaks a rule of RFC 7515.
    Malformed,
    /// The key claim is missing or no text.
    NoKeyClaim,
    /// No credential has this key.
    UnknownKey,
    /// Algorithm, signature or a claim's time is wrong.
    NotVerified,
}

impl Refusal {
    /// What the caller may know, in the characters of `error_description` (RFC 6750 §3).
    pub fn message(self) -> &'static str {
        match self {
            Self::Malformed => "the token is malformed",
            Self::NoKeyClaim => "the token has no claim that names its key",
            Self::UnknownKey => "the token names an unknown key",
            Self::NotVerified => "the token could not be verified",
        }
    }
}

/// The token in the first place that holds one.
pub(super) fn find<'h>(
    head: &'h Head,
    options: &Options,
    accept: &Accept,
) -> Result<Option<Cow<'h, [u8]>>, Denial> {
    let mut found = None;
    for place in &options.from {
        let here = match place {
            Place::Authorization => match single(&head.headers, &header::AUTHORIZATION, accept.compat)? {
                None => None,
                Some(value) => {
                    let token = Form::of(value.as_bytes(), accept.compat).token(accept).map(Cow::Borrowed);
                    // In APISIX any `Authorization`, even one of another scheme, hides what later places hold.
                    if accept.compat == Compat::Apisix {
                        return Ok(found.or(token));
                    }
                    token
                }
            },
            Place::Query(name) => single_parameter(head, name, accept.compat)?,
            Place::Cookie(name) => cookie::single(&head.headers, name, accept.compat)?.map(Cow::Borrowed),
        };
        // Later places are read all the same: a repeated header is refused wherever it stands.
        found = found.or(here);
    }
    Ok(found)
}

/// Why a token identifies nobody yet.
#[derive(Debug, PartialEq)]
pub(super) enum Fail {
    /// It is refused; `ours` where it names a credential of this gate.
    Refused { refusal: Refusal, ours: bool },
    /// Its credential must be asked for.
    Ask(Lookup),
}

impl From<Refusal> for Fail {
    fn from(refusal: Refusal) -> Self {
        let ours = match refusal {
            Refusal::Malformed | Refusal::NoKeyClaim | Refusal::UnknownKey => false,
            // There is nothing to verify before the credential is found.
            Refusal::NotVerified => true,
        };
        Self::Refused { refusal, ours }
    }
}

/// The credential whose token this is.
///
/// A token that was verified before costs one digest and two look-ups; its times, its credential and its key are
/// judged again on every request.
pub(super) fn judge(
    token: &[u8],
    options: &Options,
    known: &Known<'_>,
    proofs: &Proofs,
    now: Now,
) -> Result<Arc<Credential>, Fail> {
    if token.len() > MAX_TOKEN {
        return Err(Refusal::Malformed.into());
    }
    let id = proofs::id(token, &options.claim);
    if let Some((credential, times)) = proofs.find(&id, known, now) {
        return if times.hold(now, options.leeway) {
            Ok(credential)
        } else {
            Err(Refusal::NotVerified.into())
        };
    }
    let jws = Jws::parse(token).ok_or(Refusal::Malformed)?;
    let claims = claims::parse(&jws.payload).ok_or(Refusal::Malformed)?;
    let name = claims::text(&claims, &options.claim).ok_or(Refusal::NoKeyClaim)?;
    let credential = match known.jwt(name) {
        Found::Credential(credential) => credential,
        Found::Gone => return Err(Fail::Refused { refusal: Refusal::UnknownKey, ours: true }),
        Found::Nobody => return Err(Refusal::UnknownKey.into()),
        Found::Ask(lookup) => return Err(Fail::Ask(lookup)),
    };
    let Proof::Jwt(key) = &credential.proof else {
        return Err(Refusal::UnknownKey.into());
    };
    let times = Times::of(&claims).ok_or(Refusal::NotVerified)?;
    if !key.verifies(&jws) || !times.hold(now, options.leeway) {
        return Err(Refusal::NotVerified.into());
    }
    proofs.remember(id, &credential, key, times, now);
    Ok(credential)
}

pub(super) fn challenge(reason: &Unauthenticated) -> HeaderValue {
    const PLAIN: HeaderValue = HeaderValue::from_static("Bearer realm=\"tollgate\"");
    match reason {
        Unauthenticated::Jwt(refusal) => {
            let text = format!(
                "Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"{}\"",
                refusal.message()
            );
            HeaderValue::try_from(text).unwrap_or(PLAIN)
        }
        Unauthenticated::Missing(_) | Unauthenticated::ApiKey | Unauthenticated::Hawk(_) => PLAIN,
    }
}

/// Whether the token's default key claim, or one of these, names a known credential; nothing is verified.
pub(super) fn names_a_credential<'c>(
    token: &[u8],
    mut others: impl Iterator<Item = &'c str>,
    known: &Known<'_>,
) -> bool {
    if token.len() > MAX_TOKEN {
        return false;
    }
    let claims = Jws::parse(token).and_then(|jws| claims::parse(&jws.payload));
    claims.is_some_and(|claims| {
        let names = |claim: &str| claims::text(&claims, claim).is_some_and(|name| known.has_jwt(name));
        names(DEFAULT_CLAIM) || others.any(names)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
