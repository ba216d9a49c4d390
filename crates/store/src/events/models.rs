//! Names of models that roll-ups tell apart.
//!
//! A caller may write any name into a request, and roll-ups of days stay for ever. So a day takes a bounded number of
//! names from each credential, and counts calls under further ones as those of [`OTHER`]; events keep the names that they
//! have. Names of calls that were answered are bounded apart and more widely: whoever invents names does not keep those
//! out that a model has, which money may depend on.
//!
//! Which names a day took is kept for as long as its events, so that roll-ups that are made anew are the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::row::unsigned;
use crate::database::{Hold, Transaction};
use crate::error::Result;
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::tables::USAGE_MODELS;

/// What stands for names beyond the bound.
pub(super) const OTHER: &str = "(other)";
/// Names of a day and a credential whose calls failed, or have no answer,
const FAILED: u64 = 1000;
/// and those whose calls have a status below 400.
const ANSWERED: u64 = 10_000;
/// Credentials of one statement.
const AT_ONCE: usize = 500;

/// A model as calls name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named<'a> {
    /// When the day began, in microseconds.
    pub(super) day: i64,
    /// Whose calls these are; empty where there is no credential.
    pub(super) credential: &'a str,
    /// Whether their status is below 400.
    pub(super) answered: bool,
    /// The name.
    pub(super) model: &'a str,
}

/// What is known of names: whether their days tell them apart.
#[derive(Default)]
pub(super) struct Models {
    known: HashMap<(i64, bool), HashMap<String, HashMap<String, bool>>>,
    /// How many names a day took from a credential, these among them.
    counts: BTreeMap<(i64, String, bool), u64>,
    /// Rows of names that were taken and are not written yet.
    taken: Vec<Vec<Value>>,
}

/// A row of the table.
struct Taken {
    day: i64,
    credential: String,
    answered: bool,
    model: String,
}

/// How many names a day took from a credential.
struct Count(String, bool, u64);

impl<'a> Named<'a> {
    fn row(self) -> Vec<Value> {
        vec![self.day.into(), self.credential.into(), i64::from(self.answered).into(), self.model.into()]
    }
}

impl Models {
    /// Learns which of these names are told apart. Those that are new are taken as far as there is room.
    pub(super) async fn learn(
        &mut self,
        transaction: &mut Transaction,
        names: impl IntoIterator<Item = Named<'_>>,
    ) -> Result<()> {
        let mut new: BTreeSet<Named<'_>> = BTreeSet::new();
        new.extend(names.into_iter().filter(|name| !name.model.is_empty() && self.get(name).is_none()));
        let keys = new.iter().map(|name| name.row()).collect();
        for Taken { day, credential, answered, model } in
            transaction.keyed::<Taken>(&USAGE_MODELS, keys, Hold::No).await?
        {
            self.set(&Named { day, credential: &credential, answered, model: &model }, true);
        }
        new.retain(|name| self.get(name).is_none());
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<Named<'_>> = new.into_iter().collect();
        self.count(transaction, &new).await?;
        for name in new {
            let count = self.counts.entry((name.day, name.credential.to_owned(), name.answered)).or_default();
            let room = *count < if name.answered { ANSWERED } else { FAILED };
            *count += u64::from(room);
            self.taken.extend(room.then(|| name.row()));
            self.set(&name, room);
        }
        Ok(())
    }

    /// Writes the names that were taken. Whoever brings the same ones at this moment is waited for, so a transaction does
    /// that once: two that took turns with it could wait for each other.
    pub(super) async fn write(&mut self, transaction: &mut Transaction) -> Result<()> {
        let rows = std::mem::take(&mut self.taken);
        transaction.insert_new::<Taken>(&USAGE_MODELS, rows).await.map(|_| ())
    }

    /// What calls under this name are counted as; the name must have been learned.
    pub(super) fn told<'a>(&self, name: &Named<'a>) -> &'a str {
        match self.get(name) {
            Some(false) => OTHER,
            Some(true) | None => name.model,
        }
    }

    /// Looks up how many names the days of these took from their credentials, where that is not known yet.
    async fn count(&mut self, transaction: &mut Transaction, names: &[Named<'_>]) -> Result<()> {
        for of_day in names.chunk_by(|a, b| a.day == b.day) {
            let Some(day) = of_day.first().map(|name| name.day) else { continue };
            let mut credentials: Vec<&str> = of_day.iter().map(|name| name.credential).collect();
            credentials.dedup();
            credentials
                .retain(|credential| !self.counts.contains_key(&(day, (*credential).to_owned(), true)));
            for some in credentials.chunks(AT_ONCE) {
                for credential in some {
                    for answered in [false, true] {
                        self.counts.insert((day, (*credential).to_owned(), answered), 0);
                    }
                }
                let rows =
                    Statement::new("SELECT credential, answered, count(*) FROM usage_models WHERE day = ");
                let rows = rows.bind(day).push(" AND credential IN ");
                let rows = rows.list(some.iter().map(|credential| Value::from(*credential)));
                for Count(credential, answered, count) in
                    transaction.all(rows.push(" GROUP BY credential, answered")).await?
                {
                    self.counts.insert((day, credential, answered), count);
                }
            }
        }
        Ok(())
    }

    fn get(&self, name: &Named<'_>) -> Option<bool> {
        self.known.get(&(name.day, name.answered))?.get(name.credential)?.get(name.model).copied()
    }

    fn set(&mut self, name: &Named<'_>, is_told: bool) {
        let day = self.known.entry((name.day, name.answered)).or_default();
        day.entry(name.credential.to_owned()).or_default().insert(name.model.to_owned(), is_told);
    }
}

impl Read for Taken {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            day: columns.next()?,
            credential: columns.next()?,
            answered: columns.next::<i64>()? == 1,
            model: columns.next()?,
        })
    }
}

impl Read for Count {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self(columns.next()?, columns.next::<i64>()? == 1, unsigned(columns)?))
    }
}
