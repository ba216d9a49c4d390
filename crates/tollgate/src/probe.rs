//! Asks a gate as a caller would, to see what it really answers.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long one question may take.
const WITHIN: Duration = Duration::from_secs(10);

/// One question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where to ask: an absolute `http` URL.
    pub url: Uri,
    /// The method.
    pub method: Method,
    /// The credential and whatever else belongs to it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A JSON body; sent with methods that have one.
    pub body: Bytes,
}

/// The status that the gate answers.
///
/// # Errors
/// Where the gate cannot be reached or answers no HTTP.
pub async fn ask(question: Question) -> anyhow::Result<StatusCode> {
    tokio::time::timeout(WITHIN, exchange(question)).await.context("no answer within ten seconds")?
}

async fn exchange(question: Question) -> anyhow::Result<StatusCode> {
    let Question { url, method, headers, body } = question;
    anyhow::ensure!(url.scheme_str() == Some("http"), "only `http` URLs can be probed");
    let authority = url.authority().context("the URL names no host")?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await;
    let stream = stream.with_context(|| format!("cannot connect to {authority}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut request = Request::builder()
        .method(method)
        .uri(url.path_and_query().map_or("/", |target| target.as_str()))
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body))?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        anyhow::Ok(status)
    };
    tokio::select! {
        status = answer => status,
        ended = connection => Err(ended.err().map_or_else(|| anyhow::anyhow!("the gate closed the connection"), Into::into)),
    }
}
