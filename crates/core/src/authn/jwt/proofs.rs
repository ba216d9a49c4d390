//! Tokens that were verified before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::claims::Times;
use super::key::Key;
use crate::credential::{Credential, Digest, Proof};
use crate::directory::{Found, Known};
use crate::time::Now;

/// How long a proof counts, in monotonic time: a bound on what an undetected change could keep alive.
const LIFETIME: Duration = Duration::from_secs(600);

/// Tokens that were verified before, by digest; bounded.
///
/// A proof says that a signature was right under one key of one credential. Whether that credential is still there,
/// still has that key, and whether the token's times hold, is judged on every hit. Failures are not remembered, so a
/// flood of wrong tokens pushes nothing out.
pub struct Proofs {
    cache: Cache<Digest, Arc<Proven>>,
}

struct Proven {
    /// Finds the credential in the snapshot of the request.
    claim_value: Box<str>,
    credential: Box<str>,
    fingerprint: Digest,
    times: Times,
    /// Monotonic.
    until: Duration,
}

impl Proofs {
    /// Keeps at most `capacity` tokens.
    pub fn new(capacity: usize) -> Self {
        Self { cache: Cache::new(capacity) }
    }

    /// The credential that the token was proven for, if the proof still counts for it.
    pub(super) fn find(&self, id: &Digest, known: &Known<'_>, now: Now) -> Option<(Arc<Credential>, Times)> {
        let proven = self.cache.get(id)?;
        let Found::Credential(credential) = known.jwt(&proven.claim_value) else {
            return None;
        };
        let Proof::Jwt(key) = &credential.proof else {
            return None;
        };
        let counts = now.monotonic < proven.until
            && credential.id == proven.credential
            && *key.fingerprint() == proven.fingerprint;
        counts.then_some(proven.times).map(|times| (credential, times))
    }

    /// Remembers that the token verifies under the key of this credential.
    pub(super) fn remember(&self, id: Digest, credential: &Credential, key: &Key, times: Times, now: Now) {
        let proven = Proven {
            claim_value: key.claim_value.clone(),
            credential: credential.id.clone(),
            fingerprint: *key.fingerprint(),
            times,
            until: now.monotonic.saturating_add(LIFETIME),
        };
        self.cache.insert(id, Arc::new(proven));
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").field("tokens", &self.cache.len()).finish()
    }
}

/// What a proof is found by: the token, and the claim that was read from it, as two routes may read different ones.
pub(super) fn id(token: &[u8], claim: &str) -> Digest {
    Digest::of_parts(&[&claim.len().to_be_bytes(), claim.as_bytes(), token])
}
