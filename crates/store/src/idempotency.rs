//! Requests that come twice: the second gets the answer of the first.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use tollgate_core::credential::Digest;
use tollgate_core::credential::api_key_text::{Recognised, recognise};

use crate::change::{Actor, Change};
use crate::error::{Conflict, Error, Result};
use crate::row::{Columns, Read};
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::IDEMPOTENCY;
use crate::text;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The `Idempotency-Key` of one request, under whoever asks: two callers never meet under one key.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    caller: String,
    key: String,
    fingerprint: Digest,
}

/// What was answered, without the secret that it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Json,
}

struct Remembered {
    fingerprint: [u8; 32],
    status: i64,
    answer: String,
}

impl Read for Remembered {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { fingerprint: columns.next()?, status: columns.next()?, answer: columns.next()? })
    }
}

impl IdempotencyKey {
    /// The key of a request; `fingerprint` is a digest of its method, path and body.
    ///
    /// # Errors
    /// [`Error::Invalid`] for keys that are empty, longer than 255 characters or not printable.
    pub fn new(caller: &Actor, key: &str, fingerprint: Digest) -> Result<Self> {
        text::check("idempotency_key", key, 255)?;
        Ok(Self { caller: caller.as_str().to_owned(), key: key.to_owned(), fingerprint })
    }
}

impl Change<'_> {
    /// The answer that this request got before, if it did. Asked at the beginning of a change, so that of two copies of
    /// a request one works and the other one finds its answer.
    ///
    /// # Errors
    /// [`Conflict::Idempotency`] where the key came with another request.
    pub async fn replayed(&mut self, key: &IdempotencyKey) -> Result<Option<Answer>> {
        let row = Statement::new("SELECT fingerprint, status, answer FROM idempotency WHERE caller = ")
            .bind(key.caller.as_str())
            .push(" AND idempotency_key = ")
            .bind(key.key.as_str())
            .push(" AND created_at > ")
            .bind(oldest(self.now));
        let Some(found) = self.transaction.one::<Remembered>(row).await? else { return Ok(None) };
        if found.fingerprint != key.fingerprint.0 {
            return Err(Conflict::Idempotency.into());
        }
        let damaged = || Error::Corrupt("an idempotency record is no answer".to_owned());
        Ok(Some(Answer {
            status: u16::try_from(found.status).map_err(|_| damaged())?,
            body: serde_json::from_str(&found.answer).map_err(|_| damaged())?,
        }))
    }

    /// Remembers the answer for 24 hours, in the same change as what was done. The secret must be taken out first; an
    /// API key of ours that is still in it is refused.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an answer with an API key.
    pub async fn remember(&mut self, key: &IdempotencyKey, answer: &Answer) -> Result<()> {
        if has_api_key(&answer.body) {
            return Err(Error::invalid("answer", "still has the API key"));
        }
        let old = Statement::new("DELETE FROM idempotency WHERE caller = ").bind(key.caller.as_str());
        let old = old.push(" AND idempotency_key = ").bind(key.key.as_str());
        self.transaction.execute(old).await?;
        let row = vec![
            key.caller.as_str().into(),
            key.key.as_str().into(),
            key.fingerprint.0.into(),
            i64::from(answer.status).into(),
            answer.body.to_string().into(),
            self.now.into(),
        ];
        self.transaction.insert(&IDEMPOTENCY, vec![row]).await
    }
}

impl Store {
    /// Deletes answers that are older than 24 hours.
    ///
    /// # Errors
    /// What the database says.
    pub async fn prune_idempotency(&self, now: Timestamp) -> Result<u64> {
        let mut transaction = self.database.write().await?;
        let old = Statement::new("DELETE FROM idempotency WHERE created_at <= ").bind(oldest(now));
        let pruned = transaction.execute(old).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}

fn oldest(now: Timestamp) -> Timestamp {
    now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN)
}

fn has_api_key(body: &Json) -> bool {
    match body {
        Json::String(text) => matches!(recognise(text), Recognised::Ours(_)),
        Json::Array(items) => items.iter().any(has_api_key),
        Json::Object(members) => members.values().any(has_api_key),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
