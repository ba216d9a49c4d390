//! Who changed what, in a chain that shows when a row of it was touched.
//!
//! Each row has the hash of the row before it, and its own hash over that and everything it says. Somebody who can write
//! to the database could still make the whole chain anew; a hash that is kept elsewhere ([`Store::audit_head`]) and
//! given to [`Store::verify_audit`] finds that, too. The tables refuse to change or delete rows, so that nothing does
//! it by mistake.

use jiff::Timestamp;
use serde_json::Value as Json;
use tollgate_core::credential::Digest;

use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::page::{Page, Paging};
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::{ACCOUNTS, AUDIT, CONSUMERS, CREDENTIALS};

/// One row of the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its place in the chain, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who: the id of a credential, or a word such as `bootstrap`.
    pub actor: String,
    /// What, such as `credential.revoke`.
    pub action: String,
    /// To which object: its identifier.
    pub object: String,
    /// Whose object it is; absent for acts that concern nobody's.
    pub account: Option<AccountId>,
    /// The object before, without secrets.
    pub before: Option<Json>,
    /// The object after, without secrets.
    pub after: Option<Json>,
    /// Hash over all of it and over the hash before.
    pub hash: [u8; 32],
}

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The newest row; 0 where there is none.
    pub seq: i64,
    /// Its hash; zeros where there is none.
    pub hash: [u8; 32],
}

/// What a walk over the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every row is as it was written, up to this one.
    Whole(AuditHead),
    /// This row is the first that is not.
    Broken {
        /// Its number.
        seq: i64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Every row is as it was written, and there are objects of whose making no row tells: rows were taken away.
    Unaudited {
        /// `account`, `consumer` or `credential`.
        kind: &'static str,
        /// The first of them.
        id: String,
        /// How many there are of this kind.
        count: u64,
    },
    /// Every row is as it was written, and these triggers are missing, which refuse to change or delete rows.
    Unguarded {
        /// Their names.
        missing: Vec<&'static str>,
    },
}

/// What is hashed of a row; the texts are those in the table.
pub(crate) struct Link {
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) account: Option<AccountId>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) previous: [u8; 32],
}

impl Link {
    pub(crate) fn row(self, hash: [u8; 32]) -> Vec<Value> {
        vec![
            self.seq.into(),
            self.at.into(),
            self.actor.into(),
            self.action.into(),
            self.object.into(),
            self.account.into(),
            self.before.into(),
            self.after.into(),
            self.previous.into(),
            hash.into(),
        ]
    }
}

/// A link and the hash that stands beside it.
struct Chained {
    link: Link,
    hash: [u8; 32],
}

impl Read for Chained {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let link = Link {
            seq: columns.next()?,
            at: columns.next()?,
            actor: columns.next()?,
            action: columns.next()?,
            object: columns.next()?,
            account: columns.next()?,
            before: columns.next()?,
            after: columns.next()?,
            previous: columns.next()?,
        };
        Ok(Self { link, hash: columns.next()? })
    }
}

impl AuditRow {
    /// The hash that the row must have after a row with the hash `previous`, as [`Store::verify_audit`] computes it.
    /// Whoever reads the rows elsewhere can so walk the chain without trusting who has them.
    pub fn hash_after(&self, previous: [u8; 32]) -> [u8; 32] {
        hash(&Link {
            seq: self.seq,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.clone(),
            object: self.object.clone(),
            account: self.account,
            before: self.before.as_ref().map(Json::to_string),
            after: self.after.as_ref().map(Json::to_string),
            previous,
        })
    }
}

impl Read for AuditRow {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let Chained { link, hash } = columns.next()?;
        let json = |text: Option<String>| {
            let damaged = |_| Error::Corrupt(format!("audit row {} holds no JSON", link.seq));
            text.map(|text| serde_json::from_str(&text)).transpose().map_err(damaged)
        };
        Ok(Self {
            seq: link.seq,
            at: link.at,
            before: json(link.before)?,
            after: json(link.after)?,
            actor: link.actor,
            action: link.action,
            object: link.object,
            account: link.account,
            hash,
        })
    }
}

impl Read for AuditHead {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { seq: columns.next()?, hash: columns.next()? })
    }
}

impl Store {
    /// A page of the audit, oldest rows first. A scope of one account sees what concerns its own objects.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that no page gave, and what the database says.
    pub async fn audit(&self, scope: Scope, paging: &Paging) -> Result<Page<AuditRow>> {
        let after: i64 = match paging.cursor.as_deref() {
            None => 0,
            Some(text) => {
                text.parse().map_err(|_| Error::invalid("cursor", "is not one that a list gave"))?
            }
        };
        let rows = scope.narrow(select().bind(after), "account");
        let rows = rows.push(" ORDER BY seq LIMIT ").bind(i64::from(paging.limit()?) + 1);
        paging.page(self.database.all(rows).await?, |row: &AuditRow| row.seq.to_string())
    }

    /// The end of the chain. Kept elsewhere, it is what a later [`Store::verify_audit`] is held against.
    ///
    /// # Errors
    /// What the database says.
    pub async fn audit_head(&self) -> Result<AuditHead> {
        let head = Statement::new("SELECT audit_seq, audit_hash FROM head WHERE id = 1");
        let head = self.database.one(head).await?;
        head.ok_or_else(|| Error::Corrupt("the head row is missing".to_owned()))
    }

    /// The triggers that keep the audit's rows from being changed, and are missing or switched off.
    ///
    /// # Errors
    /// What the database says.
    pub async fn missing_audit_guards(&self) -> Result<Vec<&'static str>> {
        missing_guards(&mut self.database.snapshot().await?).await
    }

    /// Walks the whole chain and names the first broken row; where there is none, looks whether the chain tells of every
    /// object, and whether it is guarded. `known` is an end of the chain that was kept elsewhere.
    ///
    /// # Errors
    /// What the database says.
    pub async fn verify_audit(&self, known: Option<AuditHead>) -> Result<Verdict> {
        const BATCH: i64 = 1000;
        // One state of the database, so that a change that is committed meanwhile is no contradiction.
        let mut snapshot = self.database.snapshot().await?;
        let end = Statement::new("SELECT audit_seq, audit_hash FROM head WHERE id = 1");
        let end: Option<AuditHead> = snapshot.one(end).await?;
        let mut last = AuditHead { seq: 0, hash: [0; 32] };
        loop {
            let rows = select().bind(last.seq).push(" ORDER BY seq LIMIT ").bind(BATCH);
            let rows: Vec<Chained> = snapshot.all(rows).await?;
            for Chained { link, hash: found } in &rows {
                if let Some(why) = broken(link, *found, last, known) {
                    return Ok(Verdict::Broken { seq: last.seq + 1, why });
                }
                last = AuditHead { seq: link.seq, hash: *found };
            }
            if rows.is_empty() {
                break;
            }
        }
        let verdict =
            if known.is_some_and(|known| known.seq > last.seq) || end.is_some_and(|end| end.seq > last.seq) {
                Verdict::Broken { seq: last.seq + 1, why: "it is missing, and so is all that follows" }
            } else if end != Some(last) {
                Verdict::Broken { seq: last.seq, why: "the head row names another end of the chain" }
            } else if let Some(unaudited) = unaudited(&mut snapshot).await? {
                unaudited
            } else {
                match missing_guards(&mut snapshot).await? {
                    missing if missing.is_empty() => Verdict::Whole(last),
                    missing => Verdict::Unguarded { missing },
                }
            };
        Ok(verdict)
    }
}

/// The first objects of which no row tells. Nothing is made without one, and rows are kept for ever.
async fn unaudited(snapshot: &mut Transaction) -> Result<Option<Verdict>> {
    for (kind, table) in [("account", &ACCOUNTS), ("consumer", &CONSUMERS), ("credential", &CREDENTIALS)] {
        let objects = Statement::new("SELECT count(*), min(id) FROM ").push(table.name);
        let objects = objects.push(" WHERE id NOT IN (SELECT object FROM audit)");
        let found: Option<(i64, Option<String>)> = snapshot.one(objects).await?;
        if let Some((count, Some(id))) = found {
            return Ok(Some(Verdict::Unaudited { kind, id, count: u64::try_from(count).unwrap_or(0) }));
        }
    }
    Ok(None)
}

async fn missing_guards(snapshot: &mut Transaction) -> Result<Vec<&'static str>> {
    let (guards, present): (&[&str], _) = if snapshot.is_postgres() {
        // `O` and `A` are the two ways in which a trigger is on for us.
        let present = "SELECT tgname::text FROM pg_trigger \
             WHERE tgrelid = to_regclass('audit') AND tgenabled IN ('O', 'A')";
        (&["audit_is_append_only"], present)
    } else {
        let present = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'";
        (&["audit_is_never_changed", "audit_is_never_deleted"], present)
    };
    let present: Vec<String> = snapshot.all(Statement::new(present)).await?;
    Ok(guards.iter().copied().filter(|guard| !present.iter().any(|name| name == guard)).collect())
}

/// The hash of a row. Every part tells whether it is there and how long it is, so that nothing can move from one part
/// into the next.
pub(crate) fn hash(link: &Link) -> [u8; 32] {
    let mut text = b"tollgate audit 1".to_vec();
    text.extend_from_slice(&link.previous);
    text.extend_from_slice(&link.seq.to_be_bytes());
    text.extend_from_slice(&link.at.as_microsecond().to_be_bytes());
    let account = link.account.map(|account| account.to_string());
    let parts = [
        Some(link.actor.as_str()),
        Some(&link.action),
        Some(&link.object),
        account.as_deref(),
        link.before.as_deref(),
        link.after.as_deref(),
    ];
    for part in parts {
        text.push(u8::from(part.is_some()));
        let part = part.unwrap_or_default();
        text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    Digest::of(&text).0
}

/// What is wrong with the row that follows `last`, if anything.
fn broken(link: &Link, found: [u8; 32], last: AuditHead, known: Option<AuditHead>) -> Option<&'static str> {
    if link.seq != last.seq + 1 {
        return Some("it is missing");
    }
    if link.previous != last.hash {
        return Some("it does not follow from the row before it");
    }
    if hash(link) != found {
        return Some("its hash is not that of what it says");
    }
    let other = known.is_some_and(|known| known.seq == link.seq && known.hash != found);
    other.then_some("its hash is not the one that was kept elsewhere")
}

/// `SELECT … FROM audit WHERE seq > `
fn select() -> Statement {
    Statement::select(&[&AUDIT]).push(" FROM audit WHERE seq > ")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
