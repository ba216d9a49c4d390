//! The events themselves, as long as they are kept.

use jiff::Timestamp;
use tollgate_core::usage::UsageEvent;
use tollgate_core::usage::chain::Linked;
use ulid::Ulid;

use super::row::int;
use super::series::UsageFilter;
use crate::error::{Error, Result};
use crate::page::{Page, Paging};
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;
use crate::tables::USAGE_EVENTS;

impl Store {
    /// The events from a time to before another, in the order of their times and ids.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit that is none, and what the database says.
    pub async fn usage_events(
        &self,
        scope: Scope,
        filter: &UsageFilter,
        from: Timestamp,
        to: Timestamp,
        paging: &Paging,
    ) -> Result<Page<UsageEvent>> {
        let rows = Statement::select(&[&USAGE_EVENTS]).push(" FROM usage_events WHERE time >= ").bind(from);
        let mut rows = rows.push(" AND time < ").bind(to);
        if let Some((time, id)) = paging.cursor.as_deref().map(parse).transpose()? {
            rows = rows.push(" AND (time, id) > ").list([time.into(), id.to_string().into()]);
        }
        let rows = scope.narrow(filter.narrow(rows), "account_id").push(" ORDER BY time, id LIMIT ");
        let rows: Vec<Linked> = self.database.all(rows.bind(i64::from(paging.limit()?) + 1)).await?;
        let events = rows.into_iter().map(|linked| linked.event).collect();
        paging.page(events, |event: &UsageEvent| {
            format!("{}-{}", int(event.intent.time_micros), event.intent.id)
        })
    }
}

/// Reads a cursor: the time and the id of the last event that was seen.
fn parse(cursor: &str) -> Result<(i64, Ulid)> {
    let bad = || Error::invalid("cursor", "is not one that a list gave");
    let (time, id) = cursor.split_once('-').ok_or_else(bad)?;
    Ok((time.parse().map_err(|_| bad())?, Ulid::from_string(id).map_err(|_| bad())?))
}
