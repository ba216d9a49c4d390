//! Signs answers: `Server-Authorization`.

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method};

use super::Key;
use super::header::Attributes;
use super::host::HostLines;
use super::mac::{Kind, Signed, payload_hash};
use super::nonces;
use crate::credential::Digest;
use crate::head::Head;

/// What an answer's signature covers of the request.
#[derive(Debug)]
pub struct Artifacts {
    key: Key,
    ts: Box<str>,
    nonce: Box<str>,
    method: Method,
    target: PathAndQuery,
    host: Box<str>,
    port: Option<u16>,
    app: Option<Box<str>>,
    dlg: Option<Box<str>>,
    skew: u64,
}

/// What a whole fleet remembers, so that a request passes one of its nodes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of the credential's id, `ts` and nonce.
    pub digest: Digest,
    /// How long the request could be valid.
    pub life: Duration,
}

impl Artifacts {
    /// Keeps what the caller signed, with the host line that its MAC was right with.
    pub(super) fn new(
        key: &Key,
        attributes: &Attributes<'_>,
        head: &Head,
        host: HostLines<'_>,
        skew: u64,
    ) -> Self {
        Self {
            key: key.clone(),
            ts: attributes.ts_text.into(),
            nonce: attributes.nonce.into(),
            method: head.method.clone(),
            target: head.target.clone(),
            host: host.host.into(),
            port: host.port,
            app: attributes.app.map(Into::into),
            dlg: attributes.dlg.map(Into::into),
            skew,
        }
    }

    /// What the fleet is to remember of the request. It may be told as soon as this exists: MAC and time hold.
    pub fn claim(&self) -> Claim {
        // Neither an id nor a nonce holds a NUL, which no header does.
        let parts = [self.key.id.as_bytes(), b"\0", self.ts.as_bytes(), b"\0", self.nonce.as_bytes()];
        Claim { digest: Digest::of_parts(&parts), life: nonces::lifetime(self.skew) }
    }

    /// `Server-Authorization` for an answer; `payload` is its content type and whole body, absent for streams.
    ///
    /// It covers neither the status nor other header fields, as in the original.
    pub fn server_authorization(&self, payload: Option<(&str, &[u8])>) -> Option<HeaderValue> {
        let hash = payload
            .map(|(content_type, body)| payload_hash(self.key.algorithm(), content_type.as_bytes(), body));
        let mac = self.key.mac(&self.signed(hash.as_deref(), None));
        let text = match hash {
            Some(hash) => format!("Hawk mac=\"{mac}\", hash=\"{hash}\""),
            None => format!("Hawk mac=\"{mac}\""),
        };
        HeaderValue::try_from(text).ok()
    }

    /// The normalised string of an answer; `ext` is the answer's own, never the request's.
    pub(super) fn signed<'a>(&'a self, hash: Option<&'a str>, ext: Option<&'a str>) -> Signed<'a> {
        Signed {
            kind: Kind::Response,
            ts: &self.ts,
            nonce: &self.nonce,
            method: self.method.as_str(),
            resource: self.target.as_str(),
            host: HostLines { host: &self.host, port: self.port },
            hash,
            ext,
            app: self.app.as_deref(),
            dlg: self.dlg.as_deref(),
        }
    }
}
