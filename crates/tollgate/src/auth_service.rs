//! An external auth service, which judges API keys, is told of usage and may charge for it.
//!
//! The contract is that of the service whose place [`admin`](crate::admin) can take: `POST /api/v1/keys/validate`,
//! `POST /api/v1/usage/{key_id}` and `POST /api/v1/usage/{key_id}/debit`. The key goes there as a bearer token and is
//! kept nowhere.

mod report;
mod verdict;

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tollgate_core::denial::{Balance, Denial, DirectoryFailure};

pub use self::report::{Reporter, Use};
pub use self::verdict::Verdict;
use crate::config::process::AuthService as Settings;

/// An answer that is larger is none of this contract.
const ANSWER: usize = 64 * 1024;
/// When to ask again after a 429 that does not say.
const ASK_AGAIN: u32 = 60;
/// Characters of a reason that callers are told.
const REASON: usize = 200;

/// The service as its address and settings say.
#[derive(Debug, Clone)]
pub struct AuthService {
    client: Client,
    base: String,
    settings: Settings,
}

/// What a call is to be charged for.
#[derive(Debug, Clone)]
pub struct Charge {
    /// Whose key it is.
    pub key_id: Box<str>,
    /// Names the charge, so that a repeated one counts once.
    pub request_id: Box<str>,
    /// The model that is called.
    pub model: Box<str>,
    /// The path that is called.
    pub endpoint: Box<str>,
}

impl AuthService {
    /// Prepares to speak to the service; nothing is sent.
    ///
    /// # Errors
    /// Where this machine's roots of trust cannot be read.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        // A redirect would carry the key elsewhere; a proxy of the environment would see it.
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("the client of the auth service")?;
        Ok(Self { client, base: settings.url.trim_end_matches('/').to_owned(), settings: settings.clone() })
    }

    /// How long a verdict holds.
    pub fn cache(&self) -> Duration {
        self.settings.cache
    }

    /// Whether calls are charged before they are sent.
    pub fn charges(&self) -> bool {
        self.settings.debit
    }

    /// Whether calls are reported after they ended.
    pub fn reports(&self) -> bool {
        self.settings.report
    }

    /// Whose key this is; nobody's where the service refuses it.
    ///
    /// # Errors
    /// [`Denial::Directory`] where the service gives no verdict, [`Denial::Balance`] where the key's owner has nothing
    /// left.
    pub async fn validate(&self, key: &[u8], client: IpAddr) -> Result<Option<Verdict>, Denial> {
        let Ok(key) = std::str::from_utf8(key) else { return Ok(None) };
        let body = json!({ "service_id": self.settings.service_id, "client_ip": client.to_string() });
        let request = self.client.post(format!("{}/api/v1/keys/validate", self.base));
        let response = request.bearer_auth(key).json(&body).send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        match status {
            StatusCode::OK => {
                let body = body_of(response).await.map_err(Denial::Directory)?;
                let verdict = Verdict::read(&body).ok_or(Denial::Directory(DirectoryFailure::Failed))?;
                if verdict.has_sufficient_balance {
                    Ok(Some(verdict))
                } else {
                    Err(Denial::Balance(Balance::Low))
                }
            }
            StatusCode::UNAUTHORIZED => Ok(None),
            StatusCode::TOO_MANY_REQUESTS => {
                let after =
                    response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                let retry_after = after.unwrap_or(ASK_AGAIN).clamp(1, 3600);
                Err(Denial::Directory(DirectoryFailure::Throttled { retry_after }))
            }
            StatusCode::PAYMENT_REQUIRED => Err(Denial::Balance(Balance::Low)),
            _ => {
                tracing::warn!(%status, "the auth service gave no verdict");
                Err(Denial::Directory(DirectoryFailure::Failed))
            }
        }
    }

    /// Charges for a call that is about to be sent. Only a refusal of the service stops it: whatever else goes wrong must
    /// not, as the service was there when it gave its verdict.
    ///
    /// # Errors
    /// Why the account may not be charged.
    pub async fn charge(&self, charge: &Charge) -> Result<(), Balance> {
        let body = json!({
            "model_id": charge.model,
            "endpoint": charge.endpoint,
            "response_time_ms": 0,
            "status_code": 0,
            "service_id": self.settings.service_id,
            "idempotency_key": format!("{}-{}", charge.key_id, charge.request_id),
            "compute_ms": 0,
            "predictions_count": 1,
        });
        let url = format!("{}/api/v1/usage/{}/debit", self.base, segment(&charge.key_id));
        let response = match self.client.post(url).json(&body).send().await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(
                    key_id = &*charge.key_id,
                    "a call was not charged: {}",
                    failure(&error).code()
                );
                return Ok(());
            }
        };
        match response.status() {
            StatusCode::PAYMENT_REQUIRED => Err(refusal(&body_of(response).await.unwrap_or_default())),
            status => {
                if !status.is_success() {
                    tracing::warn!(key_id = &*charge.key_id, %status, "a call was not charged");
                }
                Ok(())
            }
        }
    }

    async fn report(&self, used: &Use) -> Result<(), String> {
        let body = json!({
            "endpoint": used.endpoint,
            "response_time_ms": used.response_time_ms,
            "status_code": used.status_code,
            "service_id": self.settings.service_id,
        });
        let url = format!("{}/api/v1/usage/{}", self.base, segment(&used.key_id));
        match self.client.post(url).json(&body).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(response.status().to_string()),
            Err(error) => Err(failure(&error).code().to_owned()),
        }
    }
}

/// What the service wants told of a refused charge: `{"detail": {"error", "message" or "reason"}}`.
fn refusal(body: &Value) -> Balance {
    let detail = &body["detail"];
    let text = |value: &Value| value.as_str().map(|text| text.chars().take(REASON).collect::<String>());
    let reason = text(&detail["message"]).or_else(|| text(&detail["reason"])).or_else(|| text(detail));
    Balance::Refused {
        reason: reason.unwrap_or_else(|| "Insufficient balance".to_owned()).into(),
        code: text(&detail["error"]).unwrap_or_else(|| "insufficient_balance".to_owned()).into(),
    }
}

/// The whole body as JSON.
async fn body_of(mut response: Response) -> Result<Value, DirectoryFailure> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| kind(&error))? {
        if body.len() + part.len() > ANSWER {
            return Err(DirectoryFailure::Away);
        }
        body.extend_from_slice(&part);
    }
    serde_json::from_slice(&body).map_err(|_| DirectoryFailure::Away)
}

fn failure(error: &reqwest::Error) -> Denial {
    Denial::Directory(kind(error))
}

fn kind(error: &reqwest::Error) -> DirectoryFailure {
    if error.is_timeout() { DirectoryFailure::Timeout } else { DirectoryFailure::Away }
}

/// An id as one segment of a path.
fn segment(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
