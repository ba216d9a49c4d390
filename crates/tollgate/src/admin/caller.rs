//! Who calls the control plane, and what they may do there.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;
use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::credential::Digest;
use tollgate_core::credential::api_key_text::{Recognised, recognise};
use tollgate_store::{Actor, Found, Kind, Lookup, Scope, State};

use super::Control;
use super::grant::{Bounds, Grant};
use super::in_force::InForce;
use super::problem::{Problem, Result};
use super::rights::{ADMIN, Right};

/// Characters that a bootstrap key has at least.
pub const BOOTSTRAP_LEAST: usize = 16;
/// Seconds after which a use of the same key is worth another note.
const NOTED: i64 = 60;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Where the caller is.
    pub address: IpAddr,
    /// Which of our addresses it reached.
    pub local: IpAddr,
}

/// A caller whose key is good.
#[derive(Debug)]
pub struct Caller {
    /// What the audit calls it.
    pub actor: Actor,
    /// What it sees.
    pub scope: Scope,
    /// Its account; absent for those who see all.
    pub account: Option<Name>,
    /// What it may hand on; absent for those who may hand on anything.
    pub grant: Option<Grant>,
    scopes: Scopes,
}

/// A caller that has one right. As an argument of a handler it is judged before the body is read.
#[derive(Debug)]
pub struct May<R> {
    /// Who it is.
    pub caller: Caller,
    right: PhantomData<R>,
}

/// The key in the environment of `serve`, for the time before there is another one.
///
/// It is a text that neither the file nor the store knows. Of one that they know, or ever knew, their word alone counts:
/// what was revoked there is over here, too.
#[derive(Debug)]
pub struct Bootstrap {
    digest: Digest,
    /// The second when its use was last put into the audit.
    noted: AtomicI64,
}

impl Bootstrap {
    /// Takes the key's text.
    ///
    /// # Errors
    /// Where it is too short to be safe.
    pub fn new(key: &str) -> anyhow::Result<Self> {
        let enough = key.chars().count() >= BOOTSTRAP_LEAST;
        anyhow::ensure!(
            enough,
            "`TOLLGATE_ADMIN_KEY` has fewer than {BOOTSTRAP_LEAST} characters; use a longer one"
        );
        Ok(Self { digest: Digest::of(key.as_bytes()), noted: AtomicI64::new(i64::MIN) })
    }

    /// Compared by digest and in constant time, so that no answer tells how much of a guess was right.
    fn is(&self, presented: &Digest) -> bool {
        verify_slices_are_equal(&self.digest.0, &presented.0).is_ok()
    }
}

impl Caller {
    /// Whether it has a right, by its scopes alone.
    pub fn has<R: Right>(&self) -> bool {
        let scopes = [ADMIN, R::SCOPE];
        scopes.iter().chain(R::ALSO).any(|scope| self.scopes.contains(scope))
    }

    /// [`Problem`] with the scope that is needed.
    pub fn must<R: Right>(&self) -> Result<()> {
        if self.has::<R>() {
            return Ok(());
        }
        let scope = R::SCOPE;
        let detail = format!("the key lacks the scope `{scope}`");
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        Err(Problem::new(StatusCode::FORBIDDEN, "scope_missing", detail)
            .with("required_scope", scope)
            .with("current_scopes", self.scopes.iter().collect::<Vec<_>>())
            .header(header::WWW_AUTHENTICATE, &challenge))
    }

    /// Who presents a key, if any is presented.
    ///
    /// # Errors
    /// 401 for a key that is nobody's, 429 from an address that failed too often.
    pub async fn find(control: &Control, headers: &HeaderMap, peer: Peer) -> Result<Option<Self>> {
        let Some(key) = presented(headers)? else { return Ok(None) };
        let now = control.gate.clock.now();
        let exhausted = || control.failures.exhausted(peer.address, now);
        let slow = |seconds| {
            Problem::slow_down("too_many_failures", "too many wrong keys came from this address", seconds)
        };
        // Nobody guesses one of our keys, so whoever shares an address with somebody who tries is not locked out. Any
        // other text may be short enough to be guessed.
        if !matches!(recognise(&key), Recognised::Ours(_))
            && let Some(seconds) = exhausted()
        {
            return Err(slow(seconds));
        }
        match control.identify(&key, peer).await? {
            Some(caller) => Ok(Some(caller)),
            None => match control.failures.take(peer.address, now) {
                Ok(()) => Err(unauthorized("the admin key is invalid or expired", true)),
                Err(seconds) => Err(slow(seconds)),
            },
        }
    }
}

impl<R: Right> FromRequestParts<Arc<Control>> for May<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self> {
        let caller = Caller::find(control, &parts.headers, peer(parts)?).await?;
        let caller = caller.ok_or_else(|| unauthorized("an admin key is required", false))?;
        caller.must::<R>()?;
        Ok(Self { caller, right: PhantomData })
    }
}

impl FromRequestParts<Arc<Control>> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Control>) -> Result<Self> {
        peer(parts)
    }
}

impl Control {
    async fn identify(&self, key: &str, peer: Peer) -> Result<Option<Caller>> {
        let digest = Digest::of(key.as_bytes());
        let live = self.gate.live();
        let now = self.gate.clock.now();
        if let Some(credential) = live.snapshot.credentials.api_key(&digest) {
            if !credential.holds(peer.address, now) {
                return Ok(None);
            }
            self.gate.directory.used(credential, now);
            return self.of_file(credential).await.map(Some);
        }
        let found = self.store()?.find_credential(Scope::All, Kind::ApiKey, &Lookup::digest(digest)).await?;
        let Some(found) = found else {
            // Asked last: the store keeps what was revoked or rotated, and the variable of `serve` may well hold a key
            // that was made there and ended there.
            let bootstrap = self.settings.bootstrap.as_ref().filter(|bootstrap| bootstrap.is(&digest));
            return match bootstrap {
                Some(bootstrap) => self.bootstrap(bootstrap, peer).await.map(Some),
                None => Ok(None),
            };
        };
        if !self.accepts(&found, peer.address) {
            return Ok(None);
        }
        self.note_use(&found).await;
        let in_force = InForce::of(&live.snapshot, &found.credential, &found.consumer);
        let scopes = in_force.scopes.clone();
        let is_admin = scopes.contains(ADMIN);
        Ok(Some(Caller {
            actor: Actor::new(&found.credential.id.to_string())?,
            scope: if is_admin { Scope::All } else { Scope::Account(found.account.id) },
            account: (!is_admin).then(|| found.account.name.clone()),
            grant: (!is_admin).then(|| Grant { in_force, bounds: Bounds::of(&found.credential) }),
            scopes,
        }))
    }

    /// Whether a credential of the store counts now and from this address.
    pub(super) fn accepts(&self, found: &Found, client: IpAddr) -> bool {
        let networks = &found.credential.networks;
        found.state(self.now()) == State::Live
            && (networks.is_empty()
                || networks.iter().any(|network| network.contains(&client.to_canonical())))
    }

    /// Notes that a credential was used, at most once a minute.
    pub(super) async fn note_use(&self, found: &Found) {
        let now = self.now();
        let recently = |at: Timestamp| now.as_second().saturating_sub(at.as_second()) < NOTED;
        if found.credential.last_used_at.is_some_and(recently) {
            return;
        }
        self.gate.directory.used_there(found.credential.id, now).await;
    }

    /// Its changes are audited as everybody's are. That it was used at all is noted once a minute, before it is.
    async fn bootstrap(&self, bootstrap: &Bootstrap, peer: Peer) -> Result<Caller> {
        let actor = Actor::new("bootstrap")?;
        let now = self.now();
        let noted = bootstrap.noted.load(Relaxed);
        if now.as_second().saturating_sub(noted) >= NOTED {
            let mut change = self.store()?.change(&actor, now).await?;
            let from = json!({ "address": peer.address.to_string() });
            change.note("bootstrap.use", "bootstrap", from).await?;
            change.commit().await?;
            bootstrap.noted.store(now.as_second(), Relaxed);
        }
        Ok(Caller {
            actor,
            scope: Scope::All,
            account: None,
            grant: None,
            scopes: Scopes::from_iter([ADMIN]),
        })
    }

    /// A key that the configuration file declares. Its account has a name alone, and what it may see is in the store.
    async fn of_file(&self, credential: &tollgate_core::credential::Credential) -> Result<Caller> {
        let scopes = credential.scopes().clone();
        let actor = Actor::new(&credential.id)?;
        if scopes.contains(ADMIN) {
            return Ok(Caller { actor, scope: Scope::All, account: None, grant: None, scopes });
        }
        let name = &credential.consumer.account;
        let account = self.store()?.account_named(Scope::All, name).await.map_err(|error| match error {
            tollgate_store::Error::NotFound(_) => {
                let detail = format!(
                    "the key's account `{name}` is not in the store, so there is nothing that it may see"
                );
                Problem::new(StatusCode::FORBIDDEN, "account_unknown", detail)
            }
            error => error.into(),
        })?;
        Ok(Caller {
            actor,
            scope: Scope::Account(account.id),
            account: Some(account.name),
            grant: Some(Grant {
                in_force: InForce::of_file(credential),
                bounds: Bounds::of_life(&credential.life),
            }),
            scopes,
        })
    }
}

/// The key of an `Authorization: Bearer`.
///
/// # Errors
/// 401 for other schemes, 400 for two keys: none of them would be the right one.
pub fn presented(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = "more than one `Authorization` was sent; send exactly one";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "ambiguous_credentials", detail));
    }
    let bearer = value.to_str().ok().and_then(|text| {
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()).filter(|key| !key.is_empty())
    });
    bearer
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| unauthorized("send the admin key as `Authorization: Bearer KEY`", true))
}

/// 401 with its challenge (RFC 6750 §3).
pub fn unauthorized(detail: &str, presented: bool) -> Problem {
    let (code, challenge) = match presented {
        true => ("credential_invalid", "Bearer realm=\"tollgate\", error=\"invalid_token\""),
        false => ("credential_missing", "Bearer realm=\"tollgate\""),
    };
    Problem::new(StatusCode::UNAUTHORIZED, code, detail).header(header::WWW_AUTHENTICATE, challenge)
}

fn peer(parts: &Parts) -> Result<Peer> {
    let missing =
        || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "peer_unknown", "nobody is known to have called");
    parts.extensions.get::<Peer>().copied().ok_or_else(missing)
}
