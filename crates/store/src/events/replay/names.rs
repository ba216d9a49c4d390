//! Whether series are named as they were when their roll-ups were written.
//!
//! A series' id is a digest of its names, so a name that was changed is found without an event. Which names belong there
//! the events say.

use std::collections::BTreeMap;

use super::mended::{self, Mended, Replayed, Stored};
use crate::database::{Database, Transaction};
use crate::error::Result;
use crate::events::floors;
use crate::events::rollup::Span;
use crate::events::series::{Series, SeriesId};
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::USAGE_SERIES;

/// Series that are read at once.
const AT_ONCE: i64 = 5000;

/// The series that are not named as they should be.
pub(super) struct Names {
    /// What stands there, or nothing.
    wrong: BTreeMap<SeriesId, Option<Row>>,
    /// Those that were put right within a transaction.
    right: Vec<SeriesId>,
}

/// A series as it is stored.
struct Row {
    id: Vec<u8>,
    /// Absent where one of them is no text.
    said: Option<Said>,
}

/// What a series is named.
struct Said {
    /// In the order of the table: account, its id, consumer, credential, route, model.
    names: [String; 6],
    status: i64,
    outcome: String,
}

impl Names {
    /// Looks at the names of all series, and for roll-ups whose series is not there.
    pub(super) async fn look(database: &Database) -> Result<Self> {
        let mut snapshot = database.snapshot().await?;
        let mut wrong = BTreeMap::new();
        let mut after = Vec::new();
        loop {
            let rows = Statement::select(&[&USAGE_SERIES]).push(" FROM usage_series WHERE series > ");
            let rows = rows.bind(after).push(" ORDER BY series LIMIT ").bind(AT_ONCE);
            let rows: Vec<Row> = snapshot.all(rows).await?;
            let Some(last) = rows.last() else { break };
            after = last.id.clone();
            for row in rows.into_iter().filter(|row| !row.is_right()) {
                // An id of another length no roll-up has.
                wrong.extend(SeriesId::try_from(row.id.as_slice()).ok().map(|id| (id, Some(row))));
            }
        }
        let missing = Statement::new(
            "SELECT DISTINCT series FROM usage_rollups WHERE length(series) = 16 AND NOT EXISTS \
             (SELECT 1 FROM usage_series WHERE usage_series.series = usage_rollups.series)",
        );
        wrong.extend(snapshot.all::<SeriesId>(missing).await?.into_iter().map(|id| (id, None)));
        Ok(Self { wrong, right: Vec::new() })
    }

    /// Puts those of these series right that are not, which are rows of the table.
    pub(super) async fn mend(
        &mut self,
        transaction: &mut Transaction,
        made: &BTreeMap<SeriesId, Vec<Value>>,
        replayed: &mut Replayed,
    ) -> Result<()> {
        let mut rows = Vec::new();
        for (id, row) in made {
            if let Some(was) = self.wrong.get(id).filter(|_| !self.right.contains(id)) {
                replayed.note(|| difference(was.as_ref(), row));
                rows.push(row.clone());
                self.right.push(*id);
            }
        }
        transaction.replace(&USAGE_SERIES, rows).await
    }

    /// Forgets those that were put right, as the transaction did what it was to do.
    pub(super) fn settle(&mut self) {
        for id in self.right.drain(..) {
            self.wrong.remove(&id);
        }
    }

    /// Takes those for wrong again that were put right, as the transaction changed nothing.
    pub(super) fn take_back(&mut self) {
        self.right.clear();
    }

    /// Tells of the rest: those that roll-ups have of which no events are kept.
    pub(super) async fn give_up(self, database: &Database, replayed: &mut Replayed) -> Result<()> {
        let mut snapshot = database.snapshot().await?;
        let kept = floors::of(&mut snapshot, None).await?.unwrap_or(i64::MIN);
        let holes = floors::holes(&mut snapshot).await?;
        for (id, row) in self.wrong {
            let days = Statement::new("SELECT start FROM usage_rollups WHERE series = ").bind(id);
            let days: Vec<i64> = snapshot.all(days.push(" AND span = ").bind(Span::Day.seconds())).await?;
            if days.iter().any(|day| *day < kept || holes.contains(day)) {
                replayed.lost += 1;
                replayed.name(|| {
                    let said = row.and_then(|row| row.said);
                    let [_, _, consumer, _, route, model] = said.map(|said| said.names).unwrap_or_default();
                    Mended { consumer, route, model, ..mended::damaged(None) }
                });
            }
        }
        Ok(())
    }
}

impl Row {
    /// Whether the names are those that the id was made of.
    fn is_right(&self) -> bool {
        let Some(Said { names, status, outcome }) = &self.said else { return false };
        let [account, account_id, consumer, credential, route, model] = names.each_ref();
        let Ok(status) = u16::try_from(*status) else { return false };
        Series { account, account_id, consumer, credential, route, model, status, outcome }.id()[..]
            == self.id
    }
}

impl Said {
    /// The names as the table has them behind the id.
    fn values(&self) -> Vec<Value> {
        let names = self.names.iter().map(|name| Value::from(&**name));
        names.chain([self.status.into(), self.outcome.as_str().into()]).collect()
    }
}

impl Read for Row {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { id: columns.next()?, said: columns.next().ok() })
    }
}

impl Read for Said {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        let mut names: [String; 6] = Default::default();
        for name in &mut names {
            *name = columns.next()?;
        }
        Ok(Self { names, status: columns.next()?, outcome: columns.next()? })
    }
}

/// The first name in which a stored series differs from what its events say, which is a row of the table.
fn difference(was: Option<&Row>, is: &[Value]) -> Mended {
    let said = was.and_then(|was| was.said.as_ref()).map(Said::values);
    let first = said.as_ref().and_then(|said| said.iter().zip(&is[1..]).position(|(was, is)| was != is));
    // Where there is nothing, the consumer is what most ask for.
    let at = first.map_or(CONSUMER, |first| first + 1);
    let text = |value: Option<&Value>| match value {
        Some(Value::Text(Some(text))) => text.clone(),
        Some(Value::Int(Some(number))) => number.to_string(),
        _ => String::new(),
    };
    let stored = match &said {
        Some(said) => Stored::Name(text(said.get(at - 1))),
        None => Stored::Damaged,
    };
    Mended {
        time: None,
        consumer: text(is.get(CONSUMER)),
        route: text(is.get(ROUTE)),
        model: text(is.get(MODEL)),
        what: USAGE_SERIES.columns.get(at).map_or("", |column| column.name),
        was: was.map(|_| stored),
        is: Some(Stored::Name(text(is.get(at)))),
    }
}

/// Where the consumer stands in a row,
const CONSUMER: usize = 3;
/// the route
const ROUTE: usize = 5;
/// and the model.
const MODEL: usize = 6;
