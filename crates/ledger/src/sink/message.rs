//! What goes over a wire: one CloudEvent 1.0 in JSON for each event and for each seal.
//!
//! An event is in structured mode (`application/cloudevents+json`), with the chain's hash beside it as the extension
//! attribute `hash`. One message is one event, for whoever else reads the stream, and none is larger than a few kilobytes.

use std::borrow::Cow;

use bytes::Bytes;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize};
use tollgate_core::usage::{CloudEvent, StreamId};

use crate::chain::{Hash, Head, Linked, Seal};

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An event.
    Event(Box<Linked>),
    /// A seal.
    Seal(Seal),
}

/// The media type of a message.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

const EVENT: &str = "tollgate.usage";
const SEAL: &str = "tollgate.seal";

/// A message for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    /// What it is known by: the same for the same event, whenever it is sent.
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(flatten)]
    event: &'a CloudEvent<&'a str>,
    hash: String,
}

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    specversion: Cow<'a, str>,
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    r#type: Cow<'a, str>,
    datacontenttype: Cow<'a, str>,
    data: Point<'a>,
}

#[derive(Serialize, Deserialize)]
struct Point<'a> {
    stream: Cow<'a, str>,
    seq: u64,
    hash: Cow<'a, str>,
    mac: Cow<'a, str>,
}

/// What tells the kinds apart.
#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    hash: Option<Cow<'a, str>>,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// Why it is none of ours.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let outer: Outer<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        match &*outer.r#type {
            EVENT => {
                let hash = outer.hash.ok_or("the attribute `hash` is missing")?;
                let hash = hashed(&hash).ok_or("`hash` is 64 hexadecimal digits")?;
                let CloudEvent(event) = serde_json::from_slice(body).map_err(|error| error.to_string())?;
                if event.seq == 0 {
                    return Err("`seq` begins at 1".to_owned());
                }
                Ok(Self::Event(Box::new(Linked::new(&event, hash))))
            }
            SEAL => {
                let sealed: Sealed<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
                seal(&sealed.data).map(Self::Seal)
            }
            other => {
                Err(format!("the type `{}` is none of ours", other.chars().take(64).collect::<String>()))
            }
        }
    }
}

impl Packed {
    pub(crate) fn event(linked: &Linked) -> serde_json::Result<Self> {
        let event = CloudEvent(linked.event().map_err(serde_json::Error::custom)?);
        let body = serde_json::to_vec(&Event { event: &event, hash: hex::encode(linked.hash()) })?;
        Ok(Self { id: linked.id().to_string(), body: body.into() })
    }

    pub(crate) fn seal(seal: &Seal) -> serde_json::Result<Self> {
        let id = format!("{}/{}", seal.stream, seal.head.seq);
        let body = serde_json::to_vec(&Sealed {
            specversion: "1.0".into(),
            id: (&*id).into(),
            source: format!("/streams/{}", seal.stream).into(),
            r#type: SEAL.into(),
            datacontenttype: "application/json".into(),
            data: Point {
                stream: seal.stream.to_string().into(),
                seq: seal.head.seq,
                hash: hex::encode(seal.head.hash).into(),
                mac: hex::encode(seal.mac).into(),
            },
        })?;
        Ok(Self { id, body: body.into() })
    }
}

fn seal(point: &Point<'_>) -> Result<Seal, String> {
    let stream: StreamId = point.stream.parse().map_err(|error| format!("`stream`: {error}"))?;
    let hash = hashed(&point.hash).ok_or("`hash` is 64 hexadecimal digits")?;
    let mac = hashed(&point.mac).ok_or("`mac` is 64 hexadecimal digits")?;
    if point.seq == 0 || i64::try_from(point.seq).is_err() {
        return Err("`seq` is no place in a stream".to_owned());
    }
    Ok(Seal { stream, head: Head { seq: point.seq, hash }, mac })
}

fn hashed(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
