//! `/api/v1/consumers`: calling services and persons.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tollgate_core::consumer::Name;
use tollgate_core::route::Access;
use tollgate_store::{
    Account, Change, Consumer, ConsumerPatch, CredentialFilter, NewConsumer, Paging, Scope, Set,
    State as Life,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::{Asked, Body, Member, Part};
use super::caller::{Caller, May};
use super::in_force::InForce;
use super::list::{Items, PageOf};
use super::once::Begun;
use super::problem::{Problem, Result};
use super::rights::{ConsumersRead, ConsumersWrite};
use super::value::{NameText, Source, body_of, name, scopes};

/// The routes of consumers.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, change, remove))
}

/// A consumer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsumerView {
    /// Names it for good; `null` for one of the configuration file.
    pub id: Option<String>,
    /// Its name, over all accounts.
    pub name: String,
    /// Who pays: the account's name in the file, its id in the store.
    pub account: String,
    /// Its tier.
    pub tier: Option<String>,
    /// Its scopes, less those of its tier; of one in the file all that are in force.
    pub scopes: Vec<String>,
    /// Where it is declared.
    pub source: Source,
    /// Whether its credentials are accepted.
    pub enabled: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    /// Since when nothing of it is accepted.
    #[schema(format = DateTime)]
    pub disabled_at: Option<String>,
}

/// A new consumer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConsumerBody {
    /// Unique over all accounts and the configuration file.
    #[schema(value_type = NameText)]
    pub name: String,
    /// Who pays: an account's id or name. Without it an `admin` key gets one of the consumer's name, any other key its
    /// own.
    pub account: Option<String>,
    /// A tier of the configuration file.
    #[schema(value_type = Option<NameText>)]
    pub tier: Option<String>,
    /// Scopes beside those of the tier.
    #[schema(max_items = 100)]
    pub scopes: Option<Vec<String>>,
}

/// What is to become different about a consumer. `null` takes something away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumerChange {
    /// Another tier.
    #[serde(default)]
    #[schema(value_type = Option<NameText>)]
    pub tier: Member<String>,
    /// Other scopes.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub scopes: Member<Vec<String>>,
    /// Whether its credentials are accepted.
    pub enabled: Option<bool>,
}

impl From<Consumer> for ConsumerView {
    fn from(consumer: Consumer) -> Self {
        Self {
            id: Some(consumer.id.to_string()),
            name: consumer.name.to_string(),
            account: consumer.account.to_string(),
            tier: consumer.tier.map(|tier| tier.to_string()),
            scopes: consumer.scopes.unwrap_or_default().iter().map(str::to_owned).collect(),
            source: Source::Store,
            enabled: consumer.disabled_at.is_none(),
            created_at: Some(consumer.created_at.to_string()),
            disabled_at: consumer.disabled_at.map(|at| at.to_string()),
        }
    }
}

impl ConsumerView {
    fn of_file(consumer: &tollgate_core::consumer::Consumer) -> Self {
        Self {
            id: None,
            name: consumer.name.to_string(),
            account: consumer.account.to_string(),
            tier: consumer.tier.as_ref().map(Name::to_string),
            scopes: consumer.scopes.iter().map(str::to_owned).collect(),
            source: Source::File,
            enabled: true,
            created_at: None,
            disabled_at: None,
        }
    }
}

/// List consumers
///
/// Those of the configuration file come first.
#[utoipa::path(get, path = "/api/v1/consumers", tag = "consumers", params(PageOf),
    responses((status = 200, description = "One page", body = Items<ConsumerView>)),
    security(("admin_key" = ["consumers:read"])))]
async fn list(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConsumersRead>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Items<ConsumerView>>> {
    let live = control.gate.live();
    let visible = live.snapshot.consumers.values().filter(|consumer| caller.sees(&consumer.account));
    let started =
        page.start(visible.map(|consumer| (consumer.name.to_string(), ConsumerView::of_file(consumer))))?;
    Ok(Json(match started.rest.clone() {
        None => started.full(),
        Some(rest) => started.and(control.store()?.consumers(caller.scope, &rest).await?, ConsumerView::from),
    }))
}

/// Make a consumer
#[utoipa::path(post, path = "/api/v1/consumers", tag = "consumers", request_body = NewConsumerBody,
    responses((status = 201, description = "It is made", body = ConsumerView)),
    security(("admin_key" = ["consumers:write"])))]
async fn create(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConsumersWrite>,
    body: Body<NewConsumerBody>,
) -> Result<Response> {
    let new = body.value;
    let wanted = Wanted {
        name: name("name", &new.name)?,
        account: new.account,
        tier: new.tier.as_deref().map(|tier| control.tier(tier)).transpose()?,
        scopes: new.scopes.as_deref().map(scopes),
    };
    let mut work = match control.once(&caller, &body.repeat).await? {
        Begun::Again(answer) => return Ok(answer),
        Begun::First(work) => work,
    };
    let consumer = control.make_consumer(&caller, &mut work.change, wanted).await?;
    work.answer(StatusCode::CREATED, body_of(ConsumerView::from(consumer))?, None).await
}

/// Show a consumer
#[utoipa::path(get, path = "/api/v1/consumers/{name}", tag = "consumers",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The consumer", body = ConsumerView)),
    security(("admin_key" = ["consumers:read"])))]
async fn show(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConsumersRead>,
    Part(text): Part<String>,
) -> Result<Json<ConsumerView>> {
    let live = control.gate.live();
    if let Some(consumer) = live.snapshot.consumers.get(text.as_str()).filter(|one| caller.sees(&one.account))
    {
        return Ok(Json(ConsumerView::of_file(consumer)));
    }
    Ok(Json(control.consumer(&caller, &text).await?.into()))
}

/// Change a consumer
///
/// Its name and its account are for good.
#[utoipa::path(patch, path = "/api/v1/consumers/{name}", tag = "consumers", request_body = ConsumerChange,
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The consumer as it is now", body = ConsumerView)),
    security(("admin_key" = ["consumers:write"])))]
async fn change(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConsumersWrite>,
    Part(text): Part<String>,
    body: Body<ConsumerChange>,
) -> Result<Json<ConsumerView>> {
    let before = control.writable_consumer(&caller, &text).await?;
    let wanted = body.value;
    let now = control.consumer_in_force(&before);
    let mut after = before.clone();
    let mut patch = ConsumerPatch::default();
    if wanted.tier != Member::Absent {
        after.tier = wanted.tier.value().map(|tier| control.tier(tier)).transpose()?;
        caller.may_grant_tier(after.tier.as_ref(), before.tier.as_ref())?;
        patch.tier = Set::To(after.tier.clone());
    }
    if wanted.scopes != Member::Absent {
        after.scopes = wanted.scopes.value().map(|list| scopes(list));
        patch.scopes = Set::To(after.scopes.clone());
    }
    if let Some(enabled) = wanted.enabled {
        patch.enabled = Set::To(enabled);
    }
    match wanted.enabled {
        Some(false) => caller.may_end(&now)?,
        Some(true) | None => caller.may_grant_scopes(&now.scopes)?,
    }
    // What its keys inherit must lie within the grant, too.
    if after != before {
        caller.may_grant_scopes(&control.consumer_in_force(&after).scopes)?;
    }
    let mut change = control.change(&caller).await?;
    let consumer = change.update_consumer(caller.scope, before.id, patch).await?;
    control.commit(change).await?;
    Ok(Json(consumer.into()))
}

/// Remove a consumer
///
/// Its credentials are revoked. Its name stays taken, because usage and invoices have it.
#[utoipa::path(delete, path = "/api/v1/consumers/{name}", tag = "consumers",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "It is removed")),
    security(("admin_key" = ["consumers:write"])))]
async fn remove(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConsumersWrite>,
    Part(text): Part<String>,
) -> Result<Response> {
    let consumer = control.writable_consumer(&caller, &text).await?;
    control.may_end_all(&caller, &consumer).await?;
    let mut change = control.change(&caller).await?;
    change.remove_consumer(caller.scope, consumer.id).await?;
    control.commit(change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a new consumer is to be.
pub(super) struct Wanted {
    pub name: Name,
    pub account: Option<String>,
    pub tier: Option<Name>,
    pub scopes: Option<tollgate_core::consumer::Scopes>,
}

impl Control {
    /// The consumer of the store with this name.
    pub(super) async fn consumer(&self, caller: &Caller, text: &str) -> Result<Consumer> {
        let name = Name::new(text).map_err(|_| Problem::not_found("consumer"))?;
        Ok(self.store()?.consumer_named(caller.scope, &name).await?)
    }

    /// The same, to be changed; 409 where the file declares it.
    pub(super) async fn writable_consumer(&self, caller: &Caller, text: &str) -> Result<Consumer> {
        let live = self.gate.live();
        match live.snapshot.consumers.get(text) {
            Some(consumer) if caller.sees(&consumer.account) => Err(Problem::declared("consumer", text)),
            Some(_) => Err(Problem::not_found("consumer")),
            None => self.consumer(caller, text).await,
        }
    }

    /// Makes a consumer within the caller's grant.
    pub(super) async fn make_consumer(
        &self,
        caller: &Caller,
        change: &mut Change<'_>,
        wanted: Wanted,
    ) -> Result<Consumer> {
        let Wanted { name, account, mut tier, scopes } = wanted;
        if self.gate.live().snapshot.consumers.contains_key(&name) {
            return Err(Problem::declared("consumer", name.as_str()));
        }
        self.may_take(caller, &name)?;
        let account = self.account_for(caller, change, account.as_deref(), &name).await?;
        if tier.is_none() {
            tier = caller.grant.as_ref().and_then(|grant| grant.in_force.tier.clone());
        }
        caller.may_grant_tier(
            tier.as_ref(),
            caller.grant.as_ref().and_then(|grant| grant.in_force.tier.as_ref()),
        )?;
        if let Some(scopes) = &scopes {
            caller.may_grant_scopes(scopes)?;
        }
        let new = NewConsumer { account: account.id, name, tier, scopes };
        let consumer = change.create_consumer(caller.scope, new).await?;
        // The tier may add scopes.
        caller.may_grant_scopes(&self.consumer_in_force(&consumer).scopes)?;
        Ok(consumer)
    }

    /// A name that a route's `allow` or `deny` has is somebody's already in the eyes of whoever wrote the file, so that nobody
    /// may take it who manages one account alone.
    fn may_take(&self, caller: &Caller, name: &Name) -> Result<()> {
        let live = self.gate.live();
        let named = |access: &Access| {
            access.allow.as_ref().is_some_and(|allow| allow.contains(name)) || access.deny.contains(name)
        };
        if caller.scope == Scope::All || !live.snapshot.routes.iter().any(|route| named(&route.access)) {
            return Ok(());
        }
        let detail = "a route's `allow` or `deny` has this name; a key that reaches all accounts can make it";
        Err(Problem::new(StatusCode::FORBIDDEN, "name_is_granted", detail).with("field", "name"))
    }

    /// Whose a new consumer is to be.
    async fn account_for(
        &self,
        caller: &Caller,
        change: &mut Change<'_>,
        asked: Option<&str>,
        consumer: &Name,
    ) -> Result<Account> {
        let missing = |problem: Problem| match problem.code() {
            "not_found" => Problem::invalid("account", "is no account"),
            _ => problem,
        };
        match (asked, caller.scope) {
            (Some(text), _) => self.account(caller, text).await.map_err(missing),
            (None, Scope::Account(own)) => Ok(self.store()?.account(caller.scope, own).await?),
            (None, Scope::All) => match change.account_named(Scope::All, consumer).await {
                Err(tollgate_store::Error::NotFound(_)) => {
                    Ok(change.create_account(Scope::All, consumer.clone()).await?)
                }
                found => Ok(found?),
            },
        }
    }

    /// What counts for credentials of this consumer that say nothing of their own.
    pub(super) fn consumer_in_force(&self, consumer: &Consumer) -> InForce {
        InForce::new(&self.gate.live().snapshot, consumer, None, None, None)
    }

    /// A tier of the configuration file.
    pub(super) fn tier(&self, text: &str) -> Result<Name> {
        let tier = name("tier", text)?;
        if self.gate.live().snapshot.tiers.contains_key(&tier) {
            return Ok(tier);
        }
        Err(Problem::invalid("tier", format!("`{tier}` is not in the configuration file")))
    }

    /// Whether the caller may end every credential of this consumer.
    async fn may_end_all(&self, caller: &Caller, consumer: &Consumer) -> Result<()> {
        if caller.grant.is_none() {
            return Ok(());
        }
        caller.may_end(&self.consumer_in_force(consumer))?;
        let filter = CredentialFilter { consumer: Some(consumer.id), ..CredentialFilter::default() };
        let mut paging = Paging { cursor: None, limit: Some(tollgate_store::PAGE_LIMIT) };
        loop {
            let page = self.store()?.credentials(caller.scope, filter, &paging).await?;
            let live = page.items.iter().filter(|one| one.state(self.now()) == Life::Live);
            for credential in live {
                caller.may_end(&InForce::of(&self.gate.live().snapshot, credential, consumer))?;
            }
            match page.next {
                Some(next) => paging.cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}

impl Caller {
    /// Whether what the file declares for this account may be seen.
    pub fn sees(&self, account: &Name) -> bool {
        self.account.as_ref().is_none_or(|own| own == account)
    }
}
