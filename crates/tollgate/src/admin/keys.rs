//! `/api/v1/keys`: API keys, in the words of the auth-service contract.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_core::consumer::Name;
use tollgate_core::credential::{Credential, Proof};
use tollgate_store::{CredentialFilter, Found, Kind, Paging};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::{Asked, Body, Part};
use super::caller::{Caller, May};
use super::consumers::Wanted;
use super::credential::{
    CredentialChange, CredentialMade, CredentialView, EnvironmentWord, Rotate, Terms, api_key,
};
use super::list::{Items, PageOf};
use super::once::Begun;
use super::problem::{Problem, Result};
use super::rights::{KeysRead, KeysWrite};
use super::value::NameText;

/// The routes of API keys.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, revoke))
        .routes(routes!(rotate))
}

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Whose it is to be. Without it a consumer is made, named after the key.
    #[schema(value_type = Option<NameText>)]
    pub consumer: Option<String>,
    /// Which deployment it is for; stands in its prefix. Default `live`.
    pub environment: Option<EnvironmentWord>,
    /// The service that it is for: a label, told to whoever validates the key. Nobody is refused for it.
    #[schema(min_length = 1, max_length = 100)]
    pub service_id: Option<String>,
    /// Scopes of its own, within those of the key that makes it. Without them its consumer's and tier's count.
    #[schema(max_items = 100)]
    pub scopes: Option<Vec<String>>,
    /// A tier in place of its consumer's.
    #[schema(value_type = Option<NameText>)]
    pub tier: Option<String>,
    /// An hourly rate in place of its tier's.
    #[schema(minimum = 1, maximum = 100_000)]
    pub rate_limit_per_hour: Option<i64>,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// The same in days from now.
    #[schema(minimum = 1, maximum = 365)]
    pub expires_in_days: Option<i64>,
    /// Addresses and networks that it may come from. Without them it may come from everywhere.
    #[schema(max_items = 20)]
    pub allowed_ips: Option<Vec<String>>,
}

/// Which keys are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeysAsked {
    /// Of one consumer alone.
    pub consumer: Option<String>,
    /// Revoked ones, too.
    pub revoked: Option<bool>,
    /// `next` of the page before; absent for the first one.
    pub cursor: Option<String>,
    /// Items at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u16>,
}

/// List API keys
///
/// Never with their texts: `prefix` shows how each begins. Keys of the configuration file are listed with their consumer.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", params(KeysAsked),
    responses((status = 200, description = "One page", body = Items<CredentialView>)),
    security(("admin_key" = ["keys:read"])))]
async fn list(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysRead>,
    Asked(asked): Asked<KeysAsked>,
) -> Result<Json<Items<CredentialView>>> {
    let consumer = match &asked.consumer {
        None => None,
        Some(name) => {
            let page = PageOf { cursor: asked.cursor.clone(), limit: asked.limit };
            if let Some(list) = control.declared_page(&caller, name, Some(Kind::ApiKey), &page).await? {
                return Ok(Json(list));
            }
            Some(control.consumer(&caller, name).await?.id)
        }
    };
    let filter =
        CredentialFilter { consumer, kind: Some(Kind::ApiKey), revoked: asked.revoked.unwrap_or_default() };
    let paging = Paging { cursor: asked.cursor, limit: asked.limit };
    Ok(Json(control.page(&caller, filter, &paging).await?))
}

/// Make an API key
///
/// Its text is in this answer and nowhere else. What it may do lies within what the key may do that makes it.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = NewKey,
    responses((status = 201, description = "It is made", body = CredentialMade)),
    security(("admin_key" = ["keys:write"])))]
async fn create(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    body: Body<NewKey>,
) -> Result<Response> {
    let NewKey { consumer, environment, .. } = &body.value;
    let (consumer, environment) = (consumer.clone(), environment.unwrap_or_default());
    let settled = control.settle(&caller, body.value.into())?;
    let mut work = match control.once(&caller, &body.repeat).await? {
        Begun::Again(answer) => return Ok(answer),
        Begun::First(work) => work,
    };
    let consumer = match consumer {
        Some(name) => {
            control.writable_consumer(&caller, &name).await.map_err(|problem| match problem.code() {
                "not_found" => Problem::invalid("consumer", "is no consumer"),
                _ => problem,
            })?
        }
        None => {
            let wanted =
                Wanted { name: named_after(settled.name())?, account: None, tier: None, scopes: None };
            control.make_consumer(&caller, &mut work.change, wanted).await?
        }
    };
    let made = api_key(environment.into())?;
    control.create_credential(&caller, work, &consumer, settled, made).await
}

/// Show an API key
#[utoipa::path(get, path = "/api/v1/keys/{key_id}", tag = "keys",
    params(("key_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The key", body = CredentialView)),
    security(("admin_key" = ["keys:read"])))]
async fn show(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysRead>,
    Part(id): Part<String>,
) -> Result<Json<CredentialView>> {
    if let Some(view) = control.declared_view(&caller, &id, is_api_key).await {
        return Ok(Json(view));
    }
    Ok(Json(control.view(&key(&control, &caller, &id).await?)))
}

/// Change an API key
#[utoipa::path(patch, path = "/api/v1/keys/{key_id}", tag = "keys", request_body = CredentialChange,
    params(("key_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The key as it is now", body = CredentialView)),
    security(("admin_key" = ["keys:write"])))]
async fn change(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part(id): Part<String>,
    body: Body<CredentialChange>,
) -> Result<Json<CredentialView>> {
    let found = writable(&control, &caller, &id).await?;
    control.change_credential(&caller, found, body.value).await
}

/// Revoke an API key
///
/// For good, from the next request on.
#[utoipa::path(delete, path = "/api/v1/keys/{key_id}", tag = "keys",
    params(("key_id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is revoked")),
    security(("admin_key" = ["keys:write"])))]
async fn revoke(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part(id): Part<String>,
) -> Result<Response> {
    let found = writable(&control, &caller, &id).await?;
    control.revoke_credential(&caller, found).await
}

/// Rotate an API key
///
/// A new key with a new id takes its place. The old one works for the `grace`, or dies at once.
#[utoipa::path(post, path = "/api/v1/keys/{key_id}/rotate", tag = "keys", request_body = Rotate,
    params(("key_id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The new key", body = CredentialMade)),
    security(("admin_key" = ["keys:write"])))]
async fn rotate(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part(id): Part<String>,
    body: Body<Rotate>,
) -> Result<Response> {
    let found = writable(&control, &caller, &id).await?;
    control.rotate_credential(&caller, found, body).await
}

impl From<NewKey> for Terms {
    fn from(new: NewKey) -> Self {
        Self {
            name: new.name,
            service_id: new.service_id,
            scopes: new.scopes,
            tier: new.tier,
            rate_limit_per_hour: new.rate_limit_per_hour,
            expires_at: new.expires_at,
            expires_in_days: new.expires_in_days,
            allowed_ips: new.allowed_ips,
        }
    }
}

fn is_api_key(credential: &Credential) -> bool {
    matches!(credential.proof, Proof::ApiKey(_))
}

/// A key that is to be changed; 409 where the file declares it.
async fn writable(control: &Control, caller: &Caller, id: &str) -> Result<Found> {
    control.not_declared(caller, id, is_api_key)?;
    key(control, caller, id).await
}

async fn key(control: &Control, caller: &Caller, id: &str) -> Result<Found> {
    let found = control.found(caller, id).await?;
    // Other kinds have their place under their consumer.
    if found.credential.kind == Kind::ApiKey { Ok(found) } else { Err(Problem::not_found("credential")) }
}

/// The name of the consumer that is made with a key.
fn named_after(key: &str) -> Result<Name> {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let text: String = key.chars().take(64).map(fits).collect();
    Name::new(&text).map_err(|error| Problem::invalid("name", format!("is no name: {error}")))
}
