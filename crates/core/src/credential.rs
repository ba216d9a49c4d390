//! Stored proofs of consumers, and the index that finds them.

pub mod api_key_text;

use core::net::IpAddr;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicI64};
use std::fmt;
use std::sync::Arc;

use foldhash::HashMap;
use ipnet::IpNet;

use crate::authn::hawk;
use crate::authn::jwt;
use crate::consumer::{Consumer, Name, Scopes};
use crate::limit::Subject;
use crate::time::Now;

/// Seconds within which a second use of a credential is not noted.
const USE_NOTED_EVERY: i64 = 60;

/// One proof of one consumer.
#[derive(Debug)]
pub struct Credential {
    /// Names the credential to upstreams and in logs; never the secret.
    pub id: Box<str>,
    /// Whose credential it is.
    pub consumer: Arc<Consumer>,
    /// Scopes of its own; absent means the consumer's.
    pub scopes: Option<Scopes>,
    /// The stored form of the secret.
    pub proof: Proof,
    /// When and from where it counts.
    pub life: Life,
    /// Who says that it exists.
    pub origin: Origin,
    used: AtomicI64,
    revoked: AtomicBool,
    /// What an upstream is told, ready to send.
    identity: Box<str>,
    subject: Subject,
}

/// What an upstream could not read: it holds something other than printable ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The id.
    Id,
    /// One of the scopes in force.
    Scope,
}

impl Credential {
    /// Makes a credential.
    ///
    /// # Errors
    /// [`Unreadable`]; a header could carry other characters too, but upstreams would not agree on what they are.
    pub fn new(
        id: impl Into<Box<str>>,
        consumer: Arc<Consumer>,
        scopes: Option<Scopes>,
        proof: Proof,
    ) -> Result<Self, Unreadable> {
        let id = id.into();
        let in_force = scopes.as_ref().unwrap_or(&consumer.scopes);
        let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable(&id) {
            return Err(Unreadable::Id);
        }
        if !in_force.iter().all(printable) {
            return Err(Unreadable::Scope);
        }
        let mut identity =
            format!("x-consumer-username: {}\r\nx-credential-identifier: {id}\r\n", consumer.name);
        if !in_force.is_empty() {
            identity.push_str(&format!("x-consumer-scopes: {in_force}\r\n"));
        }
        if let Some(tier) = &consumer.tier {
            identity.push_str(&format!("x-consumer-tier: {tier}\r\n"));
        }
        let subject = Subject::credential(proof.kind(), &id);
        Ok(Self {
            id,
            consumer,
            scopes,
            proof,
            life: Life::default(),
            origin: Origin::File,
            used: AtomicI64::new(0),
            revoked: AtomicBool::new(false),
            identity: identity.into(),
            subject,
        })
    }

    /// Whose calls those with this credential count as, where a limit is per credential.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// The header lines that tell an upstream who calls: made once, and in one piece, as every request writes them.
    pub fn identity_lines(&self) -> &str {
        &self.identity
    }

    /// Whether it counts now, from this address.
    pub fn holds(&self, client: IpAddr, now: Now) -> bool {
        !self.is_revoked() && self.life.holds(client, now)
    }

    /// Ends it for whoever holds it still: calls that are under way see it.
    pub fn revoke(&self) {
        self.revoked.store(true, Relaxed);
    }

    /// Whether it was revoked or disabled after it was looked up.
    pub fn is_revoked(&self) -> bool {
        self.revoked.load(Relaxed)
    }

    /// Notes that it identified somebody at this second of the wall clock; true if nobody noted it within the last
    /// minute. Looked at often and written seldom, because every core does it with every call.
    pub fn note_use(&self, second: i64) -> bool {
        let is_news = second.saturating_sub(self.used.load(Relaxed)) >= USE_NOTED_EVERY;
        if is_news {
            self.used.store(second, Relaxed);
        }
        is_news
    }

    /// The second of the wall clock at which it was used last, to the minute; absent before the first use that this
    /// process saw.
    pub fn last_used(&self) -> Option<i64> {
        Some(self.used.load(Relaxed)).filter(|second| *second != 0)
    }

    /// The scopes in force: the credential's own if it has any, else its consumer's.
    pub fn scopes(&self) -> &Scopes {
        self.scopes.as_ref().unwrap_or(&self.consumer.scopes)
    }
}

/// Who says that a credential exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File,
    /// A store, in which the credential's id is its own, and its owners have these.
    Store {
        /// The consumer's identifier.
        consumer: Box<str>,
        /// The account's identifier.
        account: Box<str>,
    },
    /// An external auth service.
    Service,
}

impl Origin {
    /// The id of the account that owns the credential, where the store has it.
    pub fn account_id(&self) -> Option<&str> {
        match self {
            Self::Store { account, .. } => Some(account),
            Self::File | Self::Service => None,
        }
    }
}

/// When and from where a credential counts. The default is always and from everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// The second of the wall clock at which it ends.
    pub ends: Option<i64>,
    /// Networks that it may come from; none means all.
    pub networks: Box<[IpNet]>,
}

impl Life {
    fn holds(&self, client: IpAddr, now: Now) -> bool {
        self.ends.is_none_or(|end| now.unix_seconds() < end)
            && (self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&client)))
    }
}

/// What is stored of a credential, by kind.
#[derive(Debug)]
pub enum Proof {
    /// SHA-256 of the key's text.
    ApiKey(Digest),
    /// A verification key bound to one algorithm; boxed for its size.
    Jwt(Box<jwt::Key>),
    /// A MAC key; Hawk needs the secret itself.
    Hawk(hawk::Key),
}

impl Proof {
    /// The kind's name in config, API and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "api_key",
            Self::Jwt(_) => "jwt",
            Self::Hawk(_) => "hawk",
        }
    }
}

/// SHA-256 of a secret: enough for secrets of 128 bits and more (NIST SP 800-63B-4), and cheap on the walk.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Hashes the secret's bytes.
    pub fn of(secret: &[u8]) -> Self {
        Self::of_parts(&[secret])
    }

    /// Hashes the parts as one text; where their borders matter, a part must tell its length.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in parts {
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Digest {
    /// A digest of a weak secret could be guessed from; logs get none of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// The credentials of one snapshot, indexed by what a request presents. Iteration order of nothing here is relied on.
#[derive(Debug, Default)]
pub struct Credentials {
    api_keys: HashMap<Digest, Arc<Credential>>,
    jwt: HashMap<Box<str>, Arc<Credential>>,
    hawk: HashMap<Box<str>, Arc<Credential>>,
}

/// Two credentials share a lookup key, so one of them could never be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("consumer `{first}` already has {what}")]
pub struct Duplicate {
    /// The consumer that holds the lookup key.
    pub first: Name,
    /// What is shared, in words that do not give the secret away.
    pub what: String,
}

impl Credentials {
    /// Adds one credential under the lookup key of its kind: the digest of an API key, the key claim's value of a JWT
    /// credential, the id of a Hawk credential.
    ///
    /// # Errors
    /// [`Duplicate`] where the lookup key is taken, by any consumer.
    pub fn insert(&mut self, credential: Arc<Credential>) -> Result<(), Duplicate> {
        use std::collections::hash_map::Entry;
        let taken = match &credential.proof {
            Proof::ApiKey(digest) => match self.api_keys.entry(*digest) {
                Entry::Occupied(held) => Some((held.get().clone(), "the same API key value".to_owned())),
                Entry::Vacant(free) => {
                    free.insert(credential);
                    None
                }
            },
            Proof::Jwt(key) => {
                named(&mut self.jwt, key.claim_value.clone(), "a `jwt` credential with the key", credential)
            }
            Proof::Hawk(key) => {
                named(&mut self.hawk, key.id.clone(), "a `hawk` credential with the id", credential)
            }
        };
        match taken {
            None => Ok(()),
            Some((held, what)) => Err(Duplicate { first: held.consumer.name.clone(), what }),
        }
    }

    /// The credential whose API key hashes to `digest`.
    pub fn api_key(&self, digest: &Digest) -> Option<&Arc<Credential>> {
        self.api_keys.get(digest)
    }

    /// The JWT credential that the key claim names.
    pub fn jwt(&self, claim_value: &str) -> Option<&Arc<Credential>> {
        self.jwt.get(claim_value)
    }

    /// The Hawk credential of this id.
    pub fn hawk(&self, id: &str) -> Option<&Arc<Credential>> {
        self.hawk.get(id)
    }

    /// Every credential, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.api_keys.values().chain(self.jwt.values()).chain(self.hawk.values())
    }
}

type Taken = Option<(Arc<Credential>, String)>;

fn named(
    map: &mut HashMap<Box<str>, Arc<Credential>>,
    key: Box<str>,
    what: &str,
    credential: Arc<Credential>,
) -> Taken {
    if let Some(held) = map.get(&key) {
        return Some((held.clone(), format!("{what} `{key}`")));
    }
    map.insert(key, credential);
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
