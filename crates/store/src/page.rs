//! Lists that are read in pages.

use crate::error::{Error, Result};
use crate::statement::Statement;

/// The most items of one page.
pub const PAGE_LIMIT: u16 = 1000;

/// Which page is asked for.
///
/// A cursor is the identifier of the last item that was seen, so a walk meets each row that is there from its beginning
/// to its end exactly once, however many rows come and go meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// [`Page::next`] of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// Items at most, from 1 to [`PAGE_LIMIT`]; absent means 100.
    pub limit: Option<u16>,
}

/// One page of a list, the oldest items first.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items in order.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<String>,
}

impl Paging {
    /// Items at most.
    pub(crate) fn limit(&self) -> Result<u16> {
        match self.limit.unwrap_or(100) {
            0 => Err(Error::invalid("limit", "must be at least 1")),
            limit if limit > PAGE_LIMIT => {
                Err(Error::invalid("limit", format!("must be at most {PAGE_LIMIT}")))
            }
            limit => Ok(limit),
        }
    }

    /// Finishes a statement that has a `WHERE`: what comes after the cursor, and one row more than the page has, which
    /// tells whether there is another page.
    pub(crate) fn finish(&self, statement: Statement, column: &'static str) -> Result<Statement> {
        let after = match self.cursor.as_deref() {
            None => statement,
            Some(text) => {
                let known = ulid::Ulid::from_string(text).is_ok_and(|ulid| ulid.to_string() == text);
                if !known {
                    return Err(Error::invalid("cursor", "is not one that a list gave"));
                }
                statement.push(" AND ").push(column).push(" > ").bind(text)
            }
        };
        let limit = i64::from(self.limit()?) + 1;
        Ok(after.push(" ORDER BY ").push(column).push(" LIMIT ").bind(limit))
    }

    /// Makes the page of the rows that a finished statement found.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> String) -> Result<Page<T>> {
        let limit = usize::from(self.limit()?);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(id);
        Ok(Page { items, next })
    }
}
