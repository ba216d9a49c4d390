//! The request as the model sees it: the caller's, less credentials, plus who called.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use tollgate_core::access::Permit;
use tollgate_core::admission::Admission;
use tollgate_core::authn::hide::{self, Unknown};
use tollgate_core::denial::{Denial, UpstreamFailure};
use tollgate_core::directory::Known;
use tollgate_core::head::Head;
use tollgate_core::upstream::HostSent;

use crate::gateway::body::RequestBody;
use crate::gateway::call::{Call, RequestIds};
use crate::gateway::exchange::Request;
use crate::gateway::framing::Checked;
use crate::gateway::unpacked::readable;
use crate::gateway::wire::text::{push_decimal, push_field, push_hex};
use crate::gateway::worker::Worker;
use crate::state::Live;
use crate::state::upstreams::{TargetState, UpstreamState};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request between its checks and its target: judged, and written but for what the target decides.
#[derive(Debug)]
pub struct Outgoing {
    /// Where it goes.
    pub upstream: Arc<UpstreamState>,
    /// Whether it asks for another protocol.
    pub upgrades: bool,
    method: Method,
    /// Path and query without the target's base.
    target: PathAndQuery,
    /// `Host` where the caller's is preserved.
    host: Option<HeaderValue>,
    /// All other header fields, as they are written.
    fields: Vec<u8>,
    body: RequestBody,
}

impl Outgoing {
    /// Makes the request from an admitted one. The admission is used up: what is reserved goes on with the call.
    ///
    /// # Errors
    /// Where the upstream does not run.
    pub fn new(
        admission: Admission,
        checked: Checked,
        body: RequestBody,
        live: &Live,
        worker: &Worker,
        call: &mut Call,
    ) -> Result<Self, Denial> {
        let (permit, reservation) = admission.into_parts();
        call.reservation = reservation;
        let route = permit.route();
        let upstream = live.upstreams.get(&route.upstream.name);
        let upstream = upstream.ok_or(Denial::Upstream(UpstreamFailure::NoHealthyTarget))?.clone();
        let client = checked.head.client;
        let known = worker.gate.known(live, client, call.now);
        let unknown = if permit.keeps_unknown() { Unknown::Kept } else { Unknown::Hidden };
        let target = upstream_target(&checked.head, &permit, unknown, &known);
        let Head { method, headers, secure, .. } = checked.head;
        let mut fields = Vec::with_capacity(1024);
        let own = route.upstream.credential.as_ref();
        let replaced = |sent: &HeaderName| {
            own.is_some_and(|(own, _)| own == sent || hide::folded(sent).is_some_and(|sent| *own == sent))
        };
        // The gate takes something out of the answer, which must not come packed then.
        let plain = call.insight.as_ref().is_some_and(|insight| insight.asks);
        let counts_answer = route.meters.tokens();
        if plain {
            push_field(&mut fields, b"accept-encoding", b"identity");
        }
        for (name, value) in &headers {
            // Written anew, from what was understood.
            let is_ours = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TRACEPARENT].contains(name);
            if is_ours || replaced(name) || (plain && *name == ACCEPT_ENCODING) {
                continue;
            }
            if let Some(mut value) = hide::field(name, value, &route.accept, unknown, &known) {
                if counts_answer && *name == ACCEPT_ENCODING {
                    value = readable(&value).into();
                }
                push_field(&mut fields, name.as_str().as_bytes(), &value);
            }
        }
        if let Some((name, value)) = own {
            push_field(&mut fields, name.as_str().as_bytes(), value.as_bytes());
        }
        if let Some(identity) = permit.identity() {
            fields.extend_from_slice(identity.credential.identity_lines().as_bytes());
        }
        push_field(&mut fields, b"x-request-id", call.id.as_str().as_bytes());
        push_field(&mut fields, b"x-forwarded-proto", if secure { b"https" } else { b"http" });
        if let Some(asked) = &checked.asked_host {
            push_field(&mut fields, b"x-forwarded-host", asked.as_bytes());
        }
        push_field(&mut fields, b"x-forwarded-for", checked.forwarded_for.as_bytes());
        match checked.forwarded_for.as_bytes().contains(&b',') {
            false => push_field(&mut fields, b"x-real-ip", checked.forwarded_for.as_bytes()),
            true => push_field(&mut fields, b"x-real-ip", client.to_string().as_bytes()),
        }
        push_trace(&mut fields, headers.get(&TRACEPARENT), &mut worker.ids.borrow_mut());
        let upgrades = checked.upgrade.is_some();
        if upgrades {
            fields.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        }
        let host = match route.upstream.host {
            HostSent::Target => None,
            HostSent::Preserve => checked.asked_host,
        };
        Ok(Self { upstream, upgrades, method, target, host, fields, body })
    }

    /// The request for one target.
    pub fn request_for(self, target: &TargetState) -> Request {
        let body = self.body;
        let mut head = Vec::with_capacity(self.fields.len() + self.target.as_str().len() + 256);
        head.extend_from_slice(self.method.as_str().as_bytes());
        head.push(b' ');
        head.extend_from_slice(target.target.base.as_bytes());
        head.extend_from_slice(self.target.as_str().as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        push_field(&mut head, b"host", self.host.as_ref().unwrap_or(&target.host).as_bytes());
        head.extend_from_slice(&self.fields);
        match body.remaining() {
            None => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            // Methods whose requests mostly have a body say so when they have none (RFC 9110 §8.6).
            Some(0) if !matches!(self.method, Method::POST | Method::PUT | Method::PATCH) => {}
            Some(length) => {
                head.extend_from_slice(b"content-length: ");
                push_decimal(&mut head, length);
                head.extend_from_slice(b"\r\n");
            }
        }
        head.extend_from_slice(b"\r\n");
        Request { method: self.method, head, body }
    }
}

/// Path and query as the model sees them.
fn upstream_target(head: &Head, permit: &Permit, unknown: Unknown, known: &Known<'_>) -> PathAndQuery {
    let route = permit.route();
    let path = route.upstream_path(head);
    let query = hide::query(head.query(), &route.accept, unknown, known);
    if path == head.target.path() && query.as_deref() == head.query() {
        return head.target.clone();
    }
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.into_owned(),
    };
    PathAndQuery::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| PathAndQuery::from_static("/"))
}

/// The trace goes on with this hop as parent (W3C Trace Context); a broken or missing one begins anew.
fn push_trace(fields: &mut Vec<u8>, from: Option<&HeaderValue>, ids: &mut RequestIds) {
    fields.extend_from_slice(b"traceparent: 00-");
    let caller = from.map(HeaderValue::as_bytes).filter(|value| is_traceparent(value));
    match caller {
        Some(caller) => fields.extend_from_slice(&caller[3..35]),
        None => push_hex(fields, &ids.bytes::<16>()),
    }
    fields.push(b'-');
    push_hex(fields, &ids.bytes::<8>());
    fields.push(b'-');
    fields.extend_from_slice(caller.map_or(b"00", |caller| &caller[53..55]));
    fields.extend_from_slice(b"\r\n");
}

fn is_traceparent(bytes: &[u8]) -> bool {
    bytes.len() == 55
        && bytes.starts_with(b"00-")
        && [2, 35, 52].iter().all(|dash| bytes[*dash] == b'-')
        && bytes
            .iter()
            .enumerate()
            .all(|(at, b)| matches!(at, 2 | 35 | 52) || b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
        && bytes[3..35].iter().any(|b| *b != b'0')
        && bytes[36..52].iter().any(|b| *b != b'0')
}
