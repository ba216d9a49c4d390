//! Usage events: booked once, rolled up, asked for, kept for a time, verified.

mod alarm;
mod book;
mod latencies;
mod rollup;
mod row;
mod series;
mod stream;
mod totals;

pub use alarm::{Alarm, AlarmKind};
pub use book::Booked;
pub use latencies::Latencies;
pub use series::{Dimension, UsageFilter};
pub use totals::UsageTotals;
