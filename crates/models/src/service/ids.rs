//! Identifiers in paths.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use parking_lot::Mutex;
use ulid::Ulid;

use super::Dialect;
use super::app::App;
use super::problem::Problem;

/// The identifier in the path of a configuration or an artifact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) Ulid);

impl FromRequestParts<Arc<App>> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(text) = path.map_err(|_| Problem::bad_id(""))?;
        parse(&text, app.settings.dialect).map(Self).ok_or_else(|| Problem::bad_id(&text))
    }
}

/// Reads a ULID as the dialect does: the newer one takes small letters too.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Option<Ulid> {
    let spelt =
        |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'Z') && !matches!(byte, b'I' | b'L' | b'O' | b'U');
    let upper = if dialect.is_new() { text.to_ascii_uppercase() } else { text.to_owned() };
    // The first character has two bits more than there are.
    let fits = upper.len() == 26
        && upper.bytes().all(spelt)
        && upper.as_bytes().first().is_some_and(|byte| *byte <= b'7');
    fits.then(|| Ulid::from_string(&upper).ok()).flatten()
}

/// Where new identifiers come from.
#[derive(Debug)]
pub(crate) enum Ids {
    /// The time, and the random source of the system.
    Random,
    /// One after the other: the last one that was given.
    After(Mutex<Ulid>),
}

impl Ids {
    pub(crate) fn new(after: Option<Ulid>) -> Self {
        after.map_or(Self::Random, |after| Self::After(Mutex::new(after)))
    }

    /// A new one.
    pub(crate) fn next(&self) -> Ulid {
        match self {
            Self::Random => Ulid::generate(),
            Self::After(last) => {
                let mut last = last.lock();
                *last = following(*last);
                *last
            }
        }
    }

    /// Two for a job and its artifact: consecutive, as clients of the original see them.
    pub(crate) fn pair(&self) -> (Ulid, Ulid) {
        match self {
            Self::Random => {
                let first = self.next();
                (first, following(first))
            }
            Self::After(last) => {
                let mut last = last.lock();
                let first = following(*last);
                *last = following(first);
                (first, *last)
            }
        }
    }
}

/// The one after it; after the last one, one of this moment.
fn following(id: Ulid) -> Ulid {
    id.increment().unwrap_or_else(|_| Ulid::generate())
}
