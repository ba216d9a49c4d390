//! Who calls: finds the credential in a request and judges it.
//!
//! A request may carry material of one accepted scheme only. The material is found first, over all schemes, and judged
//! once; wrong material never falls through to a weaker scheme or to anonymous.

pub mod api_key;
pub mod authorization;
mod cookie;
pub mod hawk;
pub mod hide;
pub mod jwt;

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::credential::Credential;
use crate::denial::{Denial, Unauthenticated, Wanted};
use crate::directory::{Found, Known, Question};
use crate::head::Head;
use crate::time::Now;

/// How a route identifies its callers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Accept {
    /// Accepted schemes in the order of the file; empty on a route that is only public.
    pub schemes: Vec<Scheme>,
    /// Whether a request without a credential passes, without identity.
    pub public: bool,
    /// Whose habits decide where the rules of HTTP leave room.
    pub compat: Compat,
}

/// A way to present a credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// An opaque key.
    ApiKey(api_key::Options),
    /// A JSON Web Token signed by the consumer.
    Jwt(jwt::Options),
    /// A Hawk request signature.
    Hawk(hawk::Options),
}

/// Habits of the gateway that a route replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compat {
    /// Ambiguous material is refused.
    #[default]
    None,
    /// As APISIX: the first of repeated values counts, and any `Authorization` is taken for the token.
    Apisix,
}

/// A consumer found in this request.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What identified the consumer.
    pub credential: Arc<Credential>,
    /// What signs the answer, for Hawk.
    pub hawk: Option<Arc<hawk::Artifacts>>,
}

/// What the request says about its caller.
#[derive(Debug)]
pub enum Answer {
    /// Nothing that an accepted scheme reads.
    Absent,
    /// A valid credential.
    Identified(Identity),
    /// A valid signature over the head; the body must be read and proven before anything else happens.
    Unproven(hawk::Unproven),
    /// Material that identifies nobody.
    Rejected(Denial),
    /// Material whose credential must be asked for; then identification begins anew, with the answer.
    Ask(Question),
}

/// What identification remembers between requests: one per process, bounded, outlives reloads.
#[derive(Debug)]
pub struct Memory {
    /// Tokens that were verified before.
    pub proofs: jwt::Proofs,
    /// Hawk nonces within the window.
    pub nonces: hawk::Nonces,
}

/// Finds and judges the credential of one request.
pub fn identify(head: &Head, accept: &Accept, known: &Known<'_>, memory: &Memory, now: Now) -> Answer {
    let mut found: Option<Material<'_>> = None;
    for scheme in &accept.schemes {
        match scheme.find(head, accept) {
            Err(denial) => return Answer::Rejected(denial),
            Ok(None) => {}
            Ok(Some(material)) if found.is_none() => found = Some(material),
            Ok(Some(_)) if accept.compat == Compat::Apisix => {}
            Ok(Some(_)) => return Answer::Rejected(Denial::Ambiguous),
        }
    }
    match found {
        None => Answer::Absent,
        Some(material) => material.judge(head, accept, known, memory, now),
    }
}

/// The API key that a request presents, where the route accepts such and there is exactly one; for logs, which show how
/// it begins.
pub fn presented_key<'h>(head: &'h Head, accept: &Accept) -> Option<Cow<'h, [u8]>> {
    let options = accept.schemes.iter().find_map(|scheme| match scheme {
        Scheme::ApiKey(options) => Some(options),
        Scheme::Jwt(_) | Scheme::Hawk(_) => None,
    })?;
    api_key::find(head, options, accept).ok().flatten()
}

/// What a request presents under one scheme, not yet judged.
enum Material<'a> {
    ApiKey(Cow<'a, [u8]>),
    Jwt(&'a jwt::Options, Cow<'a, [u8]>),
    Hawk(&'a hawk::Options, hawk::Presented<'a>),
}

impl Material<'_> {
    fn judge(&self, head: &Head, accept: &Accept, known: &Known<'_>, memory: &Memory, now: Now) -> Answer {
        let refuse = |reason, ours| match ours {
            true => Answer::Rejected(accept.refuse_ours(reason)),
            false => Answer::Rejected(accept.refuse(reason)),
        };
        match self {
            Self::ApiKey(key) => match api_key::judge(key, known) {
                Found::Credential(credential) => Answer::Identified(Identity { credential, hawk: None }),
                Found::Gone => refuse(Unauthenticated::ApiKey, true),
                Found::Nobody => refuse(Unauthenticated::ApiKey, false),
                Found::Ask(lookup) => Answer::Ask(Question::about_key(lookup, key)),
            },
            Self::Jwt(options, token) => match jwt::judge(token, options, known, &memory.proofs, now) {
                Ok(credential) => Answer::Identified(Identity { credential, hawk: None }),
                Err(jwt::Fail::Refused { refusal, ours }) => refuse(Unauthenticated::Jwt(refusal), ours),
                Err(jwt::Fail::Ask(lookup)) => Answer::Ask(Question::about(lookup)),
            },
            Self::Hawk(options, presented) => {
                match hawk::judge(presented, head, options, known, &memory.nonces, now) {
                    Ok(hawk::Judged::Identified(identity)) => Answer::Identified(identity),
                    Ok(hawk::Judged::Unproven(unproven)) => Answer::Unproven(unproven),
                    Err(hawk::Fail::Refused { refusal, ours }) => {
                        refuse(Unauthenticated::Hawk(refusal), ours)
                    }
                    Err(hawk::Fail::Denied(denial)) => Answer::Rejected(denial),
                    Err(hawk::Fail::Ask(lookup)) => Answer::Ask(Question::about(lookup)),
                }
            }
        }
    }
}

impl Scheme {
    fn find<'a>(&'a self, head: &'a Head, accept: &Accept) -> Result<Option<Material<'a>>, Denial> {
        Ok(match self {
            Self::ApiKey(options) => api_key::find(head, options, accept)?.map(Material::ApiKey),
            Self::Jwt(options) => {
                jwt::find(head, options, accept)?.map(|token| Material::Jwt(options, token))
            }
            Self::Hawk(options) => {
                hawk::find(head, options, accept.compat)?.map(|presented| Material::Hawk(options, presented))
            }
        })
    }

    fn challenge(&self, reason: &Unauthenticated) -> HeaderValue {
        match self {
            Self::ApiKey(options) => api_key::challenge(options),
            Self::Jwt(_) => jwt::challenge(reason),
            Self::Hawk(_) => hawk::challenge(reason),
        }
    }
}

impl Accept {
    /// A 401 with one challenge for each accepted scheme, for a request with no credential of this gate.
    pub fn refuse(&self, reason: Unauthenticated) -> Denial {
        Denial::Unauthenticated { challenges: self.challenges(&reason), reason, ours: false }
    }

    /// The same for a credential of this gate that does not count: it is no upstream's business.
    pub fn refuse_ours(&self, reason: Unauthenticated) -> Denial {
        Denial::Unauthenticated { challenges: self.challenges(&reason), reason, ours: true }
    }

    fn challenges(&self, reason: &Unauthenticated) -> Vec<HeaderValue> {
        let mut challenges: Vec<HeaderValue> = Vec::with_capacity(self.schemes.len());
        for scheme in &self.schemes {
            let challenge = scheme.challenge(reason);
            // JWT and API key may both ask for a bearer token; the one with more to say stands for both.
            let bearer = challenge.as_bytes().starts_with(b"Bearer");
            match challenges.iter_mut().find(|have| bearer && have.as_bytes().starts_with(b"Bearer")) {
                Some(have) if have.len() < challenge.len() => *have = challenge,
                Some(_) => {}
                None => challenges.push(challenge),
            }
        }
        challenges
    }

    /// The scheme to name when a request has no credential: the first of the list.
    pub fn wanted(&self) -> Wanted {
        match self.schemes.first() {
            Some(Scheme::Jwt(_)) => Wanted::Jwt,
            Some(Scheme::Hawk(_)) => Wanted::Hawk,
            Some(Scheme::ApiKey(_)) | None => Wanted::ApiKey,
        }
    }

    /// Whether JSON Web Tokens are accepted.
    pub fn takes_jwt(&self) -> bool {
        self.schemes.iter().any(|scheme| matches!(scheme, Scheme::Jwt(_)))
    }

    /// Whether Hawk signatures are accepted.
    pub fn takes_hawk(&self) -> bool {
        self.schemes.iter().any(|scheme| matches!(scheme, Scheme::Hawk(_)))
    }

    /// Whether opaque keys are accepted as bearer tokens.
    pub fn takes_bearer_key(&self) -> bool {
        self.takes_key_from(&api_key::Place::Bearer)
    }

    /// Whether opaque keys are accepted under the scheme `ApiKey`.
    pub fn takes_scheme_key(&self) -> bool {
        self.takes_key_from(&api_key::Place::ApiKeyScheme)
    }

    /// Whether an API key scheme leaves keys in what goes upstream.
    fn passes_keys(&self) -> bool {
        self.schemes.iter().any(|scheme| matches!(scheme, Scheme::ApiKey(options) if !options.hide))
    }

    fn takes_key_from(&self, place: &api_key::Place) -> bool {
        self.schemes
            .iter()
            .any(|scheme| matches!(scheme, Scheme::ApiKey(options) if options.from.contains(place)))
    }
}

/// The only value of a header that may carry a credential.
///
/// # Errors
/// [`Denial::Ambiguous`] where the header is repeated, unless compatibility says that the first value counts.
fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    compat: Compat,
) -> Result<Option<&'h HeaderValue>, Denial> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() && compat == Compat::None {
        return Err(Denial::Ambiguous);
    }
    Ok(first)
}

/// The only value of a query parameter that may carry a credential, percent-decoded.
///
/// # Errors
/// [`Denial::Ambiguous`] where the parameter is repeated, unless compatibility says that the first value counts.
fn single_parameter<'h>(head: &'h Head, name: &str, compat: Compat) -> Result<Option<Cow<'h, [u8]>>, Denial> {
    let Some(query) = head.query() else {
        return Ok(None);
    };
    let mut values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (*percent_decode(key) == *name.as_bytes()).then_some(value)
    });
    let first = values.next();
    if values.next().is_some() && compat == Compat::None {
        return Err(Denial::Ambiguous);
    }
    Ok(first.map(percent_decode))
}

/// Decodes `%XX`; what is no encoding stays as it is.
fn percent_decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let bytes = text.as_bytes();
    let digit =
        |at: usize| char::from(*bytes.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
