//! What callers of the auth-service contract report: `/usage` after a call, `/debit` before it.
//!
//! Postings are kept as they came, and each that is new becomes a usage event in the same transaction, which counts in
//! roll-ups as the gates' own do. They are no changes of anything, so they have no part in the audit.

mod event;
mod summary;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use tollgate_core::credential::Digest;
use ulid::Ulid;

use self::event::Accepted;
pub use self::summary::{EndpointCount, UsageSummary};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::id::{AccountId, CredentialId, ulid};
use crate::page::{Page, Paging};
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE;
use crate::text;

/// Bytes of a posting's body.
const BODY: usize = 16_384;
/// Predictions of a posting: more than anybody makes in a call, and few enough for millions of them in a sum.
const PREDICTIONS: i64 = 1_000_000_000_000;

/// Which call a posting came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PostingKind {
    /// `POST /usage/{key_id}`: a call that was served.
    Usage,
    /// `POST /usage/{key_id}/debit`: a call that is about to be served.
    Debit,
}

/// The credential that a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Used {
    /// One of the store.
    Stored(CredentialId),
    /// One that a configuration file declares. Whoever posts has looked whether it is there.
    Declared {
        /// Its id there.
        id: String,
        /// Its account, as far as the store has it.
        account: Option<AccountId>,
    },
}

/// One report. What the body says is kept beside it as far as summaries need it; times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The credential that was used.
    pub credential: Used,
    /// Which call it came by.
    pub kind: PostingKind,
    /// The caller's key; a posting of the same kind that comes again with it is counted once.
    pub idempotency_key: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// The path that was called.
    pub endpoint: Option<String>,
    /// The model that was called.
    pub model: Option<String>,
    /// The service that reports.
    pub service_id: Option<String>,
    /// The status that was answered.
    pub status_code: Option<i64>,
    /// How long the answer took.
    pub response_us: Option<i64>,
    /// How long the model computed.
    pub compute_us: Option<i64>,
    /// How many predictions there were.
    pub predictions: Option<i64>,
    /// The JSON body, as it came.
    pub body: String,
    /// The names of the account and of the consumer, where a configuration file declares the credential; otherwise they
    /// are the store's, and looked up. A posting that is read has none.
    pub names: Option<(String, String)>,
}

/// What became of a posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It is stored under this identifier.
    New(String),
    /// It came before with the same content, under this identifier.
    Repeated(String),
    /// Its idempotency key came before with other content, which stays.
    Conflict,
    /// There is no such credential within the scope.
    NotFound,
}

/// A posting as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosting {
    /// Its identifier, a ULID.
    pub id: String,
    /// Whose credential was used.
    pub account: AccountId,
    /// What was reported.
    pub posting: Posting,
}

impl PostingKind {
    /// The word in the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Debit => "debit",
        }
    }
}

impl fmt::Display for PostingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PostingKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let kind = [Self::Usage, Self::Debit].into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| Error::invalid("kind", "is neither `usage` nor `debit`"))
    }
}

impl From<CredentialId> for Used {
    fn from(id: CredentialId) -> Self {
        Self::Stored(id)
    }
}

impl Used {
    /// What the tables know it by. No id that a file makes has the form of the store's own.
    fn text(&self) -> String {
        match self {
            Self::Stored(id) => id.to_string(),
            Self::Declared { id, .. } => id.clone(),
        }
    }

    fn stored(id: String, account: AccountId) -> Self {
        match id.parse() {
            Ok(id) => Self::Stored(id),
            Err(_) => {
                let account = Some(account).filter(|account| *account != AccountId::OF_THE_FILE);
                Self::Declared { id, account }
            }
        }
    }
}

impl Posting {
    /// # Errors
    /// [`Error::Invalid`] naming the first field that is out of its bounds.
    fn check(&self) -> Result<()> {
        text::check_optional("idempotency_key", self.idempotency_key.as_deref(), 255)?;
        text::check_optional("endpoint", self.endpoint.as_deref(), 2048)?;
        text::check_optional("model_id", self.model.as_deref(), 255)?;
        text::check_optional("service_id", self.service_id.as_deref(), 100)?;
        let counts = [
            ("response_time_ms", self.response_us),
            ("compute_ms", self.compute_us),
            ("predictions_count", self.predictions),
        ];
        for (field, count) in counts {
            if count.is_some_and(i64::is_negative) {
                return Err(Error::invalid(field, "may not be negative"));
            }
        }
        if self.predictions > Some(PREDICTIONS) {
            return Err(Error::invalid("predictions_count", format!("may be at most {PREDICTIONS}")));
        }
        if self.body.len() > BODY {
            return Err(Error::invalid("body", format!("has at most {BODY} bytes")));
        }
        if self.body.contains('\0') {
            return Err(Error::invalid("body", "may hold no NUL"));
        }
        Ok(())
    }

    /// What two postings under one idempotency key must have in common: what they say, in whatever form of JSON, and
    /// wherever the key itself stands.
    fn fingerprint(&self) -> Digest {
        let said = serde_json::from_str(&self.body).map(|mut said: BTreeMap<String, serde_json::Value>| {
            said.remove("idempotency_key");
            said.values_mut().for_each(serde_json::Value::sort_all_objects);
            serde_json::to_string(&said).unwrap_or_default()
        });
        let said = said.as_deref().unwrap_or(&self.body);
        Digest::of_parts(&[self.kind.as_str().as_bytes(), b"\0", said.as_bytes()])
    }

    fn row(&self, id: &str, account: AccountId) -> Vec<Value> {
        vec![
            id.into(),
            account.into(),
            self.credential.text().into(),
            self.kind.as_str().into(),
            self.idempotency_key.as_deref().into(),
            self.fingerprint().0.into(),
            self.received_at.into(),
            self.endpoint.as_deref().into(),
            self.model.as_deref().into(),
            self.service_id.as_deref().into(),
            self.status_code.into(),
            self.response_us.into(),
            self.compute_us.into(),
            self.predictions.into(),
            self.body.as_str().into(),
        ]
    }
}

impl Read for StoredPosting {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let (id, account, credential): (String, AccountId, String) = columns.next()?;
        let credential = Used::stored(credential, account);
        let (kind, idempotency_key) = (columns.parse()?, columns.next()?);
        columns.next::<Vec<u8>>()?;
        let posting = Posting {
            credential,
            kind,
            idempotency_key,
            received_at: columns.next()?,
            endpoint: columns.next()?,
            model: columns.next()?,
            service_id: columns.next()?,
            status_code: columns.next()?,
            response_us: columns.next()?,
            compute_us: columns.next()?,
            predictions: columns.next()?,
            body: columns.next()?,
            names: None,
        };
        Ok(Self { id, account, posting })
    }
}

impl Store {
    /// Stores a batch of postings and their usage events in one transaction, and says of each what became of it, in their
    /// order. One that contradicts an earlier one of its key changes nothing and raises [`AlarmKind::Changed`](crate::AlarmKind::Changed).
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a field out of its bounds; nothing of the batch is stored then.
    pub async fn post_usage(&self, scope: Scope, postings: &[Posting]) -> Result<Vec<Posted>> {
        for posting in postings {
            posting.check()?;
        }
        if postings.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.database.write().await?;
        let (mut posted, mut taken) = (Vec::with_capacity(postings.len()), Taken::default());
        for chunk in postings.chunks(Statement::rows_at_once(&USAGE)) {
            posted.extend(post(&mut transaction, scope, chunk, &mut taken).await?);
        }
        // After all postings, so that whoever waits for a posting holds no stream.
        event::book(&mut transaction, &taken.accepted, &self.pace).await?;
        // After the events, as one may contradict another of the same batch.
        for (posting, first) in taken.contradicting {
            event::differs(&mut transaction, posting, &first).await?;
        }
        transaction.commit().await?;
        Ok(posted)
    }

    /// Deletes the postings that came before this time, in transactions of bounded size.
    ///
    /// # Errors
    /// What the database says; what was deleted until then is gone.
    pub async fn prune_postings(&self, before: Timestamp) -> Result<u64> {
        // Identifiers begin with the time, so the oldest rows are the first ones.
        let millis = u64::try_from(before.as_millisecond()).unwrap_or(0);
        let before = Ulid::from_parts(millis, 0).to_string();
        let mut pruned = 0;
        loop {
            let mut transaction = self.database.write().await?;
            let old =
                Statement::new("DELETE FROM usage_postings WHERE id IN (SELECT id FROM usage_postings ");
            let old = old.push("WHERE id < ").bind(before.as_str()).push(" ORDER BY id LIMIT 1000)");
            let count = transaction.execute(old).await?;
            transaction.commit().await?;
            pruned += count;
            if count < 1000 {
                return Ok(pruned);
            }
        }
    }

    /// A credential's postings, the oldest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn usage_postings(
        &self,
        scope: Scope,
        credential: impl Into<Used>,
        paging: &Paging,
    ) -> Result<Page<StoredPosting>> {
        const OF_ONE: &str = " FROM usage_postings WHERE usage_postings.credential = ";
        let rows = Statement::select(&[&USAGE]).push(OF_ONE).bind(credential.into().text());
        let rows = paging.finish(scope.narrow(rows, "usage_postings.account"), "usage_postings.id")?;
        paging.page(self.database.all(rows).await?, |stored: &StoredPosting| stored.id.clone())
    }
}

/// What of a batch concerns the ledger.
#[derive(Default)]
struct Taken<'a> {
    accepted: Vec<Accepted<'a>>,
    /// Those that came again with other content, each with the first one's id.
    contradicting: Vec<(&'a Posting, String)>,
}

async fn post<'a>(
    transaction: &mut Transaction,
    scope: Scope,
    chunk: &'a [Posting],
    taken: &mut Taken<'a>,
) -> Result<Vec<Posted>> {
    let owners = event::owners_of(transaction, scope, chunk).await?;
    let mut rows = Vec::new();
    let mut ids = Vec::with_capacity(chunk.len());
    for posting in chunk {
        let id = ulid(posting.received_at)?.to_string();
        if let Some(owner) = owners.get(&posting.credential) {
            rows.push(posting.row(&id, owner.account));
        }
        ids.push(id);
    }
    if rows.is_empty() {
        return Ok(vec![Posted::NotFound; chunk.len()]);
    }
    // Another node may post the same key at this moment, so the index decides, and tells which rows went in.
    let insert = Statement::insert(&USAGE, rows)
        .push(" ON CONFLICT (credential, kind, idempotency_key) DO NOTHING RETURNING id");
    let stored: Vec<String> = transaction.all(insert).await?;
    let mut posted = Vec::with_capacity(chunk.len());
    for (posting, id) in chunk.iter().zip(ids) {
        let Some(owner) = owners.get(&posting.credential) else {
            posted.push(Posted::NotFound);
            continue;
        };
        posted.push(if stored.contains(&id) {
            taken.accepted.push(Accepted { id: id.clone(), posting, owner: owner.clone() });
            Posted::New(id)
        } else {
            earlier(transaction, posting, taken).await?
        });
    }
    Ok(posted)
}

/// What a posting that did not go in repeats.
async fn earlier<'a>(
    transaction: &mut Transaction,
    posting: &'a Posting,
    taken: &mut Taken<'a>,
) -> Result<Posted> {
    let row = Statement::new("SELECT id, fingerprint FROM usage_postings WHERE credential = ");
    let row = row.bind(posting.credential.text()).push(" AND kind = ").bind(posting.kind.as_str());
    let row = row.push(" AND idempotency_key = ");
    let row = row.bind(posting.idempotency_key.as_deref());
    let found: Option<(String, [u8; 32])> = transaction.one(row).await?;
    let (id, fingerprint) = found.ok_or_else(|| Error::Corrupt("a posting vanished".to_owned()))?;
    if fingerprint == posting.fingerprint().0 {
        return Ok(Posted::Repeated(id));
    }
    taken.contradicting.push((posting, id));
    Ok(Posted::Conflict)
}
