//! Usage events: booked once, rolled up, asked for, kept for a time, verified.
//!
//! What the gates' journals tell is brought by [`Store::book`](crate::Store::book), at least once and in batches of any
//! streams. The events lie in compressed blocks, which cost little to write; whoever wants them as rows exports them. What
//! they come to is added to roll-ups when enough of them wait or somebody asks. Questions about sums are answered from
//! roll-ups alone, so that they cost what they ask for and not what happened; they stay when the events are deleted.

mod alarm;
mod block;
mod book;
mod floors;
mod hours;
mod ids;
mod latencies;
mod list;
mod models;
mod places;
mod plan;
mod prune;
mod query;
mod replay;
mod rollup;
mod row;
mod series;
mod stream;
mod totals;
mod verify;
mod waiting;

pub(crate) use alarm::raise;
pub use alarm::{Alarm, AlarmKind};
pub use book::Booked;
pub(crate) use book::book;
pub(crate) use hours::place_of;
pub use latencies::Latencies;
pub use plan::Period;
pub use prune::{Pruned, Retention};
pub(crate) use query::since;
pub use query::{UsageQuery, UsageReport, UsageRow};
pub use replay::{Mended, Replayed, Short, Stored};
pub(crate) use row::int;
pub use series::{Dimension, UsageFilter};
pub(crate) use stream::own as own_stream;
pub use totals::UsageTotals;
pub use verify::UsageVerdict;
pub(crate) use waiting::Pace;
