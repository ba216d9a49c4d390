//! Many rows at once, found by their keys.
//!
//! They go in statements of many rows. Where there are more of them, PostgreSQL gets them by COPY into a temporary table
//! and does the rest in one statement. Either way rows are taken in the order of their keys: two that write the same rows
//! cannot wait for each other.

use futures_util::future::BoxFuture;

use super::{Inner, Transaction};
use crate::error::Result;
use crate::row::{Read, Row};
use crate::statement::{Statement, Value};
use crate::tables::{Column, Table};

/// Whether rows that are read stay as they are until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Others may change them.
    No,
    /// Others wait. SQLite has nobody else who writes.
    Yes,
}

impl Transaction {
    /// Writes those rows that no other row stands in the way of, and gives the keys of those that went in.
    pub(crate) async fn insert_new<K: Read>(
        &mut self,
        table: &'static Table,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<K>> {
        let rest = |statement: Statement| {
            statement.push(" ON CONFLICT DO NOTHING RETURNING ").names(names(keys_of(table)))
        };
        read(self.write_all(table, rows, rest).await?)
    }

    /// The rows with the keys of these, which stay as they are until the transaction ends; those that are not there yet
    /// go in first. One statement for both, so that nobody makes a row between them.
    pub(crate) async fn hold_or_insert<T: Read>(
        &mut self,
        table: &'static Table,
        rows: Vec<Vec<Value>>,
    ) -> Result<Vec<T>> {
        let Some(same) = table.columns.get(table.key) else { return Ok(Vec::new()) };
        let rest = |statement: Statement| {
            // To hold a row is to change it, if to what it was.
            let statement =
                statement.push(" ON CONFLICT (").names(names(keys_of(table))).push(") DO UPDATE SET ");
            let statement = statement.push(same.name).push(" = ").push(table.name).push(".").push(same.name);
            statement.push(" RETURNING ").names(names(table.columns))
        };
        read(self.write_all(table, rows, rest).await?)
    }

    /// Writes rows, each in the place of the one that has its key, if there is one.
    pub(crate) async fn replace(&mut self, table: &'static Table, rows: Vec<Vec<Value>>) -> Result<()> {
        let rest = |statement: Statement| {
            let mut statement = statement.push(" ON CONFLICT (").names(names(keys_of(table)));
            for (at, column) in table.columns[table.key..].iter().enumerate() {
                let before = if at == 0 { ") DO UPDATE SET " } else { ", " };
                statement = statement.push(before).push(column.name).push(" = excluded.").push(column.name);
            }
            statement
        };
        self.write_all(table, rows, rest).await.map(|_| ())
    }

    /// The rows with these keys, as far as there are some, in the order of the keys.
    pub(crate) async fn keyed<T: Read>(
        &mut self,
        table: &'static Table,
        keys: Vec<Vec<Value>>,
        hold: Hold,
    ) -> Result<Vec<T>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if self.is_postgres() && keys.len() > Statement::keys_at_once(table) {
            self.stage(table, keys_of(table), &keys).await?;
            let mut rows = Statement::select(&[table]).push(" FROM ");
            rows.text.push_str(&staging(table));
            let rows = joined(rows.push(" AS wanted JOIN "), table);
            let rows = if hold == Hold::Yes { rows.push(" FOR UPDATE OF ").push(table.name) } else { rows };
            return self.all(rows).await;
        }
        let mut found = Vec::new();
        for some in keys.chunks(Statement::keys_at_once(table)) {
            let mut rows = Statement::new("WITH wanted (").names(names(keys_of(table))).push(") AS (VALUES ");
            for (at, key) in some.iter().enumerate() {
                rows = if at > 0 { rows.push(", ") } else { rows }.list(key.iter().cloned());
            }
            rows.kept = Statement::comes_again(some.len(), Statement::keys_at_once(table));
            let select = Statement::select(&[table]).text;
            rows.text.push_str(") ");
            rows.text.push_str(&select);
            let rows = if self.is_postgres() {
                let rows = joined(rows.push(" FROM wanted JOIN "), table);
                if hold == Hold::Yes { rows.push(" FOR UPDATE OF ").push(table.name) } else { rows }
            } else {
                // A cross join keeps SQLite to the order of the tables: a look-up for each wanted key.
                joined(rows.push(" FROM wanted CROSS JOIN "), table)
            };
            found.extend(self.all(rows).await?);
        }
        Ok(found)
    }

    /// Inserts rows by statements that end as `rest` says.
    async fn write_all(
        &mut self,
        table: &'static Table,
        mut rows: Vec<Vec<Value>>,
        rest: impl Fn(Statement) -> Statement,
    ) -> Result<Vec<Row>> {
        rows.sort_by(|a, b| a[..table.key].cmp(&b[..table.key]));
        if self.is_postgres() && rows.len() > Statement::rows_at_once(table) {
            self.stage(table, table.columns, &rows).await?;
            let insert =
                Statement::new("INSERT INTO ").push(table.name).push(" (").names(names(table.columns));
            let mut insert = insert.push(") SELECT ").names(names(table.columns)).push(" FROM ");
            insert.text.push_str(&staging(table));
            return self.rows(rest(insert.push(" ORDER BY ").names(names(keys_of(table))))).await;
        }
        let mut written = Vec::new();
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some = rows.by_ref().take(Statement::rows_at_once(table));
            written.extend(self.rows(rest(Statement::insert(table, some))).await?);
        }
        Ok(written)
    }

    /// Puts rows of these columns into the table's temporary one, which has them alone then.
    fn stage<'a>(
        &'a mut self,
        table: &'static Table,
        columns: &'a [Column],
        rows: &'a [Vec<Value>],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let name = staging(table);
            // Made once for each connection. It has the columns and none of the rules: keys come without the rest.
            let make = format!(
                "CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS SELECT * FROM {} WITH NO DATA; \
             DELETE FROM {name}",
                table.name
            );
            let list: Vec<&str> = names(columns).collect();
            let copy = format!("COPY {name} ({}) FROM STDIN (FORMAT binary)", list.join(", "));
            let bytes = copied(rows);
            self.mind(async |inner| match inner {
                Inner::Sqlite(_) => Ok(()),
                Inner::Postgres(inner) => {
                    sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&mut **inner).await?;
                    let mut target = inner.copy_in_raw(&copy).await?;
                    match target.send(bytes).await {
                        Ok(_) => target.finish().await.map(|_| ()),
                        Err(error) => {
                            // The first failure says why; that of giving up says nothing more.
                            let _ = target.abort("the rows could not be sent").await;
                            Err(error)
                        }
                    }
                }
            })
            .await
        })
    }
}

/// `table ON table.k = wanted.k AND … ORDER BY table.k, …` behind what was said so far.
fn joined(mut statement: Statement, table: &'static Table) -> Statement {
    statement = statement.push(table.name);
    for (at, column) in keys_of(table).iter().enumerate() {
        statement = statement.push(if at == 0 { " ON " } else { " AND " }).push(table.name).push(".");
        statement = statement.push(column.name).push(" = wanted.").push(column.name);
    }
    for (at, column) in keys_of(table).iter().enumerate() {
        let before = if at == 0 { " ORDER BY " } else { ", " };
        statement = statement.push(before).push(table.name).push(".").push(column.name);
    }
    statement
}

fn keys_of(table: &'static Table) -> &'static [Column] {
    &table.columns[..table.key]
}

fn names(columns: &[Column]) -> impl Iterator<Item = &'static str> {
    columns.iter().map(|column| column.name)
}

fn staging(table: &Table) -> String {
    format!("pg_temp.staged_{}", table.name)
}

fn read<T: Read>(rows: Vec<Row>) -> Result<Vec<T>> {
    rows.iter().map(Row::read).collect()
}

/// Rows in the binary form of COPY (PostgreSQL, `COPY`, "Binary Format").
fn copied(rows: &[Vec<Value>]) -> Vec<u8> {
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        bytes.extend_from_slice(&i16::try_from(row.len()).unwrap_or_default().to_be_bytes());
        for value in row {
            match value {
                Value::Int(Some(number)) => field(&number.to_be_bytes(), &mut bytes),
                Value::Text(Some(text)) => field(text.as_bytes(), &mut bytes),
                Value::Bytes(Some(value)) => field(value, &mut bytes),
                Value::Int(None) | Value::Text(None) | Value::Bytes(None) => {
                    bytes.extend_from_slice(&(-1_i32).to_be_bytes());
                }
            }
        }
    }
    bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    bytes
}

fn field(value: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&i32::try_from(value.len()).unwrap_or_default().to_be_bytes());
    bytes.extend_from_slice(value);
}
