//! Bringing sealed secrets over to the key that seals now.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Binding, file};
use crate::change::{Actor, Step};
use crate::credentials::{self, Credential};
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::store::Store;

/// What one batch of [`Store::reseal`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    /// Secrets that were brought over.
    pub count: u16,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// Seals up to `batch` secrets under the current key that were sealed under another. Called until there are no
    /// more, it brings over all; where it stops half-way, the next call goes on, because the rows themselves say under
    /// which key they are. Afterwards the old keys may leave the file.
    ///
    /// # Errors
    /// [`Error::Sealing`] naming a secret that does not open, and what the database says.
    pub async fn reseal(&self, actor: &Actor, now: Timestamp, batch: u16) -> Result<Resealed> {
        let keys = self.sealing_keys()?;
        let current = keys.current()?.id.as_str();
        let mut change = self.change(actor, now).await?;
        let rows = credentials::select().push(" AND credentials.sealing_key IS NOT NULL");
        let rows = rows.push(" AND credentials.sealing_key <> ").bind(current);
        let rows = rows.push(" ORDER BY credentials.id LIMIT ").bind(i64::from(batch));
        let mut count = 0;
        for before in change.transaction.all::<Credential>(rows).await? {
            let binding = Binding::of(&before);
            let secret = keys.seal(binding, &keys.open(binding, &before.secret)?)?;
            let after = Credential { secret, ..before.clone() };
            change.update("reseal", &before, after).await?;
            count += 1;
        }
        change.commit().await?;
        Ok(Resealed { count, more: count == batch })
    }

    /// Whether the sealing key file has keys that only open: a rotation has begun and not ended.
    ///
    /// # Errors
    /// [`Error::Sealing`] before [`Store::open_sealing_keys`].
    pub fn has_old_sealing_keys(&self) -> Result<bool> {
        Ok(self.sealing_keys()?.keys.len() > 1)
    }

    /// Takes the keys out of the file and the store under which nothing is sealed any more: all but the one that seals.
    /// Gives their identifiers.
    ///
    /// # Errors
    /// [`Error::Sealing`] where something is still sealed under one, and what the database says.
    pub async fn drop_old_sealing_keys(
        &self,
        path: &Path,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let keys = self.sealing_keys()?;
        let current = keys.current()?.id.as_str();
        let mut change = self.change(actor, now).await?;
        let held = Statement::new("SELECT sealing_key FROM credentials WHERE sealing_key <> ").bind(current);
        if let Some(id) = change.transaction.one::<String>(held.push(" LIMIT 1")).await? {
            return Err(Error::Sealing(format!("secrets are still sealed under the key `{id}`")));
        }
        let old = Statement::new("DELETE FROM sealing_keys WHERE id <> ").bind(current);
        let mut old: Vec<String> = change.transaction.all(old.push(" RETURNING id")).await?;
        old.sort_unstable();
        let removed = |id: &String| Step {
            changed: None,
            action: "sealing_key.remove".to_owned(),
            object: id.clone(),
            account: None,
            before: None,
            after: None,
        };
        change.record(old.iter().map(removed).collect()).await?;
        // The file first: a key that is registered and in no file is in nobody's way while nothing is under it.
        file::keep_first(path)?;
        let kept = file::read(path)?.ok_or_else(|| Error::Sealing("the new file is gone".to_owned()))?;
        change.commit().await?;
        *self.sealing.write() = Some(Arc::new(kept));
        Ok(old)
    }
}
