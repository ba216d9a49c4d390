//! What transcripts keep in the gate's store: consumers with one credential of each kind.

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, ToSpan};
use tollgate_core::consumer::{Name, Scopes};
use tollgate_store::{
    Actor, CredentialFilter, CredentialPatch, NewConsumer, NewCredential, Paging, Scope, Set, Store,
};

use crate::credentials;

/// Does what a line `store COMMAND CONSUMER OPTIONS` says.
pub async fn change(
    store: &Store,
    now: Timestamp,
    command: &str,
    consumer: &str,
    options: &[String],
) -> Result<()> {
    if command == "add" {
        return add(store, now, consumer, options).await;
    }
    let mut change = store.change(&Actor::new("transcript")?, now).await?;
    let consumer = change.consumer_named(Scope::All, &Name::new(consumer)?).await?;
    let filter = CredentialFilter { consumer: Some(consumer.id), ..CredentialFilter::default() };
    let credentials = store.credentials(Scope::All, filter, &Paging::default()).await?.items;
    for credential in credentials {
        let patch = match command {
            "remove" => break,
            "revoke" => {
                change.revoke_credential(Scope::All, credential.id).await?;
                continue;
            }
            "disable" => CredentialPatch { enabled: Set::To(false), ..CredentialPatch::default() },
            "enable" => CredentialPatch { enabled: Set::To(true), ..CredentialPatch::default() },
            "set" => CredentialPatch {
                tier: option(options, "tier").map_or(Set::Keep, |tier| Set::To(Name::new(tier).ok())),
                scopes: option(options, "scopes").map_or(Set::Keep, |list| Set::To(Some(scopes(list)))),
                ..CredentialPatch::default()
            },
            _ => bail!("unknown step `store {command}`"),
        };
        change.update_credential(Scope::All, credential.id, patch).await?;
    }
    if command == "remove" {
        change.remove_consumer(Scope::All, consumer.id).await?;
    }
    Ok(change.commit().await?)
}

async fn add(store: &Store, now: Timestamp, consumer: &str, options: &[String]) -> Result<()> {
    let mut change = store.change(&Actor::new("transcript")?, now).await?;
    let account = change.create_account(Scope::All, Name::new(&format!("{consumer}_account"))?).await?;
    let tier = option(options, "tier").map(Name::new).transpose()?;
    let new = NewConsumer {
        account: account.id,
        name: Name::new(consumer)?,
        tier,
        scopes: option(options, "scopes").map(scopes),
    };
    let kept = change.create_consumer(Scope::All, new).await?;
    for proof in credentials::proofs(consumer)? {
        let kind = proof.kind();
        let mut new = NewCredential::new(kept.id, kind.as_str(), proof);
        new.rate_limit_per_hour = option(options, "rate").map(str::parse).transpose()?;
        new.networks = option(options, "from").map(str::parse).transpose()?.into_iter().collect();
        let ends = option(options, "ends").map(str::parse::<i64>).transpose()?;
        new.expires_at = ends.map(|seconds| now.checked_add(seconds.seconds())).transpose()?;
        change.create_credential(Scope::All, new).await?;
    }
    change.commit().await.context("the store")
}

fn option<'o>(options: &'o [String], name: &str) -> Option<&'o str> {
    options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
}

fn scopes(list: &str) -> Scopes {
    list.split(',').collect()
}
