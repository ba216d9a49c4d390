//! What the service says of a key.

use ipnet::IpNet;
use serde_json::{Value, json};

/// The hourly rate of a key of which the service says none.
const RATE: u64 = 1000;

/// A key that the service knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Who calls.
    pub user_id: String,
    /// Names the key.
    pub key_id: String,
    /// What the key may do.
    pub scopes: Vec<String>,
    /// Requests per hour; of zero none passes.
    pub rate_limit_per_hour: u64,
    /// Networks that the key may come from; none means all. Only some services say it.
    pub allowed_ips: Vec<IpNet>,
    /// Whether its owner can pay.
    pub has_sufficient_balance: bool,
}

impl Verdict {
    /// Reads the service's answer; nothing where it is not one. Newer services put who calls into `user`.
    pub fn read(body: &Value) -> Option<Self> {
        let body = body.as_object()?;
        let user = body.get("user").and_then(Value::as_object);
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let list = |name: &str| -> Option<Vec<String>> {
            match body.get(name) {
                None | Some(Value::Null) => Some(Vec::new()),
                Some(Value::Array(list)) => {
                    list.iter().map(|item| item.as_str().map(str::to_owned)).collect()
                }
                Some(_) => None,
            }
        };
        let allowed_ips = list("allowed_ips")?;
        let network = |text: &String| {
            text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)))
        };
        Some(Self {
            user_id: text(body.get("user_id")).or_else(|| text(user?.get("id").or(user?.get("user_id"))))?,
            key_id: text(body.get("key_id"))?,
            scopes: list("scopes")?,
            rate_limit_per_hour: match body.get("rate_limit_per_hour") {
                None | Some(Value::Null) => RATE,
                // A number that is too large for the type is the largest; one below zero says nothing.
                Some(rate) => rate
                    .as_u64()
                    .or_else(|| rate.as_f64().filter(|rate| *rate >= 0.0).map(|rate| rate as u64))?,
            },
            // A network that nobody can read is no reason to let everybody in.
            allowed_ips: allowed_ips.iter().map(network).collect::<Option<_>>()?,
            has_sufficient_balance: body
                .get("has_sufficient_balance")
                .and_then(Value::as_bool)
                .unwrap_or(true),
        })
    }

    /// The verdict in the words of the service, for [`of_bytes`](Self::of_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { user_id, key_id, scopes, rate_limit_per_hour, allowed_ips, has_sufficient_balance } = self;
        let body = json!({
            "user_id": user_id,
            "key_id": key_id,
            "scopes": scopes,
            "rate_limit_per_hour": rate_limit_per_hour,
            "allowed_ips": allowed_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "has_sufficient_balance": has_sufficient_balance,
        });
        body.to_string().into_bytes()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; nothing where it is not that.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::read(&serde_json::from_slice(bytes).ok()?)
    }
}
