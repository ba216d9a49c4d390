//! `tollgate sign hawk`: one request signed with a shared key.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, ValueEnum};
use http::Uri;

use super::signature;
use crate::cli::keygen::random;

/// Print the `Authorization` header of a request signed with Hawk
///
/// Sign what is sent: the method, the address and the body must be those of the request, and each signature is good
/// for one request within a minute. For a body from a file, give curl `--data-binary @FILE`, which sends it unchanged.
#[derive(Debug, Args)]
pub struct Hawk {
    /// Id of the credential
    #[arg(long, value_parser = attribute)]
    id: String,
    #[command(flatten)]
    key: Key,
    /// What the key is hashed with
    #[arg(long, value_enum, default_value_t = Algorithm::Sha256)]
    algorithm: Algorithm,
    /// Method of the request [default: POST with --data, else GET]
    #[arg(long, value_name = "METHOD")]
    method: Option<http::Method>,
    /// Media type of the body
    #[arg(long, value_name = "TYPE", default_value = "application/json")]
    content_type: String,
    /// Body of the request; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, value_name = "BODY|@FILE")]
    data: Option<String>,
    /// Sign an empty host and the port `None`, as mohawk does when it is given a path only
    #[arg(long)]
    bare_path: bool,
    /// Data to sign along, sent as the attribute `ext`
    #[arg(long, value_parser = attribute)]
    ext: Option<String>,
    /// Unix time of the signature, where this machine's clock is not the gate's [default: now]
    #[arg(long, value_name = "SECONDS")]
    ts: Option<u64>,
    /// Text that makes the signature unique [default: random]
    #[arg(long, value_parser = attribute)]
    nonce: Option<String>,
    /// Address of the request; a path is enough with --bare-path
    url: Uri,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Key {
    /// The shared key; other users of the machine can see arguments, so prefer --key-env
    #[arg(long)]
    key: Option<String>,
    /// Environment variable that holds the shared key
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
}

/// Hash functions of Hawk credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    Sha256,
    Sha1,
}

impl Hawk {
    /// The header's value for a request sent at `now`.
    ///
    /// # Errors
    /// The key or the body cannot be read, or the address names no host.
    pub fn authorization(self, now: Duration) -> anyhow::Result<String> {
        let (host, port) = self.signed_host()?;
        let key = match self.key {
            Key { key: Some(key), .. } => key,
            Key {
                key_env: Some(variable),
                ..
            } => super::secret_from(&variable)?,
            Key {
                key: None,
                key_env: None,
            } => bail!("neither `--key` nor `--key-env`"),
        };
        ensure!(!key.is_empty(), "the key is empty");
        let body = self.data.as_deref().map(body).transpose()?;
        let method = self.method.unwrap_or(if body.is_some() {
            http::Method::POST
        } else {
            http::Method::GET
        });
        let nonce = match self.nonce {
            Some(nonce) => nonce,
            None => URL_SAFE_NO_PAD.encode(random::<9>()?),
        };
        Ok(signature::hawk(&signature::Request {
            id: &self.id,
            key: key.as_bytes(),
            algorithm: self.algorithm,
            ts: self.ts.unwrap_or(now.as_secs()),
            nonce: &nonce,
            method: method.as_str(),
            resource: self.url.path_and_query().map_or("/", |target| target.as_str()),
            host: &host,
            port: &port,
            payload: body.as_deref().map(|body| (self.content_type.as_str(), body)),
            ext: self.ext.as_deref(),
        }))
    }

    /// Host and port as the signature spells them.
    fn signed_host(&self) -> anyhow::Result<(String, String)> {
        if self.bare_path {
            return Ok((String::new(), "None".to_owned()));
        }
        let default = match self.url.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            Some(other) => {
                bail!("`{other}` is no scheme that the gate speaks; give `http://…` or `https://…`")
            }
            None => bail!(
                "`{}` names no host; give the whole address, or `--bare-path`",
                self.url
            ),
        };
        let host = self
            .url
            .host()
            .with_context(|| format!("`{}` names no host", self.url))?;
        Ok((
            host.to_ascii_lowercase(),
            self.url.port_u16().unwrap_or(default).to_string(),
        ))
    }
}

/// A text that a Hawk header may carry: printable ASCII without `"` and `\`, at least one character.
fn attribute(text: &str) -> Result<String, String> {
    match text
        .chars()
        .find(|c| !matches!(c, ' '..='~') || matches!(c, '"' | '\\'))
    {
        Some(bad) => Err(format!("a Hawk attribute may not hold {bad:?}")),
        None if text.is_empty() => Err("a Hawk attribute may not be empty".to_owned()),
        None => Ok(text.to_owned()),
    }
}

fn body(data: &str) -> anyhow::Result<Vec<u8>> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut body = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut body)
                .context("standard input cannot be read")?;
            Ok(body)
        }
        Some(path) => std::fs::read(path).with_context(|| format!("`{path}` cannot be read")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
