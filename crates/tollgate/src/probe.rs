//! Asks a gate over HTTP: its data plane as a caller would, to see what it really answers, and its control plane.

pub mod trust;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one question may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer; a page of any list is far below.
const MOST: usize = 64 * 1024 * 1024;

/// One question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where the gate listens.
    pub at: Listening,
    /// What is asked: an absolute URL, whose host need not be a name of the gate's machine.
    pub url: Uri,
    /// The method.
    pub method: Method,
    /// The credential and whatever else belongs to it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A JSON body; sent with methods that have one.
    pub body: Bytes,
}

/// What the gate answers.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Where a gate listens, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Listening {
    authority: Authority,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl Listening {
    /// A listener of plain HTTP.
    pub fn plain(authority: Authority) -> Self {
        Self { port: authority.port_u16().unwrap_or(80), authority, tls: None }
    }

    /// A listener of TLS, believed as the settings say.
    pub fn tls(authority: Authority, settings: Arc<ClientConfig>) -> Self {
        Self { port: authority.port_u16().unwrap_or(443), authority, tls: Some(settings) }
    }
}

/// The status that the gate answers.
///
/// # Errors
/// As [`answer`].
pub async fn ask(question: Question) -> anyhow::Result<StatusCode> {
    answer(question).await.map(|answer| answer.status)
}

/// What the gate answers.
///
/// # Errors
/// Where the gate cannot be reached, is not who it should be, takes more than ten seconds, or answers no HTTP.
pub async fn answer(question: Question) -> anyhow::Result<Answer> {
    tokio::time::timeout(WITHIN, connect(question)).await.context("no answer within ten seconds")?
}

async fn connect(question: Question) -> anyhow::Result<Answer> {
    let Listening { authority, port, tls } = &question.at;
    let stream = TcpStream::connect((bare(authority.host()), *port)).await;
    let stream = stream.with_context(|| format!("cannot connect to {authority}"))?;
    let Some(settings) = tls.clone() else { return exchange(stream, question).await };
    let name = bare(question.url.host().unwrap_or_default()).to_owned();
    let name = ServerName::try_from(name).context("the URL's host is no name for TLS")?;
    let stream = TlsConnector::from(settings).connect(name, stream).await;
    let stream = stream.with_context(|| format!("no TLS with {authority}"))?;
    exchange(stream, question).await
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, question: Question) -> anyhow::Result<Answer> {
    let Question { url, method, headers, body, .. } = question;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder()
        .method(method)
        .uri(url.path_and_query().map_or("/", |target| target.as_str()))
        .header(header::HOST, url.authority().context("the URL names no host")?.as_str())
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body))?;
    let mut answer = std::pin::pin!(async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MOST).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the answer did not come whole: {error}"))?;
        anyhow::Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    });
    tokio::select! {
        answer = &mut answer => return answer,
        ended = connection => ended?,
    }
    // The connection may end with the answer's last byte, which is still to be taken from it then.
    answer.await.context("the gate closed the connection")
}

/// A host without the brackets that an IPv6 address has in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
