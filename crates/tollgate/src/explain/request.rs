//! A request that nobody makes: what is asked about.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use tollgate_core::denial::Denial;
use tollgate_core::head::{Head, Host};
use tollgate_core::path::CanonicalPath;

/// A request to be explained. It is never kept, as it may hold a credential.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `GET` where it is absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Path and query.
    pub path: String,
    /// Fields by name; a list where one is repeated.
    #[serde(default)]
    pub headers: BTreeMap<String, Values>,
    /// The body, for schemes that sign it.
    #[serde(default)]
    pub body: Option<String>,
    /// The caller's address; loopback where it is absent.
    #[serde(default)]
    pub client: Option<IpAddr>,
}

/// One value of a field, or several.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged, expecting = "a text, or a list of texts")]
pub enum Values {
    /// One.
    One(String),
    /// As many as the field is repeated.
    Many(Vec<String>),
}

/// Why a request cannot be asked about: the member that is wrong, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}`: {why}")]
pub struct BadRequest {
    /// The member of the body.
    pub member: &'static str,
    /// In words.
    pub why: String,
}

impl Request {
    /// The head as the gate would see it, or the gate's refusal of its path.
    ///
    /// # Errors
    /// [`BadRequest`] for what could not be sent as a request.
    pub fn head(&self) -> Result<Result<Head, Denial>, BadRequest> {
        let bad = |member, why: &dyn ToString| BadRequest { member, why: why.to_string() };
        let method = match self.method.as_deref() {
            None => Method::GET,
            Some(text) => Method::from_bytes(text.as_bytes()).map_err(|error| bad("method", &error))?,
        };
        if !self.path.starts_with('/') {
            return Err(bad("path", &"it begins with `/`"));
        }
        let target: PathAndQuery = self.path.parse().map_err(|error| bad("path", &error))?;
        let headers = self.fields().map_err(|why| bad("headers", &why))?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let host = host_of(host);
        let path = match CanonicalPath::parse(target.path()) {
            Ok(path) => path,
            Err(error) => return Ok(Err(Denial::Path(error))),
        };
        Ok(Ok(Head {
            method,
            path,
            target,
            host,
            headers,
            has_body: self.body.as_ref().is_some_and(|body| !body.is_empty()),
            secure: false,
            client: self.client.unwrap_or(Ipv4Addr::LOCALHOST.into()),
        }))
    }

    fn fields(&self) -> Result<HeaderMap, String> {
        let mut fields = HeaderMap::new();
        for (name, values) in &self.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|error| format!("{error}: {name:?}"))?;
            let values = match values {
                Values::One(value) => std::slice::from_ref(value),
                Values::Many(values) => values,
            };
            for value in values {
                // The value may be a secret, so that only the name is told.
                let value = HeaderValue::try_from(value).map_err(|error| format!("{error}: {name}"))?;
                fields.append(name.clone(), value);
            }
        }
        Ok(fields)
    }
}

fn host_of(text: &str) -> Host {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (text, None),
    };
    Host { name: name.trim_end_matches('.').to_ascii_lowercase().into(), port }
}
