//! What is asked of usage: a range of time, what tells groups apart, and which calls count.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tollgate_core::usage::Outcome;
use tollgate_store::{Dimension, Paging, Period, UsageFilter, UsageQuery};
use utoipa::IntoParams;

use crate::admin::problem::{Problem, Result};
use crate::admin::value;

/// How far back is asked where nothing is said.
const BACK: SignedDuration = SignedDuration::from_hours(24);
/// Days of a zone are looked up one by one, so no more than ten years of them are.
const ZONED: SignedDuration = SignedDuration::from_hours(24 * 3660);

/// Which sums are asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskedSums {
    /// From when, as RFC 3339 writes it; a whole minute. 24 hours before `to` unless set.
    #[param(format = DateTime)]
    from: Option<String>,
    /// To before when; a whole minute. The end of this minute unless set.
    #[param(format = DateTime)]
    to: Option<String>,
    /// What tells groups apart, with commas between: of `account`, `consumer`, `credential` (or `key`, which items have as `credential`), `route`, `model`,
    /// `status`, `outcome` any, and of `minute`, `hour`, `day` at most one.
    #[param(example = "consumer,day")]
    by: Option<String>,
    /// Whose hours and days, such as `Europe/Berlin`; UTC unless set.
    zone: Option<String>,
    /// Calls of this account alone.
    account: Option<String>,
    /// Calls of this consumer alone.
    consumer: Option<String>,
    /// Calls with this credential alone; `key` is the same.
    #[serde(alias = "key")]
    credential: Option<String>,
    /// Calls of this route alone.
    route: Option<String>,
    /// Calls of this model alone.
    model: Option<String>,
    /// Calls that were answered with this status alone.
    #[param(minimum = 0, maximum = 999)]
    status: Option<u16>,
    /// Calls that ended so alone: `served`, `cancelled`, `upstream_error`, `interrupted`.
    outcome: Option<String>,
    /// `next` of the page before; absent for the first one.
    cursor: Option<String>,
    /// Items at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// Which events are asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskedEvents {
    /// From when, as RFC 3339 writes it. 24 hours before `to` unless set.
    #[param(format = DateTime)]
    from: Option<String>,
    /// To before when. The end of this minute unless set.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Calls of this account alone.
    account: Option<String>,
    /// Calls of this consumer alone.
    consumer: Option<String>,
    /// Calls with this credential alone; `key` is the same.
    #[serde(alias = "key")]
    credential: Option<String>,
    /// Calls of this route alone.
    route: Option<String>,
    /// Calls of this model alone.
    model: Option<String>,
    /// Calls that were answered with this status alone.
    #[param(minimum = 0, maximum = 999)]
    status: Option<u16>,
    /// Calls that ended so alone: `served`, `cancelled`, `upstream_error`, `interrupted`.
    outcome: Option<String>,
    /// `next` of the page before; absent for the first one.
    cursor: Option<String>,
    /// Items at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

impl AskedSums {
    pub fn paging(&self) -> Paging {
        Paging { cursor: self.cursor.clone(), limit: self.limit }
    }

    /// The question to the store.
    pub fn query(self, now: Timestamp) -> Result<UsageQuery> {
        let zone = match &self.zone {
            None => TimeZone::UTC,
            Some(name) => {
                TimeZone::get(name).map_err(|_| Problem::invalid("zone", "is no time zone that is known"))?
            }
        };
        let (from, to) = range(self.from.as_deref(), self.to.as_deref(), now)?;
        let (by, period) = by(self.by.as_deref().unwrap_or_default())?;
        if period == Some(Period::Day) && zone != TimeZone::UTC && to.duration_since(from) > ZONED {
            return Err(Problem::invalid("from", "is more than ten years before `to`; ask for days of UTC"));
        }
        let filter = UsageFilter {
            account: self.account,
            consumer: self.consumer,
            credential: self.credential,
            route: self.route,
            model: self.model,
            status: self.status,
            outcome: outcome(self.outcome.as_deref())?,
        };
        Ok(UsageQuery { from, to, period, zone, by, filter })
    }
}

impl AskedEvents {
    pub fn paging(&self) -> Paging {
        Paging { cursor: self.cursor.clone(), limit: self.limit }
    }

    /// From when to before when.
    pub fn range(&self, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
        range(self.from.as_deref(), self.to.as_deref(), now)
    }

    pub fn filter(self) -> Result<UsageFilter> {
        Ok(UsageFilter {
            account: self.account,
            consumer: self.consumer,
            credential: self.credential,
            route: self.route,
            model: self.model,
            status: self.status,
            outcome: outcome(self.outcome.as_deref())?,
        })
    }
}

fn range(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let is_open = to.is_none();
    let to = match to {
        Some(text) => value::time("to", text)?,
        None => {
            let next = now.as_second() - now.as_second().rem_euclid(60) + 60;
            Timestamp::from_second(next).unwrap_or(now)
        }
    };
    let from = match from {
        Some(text) => value::time("from", text)?,
        None => to.checked_sub(BACK).unwrap_or(Timestamp::MIN),
    };
    if from > to && is_open {
        return Err(Problem::invalid("from", "is ahead of now, and no `to` is given"));
    }
    if from > to {
        return Err(Problem::invalid("to", "is before `from`"));
    }
    Ok((from, to))
}

/// Takes apart what groups are told apart by.
fn by(text: &str) -> Result<(Vec<Dimension>, Option<Period>)> {
    let (mut by, mut found) = (Vec::new(), None);
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let name = if word == "key" { "credential" } else { word };
        if let Some(dimension) = Dimension::named(name) {
            if by.contains(&dimension) {
                return Err(Problem::invalid("by", format!("names `{name}` twice")));
            }
            by.push(dimension);
            continue;
        }
        let Some(period) = period(name) else {
            let why = "takes `account`, `consumer`, `credential`, `route`, `model`, `status`, `outcome`, \
                       and one of `minute`, `hour`, `day`";
            return Err(Problem::invalid("by", why));
        };
        if found.replace(period).is_some() {
            return Err(Problem::invalid("by", "takes at most one of `minute`, `hour`, `day`"));
        }
    }
    Ok((by, found))
}

fn period(name: &str) -> Option<Period> {
    [Period::Minute, Period::Hour, Period::Day].into_iter().find(|period| period.as_str() == name)
}

fn outcome(text: Option<&str>) -> Result<Option<Outcome>> {
    let Some(text) = text else { return Ok(None) };
    let found = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
    let why = "is one of `served`, `cancelled`, `upstream_error`, `interrupted`";
    found.map(Some).ok_or_else(|| Problem::invalid("outcome", why))
}
