//! `/api/v1/matrix`: who may call what, consumers of the file first and then those of the store.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tollgate_core::consumer::Name;
use tollgate_core::credential::Credential;
use tollgate_core::denial::Denial;
use tollgate_core::matrix::{self, Cell, Outcome};
use tollgate_core::route::Route;
use tollgate_core::snapshot::Snapshot;
use tollgate_store::ConsumerId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Control;
use super::body::Asked;
use super::caller::{Caller, May};
use super::list::{Items, PageOf};
use super::problem::{Problem, Result};
use super::rights::ConfigRead;

/// The route of the matrix.
pub fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new().routes(routes!(matrix_of_all))
}

/// Who may call what.
#[derive(Debug, Serialize, ToSchema)]
pub struct Matrix {
    /// Consumers: those that the file declares, by name, then those of the store, the oldest first.
    pub consumers: Vec<String>,
    /// Routes, in the order of the file.
    pub routes: Vec<String>,
    /// Each consumer on each route.
    pub cells: Vec<CellView>,
    /// What to ask on with, as `cursor`; `null` where there are no more consumers.
    pub next: Option<String>,
}

/// One consumer on one route.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellView {
    /// The consumer.
    pub consumer: String,
    /// The route.
    pub route: String,
    /// `allowed`, `public`, `no_credential`, `forbidden`, or `unavailable` where the gate can make nothing of its
    /// credentials and answers 503.
    pub outcome: &'static str,
    /// Why, in words.
    pub reason: String,
}

/// A consumer and what it presents.
#[derive(Debug)]
struct Row {
    name: Name,
    /// Absent for a consumer of the file.
    id: Option<ConsumerId>,
    credentials: Vec<Arc<Credential>>,
    /// Why a credential of it cannot be used.
    unusable: Option<String>,
}

/// Who may call what
///
/// Of the consumers that the file declares and of those of the store, in pages of so many consumers. A consumer of the store
/// counts with what it has that is live. Limits, networks and modes have no say.
#[utoipa::path(get, path = "/api/v1/matrix", tag = "declared", params(PageOf),
    responses((status = 200, description = "Each consumer of one page on each route", body = Matrix)),
    security(("admin_key" = ["config:read"])))]
async fn matrix_of_all(
    State(control): State<Arc<Control>>,
    May { caller, .. }: May<ConfigRead>,
    Asked(page): Asked<PageOf>,
) -> Result<Json<Matrix>> {
    let live = control.gate.live();
    let rows = control.rows(&caller, &live.snapshot, page).await?;
    let cells = rows.items.iter().flat_map(|row| live.snapshot.routes.iter().map(|route| row.on(route)));
    Ok(Json(Matrix {
        cells: cells.collect(),
        routes: live.snapshot.routes.iter().map(|route| route.name.to_string()).collect(),
        consumers: rows.items.iter().map(|row| row.name.to_string()).collect(),
        next: rows.next,
    }))
}

impl Control {
    /// One page of the consumers that the caller sees.
    async fn rows(&self, caller: &Caller, snapshot: &Snapshot, page: PageOf) -> Result<Items<Row>> {
        let declared = snapshot.consumers.values().filter(|consumer| caller.sees(&consumer.account));
        let mut owned: HashMap<&str, Vec<Arc<Credential>>> = HashMap::new();
        for credential in snapshot.credentials.iter() {
            owned.entry(credential.consumer.name.as_str()).or_default().push(credential.clone());
        }
        let of_file = declared.map(|consumer| {
            let credentials = owned.remove(consumer.name.as_str()).unwrap_or_default();
            let row = Row { name: consumer.name.clone(), id: None, credentials, unusable: None };
            (consumer.name.to_string(), row)
        });
        let started = page.start(of_file)?;
        let Some(rest) = started.rest.clone() else { return Ok(started.full()) };
        let stored = self.store()?.consumers(caller.scope, &rest).await?;
        let ids: Vec<ConsumerId> = stored.items.iter().map(|consumer| consumer.id).collect();
        let presented = self.gate.directory.of_consumers(caller.scope, &ids).await;
        let presented = presented.map_err(Denial::Directory).map_err(|denial| {
            Problem::new(denial.status(), denial.code(), "nobody can say who has which credentials")
                .retry_after(1)
        })?;
        let mut rows = started.and(stored, |consumer| Row::stored(consumer.name, consumer.id));
        let mut at: HashMap<ConsumerId, &mut Row> =
            rows.items.iter_mut().filter_map(|row| Some((row.id?, row))).collect();
        for (consumer, made) in presented {
            if let Some(row) = at.get_mut(&consumer) {
                row.take(made);
            }
        }
        Ok(rows)
    }
}

impl Row {
    fn stored(name: Name, id: ConsumerId) -> Self {
        Self { name, id: Some(id), credentials: Vec::new(), unusable: None }
    }

    fn take(&mut self, presented: std::result::Result<Arc<Credential>, String>) {
        match presented {
            Ok(credential) => self.credentials.push(credential),
            Err(why) => self.unusable = Some(why),
        }
    }

    fn on(&self, route: &Route) -> CellView {
        let cell = matrix::cell(&self.name, route, self.credentials.iter().map(AsRef::as_ref));
        match &self.unusable {
            Some(why) if !cell.outcome.passes() => CellView {
                outcome: "unavailable",
                reason: format!("of a credential: {why}"),
                ..CellView::from(cell)
            },
            Some(_) | None => CellView::from(cell),
        }
    }
}

impl From<Cell> for CellView {
    fn from(cell: Cell) -> Self {
        let outcome = match &cell.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Public => "public",
            Outcome::NoCredential => "no_credential",
            Outcome::Forbidden(_) => "forbidden",
        };
        Self {
            consumer: cell.consumer.to_string(),
            route: cell.route.to_string(),
            outcome,
            reason: cell.outcome.reason(),
        }
    }
}
