//! Roll-ups of days whose events are deleted, which nothing can make anew.

use jiff::Timestamp;

use super::mended::{self, Replayed};
use crate::database::Database;
use crate::error::Result;
use crate::events::floors;
use crate::events::rollup::Span;
use crate::events::totals::UsageTotals;
use crate::row::{Columns, Read};
use crate::statement::Statement;
use crate::tables::USAGE_ROLLUPS;

/// Roll-ups that are read at once.
const AT_ONCE: i64 = 5000;

/// A roll-up, and whether it can be read.
struct Old {
    start: i64,
    series: Vec<u8>,
    is_read: bool,
}

/// Tells of those that cannot be read.
pub(super) async fn tell(database: &Database, replayed: &mut Replayed) -> Result<()> {
    let mut snapshot = database.snapshot().await?;
    let Some(kept) = floors::of(&mut snapshot, None).await? else { return Ok(()) };
    for span in Span::ALL {
        let mut after = (i64::MIN, Vec::new());
        loop {
            let rows = Statement::select(&[&USAGE_ROLLUPS]).push(" FROM usage_rollups WHERE span = ");
            let rows = rows.bind(span.seconds()).push(" AND start < ").bind(kept);
            let rows = rows.push(" AND (start, series) > (").bind(after.0).push(", ").bind(after.1);
            let rows: Vec<Old> =
                snapshot.all(rows.push(") ORDER BY start, series LIMIT ").bind(AT_ONCE)).await?;
            let Some(last) = rows.last() else { break };
            after = (last.start, last.series.clone());
            for old in rows.iter().filter(|old| !old.is_read || old.series.len() != 16) {
                replayed.lost += 1;
                let start = Timestamp::from_microsecond(old.start).unwrap_or_default();
                replayed.name(|| mended::damaged(Some((span.period(), start))));
            }
        }
    }
    Ok(())
}

impl Read for Old {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let _span: i64 = columns.next()?;
        let (start, series) = (columns.next()?, columns.next()?);
        Ok(Self { start, series, is_read: columns.next::<UsageTotals>().is_ok() })
    }
}
