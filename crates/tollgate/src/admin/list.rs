//! Lists in pages.

use serde::{Deserialize, Serialize};
use tollgate_store::{PAGE_LIMIT, Page, Paging};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Problem, Result};

/// What cursors into the configuration file begin with; no identifier of the store does.
const OF_FILE: &str = "file:";
const DEFAULT_LIMIT: u16 = 100;

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageOf {
    /// `next` of the page before; absent for the first one.
    pub cursor: Option<String>,
    /// Items at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u16>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items in order.
    pub items: Vec<T>,
    /// What to ask on with, as `cursor`; `null` on the last page.
    pub next: Option<String>,
}

/// A page that begins among what the file declares and may go on in the store.
#[derive(Debug)]
pub struct Started<T> {
    items: Vec<T>,
    next: Option<String>,
    /// What is to be asked of the store; absent where the page is full.
    pub rest: Option<Paging>,
}

impl PageOf {
    /// The page of a list that is in the store alone.
    pub fn paging(self) -> Paging {
        Paging { cursor: self.cursor, limit: self.limit }
    }

    /// Begins a page of a list that has what the file declares, sorted by name, before what the store has.
    pub fn start<T>(self, of_file: impl Iterator<Item = (String, T)>) -> Result<Started<T>> {
        let limit = self.limit()?;
        let after = match self.cursor.as_deref().map(|cursor| cursor.strip_prefix(OF_FILE).ok_or(cursor)) {
            None => None,
            Some(Ok(name)) => Some(name.to_owned()),
            Some(Err(_)) => {
                let rest = Paging { cursor: self.cursor, limit: Some(limit) };
                return Ok(Started { items: Vec::new(), next: None, rest: Some(rest) });
            }
        };
        let rest = of_file.skip_while(|(name, _)| after.as_ref().is_some_and(|after| name <= after));
        let (mut items, mut last) = (Vec::new(), None);
        for (name, item) in rest.take(usize::from(limit)) {
            items.push(item);
            last = Some(format!("{OF_FILE}{name}"));
        }
        let room = limit.saturating_sub(u16::try_from(items.len()).unwrap_or(limit));
        // Whether the store has anything is asked with the next page, if this one is full.
        Ok(match room {
            0 => Started { items, next: last, rest: None },
            room => {
                let rest = Paging { cursor: None, limit: Some(room) };
                Started { items, next: None, rest: Some(rest) }
            }
        })
    }

    /// Items at most.
    pub fn limit(&self) -> Result<u16> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=PAGE_LIMIT => Ok(limit),
            _ => Err(Problem::invalid("limit", format!("must be from 1 to {PAGE_LIMIT}"))),
        }
    }
}

impl<T> Items<T> {
    /// A page of the store, in the form of the control plane.
    pub fn of<U>(page: Page<U>, form: impl Fn(U) -> T) -> Self {
        Self { items: page.items.into_iter().map(form).collect(), next: page.next }
    }
}

impl<T> Started<T> {
    /// The page as far as it is known.
    pub fn full(self) -> Items<T> {
        Items { items: self.items, next: self.next }
    }

    /// The page with what the store has for the rest of it.
    pub fn and<U>(mut self, page: Page<U>, form: impl Fn(U) -> T) -> Items<T> {
        self.items.extend(page.items.into_iter().map(form));
        Items { items: self.items, next: page.next }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
