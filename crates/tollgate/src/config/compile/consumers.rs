//! Consumers that the file declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_core::consumer::{Consumer, Name, Scopes};
use tollgate_core::credential::Credentials;
use tollgate_core::limit::{Limits, Subject};
use tollgate_core::snapshot::{Tier, TierByScope};

use super::context::Context;
use super::credentials;
use crate::config::file::spanned::Item;
use crate::config::file::{self, File};

/// Consumers and the index of their credentials.
pub(super) fn consumers(
    cx: &mut Context<'_>,
    file: &File,
    tiers: &BTreeMap<Name, Tier>,
    by_scope: &TierByScope,
) -> (BTreeMap<Name, Arc<Consumer>>, Credentials) {
    if let Some(htpasswd) = &file.htpasswd {
        cx.unsupported("`htpasswd`", htpasswd.span);
    }
    let mut consumers = BTreeMap::new();
    let mut index = Credentials::default();
    for item in &file.consumers.items {
        let Some(consumer) = consumer(cx, file, tiers, by_scope, item) else {
            continue;
        };
        let consumer = Arc::new(consumer);
        if let Some(list) = &item.value.credentials {
            credentials::insert(cx, &consumer, list, &mut index);
        }
        consumers.insert(consumer.name.clone(), consumer);
    }
    (consumers, index)
}

fn consumer(
    cx: &mut Context<'_>,
    file: &File,
    tiers: &BTreeMap<Name, Tier>,
    by_scope: &TierByScope,
    item: &Item<file::consumer::Consumer>,
) -> Option<Consumer> {
    let Item { name, value, .. } = item;
    // A consumer whose tier or account is wrong is made all the same, so that its credentials are checked too.
    let own = value.scopes.as_ref().map_or_else(Scopes::default, |scopes| cx.scopes(scopes));
    let tier = match &value.tier {
        Some(tier) => cx.known_name("tier", tier, &file.tiers),
        None => by_scope.tier_of(&own).cloned(),
    };
    let account = value.account.as_ref().and_then(|account| cx.name(account));
    let name = cx.name(name)?;
    let (scopes, limits) = match tier.as_ref().and_then(|tier| tiers.get(tier)) {
        Some(tier) => (own.union(&tier.scopes), tier.limits.clone()),
        None => (own, Limits::default()),
    };
    Some(Consumer {
        account: account.unwrap_or_else(|| name.clone()),
        scopes,
        tier,
        limits,
        subject: Subject::consumer(&name),
        name,
    })
}
