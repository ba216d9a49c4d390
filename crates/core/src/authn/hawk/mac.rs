//! Normalised strings: what a Hawk MAC covers, and the hash of a payload.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::host::HostLines;
use super::key::Algorithm;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A request by its `Authorization` header.
    Header,
    /// The answer to a request.
    Response,
    /// A request by its `bewit` parameter.
    Bewit,
}

/// The parts of a normalised string in its order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) kind: Kind,
    pub(super) ts: &'a str,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) resource: &'a str,
    pub(super) host: HostLines<'a>,
    pub(super) hash: Option<&'a str>,
    pub(super) ext: Option<&'a str>,
    pub(super) app: Option<&'a str>,
    pub(super) dlg: Option<&'a str>,
}

impl Signed<'_> {
    /// Writes the string, piece by piece.
    pub(super) fn feed(&self, mut write: impl FnMut(&[u8])) {
        let mut line = |text: &str| {
            write(text.as_bytes());
            write(b"\n");
        };
        line(match self.kind {
            Kind::Header => "hawk.1.header",
            Kind::Response => "hawk.1.response",
            Kind::Bewit => "hawk.1.bewit",
        });
        line(self.ts);
        line(self.nonce);
        line(self.method);
        line(self.resource);
        line(self.host.host);
        match self.host.port {
            Some(port) => line(&port.to_string()),
            None => line("None"),
        }
        line(self.hash.unwrap_or_default());
        line(&escaped(self.ext.unwrap_or_default()));
        // Both lines are there only with `app`; a `dlg` alone is not signed.
        if let Some(app) = self.app {
            line(app);
            line(self.dlg.unwrap_or_default());
        }
    }
}

/// The hash of a payload in base64; of the content type only the media type counts, trimmed and in lower case.
pub(super) fn payload_hash(algorithm: Algorithm, content_type: &[u8], body: &[u8]) -> String {
    let media_type = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let mut context = digest::Context::new(algorithm.digest());
    context.update(b"hawk.1.payload\n");
    context.update(&media_type.trim_ascii().to_ascii_lowercase());
    context.update(b"\n");
    context.update(body);
    context.update(b"\n");
    STANDARD.encode(context.finish())
}

/// Compares in a time that does not depend on where the texts differ.
pub(super) fn equal(ours: &str, theirs: &str) -> bool {
    verify_slices_are_equal(ours.as_bytes(), theirs.as_bytes()).is_ok()
}

fn escaped(ext: &str) -> std::borrow::Cow<'_, str> {
    if ext.contains(['\\', '\n']) {
        ext.replace('\\', "\\\\").replace('\n', "\\n").into()
    } else {
        ext.into()
    }
}
