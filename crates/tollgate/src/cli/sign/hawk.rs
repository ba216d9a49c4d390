//! `tollgate sign hawk`: one request signed with a shared key.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use http::{Method, Uri};
use tollgate_core::authn::hawk::{self, Algorithm, Key, Request};

use crate::keys::random;

/// Print the `Authorization` header of a request signed with Hawk
///
/// Sign what is sent: the method, the address and the body must be those of the request, and each signature is good
/// for one request within a minute. For a body from a file, give curl `--data-binary @FILE`, which sends it unchanged.
#[derive(Debug, Args)]
pub struct Hawk {
    /// Id of the credential
    #[arg(long)]
    id: String,
    #[command(flatten)]
    key: SharedKey,
    /// What the key is hashed with
    #[arg(long, default_value_t)]
    algorithm: Algorithm,
    /// Method of the request [default: POST with --data, else GET]
    #[arg(long, value_name = "METHOD")]
    method: Option<Method>,
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
    #[arg(long)]
    ext: Option<String>,
    /// Id of an application that acts for the credential's owner
    #[arg(long)]
    app: Option<String>,
    /// Who delegated to that application
    #[arg(long, requires = "app")]
    dlg: Option<String>,
    /// Unix time of the signature, where this machine's clock is not the gate's [default: now]
    #[arg(long, value_name = "SECONDS")]
    ts: Option<u64>,
    /// Text that makes the signature unique [default: random]
    #[arg(long)]
    nonce: Option<String>,
    /// Address of the request; a path is enough with --bare-path
    url: Uri,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SharedKey {
    /// The shared key; other users of the machine can see arguments, so prefer --key-env
    #[arg(long)]
    key: Option<String>,
    /// Environment variable that holds the shared key
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
}

impl Hawk {
    /// The header's value for a request sent at `now`.
    ///
    /// # Errors
    /// The key or the body cannot be read, the address names no host, or a text cannot stand in the header.
    pub fn authorization(self, now: Duration) -> anyhow::Result<String> {
        let host = if self.bare_path { None } else { Some(signed_host(&self.url)?) };
        let key = Key::new(&self.id, self.algorithm, self.key.read()?.as_bytes())?;
        let body = self.data.as_deref().map(body).transpose()?;
        let method = self.method.unwrap_or(if body.is_some() { Method::POST } else { Method::GET });
        let nonce = match self.nonce {
            Some(nonce) => nonce,
            None => URL_SAFE_NO_PAD.encode(random::<9>()?),
        };
        let header = hawk::sign(&Request {
            key: &key,
            ts: self.ts.unwrap_or(now.as_secs()),
            nonce: &nonce,
            method: &method,
            resource: self.url.path_and_query().map_or("/", |target| target.as_str()),
            host: host.as_ref().map(|(host, port)| (host.as_str(), *port)),
            payload: body.as_deref().map(|body| (self.content_type.as_str(), body)),
            ext: self.ext.as_deref(),
            app: self.app.as_deref(),
            dlg: self.dlg.as_deref(),
        })?;
        Ok(header)
    }
}

impl SharedKey {
    fn read(self) -> anyhow::Result<String> {
        match self {
            Self { key: Some(key), .. } => Ok(key),
            Self { key_env: Some(variable), .. } => super::secret_from(&variable),
            Self { key: None, key_env: None } => bail!("neither `--key` nor `--key-env`"),
        }
    }
}

/// Host and port that a request to this address names.
fn signed_host(url: &Uri) -> anyhow::Result<(String, u16)> {
    let default = match url.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        Some(other) => bail!("`{other}` is no scheme that the gate speaks; give `http://…` or `https://…`"),
        None => bail!("`{url}` names no host; give the whole address, or `--bare-path`"),
    };
    let host = url.host().with_context(|| format!("`{url}` names no host"))?;
    Ok((host.to_ascii_lowercase(), url.port_u16().unwrap_or(default)))
}

fn body(data: &str) -> anyhow::Result<Vec<u8>> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut body = Vec::new();
            std::io::stdin().lock().read_to_end(&mut body).context("standard input cannot be read")?;
            Ok(body)
        }
        Some(path) => std::fs::read(path).with_context(|| format!("`{path}` cannot be read")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
