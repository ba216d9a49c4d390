//! What is deleted because of its age.
//!
//! Events are kept from the beginning of a day on. Those of a clock that was ahead go with what came behind them: of their
//! days, which are holes then, the sums stay and cannot be made anew.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::plan::Segment;
use super::rollup::Span;
use crate::database::{Hold, Transaction};
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::tables::{USAGE_FLOORS, USAGE_HOLES};

/// What stands for events among the spans.
const EVENTS: i64 = 0;

/// Before when roll-ups of this span, or events where there is none, are deleted; in microseconds.
pub(super) async fn of(transaction: &mut Transaction, span: Option<Span>) -> Result<Option<i64>> {
    let floor = Statement::new("SELECT before FROM usage_floors WHERE span = ");
    transaction.one(floor.bind(span.map_or(EVENTS, Span::seconds))).await
}

/// Notes that what began before this is deleted; it never goes back. Others who delete wait until the transaction ends.
pub(super) async fn raise(transaction: &mut Transaction, span: Option<Span>, before: i64) -> Result<()> {
    let key = || vec![span.map_or(EVENTS, Span::seconds).into()];
    let row = |before: i64| [key(), vec![before.into()]].concat();
    let _: Vec<i64> = transaction.insert_new(&USAGE_FLOORS, vec![row(before)]).await?;
    let known: Vec<(i64, i64)> = transaction.keyed(&USAGE_FLOORS, vec![key()], Hold::Yes).await?;
    let known = known.first().map_or(before, |(_, known)| *known);
    if known < before {
        transaction.replace(&USAGE_FLOORS, vec![row(before)]).await?;
    }
    Ok(())
}

/// The days, by when they began, of which not all events are kept though all of later ones may be.
pub(super) async fn holes(transaction: &mut Transaction) -> Result<BTreeSet<i64>> {
    let days = Statement::new("SELECT day FROM usage_holes ORDER BY day");
    Ok(transaction.all(days).await?.into_iter().collect())
}

/// Notes that events of these days are deleted.
pub(super) async fn add_holes(transaction: &mut Transaction, days: BTreeSet<i64>) -> Result<()> {
    let rows = days.into_iter().map(|day| vec![day.into()]).collect();
    transaction.insert_new::<i64>(&USAGE_HOLES, rows).await.map(|_| ())
}

/// Makes sure that nothing is deleted that a plan reads.
pub(super) async fn check(snapshot: &mut Transaction, segments: &[Segment]) -> Result<()> {
    for span in Span::ALL {
        let Some(before) = of(snapshot, Some(span)).await? else { continue };
        if segments.iter().any(|segment| segment.span == span && segment.start < before) {
            let before = Timestamp::from_microsecond(before).unwrap_or(Timestamp::MIN);
            let why = format!("reaches to where no {}s are kept any more ({before}); ask for", span.as_str());
            let longer = match span {
                Span::Minute => "whole hours",
                Span::Hour | Span::Day => "whole days of UTC",
            };
            return Err(Error::invalid("from", format!("{why} {longer}")));
        }
    }
    Ok(())
}
