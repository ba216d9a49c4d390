//! Opening the store at the start.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tollgate_store::{Actor, Error, Store, Taken};

use crate::config::process::StorePlace;
use crate::data_dir::DataDir;
use crate::directory::{self, Directory};
use crate::state::clock::Clock;

/// How long the start waits for a database before it goes on without.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a database that is away is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// Opens the store for the directory. A server that is away is tried again for as long as the gate runs, which serves
/// what its file declares meanwhile.
///
/// # Errors
/// Where it is no store of ours, or one that this program must not touch.
pub(super) async fn open(
    place: &StorePlace,
    data_dir: &DataDir,
    directory: &Arc<Directory>,
    clock: &Clock,
    control: &Handle,
) -> anyhow::Result<()> {
    let opener = Opener { url: place.url(), keys: data_dir.sealing_keys(), clock: clock.clone() };
    match tokio::time::timeout(PATIENCE, opener.open(directory)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) if !is_passing(&error) || matches!(place, StorePlace::Sqlite(_)) => {
            return Err(error).context("the store cannot be opened");
        }
        Ok(Err(error)) => tracing::error!("the store is away, and tried again: {error}"),
        Err(_) => tracing::error!("the store is away, and tried again: it does not answer"),
    }
    let directory = Arc::downgrade(directory);
    control.spawn(async move {
        loop {
            tokio::time::sleep(AGAIN).await;
            let Some(directory) = directory.upgrade() else { return };
            match opener.open(&directory).await {
                Ok(()) => return,
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    tracing::error!("the store cannot be used: {error}");
                    return;
                }
            }
        }
    });
    Ok(())
}

struct Opener {
    url: String,
    keys: std::path::PathBuf,
    clock: Clock,
}

impl Opener {
    async fn open(&self, directory: &Directory) -> tollgate_store::Result<()> {
        let store = Store::open(&self.url).await?;
        // First of all: whoever copies or reseals the store keeps gates out, and is kept out as long as this one runs.
        let watch = store.watch().await?;
        let now = directory::timestamp(self.clock.now());
        store.open_sealing_keys(&self.keys, &Actor::new("serve")?, now).await?;
        let missing = store.missing_audit_guards().await?;
        if !missing.is_empty() {
            let triggers = missing.join(", ");
            tracing::warn!(
                triggers,
                "nothing keeps rows of the audit from being changed: triggers are missing"
            );
        }
        directory.open(store).await?;
        directory.listen_to(watch);
        Ok(())
    }
}

/// What another try may find otherwise.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Locked(_))
}

/// What is taken, for people.
pub(super) fn name(taken: &Taken) -> String {
    match &taken.name {
        Some(name) => format!("{} `{name}`", taken.kind),
        None => format!("one key of the kind `{}`", taken.kind),
    }
}
