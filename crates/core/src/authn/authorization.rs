//! Forms of an `Authorization` value, and which scheme each belongs to.

use super::{Accept, Compat};

/// An `Authorization` value by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// `Bearer` and what follows.
    Bearer(&'a [u8]),
    /// `ApiKey` and what follows.
    ApiKey(&'a [u8]),
    /// `Hawk` with or without attributes.
    Hawk,
    /// A known scheme that is none of ours here (`Basic`, `Signature`, `Digest`, `Negotiate`, `AWS4-HMAC-SHA256`).
    Foreign,
    /// Anything else: the whole value may be a token.
    Raw(&'a [u8]),
}

/// Stands for an `Authorization` that APISIX would take for a token and could not read.
const NO_TOKEN: &[u8] = b"?";

const FOREIGN: [&[u8]; 5] = [b"Basic", b"Signature", b"Digest", b"Negotiate", b"AWS4-HMAC-SHA256"];

impl<'a> Form<'a> {
    /// Reads the form. Scheme names are case-insensitive and any number of blanks follows (RFC 9110 §11.4); APISIX
    /// knows only two spellings of `Bearer`.
    pub fn of(value: &'a [u8], compat: Compat) -> Self {
        let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
        let (scheme, rest) = (&value[..end], value[end..].trim_ascii_start());
        let bearer = match compat {
            Compat::None => scheme.eq_ignore_ascii_case(b"Bearer"),
            Compat::Apisix => scheme == b"Bearer" || scheme == b"bearer",
        };
        if bearer {
            Self::Bearer(rest)
        } else if scheme.eq_ignore_ascii_case(b"ApiKey") {
            Self::ApiKey(rest)
        } else if scheme.eq_ignore_ascii_case(b"Hawk") {
            Self::Hawk
        } else if FOREIGN.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
            Self::Foreign
        } else {
            Self::Raw(value)
        }
    }

    /// The token for the JWT scheme, if this value is its business under these accepted schemes.
    pub fn token(self, accept: &Accept) -> Option<&'a [u8]> {
        match self {
            Self::Bearer(token) | Self::Raw(token) if !self.is_key(accept) => Some(token),
            Self::Foreign if accept.compat == Compat::Apisix => Some(NO_TOKEN),
            Self::ApiKey(_) if accept.compat == Compat::Apisix && !accept.takes_scheme_key() => {
                Some(NO_TOKEN)
            }
            Self::Hawk if accept.compat == Compat::Apisix && !accept.takes_hawk() => Some(NO_TOKEN),
            Self::Bearer(_) | Self::Raw(_) | Self::ApiKey(_) | Self::Hawk | Self::Foreign => None,
        }
    }

    /// The opaque key behind `Bearer`, if this value is the API key scheme's business under these accepted schemes.
    pub fn bearer_key(self, accept: &Accept) -> Option<&'a [u8]> {
        match self {
            Self::Bearer(key) if self.is_key(accept) => Some(key),
            _ => None,
        }
    }

    /// Whether a bearer value is an opaque key rather than a JSON Web Token: where both schemes are accepted its form
    /// decides, else the accepted one takes it.
    pub(super) fn is_key(self, accept: &Accept) -> bool {
        match self {
            Self::Bearer(value) => {
                accept.takes_bearer_key() && !(accept.takes_jwt() && looks_like_jwt(value))
            }
            Self::ApiKey(_) | Self::Hawk | Self::Foreign | Self::Raw(_) => false,
        }
    }
}

/// Three parts of base64url, the first starting as every JSON object does in base64.
pub fn looks_like_jwt(value: &[u8]) -> bool {
    value.starts_with(b"ey") && value.iter().filter(|b| **b == b'.').count() == 2
}
