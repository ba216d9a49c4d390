//! The ids of the events that are kept: none is booked twice, wherever in whatever stream.
//!
//! They go to the database as one value and are taken apart there. A text and a parameter for each would cost more than
//! all else that booking does, and this way the text is always the same.

use std::collections::HashSet;

use tollgate_core::usage::chain::Linked;

use crate::database::Transaction;
use crate::error::Result;
use crate::statement::Statement;

/// An id as the table has it: the bytes of a ULID.
pub(super) type Id = [u8; 16];

/// Ids of one statement.
const AT_ONCE: usize = 5000;

/// Keeps the ids of these events, and gives the events apart whose id is known, or occurs before them; in the order in
/// which they come.
pub(super) async fn claim<'a>(
    transaction: &mut Transaction,
    events: Vec<&'a Linked>,
) -> Result<(Vec<&'a Linked>, Vec<&'a Linked>)> {
    if events.is_empty() {
        return Ok((events, Vec::new()));
    }
    let mut ids: Vec<Id> = events.iter().map(|linked| id(linked)).collect();
    // Everybody in one order: of two who bring the same ids one waits, and neither for the other.
    ids.sort_unstable();
    // Nearly always all of them are new, and to be told which ones went in costs as much as to put them in. So that is
    // asked only where it must be, after everything was taken back.
    transaction.script("SAVEPOINT usage_ids").await?;
    let mut new = 0;
    for some in ids.chunks(AT_ONCE) {
        new += transaction.execute(insert(some)).await?;
    }
    if new == ids.len() as u64 {
        return Ok((events, Vec::new()));
    }
    transaction.script("ROLLBACK TO SAVEPOINT usage_ids").await?;
    let mut new: HashSet<Id> = HashSet::new();
    for some in ids.chunks(AT_ONCE) {
        new.extend(transaction.all::<Id>(insert(some).push(" RETURNING id")).await?);
    }
    Ok(events.into_iter().partition(|linked| new.remove(&id(linked))))
}

/// Forgets ids.
pub(super) async fn forget(transaction: &mut Transaction, ids: &[Id]) -> Result<()> {
    for some in ids.chunks(AT_ONCE) {
        let gone = apart(Statement::new("DELETE FROM usage_ids WHERE id IN ("), some);
        transaction.execute(gone.push(")")).await?;
    }
    Ok(())
}

/// The id of an event.
pub(super) fn id(linked: &Linked) -> Id {
    linked.id().to_bytes()
}

fn insert(ids: &[Id]) -> Statement {
    apart(Statement::new("INSERT INTO usage_ids (id) "), ids).push(" ON CONFLICT DO NOTHING")
}

/// `SELECT` each of these ids, in their order.
fn apart(statement: Statement, ids: &[Id]) -> Statement {
    let bytes = ids.as_flattened();
    let last = i64::try_from(bytes.len()).unwrap_or(i64::MAX) - 15;
    // A step of a recursion costs more than to put an id in, so each is 64 ids long.
    let many =
        statement.push("WITH RECURSIVE many (start) AS (SELECT 1 UNION ALL SELECT start + 1024 FROM many");
    let many =
        many.push(" WHERE start + 1024 <= ").bind(last).push("), few (step) AS (VALUES (0), (128), (256), ");
    let few =
        many.push("(384), (512), (640), (768), (896)), one (step) AS (VALUES (0), (16), (32), (48), (64), ");
    let one =
        few.push("(80), (96), (112)) SELECT substr(").bind(bytes).push(", start + few.step + one.step, 16)");
    one.push(" FROM many CROSS JOIN few CROSS JOIN one WHERE start + few.step + one.step <= ").bind(last)
}
