//! JSON objects of tokens, and the times in them.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::time::Now;

/// Reads a JSON object in which no member stands twice, at any depth: two readers could take different ones
/// (RFC 7515 §4, RFC 7519 §4).
pub(super) fn parse(json: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(json) {
        Ok(Strict(Value::Object(members))) => Some(members),
        Ok(_) | Err(_) => None,
    }
}

/// A member that is text.
pub(super) fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name)?.as_str()
}

/// The span of time in which a token counts, as time since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    expires: Option<Duration>,
    starts: Option<Duration>,
}

impl Times {
    /// Reads `exp` and `nbf`, each absent or a number; nothing where one is anything else.
    ///
    /// A text is not taken for absence (CVE-2026-25537). Numbers before the epoch count as the epoch, numbers beyond
    /// what [`Duration`] holds as its end.
    pub(super) fn of(claims: &Map<String, Value>) -> Option<Self> {
        let time = |name| match claims.get(name) {
            None => Some(None),
            Some(Value::Number(number)) => Some(Some(since_epoch(number)?)),
            Some(_) => None,
        };
        Some(Self {
            expires: time("exp")?,
            starts: time("nbf")?,
        })
    }

    /// Whether the token counts now: `exp > now - leeway` and `nbf <= now + leeway`, leeway in seconds.
    pub(super) fn hold(self, now: Now, leeway: u64) -> bool {
        let leeway = Duration::from_secs(leeway);
        self.expires.is_none_or(|at| at.saturating_add(leeway) > now.wall)
            && self.starts.is_none_or(|at| at <= now.wall.saturating_add(leeway))
    }
}

/// JSON numbers may have fractions; they are turned into a [`Duration`] at once and never calculated with.
fn since_epoch(number: &Number) -> Option<Duration> {
    if let Some(seconds) = number.as_u64() {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = number.as_f64()?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => Some(time),
        Err(_) if seconds.is_nan() => None,
        Err(_) if seconds.is_sign_negative() => Some(Duration::ZERO),
        Err(_) => Some(Duration::MAX),
    }
}

/// A JSON value in which no object has a member twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}
