//! Signs requests: for the command line, for examples, and for tests.

use http::Method;

use super::Key;
use super::header::is_value;
use super::host::HostLines;
use super::mac::{Kind, Signed, payload_hash};

/// A request to sign.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Whose request it is.
    pub key: &'a Key,
    /// Unix seconds.
    pub ts: u64,
    /// Never used before with this key and `ts`.
    pub nonce: &'a str,
    /// As it is sent.
    pub method: &'a Method,
    /// Path and query as they are sent.
    pub resource: &'a str,
    /// Host in lower case, and port; absent signs a bare path, as mohawk does.
    pub host: Option<(&'a str, u16)>,
    /// Content type and whole body; absent leaves the body unsigned.
    pub payload: Option<(&'a str, &'a [u8])>,
    /// Text of the application.
    pub ext: Option<&'a str>,
    /// Id of an application that acts for the credential's owner.
    pub app: Option<&'a str>,
    /// Who delegated to that application; needs `app`.
    pub dlg: Option<&'a str>,
}

/// A text that cannot stand in a Hawk header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` must be one or more printable ASCII characters without `\"` and `\\`")]
pub struct BadAttribute {
    /// The attribute.
    pub name: &'static str,
}

/// The value of `Authorization`, attributes in the order in which mohawk writes them.
///
/// # Errors
/// [`BadAttribute`] where a text could not be read back.
pub fn sign(request: &Request<'_>) -> Result<String, BadAttribute> {
    let hash = request
        .payload
        .map(|(content_type, body)| payload_hash(request.key.algorithm(), content_type.as_bytes(), body));
    let ts = request.ts.to_string();
    let mac = request.key.mac(&Signed {
        kind: Kind::Header,
        ts: &ts,
        nonce: request.nonce,
        method: request.method.as_str(),
        resource: request.resource,
        host: match request.host {
            Some((host, port)) => HostLines {
                host,
                port: Some(port),
            },
            None => HostLines::BARE,
        },
        hash: hash.as_deref(),
        ext: request.ext,
        app: request.app,
        dlg: request.dlg,
    });
    let attributes = [
        ("mac", Some(&*mac)),
        ("hash", hash.as_deref()),
        ("id", Some(&*request.key.id)),
        ("ts", Some(&*ts)),
        ("nonce", Some(request.nonce)),
        ("ext", request.ext),
        ("app", request.app),
        ("dlg", request.dlg),
    ];
    let mut header = String::from("Hawk");
    for (name, value) in attributes {
        let Some(value) = value else { continue };
        if !is_value(value) {
            return Err(BadAttribute { name });
        }
        header.push_str(if header.len() > "Hawk".len() { ", " } else { " " });
        header.push_str(&format!("{name}=\"{value}\""));
    }
    Ok(header)
}
