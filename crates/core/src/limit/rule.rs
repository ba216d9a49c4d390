//! Limits as tiers and routes set them.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::rate::MOST_UNITS;
use super::{Concurrent, Key, Limit, LimitId, Owner, Rate, Subject, Unit};
use crate::credential::Credential;

/// What `requests/h` counts over.
const HOUR: Duration = Duration::from_hours(1);

/// The limits of one tier or one route in the order of the file, ready to be applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(Arc<[Rule]>);

/// One of them: what is limited, whose calls count together, and what callers are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    limit: Limit,
    per: Per,
    id: LimitId,
    owner: &'static str,
    name: Box<str>,
    policy: Box<str>,
}

/// Whose calls count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Per {
    /// Those of one consumer.
    Consumer,
    /// Those with one credential.
    Credential,
    /// Those from one address.
    Address,
}

impl Limits {
    /// The limits that `owner` sets.
    pub fn new(owner: Owner<'_>, limits: impl IntoIterator<Item = (Limit, Per)>) -> Self {
        let mut rules: Vec<Rule> = Vec::new();
        for (limit, per) in limits {
            let alike = rules.iter().filter(|rule| rule.limit.kind() == limit.kind()).count();
            rules.push(Rule::new(owner, limit, per, u16::try_from(alike).unwrap_or(u16::MAX)));
        }
        Self(rules.into())
    }

    /// These with a credential's own hourly rate of requests in place of such of them. Of zero none passes; one that is
    /// larger than any rate is the largest.
    #[must_use]
    pub fn with_hourly_requests(&self, amount: u64) -> Self {
        let is_hourly = |limit: &Limit| matches!(limit, Limit::Rate(rate) if rate.unit() == Unit::Requests && rate.window() == HOUR);
        // No rate is zero, and no slot is there for a call that may not pass.
        let own = Rate::new(Unit::Requests, amount.min(MOST_UNITS), HOUR, None)
            .map_or(Limit::Concurrent(Concurrent(0)), Limit::Rate);
        let own = Rule::new(Owner::Credential, own, Per::Credential, 0);
        Self(self.iter().filter(|rule| !is_hourly(&rule.limit)).cloned().chain([own]).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Rule {
    fn new(owner: Owner<'_>, limit: Limit, per: Per, nth: u16) -> Self {
        let kind = limit.kind();
        let name = match nth {
            0 => format!("{}:{kind}", owner.word()),
            nth => format!("{}:{kind}#{}", owner.word(), nth + 1),
        };
        Self {
            id: LimitId::new(owner, &limit, nth),
            policy: policy(&name, &limit).into(),
            owner: owner.word(),
            name: name.into(),
            limit,
            per,
        }
    }

    /// What is limited.
    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    /// Whose calls count together.
    pub fn per(&self) -> Per {
        self.per
    }

    /// `tier` or `route`.
    pub fn owner(&self) -> &'static str {
        self.owner
    }

    /// What callers know it by, such as `route:requests/h`: one name among all limits of a call.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its member of the field `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11 §3).
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// What a call with this credential, or of a stranger, from this address counts towards. Strangers have nothing but
    /// their address, so that it counts for them in any case.
    pub fn key(&self, credential: Option<&Credential>, client: IpAddr) -> Key {
        let subject = match (self.per, credential) {
            (Per::Consumer, Some(credential)) => credential.consumer.subject,
            (Per::Credential, Some(credential)) => credential.subject(),
            (Per::Address, _) | (_, None) => Subject::address(client),
        };
        Key::new(subject, self.id)
    }
}

/// `"NAME";q=QUOTA`, with the quota's unit `qu` unless it is requests, and the window `w` in seconds where it has one.
fn policy(name: &str, limit: &Limit) -> String {
    match limit {
        Limit::Rate(rate) => {
            let unit = match rate.unit() {
                Unit::Bytes => r#";qu="content-bytes""#,
                // The other units have no word in the draft's registry; the policy's name tells them.
                _ => "",
            };
            let amount = rate.unit().whole(rate.amount());
            format!(r#""{name}";q={amount}{unit};w={}"#, rate.window().as_secs().max(1))
        }
        Limit::Concurrent(most) => format!(r#""{name}";q={};qu="concurrent-requests""#, most.0),
        Limit::Quota(quota) => format!(r#""{name}";q={}"#, quota.unit.whole(quota.amount)),
    }
}
