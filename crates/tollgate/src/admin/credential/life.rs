//! The life of a credential: made, changed, rotated, revoked.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tollgate_core::consumer::Name;
use tollgate_core::credential::api_key_text::Environment;
use tollgate_store::{Consumer, CredentialPatch, Found, Kind, Rotation, Set};
use utoipa::ToSchema;

use super::{CredentialView, EnvironmentWord, Made, Settled, Wish};
use crate::admin::Control;
use crate::admin::body::{Body, Member};
use crate::admin::caller::Caller;
use crate::admin::grant::Bounds;
use crate::admin::in_force::InForce;
use crate::admin::once::{Begun, Work};
use crate::admin::problem::Result;
use crate::admin::value::{self, NameText, body_of};

/// What is to become different about a credential. `null` takes something away.
#[derive(Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialChange {
    /// Another name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Whether it is accepted.
    pub enabled: Option<bool>,
    /// Other scopes; `null` for its consumer's and its tier's.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub scopes: Member<Vec<String>>,
    /// Another tier; `null` for its consumer's.
    #[serde(default)]
    #[schema(value_type = Option<NameText>)]
    pub tier: Member<String>,
    /// Another hourly rate; `null` for its tier's.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100_000)]
    pub rate_limit_per_hour: Member<i64>,
    /// Another end; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Member<String>,
    /// Other networks; `null` or an empty list for all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    pub allowed_ips: Member<Vec<String>>,
}

/// How a credential is rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// How long the old one works beside the new one: `30s`, `10m`, `24h`, at most `90d`. Without it the old one dies at
    /// once.
    #[schema(example = "24h")]
    pub grace: Option<String>,
    /// When the new one ends, in days; otherwise as the old one.
    #[schema(minimum = 1, maximum = 365)]
    pub expires_in_days: Option<i64>,
    /// The key claim or Hawk id of the new one; one is made where it is absent. Not of an API key.
    pub lookup: Option<String>,
    /// A public key in PEM, of a JWT credential that has one.
    pub public_key: Option<String>,
    /// A secret, of a JWT or Hawk credential; one is made where it is absent.
    pub secret: Option<String>,
}

impl Control {
    /// Makes a credential of this consumer, within the caller's grant.
    pub async fn create_credential(
        &self,
        caller: &Caller,
        mut work: Box<Work<'_>>,
        consumer: &Consumer,
        settled: Settled,
        made: Made,
    ) -> Result<Response> {
        let new = self.within_grant(caller, consumer, settled, &made)?;
        let credential = work.change.create_credential(caller.scope, new).await?;
        let view = CredentialView::new(&credential, &consumer.name, credential.state(self.now()));
        let mut answer = body_of(view)?;
        self.warn(&made, &mut answer);
        work.answer(StatusCode::CREATED, answer, made.shown()).await
    }

    /// Adds to an answer what the owner of a new credential should know about it.
    fn warn(&self, made: &Made, answer: &mut Value) {
        let mut warnings: Vec<String> = made.proof.warning().into_iter().collect();
        if made.proof.kind() == Kind::ApiKey && self.gate.directory.asks_a_service() {
            let why = "routes ask the service of `auth_service` about API keys, so this one opens nothing but the admin API";
            warnings.push(why.to_owned());
        }
        if let Some(answer) = answer.as_object_mut()
            && !warnings.is_empty()
        {
            answer.insert("warnings".to_owned(), warnings.into());
        }
    }

    /// Changes a credential.
    pub async fn change_credential(
        &self,
        caller: &Caller,
        found: Found,
        wanted: CredentialChange,
    ) -> Result<Json<CredentialView>> {
        let patch = self.patch(caller, &found, wanted)?;
        let mut change = self.change(caller).await?;
        let credential = change.update_credential(caller.scope, found.credential.id, patch).await?;
        self.commit(change).await?;
        Ok(Json(self.view(&Found { credential, ..found })))
    }

    /// The change, within the caller's grant.
    fn patch(&self, caller: &Caller, found: &Found, wanted: CredentialChange) -> Result<CredentialPatch> {
        let live = self.gate.live();
        let before = InForce::of(&live.snapshot, &found.credential, &found.consumer);
        let ends = CredentialChange { enabled: Some(false), ..CredentialChange::nothing() };
        if wanted == ends {
            caller.may_end(&before)?;
            return Ok(CredentialPatch { enabled: Set::To(false), ..CredentialPatch::default() });
        }
        caller.may_change(&before)?;
        let mut after = found.credential.clone();
        let mut patch = CredentialPatch::default();
        if wanted.scopes != Member::Absent {
            after.scopes = wanted.scopes.value().map(|list| value::scopes(list));
            patch.scopes = Set::To(after.scopes.clone());
        }
        if wanted.tier != Member::Absent {
            after.tier = wanted.tier.value().map(|tier| self.tier(tier)).transpose()?;
            patch.tier = Set::To(after.tier.clone());
        }
        if wanted.rate_limit_per_hour != Member::Absent {
            after.rate_limit_per_hour = wanted.rate_limit_per_hour.value().copied();
            patch.rate_limit_per_hour = Set::To(after.rate_limit_per_hour);
        }
        let in_force = InForce::of(&live.snapshot, &after, &found.consumer);
        caller.may_grant_scopes(&in_force.scopes)?;
        if in_force.tier != before.tier {
            let held: Option<&Name> = found.consumer.tier.as_ref();
            caller.may_grant_tier(in_force.tier.as_ref(), held)?;
        }
        if in_force.hourly != before.hourly {
            caller.may_grant_rate(in_force.hourly)?;
        }
        if let Some(name) = wanted.name {
            patch.name = Set::To(name);
        }
        if let Some(enabled) = wanted.enabled {
            patch.enabled = Set::To(enabled);
        }
        if wanted.expires_at != Member::Absent {
            after.expires_at =
                wanted.expires_at.value().map(|text| value::time("expires_at", text)).transpose()?;
            patch.expires_at = Set::To(after.expires_at);
        }
        if wanted.allowed_ips != Member::Absent {
            let list = wanted.allowed_ips.value().map_or(&[] as &[String], Vec::as_slice);
            after.networks = value::networks(list)?;
            patch.networks = Set::To(after.networks.clone());
        }
        let Bounds { end, networks } = Bounds::of(&after);
        caller.may_grant_bounds(end, &networks)?;
        Ok(patch)
    }

    /// Puts a new secret in the place of an old one.
    pub async fn rotate_credential(
        &self,
        caller: &Caller,
        found: Found,
        body: Body<Rotate>,
    ) -> Result<Response> {
        let Body { value: wanted, repeat, .. } = body;
        let mut work = match self.once(caller, &repeat).await? {
            Begun::Again(answer) => return Ok(answer),
            Begun::First(work) => work,
        };
        let old = &found.credential;
        caller.may_change(&InForce::of(&self.gate.live().snapshot, old, &found.consumer))?;
        let now = self.now();
        let grace_until = wanted.grace.as_deref().map(|text| value::grace(text, now)).transpose()?;
        let expires_at = match value::end(None, wanted.expires_in_days, now)? {
            None => Set::Keep,
            end => Set::To(end),
        };
        // The new one has nothing of a grace of the old one.
        let end = if let Set::To(end) = expires_at { end } else { old.expires_at };
        caller.may_grant_bounds(end, &old.networks)?;
        let wish = Wish {
            environment: (old.kind == Kind::ApiKey).then(|| word(old.environment.as_deref())),
            lookup: wanted.lookup,
            algorithm: old.algorithm.clone(),
            public_key: wanted.public_key,
            secret: wanted.secret,
        };
        let made = wish.make(old.kind)?;
        let rotation = Rotation { proof: made.proof.clone(), grace_until, expires_at };
        let rotated = work.change.rotate_credential(caller.scope, old.id, rotation).await?;
        let state = rotated.new.state(now);
        let mut answer = body_of(CredentialView::new(&rotated.new, &found.consumer.name, state))?;
        self.warn(&made, &mut answer);
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("previous_key_id".to_owned(), rotated.old.id.to_string().into());
            let until = rotated.old.valid_until.or(rotated.old.revoked_at).map(|at| at.to_string());
            answer.insert("previous_valid_until".to_owned(), until.into());
        }
        work.answer(StatusCode::OK, answer, made.shown()).await
    }

    /// Revokes a credential; once more does nothing.
    pub async fn revoke_credential(&self, caller: &Caller, found: Found) -> Result<Response> {
        caller.may_end(&InForce::of(&self.gate.live().snapshot, &found.credential, &found.consumer))?;
        let mut change = self.change(caller).await?;
        change.revoke_credential(caller.scope, found.credential.id).await?;
        self.commit(change).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

impl CredentialChange {
    fn nothing() -> Self {
        Self {
            name: None,
            enabled: None,
            scopes: Member::Absent,
            tier: Member::Absent,
            rate_limit_per_hour: Member::Absent,
            expires_at: Member::Absent,
            allowed_ips: Member::Absent,
        }
    }
}

fn word(environment: Option<&str>) -> EnvironmentWord {
    match environment {
        Some(text) if text == Environment::Test.to_string() => EnvironmentWord::Test,
        Some(text) if text == Environment::Dev.to_string() => EnvironmentWord::Dev,
        Some(_) | None => EnvironmentWord::Live,
    }
}
