//! What a call's limits have left: known to this process, to its fleet, or to the store.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use tollgate_core::Now;
use tollgate_core::admission;
use tollgate_core::credential::Credential;
use tollgate_core::limit::fleet::share_of;
use tollgate_core::limit::{Key, Limit, Limiter, Rate, Standing};
use tollgate_core::route::Route;

use super::steps::Steps;
use super::{Explanation, Scene};
use crate::shared::Shared;
use crate::state::Gate;

/// A call that was judged as far as its limits.
#[derive(Debug)]
pub(super) enum Judged {
    /// It does not come to them.
    Whole(Box<Explanation>),
    /// They have the last word.
    Limits(Box<Limits>),
}

/// Whose limits they are.
#[derive(Debug)]
pub(super) struct Limits {
    pub steps: Steps,
    pub route: Arc<Route>,
    pub credential: Option<Arc<Credential>>,
    pub client: IpAddr,
}

impl Judged {
    /// Ends with what this process knows. What it knows nothing of is unused.
    pub fn locally(self, scene: &Scene<'_>) -> Explanation {
        match self {
            Self::Whole(explanation) => *explanation,
            Self::Limits(limits) => {
                let standing = limits.known(scene.limiter, 1, &[], scene.now);
                limits.end(standing)
            }
        }
    }

    /// Ends with what a running gate judges its calls by: rates as the fleet counts them, and quotas as the store does,
    /// where this gate does not know them.
    pub async fn of_gate(self, gate: &Gate, now: Now) -> Explanation {
        match self {
            Self::Whole(explanation) => *explanation,
            Self::Limits(limits) => limits.of_gate(gate, now).await,
        }
    }
}

impl Limits {
    async fn of_gate(mut self, gate: &Gate, now: Now) -> Explanation {
        let (mut heard, nodes) = match &gate.shared {
            Some(shared) => (self.of_fleet(shared).await, shared.nodes()),
            None => (Vec::new(), 1),
        };
        let credential = self.credential.as_deref();
        for (place, rule) in admission::rules(&self.route, credential).enumerate() {
            let (limit, key) = (rule.limit(), rule.key(credential, self.client));
            if let Limit::Quota(quota) = limit
                && gate.limiter.must_ask(&key, quota, 1, now)
                && let Ok(used) = gate.quotas.used(&key, quota, credential, now).await
            {
                heard.push((place, Standing::of_quota(quota, used, now)));
            }
        }
        let standing = self.known(&gate.limiter, nodes, &heard, now);
        self.end(standing)
    }

    /// What the fleet counts, by place among the rules; nothing where Redis is away, which is noted.
    async fn of_fleet(&mut self, shared: &Shared) -> Vec<(usize, Standing)> {
        let credential = self.credential.as_deref();
        let rules = admission::rules(&self.route, credential).enumerate();
        let (places, rates): (Vec<usize>, Vec<(Rate, Key)>) = rules
            .filter_map(|(place, rule)| match rule.limit() {
                Limit::Rate(rate) => Some((place, (*rate, rule.key(credential, self.client)))),
                Limit::Concurrent(_) | Limit::Quota(_) => None,
            })
            .unzip();
        if rates.is_empty() {
            return Vec::new();
        }
        let nodes = shared.nodes();
        match shared.look(&rates).await {
            Some(standing) => {
                self.steps.note(format!("rates are those of the fleet of {nodes}"));
                places.into_iter().zip(standing).collect()
            }
            None => {
                let share = format!("grants its share of each rate, one in {nodes}");
                self.steps.note(format!("the fleet's Redis is away, so this gate {share}"));
                Vec::new()
            }
        }
    }

    /// What each limit has left: as was heard, by place, and else as this process knows of its share. A limit of which
    /// nobody knows anything is unused.
    fn known(&self, limiter: &Limiter, nodes: u32, heard: &[(usize, Standing)], now: Now) -> Vec<Standing> {
        let credential = self.credential.as_deref();
        let rules: Vec<(Cow<'_, Limit>, Key)> = admission::rules(&self.route, credential)
            .map(|rule| (share_of(rule.limit(), nodes), rule.key(credential, self.client)))
            .collect();
        let heard = |place: usize| heard.iter().find(|(of, _)| *of == place).map(|(_, standing)| *standing);
        let is_own = |place: usize, limit: &Limit, key: &Key| match limit {
            _ if heard(place).is_some() => false,
            Limit::Quota(quota) => !limiter.must_ask(key, quota, 0, now),
            Limit::Rate(_) | Limit::Concurrent(_) => true,
        };
        // All at once, as calls ask: who finds no room for all of them has none of their own.
        let own: Vec<(usize, (&Limit, Key))> = rules
            .iter()
            .enumerate()
            .filter(|(place, (limit, key))| is_own(*place, limit, key))
            .map(|(place, (limit, key))| (place, (&**limit, *key)))
            .collect();
        let (places, limits): (Vec<usize>, Vec<(&Limit, Key)>) = own.into_iter().unzip();
        let standing = limiter.standing(&limits, now).unwrap_or_default();
        let own = |place: usize| standing.get(places.iter().position(|own| *own == place)?).copied();
        let each = rules.iter().enumerate();
        each.map(|(place, (limit, _))| {
            heard(place).or_else(|| own(place)).unwrap_or_else(|| Standing::unused(limit, now))
        })
        .collect()
    }

    fn end(self, standing: Vec<Standing>) -> Explanation {
        let Self { steps, route, credential, .. } = self;
        let credential = credential.as_deref();
        match admission::look(&route, credential, standing) {
            Ok(standing) => steps.allowed(&route, credential, standing),
            Err(refused) => steps.limited(&route, credential, *refused),
        }
    }
}
