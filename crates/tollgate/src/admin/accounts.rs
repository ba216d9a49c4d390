//! `/api/v1/accounts`: who pays.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tollgate_core::consumer::Name;
use tollgate_core::snapshot::Snapshot;
use tollgate_store::{Account, AccountId, Error, Scope};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::{Asked, Body, Part};
use super::caller::{Caller, May};
use super::list::{Items, PageOf};
use super::once::Begun;
use super::problem::{Problem, Result};
use super::rights::{AccountsRead, AccountsWrite, Admin};
use super::value::{NameText, Source, body_of, name};

/// The routes of accounts.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, change, remove))
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Names it for good; `null` for an account that only the configuration file knows.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub source: Source,
    /// Whether its consumers are accepted.
    pub enabled: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    /// Since when nothing of it is accepted.
    #[schema(format = DateTime)]
    pub disabled_at: Option<String>,
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Unique, also among those of the configuration file; 1 to 64 of `[A-Za-z0-9_.-]`.
    #[schema(value_type = NameText)]
    pub name: String,
}

/// What is to become different about an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// Another name.
    #[schema(value_type = Option<NameText>)]
    pub name: Option<String>,
    /// Whether its consumers are accepted. Needs the scope `admin`.
    pub enabled: Option<bool>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: Some(account.id.to_string()),
            name: account.name.to_string(),
            source: Source::Store,
            enabled: account.disabled_at.is_none(),
            created_at: Some(account.created_at.to_string()),
            disabled_at: account.disabled_at.map(|at| at.to_string()),
        }
    }
}

impl AccountView {
    fn of_file(name: &Name) -> Self {
        let source = Source::File;
        Self { id: None, name: name.to_string(), source, enabled: true, created_at: None, disabled_at: None }
    }
}

/// List accounts
///
/// Those of the configuration file come first. A key without the scope `admin` sees its own.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", params(PageOf),
    responses((status = 200, description = "One page", body = Items<AccountView>)),
    security(("admin_key" = ["accounts:read"])))]
async fn list(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<AccountsRead>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<AccountView>>> {
    let mut of_file = Vec::new();
    if caller.scope == Scope::All {
        let live = control.gate.live();
        for name in declared(&live.snapshot) {
            // An account of both is one, and the store knows more of it.
            match control.store()?.account_named(Scope::All, name).await {
                Ok(_) => {}
                Err(Error::NotFound(_)) => of_file.push((name.to_string(), AccountView::of_file(name))),
                Err(error) => return Err(error.into()),
            }
        }
    }
    let started = page.start(of_file.into_iter())?;
    Ok(Json(match started.rest.clone() {
        None => started.full(),
        Some(rest) => started.and(control.store()?.accounts(caller.scope, &rest).await?, AccountView::from),
    }))
}

/// Make an account
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 201, description = "It is made", body = AccountView)),
    security(("admin_key" = ["admin"])))]
async fn create(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<Admin>,
    body: Body<NewAccount>,
) -> Result<Response> {
    let name = name("name", &body.value.name)?;
    let mut work = match control.once(&caller, &body.repeat).await? {
        Begun::Again(answer) => return Ok(answer),
        Begun::First(work) => work,
    };
    if declared(&control.gate.live().snapshot).contains(&name) {
        return Err(Problem::declared("account", name.as_str()));
    }
    let account = work.change.create_account(caller.scope, name).await?;
    work.answer(StatusCode::CREATED, body_of(AccountView::from(account))?, None).await
}

/// Show an account
///
/// By its id or its name.
#[utoipa::path(get, path = "/api/v1/accounts/{account}", tag = "accounts",
    params(("account" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The account", body = AccountView)),
    security(("admin_key" = ["accounts:read"])))]
async fn show(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<AccountsRead>,
    Part(text): Part<String>,
) -> Result<Json<AccountView>> {
    match control.account(&caller, &text).await {
        Ok(account) => Ok(Json(account.into())),
        Err(problem) => match of_file(&control, &caller, &text) {
            Some(name) => Ok(Json(AccountView::of_file(&name))),
            None => Err(problem),
        },
    }
}

/// Change an account
///
/// To disable or enable it needs the scope `admin`.
#[utoipa::path(patch, path = "/api/v1/accounts/{account}", tag = "accounts", request_body = AccountChange,
    params(("account" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The account as it is now", body = AccountView)),
    security(("admin_key" = ["accounts:write"])))]
async fn change(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<AccountsWrite>,
    Part(text): Part<String>,
    body: Body<AccountChange>,
) -> Result<Json<AccountView>> {
    let mut account = writable(&control, &caller, &text).await?;
    if body.value.enabled.is_some() {
        caller.must::<Admin>()?;
    }
    let new_name = body.value.name.as_deref().map(|text| name("name", text)).transpose()?;
    let mut change = control.change(&caller).await?;
    if let Some(name) = new_name {
        account = change.rename_account(caller.scope, account.id, name).await?;
    }
    if let Some(enabled) = body.value.enabled {
        account = change.enable_account(caller.scope, account.id, enabled).await?;
    }
    control.commit(change).await?;
    Ok(Json(account.into()))
}

/// Remove an account
///
/// One that has no consumers any more. Its name stays taken, because invoices have it.
#[utoipa::path(delete, path = "/api/v1/accounts/{account}", tag = "accounts",
    params(("account" = String, Path, description = "Id or name")),
    responses((status = 204, description = "It is removed")),
    security(("admin_key" = ["admin"])))]
async fn remove(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<Admin>,
    Part(text): Part<String>,
) -> Result<Response> {
    let account = writable(&control, &caller, &text).await?;
    let mut change = control.change(&caller).await?;
    change.remove_account(caller.scope, account.id).await?;
    control.commit(change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Control {
    /// The account of the store that this text names, by id or by name.
    pub(super) async fn account(&self, caller: &Caller, text: &str) -> Result<Account> {
        if let Ok(id) = text.parse::<AccountId>() {
            match self.store()?.account(caller.scope, id).await {
                // A name may look like an id.
                Err(Error::NotFound(_)) => {}
                found => return Ok(found?),
            }
        }
        let name = Name::new(text).map_err(|_| Problem::not_found("account"))?;
        Ok(self.store()?.account_named(caller.scope, &name).await?)
    }
}

/// The account to be changed; 409 where only the file knows it.
async fn writable(control: &Control, caller: &Caller, text: &str) -> Result<Account> {
    control.account(caller, text).await.map_err(|problem| match of_file(control, caller, text) {
        Some(name) => Problem::declared("account", name.as_str()),
        None => problem,
    })
}

/// The account of the file that this text names, if the caller may see it.
fn of_file(control: &Control, caller: &Caller, text: &str) -> Option<Name> {
    let live = control.gate.live();
    let visible = caller.scope == Scope::All;
    declared(&live.snapshot).into_iter().find(|name| visible && name.as_str() == text).cloned()
}

/// Accounts of the consumers that the file declares.
fn declared(snapshot: &Snapshot) -> BTreeSet<&Name> {
    snapshot.consumers.values().map(|consumer| &consumer.account).collect()
}
