//! Bounds of what a credential says.

use jiff::Timestamp;
use tollgate_core::consumer::Scopes;

use super::record::Credential;
use crate::error::{Error, Result};
use crate::text;

/// Calls in an hour that a key may be given, as the auth-service contract bounds them.
const RATE: std::ops::RangeInclusive<i64> = 1..=100_000;
/// Networks of one credential.
const NETWORKS: usize = 20;
/// Scopes of one consumer or credential.
const SCOPES: usize = 100;
/// Bytes of a secret that is sealed; far above what any algorithm uses.
pub(super) const SECRET: usize = 4096;
/// Bytes of a public key in PEM; RSA with 16,384 bits has 3,000.
pub(super) const PEM: usize = 16_384;

/// What may change about a credential, and so is checked at each change.
pub(super) fn limits(credential: &Credential) -> Result<()> {
    text::check_shown("name", &credential.name, 100)?;
    scopes(credential.scopes.as_ref())?;
    if credential.rate_limit_per_hour.is_some_and(|rate| !RATE.contains(&rate)) {
        let why = format!("must be from {} to {}", RATE.start(), RATE.end());
        return Err(Error::invalid("rate_limit_per_hour", why));
    }
    if credential.networks.len() > NETWORKS {
        return Err(Error::invalid("allowed_ips", format!("has at most {NETWORKS} networks")));
    }
    Ok(())
}

/// An end that is over before it begins would make a key that never worked.
pub(super) fn end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Error::invalid("expires_at", "must be in the future"));
    }
    Ok(())
}

/// Scopes as RFC 6749 §3.3 spells them: printable ASCII without space, `"` and `\`.
pub(crate) fn scopes(scopes: Option<&Scopes>) -> Result<()> {
    let Some(scopes) = scopes else { return Ok(()) };
    if scopes.iter().count() > SCOPES {
        return Err(Error::invalid("scopes", format!("has at most {SCOPES} scopes")));
    }
    for scope in scopes.iter() {
        let spelled = scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        if scope.is_empty() || scope.len() > 100 || !spelled {
            let why = "must be 1 to 100 printable ASCII characters each, without space, `\"` and `\\`";
            return Err(Error::invalid("scopes", why));
        }
    }
    Ok(())
}
