//! Opening the sealing key file, and making sure that it is the one of this store.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{SealingKeys, file};
use crate::change::{Actor, Change, Step};
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::SEALING_KEYS;

impl Store {
    /// Opens the sealing key file. Where there is none, one with a new key is made, for its owner alone, but only as
    /// long as the store has nothing sealed: afterwards a new key would hide that the old one is lost.
    ///
    /// # Errors
    /// [`Error::Sealing`] where the file is unreadable, readable by others, missing although secrets are sealed, or has
    /// not every key that secrets are sealed under.
    pub async fn open_sealing_keys(&self, path: &Path, actor: &Actor, now: Timestamp) -> Result<()> {
        // Inside a change, so that of two nodes that start together one makes the file and the other finds it.
        let mut change = self.change(actor, now).await?;
        let keys = match file::read(path)? {
            Some(keys) => keys,
            None => make(&mut change, path).await?,
        };
        self.adopt(change, keys).await
    }

    /// Puts a new key before the others. From then on it seals; [`Store::reseal`] brings what is sealed over to it.
    ///
    /// # Errors
    /// As [`Store::open_sealing_keys`], which must have been called before.
    pub async fn add_sealing_key(&self, path: &Path, actor: &Actor, now: Timestamp) -> Result<()> {
        self.sealing_keys()?;
        let change = self.change(actor, now).await?;
        file::add_key(path, now)?;
        let keys = file::read(path)?.ok_or_else(|| Error::Sealing("the new file is gone".to_owned()))?;
        self.adopt(change, keys).await
    }

    /// Registers the keys in the store, and uses them from now on.
    async fn adopt(&self, mut change: Change<'_>, keys: SealingKeys) -> Result<()> {
        let registered = Statement::select(&[&SEALING_KEYS]).push(" FROM sealing_keys ORDER BY id");
        let registered: Vec<(String, Vec<u8>, i64)> = change.transaction.all(registered).await?;
        for (id, check, _) in &registered {
            match keys.keys.iter().find(|key| key.id == *id) {
                Some(key) if key.check == *check => {}
                Some(_) => {
                    let why = format!("the sealing key `{id}` of the file is not the one of the store");
                    return Err(Error::Sealing(why));
                }
                None if is_used(&mut change, Some(id)).await? => {
                    let why = format!(
                        "the sealing key `{id}` is not in the file, and secrets are sealed under it; \
                         bring back the file that has it"
                    );
                    return Err(Error::Sealing(why));
                }
                None => {}
            }
        }
        for key in &keys.keys {
            if registered.iter().any(|(id, _, _)| *id == key.id) {
                continue;
            }
            let row = vec![key.id.as_str().into(), key.check.as_slice().into(), change.now.into()];
            change.transaction.insert(&SEALING_KEYS, vec![row]).await?;
            let step = Step {
                changed: None,
                action: "sealing_key.register".to_owned(),
                object: key.id.clone(),
                account: None,
                before: None,
                after: Some(json!({ "check": hex::encode(&key.check) })),
            };
            change.record(vec![step]).await?;
        }
        change.commit().await?;
        *self.sealing.write() = Some(Arc::new(keys));
        Ok(())
    }
}

async fn make(change: &mut Change<'_>, path: &Path) -> Result<SealingKeys> {
    if is_used(change, None).await? {
        return Err(Error::Sealing(format!(
            "the sealing key file `{}` is missing, and the store has sealed secrets; bring it back, \
             a new one could not open them",
            path.display()
        )));
    }
    // What an earlier file registered has sealed nothing, so nothing needs it.
    change.transaction.execute(Statement::new("DELETE FROM sealing_keys")).await?;
    file::add_key(path, change.now)?;
    file::read(path)?.ok_or_else(|| Error::Sealing("the new sealing key file is gone".to_owned()))
}

/// [`Error::Sealing`] where the store does not know the key: another node has made a file of its own meanwhile, and what
/// this one seals nobody else could open.
pub(crate) async fn is_registered(change: &mut Change<'_>, key: &str) -> Result<()> {
    let row = Statement::new("SELECT id FROM sealing_keys WHERE id = ").bind(key);
    match change.transaction.one::<String>(row).await? {
        Some(_) => Ok(()),
        None => Err(Error::Sealing(format!(
            "the sealing key `{key}` of this node is not one of the store; give every node the same file"
        ))),
    }
}

/// Whether anything is sealed, under this key or under any.
async fn is_used(change: &mut Change<'_>, key: Option<&str>) -> Result<bool> {
    let rows = Statement::new("SELECT id FROM credentials WHERE sealing_key ");
    let rows = match key {
        Some(key) => rows.push("= ").bind(key),
        None => rows.push("IS NOT NULL"),
    };
    Ok(change.transaction.one::<String>(rows.push(" LIMIT 1")).await?.is_some())
}
