//! Bringing sealed secrets over to the key that seals now.

use jiff::Timestamp;

use super::Binding;
use crate::change::Actor;
use crate::credentials::{self, Credential};
use crate::error::Result;
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
    /// [`Error::Sealing`](crate::Error::Sealing) naming a secret that does not open, and what the database says.
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
}
