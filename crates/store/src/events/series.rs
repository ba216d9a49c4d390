//! What events are told apart by, and the filter that takes some of them.

use std::ops::Range;

use tollgate_core::credential::Digest;
use tollgate_core::usage::{Intent, Outcome, UsageEvent};

use super::models::{Named, OTHER};
use super::rollup::Span;
use crate::database::Transaction;
use crate::error::Result;
use crate::scope::Scope;
use crate::statement::{Statement, Value};

/// What usage is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The name of the account that pays.
    Account,
    /// The name of the consumer that called.
    Consumer,
    /// The credential's id.
    Credential,
    /// The route's name.
    Route,
    /// The model.
    Model,
    /// The status that the caller was sent.
    Status,
    /// How the call ended.
    Outcome,
}

/// Which events are meant: those that have every value that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageFilter {
    /// The name of the account that pays.
    pub account: Option<String>,
    /// The name of the consumer that called.
    pub consumer: Option<String>,
    /// The credential's id.
    pub credential: Option<String>,
    /// The route's name.
    pub route: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The status.
    pub status: Option<u16>,
    /// How the call ended.
    pub outcome: Option<Outcome>,
}

/// One value of each dimension. What is absent is empty, or 0 for a status: no name is empty and no status is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Series<'a> {
    pub(super) account: &'a str,
    /// Apart from the name, as a scope goes by it.
    pub(super) account_id: &'a str,
    pub(super) consumer: &'a str,
    pub(super) credential: &'a str,
    pub(super) route: &'a str,
    pub(super) model: &'a str,
    pub(super) status: u16,
    pub(super) outcome: &'a str,
}

/// Names a series in roll-ups, the same in every database.
pub(super) type SeriesId = [u8; 16];

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 7] = [
        Self::Account,
        Self::Consumer,
        Self::Credential,
        Self::Route,
        Self::Model,
        Self::Status,
        Self::Outcome,
    ];

    /// Its name in JSON, SQL and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Consumer => "consumer",
            Self::Credential => "credential",
            Self::Route => "route",
            Self::Model => "model",
            Self::Status => "status",
            Self::Outcome => "outcome",
        }
    }

    /// The dimension of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == name)
    }
}

/// Roll-ups with their series, in the order of their time.
const ROLLUPS: &str =
    " FROM usage_rollups JOIN usage_series ON usage_series.series = usage_rollups.series WHERE span = ";
/// The same for SQLite, which by itself would pass those of everybody to find those of one key. Each batch puts all of them
/// in order anew.
const ROLLUPS_OF_SERIES: &str = " FROM usage_series CROSS JOIN usage_rollups INDEXED BY usage_rollups_of_series \
     ON usage_series.series = usage_rollups.series WHERE span = ";
/// So many are put in order ten times in no time.
const FEW: i64 = 20_000;

impl UsageFilter {
    /// Adds ` AND column = value` for each value to a statement that has a `WHERE`.
    pub(super) fn narrow(&self, statement: Statement) -> Statement {
        let statement = self.narrow_others(statement);
        match &self.model {
            Some(model) => statement.push(" AND model = ").bind(storable(model)),
            None => statement,
        }
    }

    /// Narrows roll-ups to those of hours that may have events of these: an event keeps the name of its model where the
    /// roll-up counts it among the others.
    pub(super) fn narrow_hours(&self, statement: Statement) -> Statement {
        let statement = self.narrow_others(statement);
        match &self.model {
            Some(model) => {
                statement.push(" AND model IN ").list([storable(model).into(), OTHER.to_owned().into()])
            }
            None => statement,
        }
    }

    /// Where a statement reads these roll-ups of a span from that begin in this time, in microseconds.
    pub(super) async fn rollups(
        &self,
        scope: Scope,
        snapshot: &mut Transaction,
        span: Span,
        time: Range<i64>,
    ) -> Result<&'static str> {
        if snapshot.is_postgres() || (scope == Scope::All && *self == Self::default()) {
            return Ok(ROLLUPS);
        }
        let found = Statement::new("SELECT count(*) FROM (SELECT 1").push(ROLLUPS_OF_SERIES);
        let found = found.bind(span.seconds()).push(" AND start >= ").bind(time.start);
        let found = found.push(" AND start < ").bind(time.end);
        let found = scope.narrow(self.narrow_hours(found), "account_id").push(" LIMIT ");
        let found: Option<i64> = snapshot.one(found.bind(FEW + 1).push(")")).await?;
        Ok(if found.is_some_and(|found| found <= FEW) { ROLLUPS_OF_SERIES } else { ROLLUPS })
    }

    fn narrow_others(&self, mut statement: Statement) -> Statement {
        let texts = [
            (" AND account = ", &self.account),
            (" AND consumer = ", &self.consumer),
            (" AND credential = ", &self.credential),
            (" AND route = ", &self.route),
        ];
        for (condition, value) in texts {
            if let Some(value) = value {
                statement = statement.push(condition).bind(storable(value));
            }
        }
        if let Some(status) = self.status {
            statement = statement.push(" AND status = ").bind(i64::from(status));
        }
        if let Some(outcome) = self.outcome {
            statement = statement.push(" AND outcome = ").bind(outcome.as_str());
        }
        statement
    }

    /// Whether an event is meant.
    pub(super) fn takes(&self, event: &UsageEvent<&str>) -> bool {
        let Intent { account, consumer, credential, route, model, .. } = &event.intent;
        let same = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| value == Some(wanted.as_str()))
        };
        same(&self.account, *account)
            && same(&self.consumer, *consumer)
            && same(&self.credential, *credential)
            && same(&self.route, Some(route))
            && same(&self.model, *model)
            && self.status.is_none_or(|wanted| event.closing.status == Some(wanted))
            && self.outcome.is_none_or(|wanted| event.closing.outcome == wanted)
    }
}

/// A text as tables have it: no name holds a NUL, and PostgreSQL takes none.
fn storable(text: &str) -> String {
    text.replace('\0', "?")
}

impl<'a> Series<'a> {
    pub(super) fn of(event: &UsageEvent<&'a str>) -> Self {
        let intent = &event.intent;
        Self {
            account: intent.account.unwrap_or_default(),
            account_id: intent.account_id.unwrap_or_default(),
            consumer: intent.consumer.unwrap_or_default(),
            credential: intent.credential.unwrap_or_default(),
            route: intent.route,
            model: intent.model.unwrap_or_default(),
            status: event.closing.status.unwrap_or_default(),
            outcome: event.closing.outcome.as_str(),
        }
    }

    /// The model as the calls of a day name it.
    pub(super) fn named(&self, day: i64) -> Named<'a> {
        let answered = (1..400).contains(&self.status);
        Named { day, credential: self.credential, answered, model: self.model }
    }

    /// The same series of another model.
    pub(super) fn of_model(self, model: &'a str) -> Self {
        Self { model, ..self }
    }

    /// The beginning of a SHA-256 over every value and its length.
    pub(super) fn id(&self) -> SeriesId {
        let mut text = b"tollgate usage series 1".to_vec();
        let texts = [self.account, self.account_id, self.consumer, self.credential, self.route, self.model];
        for value in texts.into_iter().chain([self.outcome]) {
            text.extend_from_slice(&(value.len() as u64).to_be_bytes());
            text.extend_from_slice(value.as_bytes());
        }
        text.extend_from_slice(&self.status.to_be_bytes());
        let mut id = SeriesId::default();
        id.copy_from_slice(&Digest::of(&text).0[..16]);
        id
    }

    /// The values of [`USAGE_SERIES`](crate::tables::USAGE_SERIES).
    pub(super) fn row(&self, id: SeriesId) -> Vec<Value> {
        vec![
            id.into(),
            self.account.into(),
            self.account_id.into(),
            self.consumer.into(),
            self.credential.into(),
            self.route.into(),
            self.model.into(),
            i64::from(self.status).into(),
            self.outcome.into(),
        ]
    }
}
