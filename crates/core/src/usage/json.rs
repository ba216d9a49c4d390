//! Events as JSON, and as CloudEvents 1.0 where they leave the process.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::measures::MICROS_PER_COMPUTE_UNIT;
use super::{Closing, Intent, Measure, Measures, Outcome, Quality, StreamId, UsageEvent};

/// An event in the envelope of CloudEvents 1.0 (<https://github.com/cloudevents/spec>): `id` and `source` together are
/// unique, `subject` is the consumer, `data` is the event itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvent<T = Box<str>>(pub UsageEvent<T>);

const TYPE: &str = "tollgate.usage";
const SPECIFICATION: &str = "1.0";
const CONTENT: &str = "application/json";

/// An event as one flat object, with the names that SQL and the API use.
#[derive(Serialize, Deserialize)]
struct Flat<'a> {
    id: Cow<'a, str>,
    time: Cow<'a, str>,
    node: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consumer: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<Cow<'a, str>>,
    route: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Cow<'a, str>>,
    method: Cow<'a, str>,
    path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    outcome: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_request_id: Option<Cow<'a, str>>,
    duration_ms: u64,
    upstream_ms: u64,
    queue_ms: u64,
    request_bytes: u64,
    response_bytes: u64,
    measures: Measures,
    quality: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<Cow<'a, str>>,
    stream: Cow<'a, str>,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    specversion: Cow<'a, str>,
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    r#type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Cow<'a, str>>,
    time: Cow<'a, str>,
    datacontenttype: Cow<'a, str>,
    data: Flat<'a>,
}

impl<T: AsRef<str>> CloudEvent<T> {
    /// The address of whoever made the event; with the id it is unique.
    pub fn source(&self) -> String {
        format!("/nodes/{}", self.0.intent.node.as_ref())
    }
}

impl<T: AsRef<str>> Serialize for UsageEvent<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        flat(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for UsageEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        event(Flat::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<T: AsRef<str>> Serialize for CloudEvent<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = flat(&self.0);
        Envelope {
            specversion: SPECIFICATION.into(),
            id: data.id.clone(),
            source: self.source().into(),
            r#type: TYPE.into(),
            subject: data.consumer.clone(),
            time: data.time.clone(),
            datacontenttype: CONTENT.into(),
            data,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let envelope = Envelope::deserialize(deserializer)?;
        if envelope.specversion != SPECIFICATION || envelope.r#type != TYPE {
            return Err(D::Error::custom(format!("not a CloudEvent {SPECIFICATION} of the type `{TYPE}`")));
        }
        let (id, source) = (envelope.id, envelope.source);
        let read = Self(event(envelope.data).map_err(D::Error::custom)?);
        // What others tell events apart by must be what the event itself says.
        if id != read.0.intent.id.to_string() || source != read.source() {
            return Err(D::Error::custom("the envelope names another event than its data"));
        }
        Ok(read)
    }
}

/// `compute_units` is a decimal text, as it has a fraction and JSON's numbers lose digits; the others are numbers.
impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (measure, value) in self.iter() {
            match measure {
                Measure::ComputeUnits => map.serialize_entry(measure.as_str(), &decimal(value))?,
                Measure::Requests
                | Measure::Rows
                | Measure::TokensIn
                | Measure::TokensOut
                | Measure::TokensCached
                | Measure::RequestBytes
                | Measure::ResponseBytes => map.serialize_entry(measure.as_str(), &value)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Measures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Measures;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of measures")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Measures, A::Error> {
        let mut measures = Measures::default();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            let measure = Measure::named(&name)
                .ok_or_else(|| A::Error::custom(format!("`{name}` is no measure that is known here")))?;
            let value = if measure == Measure::ComputeUnits {
                let text = map.next_value::<Cow<'_, str>>()?;
                micros(&text)
                    .ok_or_else(|| A::Error::custom("`compute_units` is a decimal such as \"1.5\""))?
            } else {
                map.next_value()?
            };
            if measures.of(measure).is_some() {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
            measures = measures.with(measure, value);
        }
        Ok(measures)
    }
}

fn flat<T: AsRef<str>>(event: &UsageEvent<T>) -> Flat<'_> {
    let UsageEvent { stream, seq, intent, closing } = event;
    let intent = intent.as_ref();
    let micros = i64::try_from(intent.time_micros).unwrap_or(i64::MAX);
    Flat {
        id: intent.id.to_string().into(),
        time: Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).to_string().into(),
        node: intent.node.into(),
        account: intent.account.map(Cow::Borrowed),
        account_id: intent.account_id.map(Cow::Borrowed),
        consumer: intent.consumer.map(Cow::Borrowed),
        credential: intent.credential.map(Cow::Borrowed),
        route: intent.route.into(),
        model: intent.model.map(Cow::Borrowed),
        method: intent.method.into(),
        path: intent.path.into(),
        status: closing.status,
        outcome: closing.outcome.as_str().into(),
        client_request_id: intent.client_request_id.map(Cow::Borrowed),
        duration_ms: closing.duration_ms,
        upstream_ms: closing.upstream_ms,
        queue_ms: closing.queue_ms,
        request_bytes: closing.request_bytes,
        response_bytes: closing.response_bytes,
        measures: closing.measures,
        quality: closing.quality.as_str().into(),
        tier: intent.tier.map(Cow::Borrowed),
        stream: stream.to_string().into(),
        seq: *seq,
    }
}

fn event(flat: Flat<'_>) -> Result<UsageEvent, String> {
    let stream: StreamId = flat.stream.parse().map_err(|error| format!("`stream`: {error}"))?;
    let named = |name: &str| Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name);
    let quality = Quality::ALL.into_iter().find(|quality| quality.as_str() == flat.quality);
    let time: Timestamp = flat.time.parse().map_err(|_| "`time` is a point in time as RFC 3339 writes it")?;
    let intent = Intent {
        id: Ulid::from_string(&flat.id).map_err(|_| "`id` is a ULID".to_owned())?,
        time_micros: u64::try_from(time.as_microsecond()).map_err(|_| "`time` is before 1970")?,
        node: flat.node,
        account: flat.account,
        account_id: flat.account_id,
        consumer: flat.consumer,
        credential: flat.credential,
        route: flat.route,
        model: flat.model,
        method: flat.method,
        path: flat.path,
        client_request_id: flat.client_request_id,
        tier: flat.tier,
    };
    let closing = Closing {
        outcome: named(&flat.outcome).ok_or("`outcome` is none that is known here")?,
        status: flat.status,
        duration_ms: flat.duration_ms,
        upstream_ms: flat.upstream_ms,
        queue_ms: flat.queue_ms,
        request_bytes: flat.request_bytes,
        response_bytes: flat.response_bytes,
        measures: flat.measures,
        quality: quality.ok_or("`quality` is none that is known here")?,
    };
    Ok(UsageEvent::of(stream, flat.seq, &intent, &closing))
}

/// Millionths as a decimal without needless zeros.
fn decimal(micros: u64) -> String {
    let (whole, fraction) = (micros / MICROS_PER_COMPUTE_UNIT, micros % MICROS_PER_COMPUTE_UNIT);
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A decimal of at most six digits after the point, in millionths.
fn micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(MICROS_PER_COMPUTE_UNIT)?.checked_add(format!("{fraction:0<6}").parse().ok()?)
}
