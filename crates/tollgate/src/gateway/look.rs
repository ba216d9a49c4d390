//! Where the walk reads the body of a request whose route counts by what stands there.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use tollgate_core::access::Permit;
use tollgate_core::authn::hawk;
use tollgate_core::denial::{Denial, Malformed};
use tollgate_core::meter::{BodyFault, RequestMeter, RequestReading, include_usage};
use tollgate_core::route::Route;

use super::body::{RequestBody, Stream};
use super::call::Call;
use super::decision;
use super::framing::Checked;
use super::insight::{Insight, is_packed};
use super::unpacked::unpacked;
use super::worker::Worker;
use super::{Step, limit};
use crate::state::Live;

/// Fields that vouch for a body as it is: such a body is not edited. Nor is one of which a field says how long a part is.
const DIGESTS: [HeaderName; 6] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("signature"),
    HeaderName::from_static("x-amz-content-sha256"),
];

/// How much of a body is JSON, where tensors in binary data lie behind it (V2 protocol, binary extension).
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Encodings in which ASCII is itself, by their names in lower case.
const PLAIN: [&str; 6] = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"];

/// A permitted request whose body is to be read.
pub struct Looking {
    pub permit: Permit,
    pub checked: Checked,
    pub body: Box<Stream>,
    pub artifacts: Option<Arc<hawk::Artifacts>>,
}

/// Reads the body whole; then the walk goes on as for everybody.
pub async fn look(worker: &Worker, live: &Live, looking: Looking, call: &mut Call) -> Result<Step, Denial> {
    let Looking { permit, checked, body, artifacts } = looking;
    let body = body.read_whole(call.held.insert(worker.gate.bodies.enter())).await?;
    let body = read(permit.route(), &checked, body, call)?;
    limit(worker, live, permit, checked, body, artifacts, call)
}

/// Reads a whole body, and gives what the model gets: the same, unless usage must be asked for.
///
/// # Errors
/// [`Malformed::Body`], unless the route's mode lets everything through.
pub fn read(route: &Route, checked: &Checked, body: Bytes, call: &mut Call) -> Result<RequestBody, Denial> {
    let (headers, meter) = (&checked.head.headers, &route.meters.request);
    let packed = is_packed(headers);
    let reading = match packed {
        _ if body.is_empty() => Ok(of_size(&body)),
        _ if meter.reads() && !is_in_utf_8(headers) => Err(BodyFault::Charset),
        true if meter.could_mislead(&body) => Err(BodyFault::Misleading),
        false => read_json(meter, headers, &body),
        true => {
            unpacked(headers, &body).map_or(Err(BodyFault::Packed), |plain| read_json(meter, headers, &plain))
        }
    };
    let request = match reading {
        Ok(request) => request,
        // The model reports what it made of it.
        Err(BodyFault::Packed) if !meter.needs_all() => of_size(&body),
        Err(fault) => {
            decision::unless_softened(call, Malformed::Body(fault).into())?;
            of_size(&body)
        }
    };
    let edit = include_usage::edit(&request, &route.upstream_path(&checked.head));
    let edit = edit.filter(|_| !packed && checked.head.method == Method::POST && may_edit(headers));
    call.insight = Some(Insight::new(request, !body.is_empty(), edit.is_some()));
    Ok(RequestBody::Whole(match edit {
        None => body,
        Some(edit) => edit.apply(&body).into(),
    }))
}

/// Reads a plain body, of which the head may say that its JSON is followed by something.
fn read_json(meter: &RequestMeter, headers: &HeaderMap, body: &[u8]) -> Result<RequestReading, BodyFault> {
    let mut lengths = headers.get_all(JSON_LENGTH).iter();
    let Some(length) = lengths.next() else { return meter.read(body) };
    // What servers make of two lengths, or of `12abc`, nobody knows.
    let length = Some(length).filter(|length| lengths.all(|other| other == *length));
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    meter.read_beginning(body, length)
}

/// What a body tells that is not read.
fn of_size(body: &[u8]) -> RequestReading {
    // A meter that reads nothing refuses nothing.
    RequestMeter::default().read(body).unwrap_or_default()
}

/// Whether the head says nothing that an edit would make a lie. What it says of the type is no matter: a body that asks for a
/// stream is JSON.
fn may_edit(headers: &HeaderMap) -> bool {
    !DIGESTS.iter().chain([&JSON_LENGTH]).any(|name| headers.contains_key(name))
}

/// Whether a server that goes by the type's `charset` reads what the gate does: brackets, quotes, names and numbers are the
/// same in all of these.
fn is_in_utf_8(headers: &HeaderMap) -> bool {
    let charset = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    };
    headers.get_all(CONTENT_TYPE).iter().all(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes());
        kind.split(';').skip(1).filter_map(charset).all(|charset| PLAIN.contains(&&*charset))
    })
}
