//! An event as a row, and back: the row gives the very same event, or the chain over it would prove nothing.

use std::str::FromStr;

use tollgate_core::usage::chain::Linked;
use tollgate_core::usage::{Closing, Intent, Measure, Measures, Outcome, Quality, UsageEvent};
use ulid::Ulid;

use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::Value;

/// A number of an event as a column holds it. An event's own bounds are the same ([`UsageEvent::of`]).
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The values of [`USAGE_EVENTS`](crate::tables::USAGE_EVENTS).
pub(super) fn row(linked: &Linked) -> Vec<Value> {
    let UsageEvent { stream, seq, intent, closing } = &linked.event;
    let mut row: Vec<Value> = vec![
        stream.to_string().into(),
        int(*seq).into(),
        intent.id.to_string().into(),
        int(intent.time_micros).into(),
        (&*intent.node).into(),
        intent.account.as_deref().into(),
        intent.account_id.as_deref().into(),
        intent.consumer.as_deref().into(),
        intent.credential.as_deref().into(),
        (&*intent.route).into(),
        intent.model.as_deref().into(),
        (&*intent.method).into(),
        (&*intent.path).into(),
        intent.client_request_id.as_deref().into(),
        intent.tier.as_deref().into(),
        closing.outcome.as_str().into(),
        closing.status.map(i64::from).into(),
        int(closing.duration_ms).into(),
        int(closing.upstream_ms).into(),
        int(closing.queue_ms).into(),
        int(closing.request_bytes).into(),
        int(closing.response_bytes).into(),
    ];
    row.extend(measures(&closing.measures));
    row.extend([closing.quality.as_str().into(), linked.hash.into()]);
    row
}

/// One value for each measure, in the order of the columns, which is that of [`Measure::ALL`].
pub(super) fn measures(measures: &Measures) -> impl Iterator<Item = Value> {
    Measure::ALL.into_iter().map(|measure| measures.of(measure).map(int).into())
}

impl Read for Linked {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let (stream, seq) = (columns.parse()?, unsigned(columns)?);
        let intent = Intent {
            id: id(columns)?,
            time_micros: unsigned(columns)?,
            node: columns.next::<String>()?,
            account: columns.next()?,
            account_id: columns.next()?,
            consumer: columns.next()?,
            credential: columns.next()?,
            route: columns.next()?,
            model: columns.next()?,
            method: columns.next()?,
            path: columns.next()?,
            client_request_id: columns.next()?,
            tier: columns.next()?,
        };
        let closing = Closing {
            outcome: columns.next::<Named<Outcome>>()?.0,
            status: columns.next::<Option<i64>>()?.and_then(|status| u16::try_from(status).ok()),
            duration_ms: unsigned(columns)?,
            upstream_ms: unsigned(columns)?,
            queue_ms: unsigned(columns)?,
            request_bytes: unsigned(columns)?,
            response_bytes: unsigned(columns)?,
            measures: columns.next()?,
            quality: columns.next::<Named<Quality>>()?.0,
        };
        let event = UsageEvent { stream, seq, intent: intent.map(String::into_boxed_str), closing };
        Ok(Self { event, hash: columns.next()? })
    }
}

impl Read for Measures {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let mut measures = Self::default();
        for measure in Measure::ALL {
            if let Some(value) = columns.next::<Option<i64>>()? {
                measures = measures.with(measure, checked(value, columns)?);
            }
        }
        Ok(measures)
    }
}

/// A number that is not negative.
pub(super) fn unsigned(columns: &mut Columns<'_>) -> Result<u64> {
    let value = columns.next::<i64>()?;
    checked(value, columns)
}

fn checked(value: i64, columns: &Columns<'_>) -> Result<u64> {
    u64::try_from(value).map_err(|_| columns.damaged(&value.to_string()))
}

/// The id of an event.
pub(super) fn id(columns: &mut Columns<'_>) -> Result<Ulid> {
    let text = columns.next::<String>()?;
    Ulid::from_string(&text).map_err(|_| columns.damaged(&text))
}

/// One of a closed set, by its name.
struct Named<T>(T);

impl FromStr for Named<Outcome> {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text).map(Self).ok_or(())
    }
}

impl FromStr for Named<Quality> {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Quality::ALL.into_iter().find(|quality| quality.as_str() == text).map(Self).ok_or(())
    }
}

impl<T> Read for Named<T>
where
    Self: FromStr,
{
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        columns.parse()
    }
}
