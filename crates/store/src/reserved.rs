//! Names and lookup keys that a configuration file declares: one namespace over file and store.

use std::collections::BTreeSet;

use tollgate_core::consumer::Name;

use crate::credentials::{Kind, Lookup};
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::RESERVED;
use crate::text;

/// What one configuration file declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservations {
    entries: BTreeSet<Entry>,
}

/// What a file declares and the store has already; the file must give way, because the store's is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// `account`, `consumer` or the kind of a credential.
    pub kind: String,
    /// The name or id; absent for an API key, of which only the digest is known.
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    kind: String,
    lookup: Vec<u8>,
}

impl Read for Entry {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { kind: columns.next()?, lookup: columns.next()? })
    }
}

impl Reservations {
    /// Adds the name of an account.
    pub fn account(&mut self, name: &Name) {
        self.add("account", name.as_str().as_bytes());
    }

    /// Adds the name of a consumer.
    pub fn consumer(&mut self, name: &Name) {
        self.add("consumer", name.as_str().as_bytes());
    }

    /// Adds what finds a credential.
    pub fn credential(&mut self, kind: Kind, lookup: &Lookup) {
        self.add(kind.as_str(), lookup.as_bytes());
    }

    fn add(&mut self, kind: &str, lookup: &[u8]) {
        self.entries.insert(Entry { kind: kind.to_owned(), lookup: lookup.to_owned() });
    }
}

impl Store {
    /// Reserves what a configuration file declares, in place of what the same source declared before. `source` names
    /// whose file it is; gates of one fleet that serve the same file have the same one.
    ///
    /// Where the store has something of it already, nothing is reserved and the list says what. A name of an account
    /// is no conflict: a file may put consumers into an account of the store.
    ///
    /// # Errors
    /// What the database says.
    pub async fn reserve(&self, source: &str, reservations: &Reservations) -> Result<Vec<Taken>> {
        text::check("source", source, 128)?;
        let mut transaction = self.database.write().await?;
        if transaction.is_postgres() {
            // What makes names waits here, and what is reserved here is seen there.
            transaction.execute(Statement::new("SELECT rev FROM head WHERE id = 1 FOR UPDATE")).await?;
        }
        let now = Statement::new("SELECT kind, lookup FROM reserved WHERE source = ").bind(source);
        let before: BTreeSet<Entry> = transaction.all(now).await?.into_iter().collect();
        let new: Vec<&Entry> = reservations.entries.difference(&before).collect();
        let mut taken = Vec::new();
        for entries in new.chunks(500) {
            taken.extend(already_there(&mut transaction, entries).await?);
        }
        if !taken.is_empty() {
            return Ok(taken);
        }
        for gone in before.difference(&reservations.entries) {
            let row = Statement::new("DELETE FROM reserved WHERE source = ").bind(source);
            let row = row.push(" AND kind = ").bind(gone.kind.as_str()).push(" AND lookup = ");
            transaction.execute(row.bind(gone.lookup.as_slice())).await?;
        }
        let row =
            |entry: &&Entry| vec![source.into(), entry.kind.as_str().into(), entry.lookup.as_slice().into()];
        transaction.insert(&RESERVED, new.iter().map(row).collect()).await?;
        transaction.commit().await?;
        Ok(taken)
    }
}

/// [`Error::Reserved`] where a file declares it.
pub(crate) async fn check(transaction: &mut Transaction, kind: &'static str, lookup: &[u8]) -> Result<()> {
    let one = Statement::new("SELECT source FROM reserved WHERE kind = ").bind(kind);
    let one = one.push(" AND lookup = ").bind(lookup).push(" LIMIT 1");
    match transaction.one::<String>(one).await? {
        Some(_) => Err(reserved(kind, lookup)),
        None => Ok(()),
    }
}

/// The refusal of what a file declares.
pub(crate) fn reserved(kind: &str, lookup: &[u8]) -> Error {
    match shown(kind, lookup) {
        Some(name) => Error::Reserved(format!("the {kind} `{name}`")),
        None => Error::Reserved(format!("this {kind}")),
    }
}

/// Which of these the tables have.
async fn already_there(transaction: &mut Transaction, entries: &[&Entry]) -> Result<Vec<Taken>> {
    let names = |kind: &str| -> Vec<Value> {
        let texts = entries.iter().filter(|entry| entry.kind == kind);
        texts.map(|entry| Value::Text(String::from_utf8(entry.lookup.clone()).ok())).collect()
    };
    let lookups: Vec<Value> = entries.iter().map(|entry| entry.lookup.as_slice().into()).collect();
    let mut taken = Vec::new();
    let consumers = names("consumer");
    if !consumers.is_empty() {
        let rows = Statement::new("SELECT name FROM consumers WHERE name IN ").list(consumers);
        for name in transaction.all::<String>(rows).await? {
            taken.push(Taken { kind: "consumer".to_owned(), name: Some(name) });
        }
    }
    let kinds = Kind::ALL.map(|kind| Value::from(kind.as_str()));
    let rows = Statement::new("SELECT kind, lookup FROM credentials WHERE kind IN ").list(kinds);
    let rows = rows.push(" AND lookup IN ").list(lookups);
    for found in transaction.all::<Entry>(rows).await? {
        if entries.contains(&&found) {
            taken.push(Taken { name: shown(&found.kind, &found.lookup), kind: found.kind });
        }
    }
    Ok(taken)
}

/// What may be shown of a lookup key.
fn shown(kind: &str, lookup: &[u8]) -> Option<String> {
    if kind == Kind::ApiKey.as_str() { None } else { String::from_utf8(lookup.to_owned()).ok() }
}
