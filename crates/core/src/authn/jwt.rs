//! JSON Web Tokens signed by the consumer, found by a claim that names the credential.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderValue, header};

use super::authorization::Form;
use super::{Accept, single, single_parameter};
use crate::credential::{Credential, Credentials};
use crate::denial::{Denial, Unauthenticated};
use crate::head::Head;
use crate::time::Now;

/// Where tokens are looked for and how their claims are read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first place that holds something decides.
    pub from: Vec<Place>,
    /// The claim that names the credential.
    pub claim: Box<str>,
    /// Seconds by which `exp` may lie behind and `nbf` ahead.
    pub leeway: u64,
}

/// One place that may hold a token.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            claim: "key".into(),
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

/// A verification key bound to one algorithm.
#[derive(Debug)]
pub struct Key {
    /// What the key claim must say.
    pub claim_value: Box<str>,
}

/// Tokens that were verified before, by digest; bounded.
#[derive(Debug)]
pub struct Proofs {}

impl Proofs {
    /// Keeps at most `capacity` tokens.
    pub fn new(_capacity: usize) -> Self {
        Self {}
    }
}

pub(super) fn find<'h>(head: &'h Head, options: &Options, accept: &Accept) -> Result<Option<Cow<'h, [u8]>>, Denial> {
    let _ = (single_parameter, options, Form::Hawk, single(&head.headers, &header::COOKIE, accept.compat)?);
    Ok(None)
}

pub(super) fn judge(
    _token: &[u8],
    _options: &Options,
    _credentials: &Credentials,
    _proofs: &Proofs,
    _now: Now,
) -> Result<Arc<Credential>, Refusal> {
    Err(Refusal::Malformed)
}

pub(super) fn challenge(_reason: &Unauthenticated) -> HeaderValue {
    HeaderValue::from_static("Bearer realm=\"tollgate\"")
}

/// Whether the token's default key claim names a known credential; nothing is verified.
pub(super) fn names_a_credential(_token: &[u8], _credentials: &Credentials) -> bool {
    false
}
