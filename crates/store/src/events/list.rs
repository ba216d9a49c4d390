//! The events themselves, as long as they are kept.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use tollgate_core::usage::UsageEvent;
use tollgate_core::usage::chain::Linked;
use ulid::Ulid;

use super::hours::{Hours, OfHour};
use super::row::int;
use super::series::UsageFilter;
use crate::database::Transaction;
use crate::error::{Error, Result};
use crate::page::{Page, Paging};
use crate::scope::Scope;
use crate::store::Store;

/// What events are in the order of: the time, in microseconds, and the id.
type Key = (i64, Ulid);

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
        let most = usize::from(paging.limit()?) + 1;
        let after = paging.cursor.as_deref().map(parse).transpose()?;
        let begin = after.map_or(i64::MIN, |(time, _)| time).max(from.as_microsecond());
        let account_id = account_of(scope);
        let time = begin..to.as_microsecond();
        let wanted = Wanted { scope, account_id, filter, id: None, time, after };
        let mut first = First { most, found: BTreeMap::new() };
        first.read(&mut self.rolled_up().await?, &wanted).await?;
        let events = first.found.into_values().collect();
        paging.page(events, |event: &UsageEvent| {
            format!("{}-{}", int(event.intent.time_micros), event.intent.id)
        })
    }
}

impl Store {
    /// The event with this id, as long as it is kept. An id begins with the time of its event, so few blocks are read.
    ///
    /// # Errors
    /// [`Error::NotFound`], and what the database says.
    pub async fn usage_event(&self, scope: Scope, id: Ulid) -> Result<UsageEvent> {
        let filter = &UsageFilter::default();
        let begin = int(id.timestamp_ms()).saturating_mul(1000);
        let time = begin..begin.saturating_add(1000);
        let wanted = Wanted { scope, account_id: account_of(scope), filter, id: Some(id), time, after: None };
        let mut first = First { most: 1, found: BTreeMap::new() };
        first.read(&mut self.rolled_up().await?, &wanted).await?;
        first.found.into_values().next().ok_or(Error::NotFound("usage event"))
    }
}

/// The account that a scope is of.
fn account_of(scope: Scope) -> Option<String> {
    match scope {
        Scope::All => None,
        Scope::Account(own) => Some(own.to_string()),
    }
}

/// Which events are on a page and on those behind it.
struct Wanted<'a> {
    scope: Scope,
    /// The account that the scope is of.
    account_id: Option<String>,
    filter: &'a UsageFilter,
    /// The only one that is wanted.
    id: Option<Ulid>,
    time: Range<i64>,
    /// The last event of the page before.
    after: Option<Key>,
}

/// The first of the wanted events among those that were read.
struct First {
    /// How many are kept.
    most: usize,
    found: BTreeMap<Key, UsageEvent>,
}

impl Wanted<'_> {
    fn has(&self, key: Key, event: &UsageEvent<&str>) -> bool {
        self.time.contains(&key.0)
            && self.id.is_none_or(|id| key.1 == id)
            && self.after.is_none_or(|after| key > after)
            && self.account_id.as_ref().is_none_or(|own| event.intent.account_id == Some(own))
            && self.filter.takes(event)
    }
}

impl First {
    /// Reads blocks in the order of their earliest events, until those that follow have later ones than are kept.
    async fn read(&mut self, snapshot: &mut Transaction, wanted: &Wanted<'_>) -> Result<()> {
        let mut hours = Hours::new(wanted.scope, wanted.filter, wanted.time.clone());
        while let Some(hour) = hours.next(snapshot).await? {
            let mut blocks = OfHour::new(hour, wanted.time.clone());
            if self.ends_before(hour) {
                break;
            }
            while let Some(block) = blocks.next(snapshot).await? {
                if self.ends_before(block.first_time) {
                    break;
                }
                for linked in block.open()? {
                    self.add(&linked, wanted)?;
                }
            }
        }
        Ok(())
    }

    /// Whether as many are kept as may be, and all of them are of before this time.
    fn ends_before(&self, time: i64) -> bool {
        self.found.len() >= self.most
            && self.found.last_key_value().is_some_and(|((last, _), _)| *last < time)
    }

    fn add(&mut self, linked: &Linked, wanted: &Wanted<'_>) -> Result<()> {
        let key = (int(linked.time_micros()), linked.id());
        let full = self.found.len() >= self.most;
        if full && self.found.last_key_value().is_some_and(|(last, _)| *last < key) {
            return Ok(());
        }
        let event = linked.event().map_err(|error| Error::Corrupt(error.to_string()))?;
        if wanted.has(key, &event) {
            self.found.insert(key, event.into());
        }
        if self.found.len() > self.most {
            self.found.pop_last();
        }
        Ok(())
    }
}

/// Reads a cursor: the time and the id of the last event that was seen.
fn parse(cursor: &str) -> Result<Key> {
    let bad = || Error::invalid("cursor", "is not one that a list gave");
    let (time, id) = cursor.split_once('-').ok_or_else(bad)?;
    Ok((time.parse().map_err(|_| bad())?, Ulid::from_string(id).map_err(|_| bad())?))
}
