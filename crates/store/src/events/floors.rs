//! What is deleted because of its age.

use jiff::Timestamp;

use super::plan::Segment;
use super::rollup::Span;
use crate::database::{Hold, Transaction};
use crate::error::{Error, Result};
use crate::statement::Statement;
use crate::tables::USAGE_FLOORS;

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
