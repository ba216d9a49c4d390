//! Whether as many events are there as the roll-ups of each day count.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::floors;
use super::super::rollup::Span;
use super::UsageVerdict;
use crate::database::Transaction;
use crate::error::Result;
use crate::statement::Statement;

/// Events of a day that are there, and those that its roll-ups count.
type Counts = BTreeMap<i64, (i64, i64)>;

/// The first day of which the roll-ups count more events than there are, or fewer, among the days whose events are all kept.
pub(super) async fn uncounted(snapshot: &mut Transaction) -> Result<Option<UsageVerdict>> {
    let from = floors::of(snapshot, None).await?.unwrap_or(i64::MIN);
    let mut days = Counts::new();
    // Blocks that wait are in no roll-up yet. Sums of integers are decimals in PostgreSQL, hence the casts.
    let there = Statement::new(
        "SELECT hour, CAST(sum(events) AS BIGINT) FROM usage_blocks WHERE NOT EXISTS \
         (SELECT 1 FROM usage_waiting WHERE usage_waiting.stream = usage_blocks.stream \
         AND usage_waiting.first = usage_blocks.first) AND hour >= ",
    );
    for (hour, events) in snapshot.all::<(i64, i64)>(there.bind(from).push(" GROUP BY hour")).await? {
        days.entry(Span::Day.floor(hour)).or_default().0 += events;
    }
    let counted = Statement::new(
        "SELECT start, CAST(sum(reported + counted + estimated) AS BIGINT) FROM usage_rollups WHERE span = ",
    );
    let counted = counted.bind(Span::Day.seconds()).push(" AND start >= ").bind(from);
    for (day, events) in snapshot.all::<(i64, i64)>(counted.push(" GROUP BY start")).await? {
        days.entry(day).or_default().1 += events;
    }
    let holes = floors::holes(snapshot).await?;
    days.retain(|day, _| !holes.contains(day));
    let other = days.into_iter().find(|(_, (there, counted))| there != counted);
    Ok(other.map(|(day, (there, counted))| UsageVerdict::Uncounted {
        day: Timestamp::from_microsecond(day).unwrap_or_default(),
        events: there.max(0).cast_unsigned(),
        counted: counted.max(0).cast_unsigned(),
    }))
}
