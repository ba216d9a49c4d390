//! The one way to change accounts, consumers and credentials.

use jiff::Timestamp;
use serde_json::Value as Json;
use tollgate_core::consumer::Name;

use crate::audit::{self, Link};
use crate::changes::ChangeKind;
use crate::database::Transaction;
use crate::error::{Conflict, Error, Result};
use crate::id::AccountId;
use crate::reserved;
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::{AUDIT, CHANGES, Table};
use crate::text;
use crate::time::whole;

/// Who changes something, as the audit names them: the id of a credential, or a word such as `init` or `bootstrap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

/// A change: any number of steps that happen together, or not at all.
///
/// Each step writes what it changes, a numbered row that tells every node's directory to look again, and a row of the
/// audit chain. [`commit`](Change::commit) makes them last; a change that is dropped never happened.
///
/// From its beginning to its end a change holds the head row, so that changes happen one after the other, on
/// PostgreSQL too. Numbers handed out to two transactions at once could be committed in the other order, and a node
/// that reads 'rev above the last I saw' would then never see the lower one. It also lets a step look whether a name is
/// free and take it. So keep changes short: do nothing slow between two steps, and write nothing else meanwhile.
pub struct Change<'a> {
    pub(crate) store: &'a Store,
    pub(crate) transaction: Transaction,
    pub(crate) actor: Actor,
    pub(crate) now: Timestamp,
    head: Head,
    /// Whether the head moved.
    moved: bool,
}

/// What a step did to one object, for the directory and the audit.
pub(crate) struct Step {
    /// What nodes should look at again; absent for what no directory holds.
    pub(crate) changed: Option<(ChangeKind, String)>,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) account: Option<AccountId>,
    pub(crate) before: Option<Json>,
    pub(crate) after: Option<Json>,
}

/// A row that changes touch: an account, a consumer or a credential.
pub(crate) trait Record: Read {
    const TABLE: &'static Table;
    const KIND: ChangeKind;

    /// The values of the table's columns, in their order.
    fn row(&self) -> Vec<Value>;
    fn id(&self) -> String;
    fn owner(&self) -> AccountId;
    /// What the audit keeps: everything but secrets.
    fn view(&self) -> Json;
    fn set_rev(&mut self, rev: i64);
}

struct Head {
    rev: i64,
    audit_seq: i64,
    audit_hash: [u8; 32],
}

impl Read for Head {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { rev: columns.next()?, audit_seq: columns.next()?, audit_hash: columns.next()? })
    }
}

impl Actor {
    /// Takes a text of 1 to 128 printable characters.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other.
    pub fn new(text: &str) -> Result<Self> {
        text::check("actor", text, 128)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> Change<'a> {
    pub(crate) async fn begin(store: &'a Store, actor: Actor, now: Timestamp) -> Result<Self> {
        let mut transaction = store.database.write().await?;
        let mut lock = Statement::new("SELECT rev, audit_seq, audit_hash FROM head WHERE id = 1");
        if transaction.is_postgres() {
            // SQLite has locked the whole file. Here the row is the lock, and at READ COMMITTED whatever follows sees
            // everything that was committed before the lock was had.
            lock = lock.push(" FOR UPDATE");
        }
        let head = transaction.one(lock).await?.ok_or_else(headless)?;
        Ok(Self { store, transaction, actor, now: whole(now), head, moved: false })
    }

    /// Makes every step last. When this returns, they are on the database's disk.
    ///
    /// # Errors
    /// What the database says; nothing happened then, unless it is [`Error::Unavailable`]: a database that went away
    /// while it committed leaves open whether it did. Asking again with the same idempotency key tells.
    pub async fn commit(mut self) -> Result<()> {
        if self.moved {
            let Head { rev, audit_seq, audit_hash } = self.head;
            let head = Statement::new("UPDATE head SET rev = ").bind(rev);
            let head = head.push(", audit_seq = ").bind(audit_seq).push(", audit_hash = ").bind(audit_hash);
            self.transaction.execute(head.push(" WHERE id = 1")).await?;
            if self.transaction.is_postgres() {
                // Delivered with the commit; it only says 'look now', so it may get lost.
                let notify = Statement::new("SELECT pg_notify('tollgate_changes', ").bind(rev.to_string());
                self.transaction.execute(notify.push(")")).await?;
            }
        }
        self.transaction.commit().await
    }

    /// Puts an act into the audit that changes nothing here: a bootstrap key was used, a file was loaded.
    ///
    /// # Errors
    /// [`Error::Invalid`] for texts that are empty, too long or not printable, and what the database says.
    pub async fn note(&mut self, action: &str, object: &str, details: Json) -> Result<()> {
        text::check("action", action, 64)?;
        text::check("object", object, 255)?;
        let (action, object) = (action.to_owned(), object.to_owned());
        let step = Step { changed: None, action, object, account: None, before: None, after: Some(details) };
        self.record(vec![step]).await
    }

    /// The number that the next step gets.
    pub(crate) fn next_rev(&self) -> i64 {
        self.head.rev + 1
    }

    /// Makes sure that nothing of this kind has the name, in the store or in a configuration file.
    pub(crate) async fn name_is_free<T: Record>(&mut self, name: &Name) -> Result<()> {
        reserved::check(&mut self.transaction, T::KIND.as_str(), name.as_str().as_bytes()).await?;
        let taken = Statement::new("SELECT id FROM ").push(T::TABLE.name).push(" WHERE name = ");
        match self.transaction.one::<String>(taken.bind(name.as_str())).await? {
            Some(_) => Err(Conflict::Name(name.to_string()).into()),
            None => Ok(()),
        }
    }

    /// Writes a new row, and that it is new.
    pub(crate) async fn insert<T: Record>(&mut self, mut record: T) -> Result<T> {
        record.set_rev(self.next_rev());
        self.transaction.insert(T::TABLE, vec![record.row()]).await?;
        self.record(vec![Step::of("create", None, Some(&record))]).await?;
        Ok(record)
    }

    /// Writes a row again, and what became of it.
    pub(crate) async fn update<T: Record>(&mut self, action: &str, before: &T, mut after: T) -> Result<T> {
        after.set_rev(self.next_rev());
        self.transaction.execute(Statement::update(T::TABLE, after.row())).await?;
        self.record(vec![Step::of(action, Some(before), Some(&after))]).await?;
        Ok(after)
    }

    /// Numbers the steps and chains them.
    pub(crate) async fn record(&mut self, steps: Vec<Step>) -> Result<()> {
        let mut changes = Vec::new();
        let mut rows = Vec::with_capacity(steps.len());
        for step in steps {
            if let Some((kind, id)) = step.changed {
                self.head.rev += 1;
                changes.push(vec![self.head.rev.into(), kind.as_str().into(), id.into()]);
            }
            self.head.audit_seq += 1;
            let link = Link {
                seq: self.head.audit_seq,
                at: self.now,
                actor: self.actor.as_str().to_owned(),
                action: step.action,
                object: step.object,
                account: step.account,
                before: step.before.map(|json| json.to_string()),
                after: step.after.map(|json| json.to_string()),
                previous: self.head.audit_hash,
            };
            self.head.audit_hash = audit::hash(&link);
            rows.push(link.row(self.head.audit_hash));
        }
        self.moved |= !rows.is_empty();
        self.transaction.insert(&CHANGES, changes).await?;
        self.transaction.insert(&AUDIT, rows).await
    }
}

impl Step {
    /// What happened to a record; `action` is a verb, and the kind of the record goes before it.
    pub(crate) fn of<T: Record>(action: &str, before: Option<&T>, after: Option<&T>) -> Self {
        let record = after.or(before);
        let id = record.map(T::id).unwrap_or_default();
        Self {
            action: format!("{}.{action}", T::KIND.as_str()),
            object: id.clone(),
            changed: Some((T::KIND, id)),
            account: record.map(T::owner),
            before: before.map(T::view),
            after: after.map(T::view),
        }
    }
}

fn headless() -> Error {
    Error::Corrupt("the head row is missing".to_owned())
}
