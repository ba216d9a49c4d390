//! Questions to the admin listener of a running gate.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::Value;

use crate::probe::trust::own_or_system;
use crate::probe::{Listening, Question, fetch};

/// One gate's admin listener.
#[derive(Debug)]
pub(super) struct Admin {
    base: String,
    at: Listening,
}

impl Admin {
    /// The listener at a URL.
    ///
    /// # Errors
    /// Where it is no URL of HTTP.
    pub fn at(url: &str) -> anyhow::Result<Self> {
        let parsed: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        let authority = parsed.authority().with_context(|| format!("`{url}` names no host"))?.clone();
        let at = match parsed.scheme_str() {
            Some("http") => Listening::plain(authority),
            Some("https") => Listening::tls(authority, own_or_system(Vec::new())?),
            _ => bail!("`{url}` is neither `http` nor `https`"),
        };
        Ok(Self { base: url.trim_end_matches('/').to_owned(), at })
    }

    /// What the gate has at this path.
    ///
    /// # Errors
    /// Where it cannot be reached, or refuses, in its own words.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, Bytes::new())
    }

    /// What the gate answers to this body.
    ///
    /// # Errors
    /// As of [`get`](Self::get).
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, body.to_string().into())
    }

    fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Value> {
        let key = std::env::var("TOLLGATE_ADMIN_KEY").ok().filter(|key| !key.is_empty());
        let key = key.context("`TOLLGATE_ADMIN_KEY` is not set: the admin listener wants an admin key")?;
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).context("`TOLLGATE_ADMIN_KEY`")?;
        value.set_sensitive(true);
        let url = format!("{}{path}", self.base).parse()?;
        let headers = vec![(header::AUTHORIZATION, value)];
        let question = Question { at: self.at.clone(), url, method, headers, body };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, body) = runtime.block_on(fetch(question))?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let said = text("detail").or_else(|| text("title"));
        let said = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("refused").to_owned());
        match status {
            StatusCode::UNAUTHORIZED => bail!("{status}: {said} (is `TOLLGATE_ADMIN_KEY` this gate's?)"),
            status => bail!("{status}: {said}"),
        }
    }
}
