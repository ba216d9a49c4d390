//! What is remembered: accounts, consumers, credentials, usage, audit; in SQLite or in PostgreSQL.
//!
//! A [`Store`] is the handle of one database. It reads by itself; accounts, consumers and credentials are written
//! through a [`Change`], which puts any number of steps, their audit rows and the numbers that directories look for
//! into one transaction:
//!
//! ```
//! # use tollgate_core::consumer::Name;
//! # async fn example(store: &tollgate_store::Store, name: Name, now: jiff::Timestamp) -> tollgate_store::Result<()> {
//! use tollgate_store::{Actor, NewConsumer, NewCredential, NewProof, Scope};
//!
//! let mut change = store.change(&Actor::new("init")?, now).await?;
//! let account = change.create_account(Scope::All, name.clone()).await?;
//! let consumer = NewConsumer { account: account.id, name, tier: None, scopes: None };
//! let consumer = change.create_consumer(Scope::All, consumer).await?;
//! let proof = NewProof::api_key("hk_live_…");
//! change.create_credential(Scope::All, NewCredential::new(consumer.id, "first", proof)).await?;
//! change.commit().await
//! # }
//! ```
//!
//! An admin key is a credential of the kind `api_key` like any other: its scopes (`admin`, `keys:write`, …) make it
//! one, and only the control plane asks for them. So it is made, bound to networks, rotated, revoked and audited by the
//! same code as the keys of callers.
//!
//! Everything takes a [`Scope`]; what lies outside of it is not found. Time is an argument, never read from a clock.
//! The store knows nothing of HTTP and of the gate.

mod accounts;
mod alone;
mod audit;
mod backup;
mod change;
mod changes;
mod consumers;
mod copy;
mod credentials;
mod database;
mod error;
mod events;
mod feed;
mod file_use;
mod id;
mod idempotency;
mod inspect;
mod migrations;
mod page;
mod patch;
mod quota;
mod random;
mod reserved;
mod row;
mod scope;
mod sealing;
mod statement;
mod store;
mod tables;
mod text;
mod time;
mod usage;
mod watch;

pub use accounts::Account;
pub use alone::Alone;
pub use audit::{AuditHead, AuditRow, Verdict};
pub use change::{Actor, Change};
pub use changes::{ChangeKind, Changed, Changes};
pub use consumers::{Consumer, ConsumerPatch, NewConsumer};
pub use copy::{TableDigest, copy};
pub use credentials::{
    Credential, CredentialFilter, CredentialPatch, Found, Kind, Lookup, NewCredential, NewProof, Rotated,
    Rotation, Secret, State,
};
pub use error::{Conflict, Error, Result};
pub use events::{
    Alarm, AlarmKind, Booked, Dimension, Latencies, Mended, Period, Pruned, Replayed, Retention, Short,
    Stored, UsageFilter, UsageQuery, UsageReport, UsageRow, UsageTotals, UsageVerdict,
};
pub use feed::{Arrival, FeedWorker, PartHeld, Step, Stray};
pub use file_use::FileUse;
pub use id::{AccountId, ConsumerId, CredentialId};
pub use idempotency::{Answer, IdempotencyKey};
pub use inspect::{Inspection, inspect};
pub use page::{PAGE_LIMIT, Page, Paging};
pub use patch::Set;
pub use quota::{Lease, Leased, Quota, QuotaFigure, QuotaKey};
pub use reserved::{Reservations, Taken};
pub use scope::Scope;
pub use sealing::{Plaintext, Resealed};
pub use store::Store;
pub use usage::{EndpointCount, Posted, Posting, PostingKind, StoredPosting, UsageSummary, Used};
pub use watch::Watch;
