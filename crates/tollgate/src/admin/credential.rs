//! Credentials as bodies tell them: what `/keys` and `/consumers/{name}/credentials` have in common.

mod declared;
mod life;
mod proof;

use serde::{Deserialize, Serialize};
use tollgate_core::consumer::{Name, Scopes};
use tollgate_store::{
    Consumer, Credential, CredentialFilter, CredentialId, Found, Kind, NewCredential, Paging, State,
};
use utoipa::ToSchema;

pub use self::life::{CredentialChange, Rotate};
pub use self::proof::{Made, Wish, api_key};
use super::Control;
use super::caller::Caller;
use super::in_force::InForce;
use super::list::Items;
use super::problem::{Problem, Result};
use super::value::{self, Source};

/// A credential, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialView {
    /// Names it for good.
    pub key_id: String,
    /// `api_key`, `jwt` or `hawk`.
    pub kind: String,
    /// What its owner calls it.
    pub name: String,
    /// Whose it is.
    pub consumer: String,
    /// The beginning of an API key, to recognise it by.
    pub prefix: Option<String>,
    /// The key claim of a JWT credential, the id of a Hawk credential.
    pub lookup: Option<String>,
    /// The algorithm, where the kind has several.
    pub algorithm: Option<String>,
    /// `live`, `test` or `dev`, of an API key.
    pub environment: Option<String>,
    /// The service that it was made for.
    pub service_id: Option<String>,
    /// Scopes of its own; `null` means its consumer's and its tier's.
    pub scopes: Option<Vec<String>>,
    /// A tier in place of its consumer's.
    pub tier: Option<String>,
    /// An hourly rate in place of its tier's.
    pub rate_limit_per_hour: Option<i64>,
    /// Networks that it may come from; empty means all.
    pub allowed_ips: Vec<String>,
    /// Whether it is accepted now.
    pub is_active: bool,
    /// Why, or why not.
    pub state: StateView,
    /// Where it is declared.
    pub source: Source,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    /// Who made it: a `key_id`, or a word such as `bootstrap`.
    pub created_by: Option<String>,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// The end of its grace, after it was rotated.
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
    /// When it was used last, to the minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// What it took the place of.
    pub rotated_from: Option<String>,
    /// What took its place.
    pub rotated_to: Option<String>,
}

/// A credential and the only sight of its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialMade {
    /// The credential.
    #[serde(flatten)]
    pub credential: CredentialView,
    /// The text of an API key: here and never again.
    pub api_key: Option<String>,
    /// The secret of another kind, if it was made here: here and never again.
    pub secret: Option<String>,
    /// Of a rotation: what this one took the place of.
    pub previous_key_id: Option<String>,
    /// Of a rotation: until when the old one works.
    #[schema(format = DateTime)]
    pub previous_valid_until: Option<String>,
    /// What its owner should know about it, where there is something.
    pub warnings: Option<Vec<String>>,
    /// That this is the answer to an earlier request with the same `Idempotency-Key`, less its secret.
    pub replayed: Option<bool>,
}

/// What a credential is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateView {
    /// It is accepted.
    Live,
    /// It was revoked, for good.
    Revoked,
    /// It, its consumer or its account was disabled, for now.
    Disabled,
    /// Its time is over.
    Expired,
    /// It was rotated, and its grace is over.
    Rotated,
}

/// Which deployment an API key is for.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentWord {
    /// `hk_live_…`.
    #[default]
    Live,
    /// The same.
    Production,
    /// `hk_test_…`.
    Test,
    /// `hk_dev_…`.
    Dev,
    /// The same.
    Development,
}

/// What a new credential is to be, besides its proof.
#[derive(Debug, Default)]
pub struct Terms {
    pub name: String,
    pub service_id: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub tier: Option<String>,
    pub rate_limit_per_hour: Option<i64>,
    pub expires_at: Option<String>,
    pub expires_in_days: Option<i64>,
    pub allowed_ips: Option<Vec<String>>,
}

/// The same, read and within the caller's grant as far as that does not depend on the consumer.
#[derive(Debug)]
pub struct Settled {
    terms: Terms,
    scopes: Option<Scopes>,
    tier: Option<Name>,
    rate: Option<i64>,
    end: Option<jiff::Timestamp>,
    networks: Vec<ipnet::IpNet>,
}

impl From<State> for StateView {
    fn from(state: State) -> Self {
        match state {
            State::Live => Self::Live,
            State::Revoked => Self::Revoked,
            State::Disabled => Self::Disabled,
            State::Expired => Self::Expired,
            State::Rotated => Self::Rotated,
        }
    }
}

impl CredentialView {
    /// A credential of the store, whose consumer has this name.
    pub fn new(credential: &Credential, consumer: &Name, state: State) -> Self {
        let lookup = match credential.kind {
            Kind::ApiKey => None,
            Kind::Jwt | Kind::Hawk => String::from_utf8(credential.lookup.as_bytes().to_vec()).ok(),
        };
        Self {
            key_id: credential.id.to_string(),
            kind: credential.kind.to_string(),
            name: credential.name.clone(),
            consumer: consumer.to_string(),
            prefix: credential.display.clone(),
            lookup,
            algorithm: credential.algorithm.clone(),
            environment: credential.environment.clone(),
            service_id: credential.service_id.clone(),
            scopes: credential.scopes.as_ref().map(words),
            tier: credential.tier.as_ref().map(Name::to_string),
            rate_limit_per_hour: credential.rate_limit_per_hour,
            allowed_ips: credential.networks.iter().map(ToString::to_string).collect(),
            is_active: state == State::Live,
            state: state.into(),
            source: Source::Store,
            created_at: Some(credential.created_at.to_string()),
            created_by: Some(credential.created_by.clone()),
            expires_at: credential.expires_at.map(|at| at.to_string()),
            valid_until: credential.valid_until.map(|at| at.to_string()),
            last_used_at: credential.last_used_at.map(coarse),
            rotated_from: credential.rotated_from.map(|id| id.to_string()),
            rotated_to: credential.rotated_to.map(|id| id.to_string()),
        }
    }

    /// A credential that the configuration file declares, and when it was used last.
    pub fn of_file(
        credential: &tollgate_core::credential::Credential,
        last_used: Option<jiff::Timestamp>,
    ) -> Self {
        Self {
            key_id: credential.id.to_string(),
            kind: credential.proof.kind().to_owned(),
            name: credential.id.to_string(),
            consumer: credential.consumer.name.to_string(),
            prefix: None,
            lookup: None,
            algorithm: None,
            environment: None,
            service_id: None,
            scopes: credential.scopes.as_ref().map(words),
            tier: None,
            rate_limit_per_hour: None,
            allowed_ips: credential.life.networks.iter().map(ToString::to_string).collect(),
            is_active: !credential.is_revoked(),
            state: if credential.is_revoked() { StateView::Revoked } else { StateView::Live },
            source: Source::File,
            created_at: None,
            created_by: None,
            expires_at: credential
                .life
                .ends
                .and_then(|end| jiff::Timestamp::from_second(end).ok())
                .map(|at| at.to_string()),
            valid_until: None,
            last_used_at: last_used.map(coarse),
            rotated_from: None,
            rotated_to: None,
        }
    }
}

impl Settled {
    /// What its owner calls it.
    pub fn name(&self) -> &str {
        &self.terms.name
    }
}

impl Control {
    /// Reads terms. What they leave open and the caller's own key does not goes on from there.
    pub fn settle(&self, caller: &Caller, terms: Terms) -> Result<Settled> {
        let grant = caller.grant.as_ref();
        let end = value::end(terms.expires_at.as_deref(), terms.expires_in_days, self.now())?
            .or_else(|| grant.and_then(|grant| grant.bounds.end));
        let networks = match &terms.allowed_ips {
            Some(list) => value::networks(list)?,
            None => grant.map(|grant| grant.bounds.networks.clone()).unwrap_or_default(),
        };
        caller.may_grant_bounds(end, &networks)?;
        Ok(Settled {
            scopes: terms.scopes.as_deref().map(value::scopes),
            tier: terms.tier.as_deref().map(|tier| self.tier(tier)).transpose()?,
            rate: terms.rate_limit_per_hour.or_else(|| grant.and_then(|grant| grant.in_force.own_rate)),
            end,
            networks,
            terms,
        })
    }

    /// A new credential of this consumer, within the caller's grant.
    fn within_grant(
        &self,
        caller: &Caller,
        consumer: &Consumer,
        settled: Settled,
        made: &Made,
    ) -> Result<NewCredential> {
        let Settled { terms, scopes, tier, rate, end, networks } = settled;
        let live = self.gate.live();
        let in_force = InForce::new(&live.snapshot, consumer, scopes.as_ref(), tier.as_ref(), rate);
        caller.may_grant_scopes(&in_force.scopes)?;
        caller.may_grant_tier(in_force.tier.as_ref(), consumer.tier.as_ref())?;
        caller.may_grant_rate(in_force.hourly)?;
        Ok(NewCredential {
            consumer: consumer.id,
            name: terms.name,
            proof: made.proof.clone(),
            service_id: terms.service_id,
            scopes,
            tier,
            rate_limit_per_hour: rate,
            networks,
            expires_at: end,
        })
    }

    /// One credential of the store and who stands behind it.
    pub async fn found(&self, caller: &Caller, id: &str) -> Result<Found> {
        let missing = || Problem::not_found("credential");
        let id: CredentialId = id.parse().map_err(|_| missing())?;
        let found = self.store()?.load_credentials(caller.scope, &[id]).await?;
        found.into_iter().next().ok_or_else(missing)
    }

    /// A credential as it is now.
    pub fn view(&self, found: &Found) -> CredentialView {
        CredentialView::new(&found.credential, &found.consumer.name, found.state(self.now()))
    }

    /// One page of credentials.
    pub async fn page(
        &self,
        caller: &Caller,
        filter: CredentialFilter,
        paging: &Paging,
    ) -> Result<Items<CredentialView>> {
        let page = self.store()?.credentials(caller.scope, filter, paging).await?;
        let ids: Vec<CredentialId> = page.items.iter().map(|credential| credential.id).collect();
        // In the same order: both are sorted by id.
        let found = self.store()?.load_credentials(caller.scope, &ids).await?;
        Ok(Items { items: found.iter().map(|found| self.view(found)).collect(), next: page.next })
    }
}

/// To the minute: uses are noted no finer, and nobody is to read more out of it.
fn coarse(at: jiff::Timestamp) -> String {
    let second = at.as_second();
    jiff::Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(at).to_string()
}

fn words(scopes: &Scopes) -> Vec<String> {
    scopes.iter().map(str::to_owned).collect()
}
