//! `POST /api/v1/keys/validate`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tollgate_core::credential::Digest;
use tollgate_store::{Kind, Lookup, Scope};
use utoipa::ToSchema;

use super::no_browser;
use crate::admin::Control;
use crate::admin::body::Body;
use crate::admin::caller::{Peer, presented};
use crate::admin::in_force::InForce;
use crate::admin::problem::{Problem, Result};

/// Calls in an hour that are told where nothing limits a key, because the contract wants a number.
const DEFAULT_RATE: i64 = 1000;
/// The service that is told where neither the key nor the question names one.
const DEFAULT_SERVICE: &str = "platform";

/// Which key is asked about, and by whom. Members that are not known are ignored: the contract grows.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ValidateBody {
    /// The key, unless it comes as `Authorization: Bearer`.
    pub api_key: Option<String>,
    /// The service that asks.
    pub service_id: Option<String>,
    /// Where the key came from; counts for its networks. Default: where the question comes from.
    pub client_ip: Option<String>,
}

/// What is behind a good key.
#[derive(Debug, Serialize, ToSchema)]
pub struct Validated {
    /// The consumer.
    pub user_id: String,
    /// The key's id, for usage and debits.
    pub key_id: String,
    /// The service that the key was made for, else the one that asks.
    pub service_id: String,
    /// Scopes in force.
    pub scopes: Vec<String>,
    /// Calls that it has in an hour: its own rate, else its tier's, else 1000.
    pub rate_limit_per_hour: i64,
    /// Whether it has money left.
    pub has_sufficient_balance: bool,
    /// How much.
    pub balance: f64,
}

/// Validate a key
///
/// Needs nothing but the key itself, in the header or in the body. From one address about 100 questions a second are
/// answered.
#[utoipa::path(post, path = "/api/v1/keys/validate", tag = "auth service", request_body = ValidateBody,
    responses((status = 200, description = "The key is good", body = Validated),
        (status = 401, description = "It is not: `{\"detail\": \"Invalid or expired API key\"}`"),
        (status = 429, description = "Too many questions; see `Retry-After`")),
    security(("api_key" = []), ()))]
pub async fn validate(
    State(control): State<Arc<Control>>,
    peer: Peer,
    headers: HeaderMap,
    body: Body<ValidateBody>,
) -> Result<Json<Validated>> {
    no_browser(&headers)?;
    let now = control.gate.clock.now();
    control
        .validations
        .take(peer.address, now)
        .map_err(|seconds| Problem::slow_down("rate_limited", "Rate limit exceeded", seconds).bare())?;
    let asked = body.value;
    let in_header = presented(&headers).map_err(|_| refused("Invalid or expired API key"))?;
    let key = match (in_header, asked.api_key) {
        (Some(key), None) | (None, Some(key)) => key,
        (Some(header), Some(body)) if header == body => body,
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("api_key", "is another key than that of the header"));
        }
        (None, None) => return Err(refused("API key required")),
    };
    let client = client(asked.client_ip.as_deref(), peer)?;
    control.judge(&key, client, asked.service_id).await
}

impl Control {
    async fn judge(&self, key: &str, client: IpAddr, service: Option<String>) -> Result<Json<Validated>> {
        let invalid = || refused("Invalid or expired API key");
        // A key whose check characters are wrong is looked up as any other, as at the gate: one that was made elsewhere
        // and imported has none.
        let digest = Digest::of(key.as_bytes());
        let live = self.gate.live();
        if let Some(credential) = live.snapshot.credentials.api_key(&digest) {
            let now = self.gate.clock.now();
            if !credential.holds(client, now) {
                return Err(invalid());
            }
            self.gate.directory.used(credential, now);
            let in_force = InForce::of_file(credential);
            let service = service.unwrap_or_else(|| DEFAULT_SERVICE.to_owned());
            let user = credential.consumer.name.to_string();
            return Ok(Json(Validated::new(user, credential.id.to_string(), service, in_force)));
        }
        let found = self.store()?.find_credential(Scope::All, Kind::ApiKey, &Lookup::digest(digest)).await?;
        let found = found.filter(|found| self.accepts(found, client)).ok_or_else(invalid)?;
        self.note_use(&found).await;
        let in_force = InForce::of(&live.snapshot, &found.credential, &found.consumer);
        if let Some(tier) = in_force.tier.as_ref().filter(|tier| !live.snapshot.tiers.contains_key(*tier)) {
            // As at the gate: nobody passes without the limits of the tier, and the key is not wrong.
            tracing::error!(credential = %found.credential.id, "its tier `{tier}` is not in the configuration");
            let detail = "the key's tier is not in the configuration";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "tier_unknown", detail).retry_after(60));
        }
        let service = found.credential.service_id.clone().or(service);
        let service = service.unwrap_or_else(|| DEFAULT_SERVICE.to_owned());
        let id = found.credential.id.to_string();
        Ok(Json(Validated::new(found.consumer.name.to_string(), id, service, in_force)))
    }
}

impl Validated {
    fn new(user_id: String, key_id: String, service_id: String, in_force: InForce) -> Self {
        Self {
            user_id,
            key_id,
            service_id,
            scopes: in_force.scopes.iter().map(str::to_owned).collect(),
            rate_limit_per_hour: in_force.hourly.unwrap_or(DEFAULT_RATE),
            has_sufficient_balance: true,
            balance: 0.0,
        }
    }
}

fn client(text: Option<&str>, peer: Peer) -> Result<IpAddr> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(peer.address) };
    let address: std::result::Result<IpAddr, _> = text.trim().parse();
    address
        .map(|address| address.to_canonical())
        .map_err(|_| Problem::invalid("client_ip", "is no IP address"))
}

/// The contract's own answer: whoever asks shows nothing else of it to its callers.
fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "credential_invalid", detail).bare()
}
