//! Who is behind a credential that the configuration does not declare: remembered in bounded memory, asked for where it
//! is not.
//!
//! The directory itself looks nothing up. It answers from what it holds or says that somebody must be [asked](Found::Ask);
//! whoever asks gives the answer back. So ten credentials and a hundred million run the same code.

mod known;
mod lookup;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::credential::Credential;
use crate::time::Now;

pub use self::known::{Found, Kept, Known, Loaded};
pub use self::lookup::{Lookup, LookupRef, Question};

/// How long it is remembered that nobody has a credential; a new credential ends it sooner.
const UNKNOWN_LIFE: Duration = Duration::from_secs(60);

/// The same before a source that does not say when there is a new one.
const UNKNOWN_AT_SERVICE: Duration = Duration::from_secs(10);

/// Credentials that were looked up; one per process.
pub struct Directory {
    known: Cache<Lookup, Remembered>,
    /// Behind which there is nobody. A table of its own: guesses push no credential out.
    unknown: Cache<Lookup, Absence>,
    /// How many times something was forgotten. An answer to a question from before may be out of date.
    forgotten: AtomicU64,
    /// Until when, in milliseconds of the monotonic clock, what is known counts without word from a source that tells of
    /// changes.
    good_until: AtomicU64,
}

/// A credential, and how long it counts without a new question.
#[derive(Debug, Clone)]
struct Remembered {
    credential: Arc<Credential>,
    /// Until when on the monotonic clock; nothing where its source tells of changes, and is heard.
    fresh_until: Option<Duration>,
}

/// That there is nobody, and until when on the monotonic clock that counts without a new question.
#[derive(Debug, Clone, Copy)]
struct Absence {
    until: Duration,
    /// Whether there was somebody.
    gone: bool,
}

/// Since when a question is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked(u64);

impl Directory {
    /// At most `capacity` credentials, and an eighth as many answers that there is none.
    pub fn new(capacity: usize) -> Self {
        Self {
            known: Cache::new(capacity),
            unknown: Cache::new((capacity / 8).max(64)),
            forgotten: AtomicU64::new(0),
            good_until: AtomicU64::new(0),
        }
    }

    /// What is remembered.
    pub fn find(&self, lookup: LookupRef<'_>, now: Now) -> Found {
        if let Some(Remembered { credential, fresh_until }) = self.known.get(&lookup) {
            let counts = match fresh_until {
                Some(until) => now.monotonic < until,
                None => millis(now.monotonic) < self.good_until.load(SeqCst),
            };
            if counts {
                return Found::Credential(credential);
            }
        }
        match self.unknown.get(&lookup) {
            Some(absence) if now.monotonic < absence.until => match absence.gone {
                true => Found::Gone,
                false => Found::Nobody,
            },
            Some(_) | None => Found::Ask(lookup.to_owned()),
        }
    }

    /// Begins a question; to be called before the source is asked.
    pub fn ask(&self) -> Asked {
        Asked(self.forgotten.load(SeqCst))
    }

    /// Remembers the answer, unless something was forgotten since the question began: then the answer may be the one
    /// that was to be forgotten. A source that tells of no changes sets `fresh_for`, after which it is asked again, and not
    /// before. Says whether it is remembered.
    pub fn remember(
        &self,
        asked: Asked,
        lookup: Lookup,
        answer: &Kept,
        fresh_for: Option<Duration>,
        now: Now,
    ) -> bool {
        match answer {
            Kept::Credential(credential) => {
                let fresh_until = fresh_for.map(|span| now.monotonic.saturating_add(span));
                let remembered = Remembered { credential: credential.clone(), fresh_until };
                self.known.insert(lookup.clone(), remembered);
            }
            Kept::Gone | Kept::Nothing => {
                let life = fresh_for.map_or(UNKNOWN_LIFE, |span| span.min(UNKNOWN_AT_SERVICE));
                let until = now.monotonic.saturating_add(life);
                let gone = matches!(answer, Kept::Gone);
                self.unknown.insert(lookup.clone(), Absence { until, gone });
            }
        }
        // Looked at after the insertion: whoever forgets counts first, so one of the two sees the other.
        let outdated = self.forgotten.load(SeqCst) != asked.0;
        if outdated {
            self.known.remove(&lookup);
            self.unknown.remove(&lookup);
        }
        !outdated
    }

    /// Whether a credential is remembered under this, in force or not.
    fn keeps(&self, lookup: LookupRef<'_>) -> bool {
        self.known.get(&lookup).is_some() || self.unknown.get(&lookup).is_some_and(|absence| absence.gone)
    }

    /// Forgets the credentials of which `changed` is true, and that others do not exist: they may now.
    pub fn forget(&self, changed: impl Fn(&Credential) -> bool) {
        self.forgotten.fetch_add(1, SeqCst);
        self.known.retain(|_, remembered| !changed(&remembered.credential));
        self.unknown.clear();
    }

    /// Forgets one credential, of which the source has said by the way that it does not count any more.
    pub fn forget_one(&self, lookup: &Lookup) {
        self.forgotten.fetch_add(1, SeqCst);
        self.known.remove(lookup);
    }

    /// Notes that a source which tells of changes has told all that it knows; what it said counts until then without
    /// another word.
    pub fn extend(&self, until: Duration) {
        self.good_until.store(millis(until), SeqCst);
    }

    /// Every credential that is remembered, in no order.
    pub fn credentials(&self) -> Vec<Arc<Credential>> {
        self.known.iter().map(|(_, remembered)| remembered.credential).collect()
    }

    /// How many credentials are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no credential is remembered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
