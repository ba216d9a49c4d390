//! Where the walk reads the body of a request whose route counts by what stands there.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use tollgate_core::access::Permit;
use tollgate_core::authn::hawk;
use tollgate_core::denial::{Denial, Malformed};
use tollgate_core::meter::{BodyFault, Kind, RequestMeter, RequestReading, include_usage};
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

/// Fields that vouch for a body as it is: such a body is not edited.
const DIGESTS: [HeaderName; 6] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("signature"),
    HeaderName::from_static("x-amz-content-sha256"),
];

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
        false => meter.read(&body),
        true => unpacked(headers, &body).map_or(Err(BodyFault::Packed), |plain| meter.read(&plain)),
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

/// What a body tells that is not read.
fn of_size(body: &[u8]) -> RequestReading {
    // A meter that reads nothing refuses nothing.
    RequestMeter::default().read(body).unwrap_or_default()
}

/// Whether the head says that the body is JSON, and nothing that an edit would make a lie.
fn may_edit(headers: &HeaderMap) -> bool {
    let kind = Kind::of(StatusCode::OK, headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes));
    kind == Kind::Json && !DIGESTS.iter().any(|name| headers.contains_key(name))
}
