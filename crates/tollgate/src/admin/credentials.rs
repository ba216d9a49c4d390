//! `/api/v1/consumers/{name}/credentials`: credentials of every kind.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_core::credential::Credential;
use tollgate_store::{CredentialFilter, Found, Kind};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::{Asked, Body, Part};
use super::caller::{Caller, May};
use super::credential::{
    CredentialChange, CredentialMade, CredentialView, EnvironmentWord, Rotate, Terms, Wish,
};
use super::list::{Items, PageOf};
use super::once::Begun;
use super::problem::{Problem, Result};
use super::rights::{KeysRead, KeysWrite};
use super::value::NameText;

/// The routes of a consumer's credentials.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, revoke))
        .routes(routes!(rotate))
}

/// A new credential.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredentialBody {
    /// `api_key`, `jwt` or `hawk`.
    #[schema(example = "hawk")]
    pub kind: String,
    /// What its owner calls it. Default its kind.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// Which deployment an API key is for.
    pub environment: Option<EnvironmentWord>,
    /// The key claim of a JWT credential, the id of a Hawk credential; one is made where it is absent.
    #[schema(min_length = 1, max_length = 255)]
    pub lookup: Option<String>,
    /// Of a JWT credential `HS256` and the like, or with a `public_key` `RS256` and the like; of a Hawk credential
    /// `sha256` or `sha1`.
    pub algorithm: Option<String>,
    /// A public key in PEM, of a JWT credential.
    pub public_key: Option<String>,
    /// A secret, of a JWT or Hawk credential; one is made and shown once where it is absent.
    pub secret: Option<String>,
    /// The service that it is for: a label, told to whoever validates an API key.
    #[schema(min_length = 1, max_length = 100)]
    pub service_id: Option<String>,
    /// Scopes of its own.
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
    /// Addresses and networks that it may come from.
    #[schema(max_items = 20)]
    pub allowed_ips: Option<Vec<String>>,
}

/// List a consumer's credentials
#[utoipa::path(get, path = "/api/v1/consumers/{name}/credentials", tag = "credentials",
    params(("name" = String, Path, description = "The consumer's name"), PageOf),
    responses((status = 200, description = "One page", body = Items<CredentialView>)),
    security(("admin_key" = ["keys:read"])))]
async fn list(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysRead>,
    Part(name): Part<String>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<CredentialView>>> {
    if let Some(list) = control.declared_page(&caller, &name, None, &page).await? {
        return Ok(Json(list));
    }
    let consumer = Some(control.consumer(&caller, &name).await?.id);
    let filter = CredentialFilter { consumer, ..CredentialFilter::default() };
    Ok(Json(control.page(&caller, filter, &page.paging()).await?))
}

/// Make a credential
///
/// A secret that is made here is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/consumers/{name}/credentials", tag = "credentials",
    request_body = NewCredentialBody, params(("name" = String, Path, description = "The consumer's name")),
    responses((status = 201, description = "It is made", body = CredentialMade)),
    security(("admin_key" = ["keys:write"])))]
async fn create(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part(name): Part<String>,
    body: Body<NewCredentialBody>,
) -> Result<Response> {
    let (kind, wish, terms) = body.value.parts()?;
    let settled = control.settle(&caller, terms)?;
    let consumer = control.writable_consumer(&caller, &name).await?;
    let work = match control.once(&caller, &body.repeat).await? {
        Begun::Again(answer) => return Ok(answer),
        Begun::First(work) => work,
    };
    let made = wish.make(kind)?;
    control.create_credential(&caller, work, &consumer, settled, made).await
}

/// Show a credential
#[utoipa::path(get, path = "/api/v1/consumers/{name}/credentials/{key_id}", tag = "credentials",
    params(("name" = String, Path, description = "The consumer's name"),
        ("key_id" = String, Path, description = "The credential's id")),
    responses((status = 200, description = "The credential", body = CredentialView)),
    security(("admin_key" = ["keys:read"])))]
async fn show(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysRead>,
    Part((name, id)): Part<(String, String)>,
) -> Result<Json<CredentialView>> {
    let of_it = |one: &Credential| one.consumer.name.as_str() == name;
    if let Some(view) = control.declared_view(&caller, &id, of_it).await {
        return Ok(Json(view));
    }
    Ok(Json(control.view(&of_consumer(&control, &caller, &name, &id).await?)))
}

/// Change a credential
#[utoipa::path(patch, path = "/api/v1/consumers/{name}/credentials/{key_id}", tag = "credentials",
    request_body = CredentialChange,
    params(("name" = String, Path, description = "The consumer's name"),
        ("key_id" = String, Path, description = "The credential's id")),
    responses((status = 200, description = "The credential as it is now", body = CredentialView)),
    security(("admin_key" = ["keys:write"])))]
async fn change(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part((name, id)): Part<(String, String)>,
    body: Body<CredentialChange>,
) -> Result<Json<CredentialView>> {
    let found = writable(&control, &caller, &name, &id).await?;
    control.change_credential(&caller, found, body.value).await
}

/// Revoke a credential
#[utoipa::path(delete, path = "/api/v1/consumers/{name}/credentials/{key_id}", tag = "credentials",
    params(("name" = String, Path, description = "The consumer's name"),
        ("key_id" = String, Path, description = "The credential's id")),
    responses((status = 204, description = "It is revoked")),
    security(("admin_key" = ["keys:write"])))]
async fn revoke(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part((name, id)): Part<(String, String)>,
) -> Result<Response> {
    let found = writable(&control, &caller, &name, &id).await?;
    control.revoke_credential(&caller, found).await
}

/// Rotate a credential
#[utoipa::path(post, path = "/api/v1/consumers/{name}/credentials/{key_id}/rotate", tag = "credentials",
    request_body = Rotate,
    params(("name" = String, Path, description = "The consumer's name"),
        ("key_id" = String, Path, description = "The credential's id")),
    responses((status = 200, description = "The new credential", body = CredentialMade)),
    security(("admin_key" = ["keys:write"])))]
async fn rotate(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<KeysWrite>,
    Part((name, id)): Part<(String, String)>,
    body: Body<Rotate>,
) -> Result<Response> {
    let found = writable(&control, &caller, &name, &id).await?;
    control.rotate_credential(&caller, found, body).await
}

impl NewCredentialBody {
    fn parts(self) -> Result<(Kind, Wish, Terms)> {
        let kind: Kind = self.kind.parse().map_err(|_| match self.kind.as_str() {
            "basic" | "service_token" | "hmac" => Problem::invalid(
                "kind",
                "is not stored yet; declare such a credential in the configuration file",
            ),
            _ => Problem::invalid("kind", "is none of `api_key`, `jwt` and `hawk`"),
        })?;
        let wish = Wish {
            environment: self.environment,
            lookup: self.lookup,
            algorithm: self.algorithm,
            public_key: self.public_key,
            secret: self.secret,
        };
        let terms = Terms {
            name: self.name.unwrap_or_else(|| kind.to_string()),
            service_id: self.service_id,
            scopes: self.scopes,
            tier: self.tier,
            rate_limit_per_hour: self.rate_limit_per_hour,
            expires_at: self.expires_at,
            expires_in_days: self.expires_in_days,
            allowed_ips: self.allowed_ips,
        };
        Ok((kind, wish, terms))
    }
}

/// The same, to be changed; 409 where the file declares it.
async fn writable(control: &Control, caller: &Caller, name: &str, id: &str) -> Result<Found> {
    control.not_declared(caller, id, |one| one.consumer.name.as_str() == name)?;
    of_consumer(control, caller, name, id).await
}

async fn of_consumer(control: &Control, caller: &Caller, name: &str, id: &str) -> Result<Found> {
    let found = control.found(caller, id).await?;
    if found.consumer.name.as_str() == name { Ok(found) } else { Err(Problem::not_found("credential")) }
}
