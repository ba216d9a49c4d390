//! A credential as it is stored.

use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tollgate_core::consumer::{Name, Scopes};

use super::kind::{Kind, Lookup};
use super::secret::Secret;
use crate::change::Record;
use crate::changes::ChangeKind;
use crate::error::Result;
use crate::id::{AccountId, ConsumerId, CredentialId};
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::{CREDENTIALS, LAST_USED, Table};
use crate::text;

/// A stored proof of one consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Names it to upstreams, in logs and as `key_id`; never the secret.
    pub id: CredentialId,
    /// Whose account it belongs to, through its consumer.
    pub account: AccountId,
    /// Whose credential it is.
    pub consumer: ConsumerId,
    /// Its kind.
    pub kind: Kind,
    /// What finds it.
    pub lookup: Lookup,
    /// What is stored of its secret.
    pub secret: Secret,
    /// The algorithm's name, where the kind has several.
    pub algorithm: Option<String>,
    /// What its owner calls it.
    pub name: String,
    /// The beginning of an API key, to recognise it by: `hk_live_abc…`.
    pub display: Option<String>,
    /// `live`, `test` or `dev`, of an API key.
    pub environment: Option<String>,
    /// The service it was made for, as the auth-service contract tells it.
    pub service_id: Option<String>,
    /// Scopes of its own; absent means its consumer's.
    pub scopes: Option<Scopes>,
    /// A tier in place of its consumer's.
    pub tier: Option<Name>,
    /// An hourly rate in place of its tier's.
    pub rate_limit_per_hour: Option<i64>,
    /// Networks that it may come from; none means all.
    pub networks: Vec<IpNet>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Since when it is not accepted, if so; it may be again.
    pub disabled_at: Option<Timestamp>,
    /// Since when it is not accepted for good, if so.
    pub revoked_at: Option<Timestamp>,
    /// The end of its grace, after it was rotated.
    pub valid_until: Option<Timestamp>,
    /// What it took the place of.
    pub rotated_from: Option<CredentialId>,
    /// What took its place.
    pub rotated_to: Option<CredentialId>,
    /// The number of its last change.
    pub rev: i64,
    /// When it was used last, coarse and late; absent where nobody noted it.
    pub last_used_at: Option<Timestamp>,
}

/// What a credential is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is accepted.
    Live,
    /// It was revoked, for good.
    Revoked,
    /// It was disabled, for now.
    Disabled,
    /// Its time is over.
    Expired,
    /// It was rotated, and its grace is over.
    Rotated,
}

impl Credential {
    /// What it is at this moment; its consumer and account have a say, too.
    pub fn state(&self, now: Timestamp) -> State {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if self.revoked_at.is_some() {
            State::Revoked
        } else if self.disabled_at.is_some() {
            State::Disabled
        } else if over(self.expires_at) {
            State::Expired
        } else if over(self.valid_until) {
            State::Rotated
        } else {
            State::Live
        }
    }
}

impl Read for Credential {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            id: columns.next()?,
            account: columns.next()?,
            consumer: columns.next()?,
            kind: columns.parse()?,
            lookup: Lookup::stored(columns.next()?),
            secret: Secret::read(columns)?,
            algorithm: columns.next()?,
            name: columns.next()?,
            display: columns.next()?,
            environment: columns.next()?,
            service_id: columns.next()?,
            scopes: columns.next()?,
            tier: columns.next()?,
            rate_limit_per_hour: columns.next()?,
            networks: networks(columns)?,
            created_at: columns.next()?,
            created_by: columns.next()?,
            expires_at: columns.next()?,
            disabled_at: columns.next()?,
            revoked_at: columns.next()?,
            valid_until: columns.next()?,
            rotated_from: columns.next()?,
            rotated_to: columns.next()?,
            rev: columns.next()?,
            last_used_at: last_used(columns)?,
        })
    }
}

impl Record for Credential {
    const TABLE: &'static Table = &CREDENTIALS;
    const KIND: ChangeKind = ChangeKind::Credential;

    fn row(&self) -> Vec<Value> {
        let [form, secret, sealing_key] = self.secret.row();
        vec![
            self.id.into(),
            self.account.into(),
            self.consumer.into(),
            self.kind.as_str().into(),
            self.lookup.as_bytes().into(),
            form,
            secret,
            sealing_key,
            self.algorithm.as_deref().into(),
            self.name.as_str().into(),
            self.display.as_deref().into(),
            self.environment.as_deref().into(),
            self.service_id.as_deref().into(),
            self.scopes.as_ref().map(|scopes| text::json_list(scopes.iter())).into(),
            self.tier.as_ref().map(Name::as_str).into(),
            self.rate_limit_per_hour.into(),
            Json::from_iter(self.networks.iter().map(IpNet::to_string)).to_string().into(),
            self.created_at.into(),
            self.created_by.as_str().into(),
            self.expires_at.into(),
            self.disabled_at.into(),
            self.revoked_at.into(),
            self.valid_until.into(),
            self.rotated_from.into(),
            self.rotated_to.into(),
            self.rev.into(),
        ]
    }

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn owner(&self) -> AccountId {
        self.account
    }

    fn view(&self) -> Json {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        // An id may be seen; the digest that finds an API key may not.
        let key = match self.kind {
            Kind::ApiKey => None,
            Kind::Jwt | Kind::Hawk => std::str::from_utf8(self.lookup.as_bytes()).ok(),
        };
        json!({
            "consumer": self.consumer.to_string(),
            "kind": self.kind.as_str(),
            "key": key,
            "secret": self.secret.form(),
            "sealing_key": self.secret.sealing_key(),
            "algorithm": self.algorithm,
            "name": self.name,
            "display": self.display,
            "environment": self.environment,
            "service_id": self.service_id,
            "scopes": self.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()),
            "tier": self.tier.as_ref().map(Name::as_str),
            "rate_limit_per_hour": self.rate_limit_per_hour,
            "networks": self.networks.iter().map(IpNet::to_string).collect::<Vec<_>>(),
            "expires_at": time(self.expires_at),
            "disabled_at": time(self.disabled_at),
            "revoked_at": time(self.revoked_at),
            "valid_until": time(self.valid_until),
            "rotated_from": self.rotated_from.map(|id| id.to_string()),
            "rotated_to": self.rotated_to.map(|id| id.to_string()),
        })
    }

    fn set_rev(&mut self, rev: i64) {
        self.rev = rev;
    }
}

/// Every credential, up to where a condition goes on with ` AND …`.
pub(crate) fn select() -> Statement {
    Statement::select(&[&CREDENTIALS, &LAST_USED])
        .push(" FROM credentials LEFT JOIN last_used ON last_used.credential = credentials.id WHERE 1 = 1")
}

/// The two columns of `last_used`, of which the first one repeats the id.
fn last_used(columns: &mut Columns<'_>) -> Result<Option<Timestamp>> {
    columns.next::<Option<String>>()?;
    columns.next()
}

fn networks(columns: &mut Columns<'_>) -> Result<Vec<IpNet>> {
    let list = columns.json_list()?.unwrap_or_default();
    list.iter().map(|text| IpNet::from_str(text).map_err(|_| columns.damaged(text))).collect()
}
