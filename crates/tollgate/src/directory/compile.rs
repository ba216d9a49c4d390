//! From what the store keeps to what requests are judged by.

use std::sync::Arc;

use crate::auth_service::Verdict;
use jiff::Timestamp;
use tollgate_core::Now;
use tollgate_core::authn::{hawk, jwt};
use tollgate_core::consumer::{Consumer, Name, Scopes};
use tollgate_core::credential::{Credential, Digest, Life, Origin, Proof};
use tollgate_core::directory::{Kept, Lookup};
use tollgate_core::limit::{Limits, Subject};
use tollgate_core::snapshot::{Snapshot, Tier};
use tollgate_store::{Found, Kind, Lookup as Key, Secret, State, Store};

/// How the store finds what a request asked for; no key where the store can have none like it.
pub(super) fn key(lookup: &Lookup) -> (Kind, Option<Key>) {
    match lookup {
        Lookup::ApiKey(digest) => (Kind::ApiKey, Some(Key::digest(*digest))),
        Lookup::Jwt(name) => (Kind::Jwt, Key::text(name).ok()),
        Lookup::Hawk(id) => (Kind::Hawk, Key::text(id).ok()),
    }
}

/// How the store finds what has this proof; no key where the store can have none like it.
pub(super) fn key_of(proof: &Proof) -> (Kind, Option<Key>) {
    match proof {
        Proof::ApiKey(digest) => (Kind::ApiKey, Some(Key::digest(*digest))),
        Proof::Jwt(key) => (Kind::Jwt, Key::text(&key.claim_value).ok()),
        Proof::Hawk(key) => (Kind::Hawk, Key::text(&key.id).ok()),
    }
}

/// The wall clock's reading as the store takes it.
pub fn timestamp(now: Now) -> Timestamp {
    let micros = i64::try_from(now.wall.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// The credential as a request meets it, or that it does not count now. What changes that later is announced.
///
/// # Errors
/// Why nothing can be made of it, for the log: the file has not its tier, or its secret cannot be opened.
pub(super) fn credential(
    found: &Found,
    snapshot: &Snapshot,
    store: &Store,
    now: Now,
) -> Result<Kept, String> {
    if found.state(timestamp(now)) != State::Live {
        return Ok(Kept::Gone);
    }
    let Found { credential: stored, consumer, account } = found;
    let own_tier = stored.tier.as_ref().or(consumer.tier.as_ref());
    let by_scope = || {
        let nothing = Scopes::default();
        let in_force = stored.scopes.as_ref().or(consumer.scopes.as_ref()).unwrap_or(&nothing);
        snapshot.tier_by_scope.tier_of(in_force)
    };
    let tier_name = own_tier.or_else(by_scope);
    let tier = match tier_name {
        None => None,
        Some(name) => {
            // Without its limits nobody of that tier may pass, and to refuse the key itself would be a lie.
            let tier = snapshot.tiers.get(name);
            Some(tier.ok_or_else(|| format!("its tier `{name}` is not in the configuration"))?)
        }
    };
    let of_tier = tier.map(|tier| tier.scopes.clone()).unwrap_or_default();
    let owner = Consumer {
        name: consumer.name.clone(),
        account: account.name.clone(),
        tier: tier_name.cloned(),
        scopes: consumer.scopes.clone().unwrap_or_default().union(&of_tier),
        limits: limits(tier, stored.rate_limit_per_hour),
        subject: Subject::consumer(&consumer.name),
    };
    let scopes: Option<Scopes> = stored.scopes.clone();
    let made = Credential::new(stored.id.to_string(), Arc::new(owner), scopes, proof(found, store)?);
    let mut made = made.map_err(|unreadable| format!("its {unreadable:?} is not printable"))?;
    made.life = Life {
        ends: [stored.expires_at, stored.valid_until].into_iter().flatten().map(Timestamp::as_second).min(),
        networks: stored.networks.clone().into(),
    };
    made.origin =
        Origin::Store { consumer: consumer.id.to_string().into(), account: account.id.to_string().into() };
    Ok(Kept::Credential(Arc::new(made)))
}

/// A key that an external service judged, for as long as its verdict holds.
///
/// # Errors
/// Why nothing can be made of it, for the log.
pub(super) fn judged(
    verdict: &Verdict,
    digest: Digest,
    snapshot: &Snapshot,
) -> Result<Arc<Credential>, String> {
    let name = Name::of_service(&verdict.user_id).map_err(|error| format!("its `user_id`: {error}"))?;
    // A route that lets a consumer of the file pass by name must not let a namesake pass.
    if snapshot.consumers.contains_key(&name) {
        return Err(format!("its `user_id` is the name of the consumer `{name}`, which the file declares"));
    }
    let scopes: Scopes = verdict.scopes.iter().map(String::as_str).collect();
    // The service knows no tiers: they are the file's, and its scopes say which.
    let tier_name = snapshot.tier_by_scope.tier_of(&scopes);
    let tier = tier_name.and_then(|name| snapshot.tiers.get(name)).cloned().unwrap_or_default();
    let owner = Consumer {
        account: name.clone(),
        tier: tier_name.cloned(),
        limits: tier.limits.with_hourly_requests(verdict.rate_limit_per_hour),
        subject: Subject::consumer(&name),
        scopes: scopes.union(&tier.scopes),
        name,
    };
    let made = Credential::new(verdict.key_id.as_str(), Arc::new(owner), None, Proof::ApiKey(digest));
    let mut made = made.map_err(|unreadable| format!("its {unreadable:?} is not printable"))?;
    made.life.networks = verdict.allowed_ips.clone().into();
    made.origin = Origin::Service;
    Ok(Arc::new(made))
}

/// The tier's limits, with the key's own hourly rate in place of the tier's.
fn limits(tier: Option<&Tier>, per_hour: Option<i64>) -> Limits {
    let of_tier = tier.map(|tier| tier.limits.clone()).unwrap_or_default();
    match per_hour.and_then(|per_hour| u64::try_from(per_hour).ok()) {
        None => of_tier,
        Some(per_hour) => of_tier.with_hourly_requests(per_hour),
    }
}

fn proof(found: &Found, store: &Store) -> Result<Proof, String> {
    let stored = &found.credential;
    let text = || std::str::from_utf8(stored.lookup.as_bytes()).map_err(|error| error.to_string());
    let algorithm = stored.algorithm.as_deref().unwrap_or_default();
    match stored.kind {
        Kind::ApiKey => {
            let digest = <[u8; 32]>::try_from(stored.lookup.as_bytes());
            Ok(Proof::ApiKey(Digest(digest.map_err(|_| "its digest has not 32 bytes")?)))
        }
        Kind::Jwt => {
            let algorithm: jwt::Algorithm =
                algorithm.parse().map_err(|error: jwt::UnknownAlgorithm| error.to_string())?;
            let key = match &stored.secret {
                Secret::Public(pem) => jwt::Key::new(text()?, algorithm, jwt::Material::Pem(pem.as_bytes())),
                _ => {
                    let secret = store.unseal(stored).map_err(|error| error.to_string())?;
                    jwt::Key::new(text()?, algorithm, jwt::Material::Secret(secret.expose()))
                }
            };
            Ok(Proof::Jwt(Box::new(key.map_err(|error| error.to_string())?)))
        }
        Kind::Hawk => {
            let algorithm: hawk::Algorithm =
                algorithm.parse().map_err(|error: hawk::UnknownAlgorithm| error.to_string())?;
            let secret = store.unseal(stored).map_err(|error| error.to_string())?;
            let key = hawk::Key::new(text()?, algorithm, secret.expose());
            Ok(Proof::Hawk(key.map_err(|error| error.to_string())?))
        }
    }
}
