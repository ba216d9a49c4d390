//! The client of the admin API: commands speak to the running gate, as any other program does.

mod refusal;

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::Value;

use crate::probe::trust::own_or_system;
use crate::probe::{Answer, Listening, Question, answer};
use crate::tls::certificates;

pub use refusal::Refusal;

/// The variable that has the key which commands present.
pub const KEY: &str = "TOLLGATE_ADMIN_KEY";

/// Where a gate's admin listener is, unless somebody says otherwise.
const HERE: &str = "http://127.0.0.1:8081";

/// Where the admin API is, and how its gate is known again.
#[derive(Debug, Clone, Args)]
pub struct Access {
    /// Where the gate's admin listener is
    #[arg(long, value_name = "URL", env = "TOLLGATE_URL", default_value = HERE)]
    url: String,
    /// A certificate to believe over TLS beside the system's roots
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// A file with the admin key; without it, `TOLLGATE_ADMIN_KEY` has it
    #[arg(long, value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
}

/// A gate that answers.
#[derive(Debug)]
pub struct Client {
    base: Uri,
    at: Listening,
    key: Option<HeaderValue>,
    runtime: tokio::runtime::Runtime,
}

impl Access {
    /// The admin listener at a URL, else where the environment says or on this machine, with the key of the environment.
    pub fn of_url(url: Option<&str>) -> Self {
        let url = url.map(str::to_owned).or_else(|| std::env::var("TOLLGATE_URL").ok());
        Self { url: url.unwrap_or_else(|| HERE.to_owned()), certificate: None, admin_key_file: None }
    }

    /// A listener of this machine, with its certificate if it speaks TLS, and without a key; one on every address is
    /// asked on loopback.
    pub fn at(address: std::net::SocketAddr, certificate: Option<PathBuf>) -> Self {
        let mut address = address;
        if address.ip().is_unspecified() {
            let loopback = match address {
                std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(loopback);
        }
        let scheme = if certificate.is_some() { "https" } else { "http" };
        Self { url: format!("{scheme}://{address}"), certificate, admin_key_file: None }
    }

    /// A client with the admin key.
    ///
    /// # Errors
    /// There is no key, the URL is none, or a file cannot be read. The gate is not asked yet.
    pub fn client(&self) -> anyhow::Result<Client> {
        let key = self.key()?.with_context(|| {
            format!("no admin key: set `{KEY}`, or name a file by `--admin-key-file`; `tollgate init` prints the first one")
        })?;
        Ok(Client { key: Some(bearer(&key)?), ..self.stranger()? })
    }

    /// A client without a key, for what anybody may ask.
    ///
    /// # Errors
    /// The URL is none, or the certificate cannot be read.
    pub fn stranger(&self) -> anyhow::Result<Client> {
        let url = self.url.trim_end_matches('/');
        let base: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        let authority = base.authority().with_context(|| format!("`{url}` names no host"))?.clone();
        let at = match base.scheme_str() {
            Some("http") => Listening::plain(authority),
            Some("https") => {
                let own = match &self.certificate {
                    Some(path) => certificates(path)?,
                    None => Vec::new(),
                };
                Listening::tls(authority, own_or_system(own)?)
            }
            _ => bail!("`{url}` is neither `http` nor `https`"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Client { base, at, key: None, runtime })
    }

    /// The admin key, from the file or the environment.
    fn key(&self) -> anyhow::Result<Option<String>> {
        let key = match &self.admin_key_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some(text.with_context(|| format!("the admin key file `{}`", path.display()))?)
            }
            None => std::env::var(KEY).ok(),
        };
        Ok(key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()))
    }
}

impl Client {
    /// The same gate with another credential.
    ///
    /// # Errors
    /// The text cannot stand in a header.
    pub fn presenting(self, key: &str) -> anyhow::Result<Self> {
        Ok(Self { key: Some(bearer(key)?), ..self })
    }

    /// Asks for an object.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None)
    }

    /// Makes a call below `/api/v1` and gives the object that is answered, `null` for an answer without a body.
    ///
    /// # Errors
    /// [`Refusal`] where the gate says no; otherwise why it could not be asked.
    pub fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let Answer { status, headers, body } = self.exchange(method, path, body)?;
        if !status.is_success() {
            return Err(Refusal::of(status, &headers, &body).into());
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body)
            .with_context(|| format!("`{}` answers no JSON; is it an admin listener?", self.base))
    }

    fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let base = self.base.to_string();
        let url = format!("{}/api/v1{path}", base.trim_end_matches('/'));
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let headers = self.key.iter().map(|key| (header::AUTHORIZATION, key.clone())).collect();
        let url = url.parse().with_context(|| format!("`{path}` cannot be asked for"))?;
        let question = Question { at: self.at.clone(), url, method, headers, body };
        self.runtime.block_on(answer(question)).with_context(|| {
            format!("`{base}` does not answer; is the gate running (`tollgate serve`), and is that its admin listener (`TOLLGATE_URL`)?")
        })
    }

    /// The `Date` of the gate's answer to anybody, in seconds since 1970, and its status.
    ///
    /// # Errors
    /// Why it could not be asked.
    pub fn health(&self) -> anyhow::Result<(StatusCode, Option<i64>)> {
        let base = self.base.to_string();
        let url = format!("{}/health", base.trim_end_matches('/')).parse()?;
        let question = Question {
            at: self.at.clone(),
            url,
            method: Method::GET,
            headers: Vec::new(),
            body: Bytes::new(),
        };
        let answer = self.runtime.block_on(answer(question))?;
        let date = answer.headers.get(header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Ok((answer.status, date.map(|date| date.timestamp().as_second())))
    }
}

/// A path segment or the value of a parameter, percent-encoded where it must be.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn bearer(key: &str) -> anyhow::Result<HeaderValue> {
    ensure!(key.bytes().all(|byte| byte.is_ascii_graphic()), "the key has characters that no key has");
    let mut value = HeaderValue::try_from(format!("Bearer {key}"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
