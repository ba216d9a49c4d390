//! The request as the model sees it: the caller's, less credentials, plus who called.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use tollgate_core::access::Permit;
use tollgate_core::authn::hide;
use tollgate_core::head::Head;
use tollgate_core::upstream::HostSent;

use super::Ready;
use crate::gateway::body::RequestBody;
use crate::gateway::call::Call;
use crate::gateway::worker::Worker;
use crate::state::Live;
use crate::state::upstreams::TargetState;

const X_CONSUMER_USERNAME: HeaderName = HeaderName::from_static("x-consumer-username");
const X_CREDENTIAL_IDENTIFIER: HeaderName = HeaderName::from_static("x-credential-identifier");
const X_CONSUMER_SCOPES: HeaderName = HeaderName::from_static("x-consumer-scopes");
const X_CONSUMER_TIER: HeaderName = HeaderName::from_static("x-consumer-tier");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Fields that the gate adds, at most.
const ADDED: usize = 12;

/// A request between its checks and its target.
#[derive(Debug)]
pub struct Outgoing {
    method: Method,
    /// Path and query without the target's base.
    target: PathAndQuery,
    headers: HeaderMap,
    /// `Host` where the caller's is preserved.
    host: Option<HeaderValue>,
    body: Option<RequestBody>,
}

impl Outgoing {
    /// Makes the request from a judged one.
    pub fn new(ready: Ready, live: &Live, worker: &Rc<Worker>, call: &Call) -> Self {
        let Ready { permit, checked, body, .. } = ready;
        let route = permit.route();
        let credentials = &live.snapshot.credentials;
        let target = upstream_target(&checked.head, &permit, live);
        let client = checked.head.client;
        let Head { method, mut headers, secure, .. } = checked.head;
        hide::headers(&mut headers, &route.accept, credentials);

        // One growth of the map instead of one for every doubling.
        headers.reserve(ADDED);
        let asked = checked.asked_host;
        identity_headers(&permit, &mut headers);
        headers.insert(X_REQUEST_ID, call.id.header());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(if secure { "https" } else { "http" }));
        if let Some(asked) = &asked {
            headers.insert(X_FORWARDED_HOST, asked.clone());
        }
        let single = checked.forwarded_for.to_str().is_ok_and(|chain| !chain.contains(','));
        let real_ip = match single {
            true => Some(checked.forwarded_for.clone()),
            false => HeaderValue::from_str(&client.to_string()).ok(),
        };
        headers.insert(X_FORWARDED_FOR, checked.forwarded_for);
        if let Some(real_ip) = real_ip {
            headers.insert(X_REAL_IP, real_ip);
        }
        let trace = traceparent(headers.get(&TRACEPARENT), &mut worker.ids.borrow_mut());
        headers.insert(TRACEPARENT, trace);
        if let Some((name, value)) = &route.upstream.credential {
            let alias = |sent: &&HeaderName| hide::folded(sent).is_some_and(|folded| folded == *name);
            let aliases: Vec<HeaderName> = headers.keys().filter(alias).cloned().collect();
            for alias in aliases {
                headers.remove(alias);
            }
            headers.insert(name, value.clone());
        }
        let host = match route.upstream.host {
            HostSent::Target => None,
            HostSent::Preserve => asked,
        };
        Self { method, target, headers, host, body: Some(body) }
    }

    /// The request for one target; it must be given back before another is asked for.
    pub fn request_for(&mut self, target: &TargetState) -> Request<RequestBody> {
        let mut headers = std::mem::take(&mut self.headers);
        headers.insert(header::HOST, self.host.clone().unwrap_or_else(|| target.host.clone()));
        let path = match &*target.target.base {
            "" => self.target.clone(),
            base => PathAndQuery::try_from(format!("{base}{}", self.target))
                .unwrap_or_else(|_| self.target.clone()),
        };
        let mut request = Request::new(self.body.take().unwrap_or(RequestBody::Whole(None)));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers;
        request
    }

    /// Takes back a request that was never sent.
    pub fn take_back(&mut self, request: Request<RequestBody>) {
        let (parts, body) = request.into_parts();
        self.headers = parts.headers;
        self.body = Some(body);
    }
}

/// Tells the upstream who calls; nothing where nobody was identified.
fn identity_headers(permit: &Permit, headers: &mut HeaderMap) {
    let Some(identity) = permit.identity() else { return };
    let credential = &identity.credential;
    headers.insert(X_CONSUMER_USERNAME, credential.consumer.headers.username.clone());
    headers.insert(X_CREDENTIAL_IDENTIFIER, credential.id_header.clone());
    if let Some(scopes) = &credential.scopes_header {
        headers.insert(X_CONSUMER_SCOPES, scopes.clone());
    }
    if let Some(tier) = &credential.consumer.headers.tier {
        headers.insert(X_CONSUMER_TIER, tier.clone());
    }
}

/// Path and query as the model sees them.
fn upstream_target(head: &Head, permit: &Permit, live: &Live) -> PathAndQuery {
    let route = permit.route();
    let path = route.upstream_path(head);
    let query = hide::query(head.query(), &route.accept, &live.snapshot.credentials);
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
fn traceparent(from: Option<&HeaderValue>, ids: &mut crate::gateway::call::RequestIds) -> HeaderValue {
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    let caller = from.and_then(|value| value.to_str().ok()).filter(|value| is_traceparent(value));
    match caller {
        Some(caller) => text.push_str(&caller[3..35]),
        None => push_hex(&mut text, &ids.bytes::<16>()),
    }
    text.push('-');
    push_hex(&mut text, &ids.bytes::<8>());
    text.push('-');
    text.push_str(caller.map_or("00", |caller| &caller[53..55]));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn is_traceparent(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() == 55
        && bytes.starts_with(b"00-")
        && [2, 35, 52].iter().all(|dash| bytes[*dash] == b'-')
        && bytes
            .iter()
            .enumerate()
            .all(|(at, b)| matches!(at, 2 | 35 | 52) || b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
        && value[3..35].bytes().any(|b| b != b'0')
        && value[36..52].bytes().any(|b| b != b'0')
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
