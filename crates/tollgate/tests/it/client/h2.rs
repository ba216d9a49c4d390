//! HTTP/2 through hyper's client.

use std::collections::VecDeque;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

use super::Stream;
use crate::answer::{Answer, End, Fields};

/// A connection whose streams are answered in the order of the transcript.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    coming: VecDeque<JoinHandle<Result<Response<Incoming>, hyper::Error>>>,
    body: Option<Incoming>,
}

impl Connection {
    pub async fn new(stream: Box<dyn Stream>) -> Result<Self> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Why it ended shows in the answers.
            let _ = connection.await;
        });
        Ok(Self { sender, driver, coming: VecDeque::new(), body: None })
    }

    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(String, Vec<u8>)],
        body: Option<Vec<u8>>,
        secure: bool,
    ) -> Result<()> {
        let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = String::from_utf8_lossy(host.map(|(_, value)| value.as_slice()).unwrap_or(b"gate.test"));
        let scheme = if secure { "https" } else { "http" };
        let mut request = Request::builder().method(method).uri(format!("{scheme}://{host}{target}"));
        for (name, value) in fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            request = request.header(name, value.as_slice());
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())))?;
        let mut sender = self.sender.clone();
        self.coming.push_back(tokio::spawn(async move {
            sender.ready().await?;
            sender.send_request(request).await
        }));
        Ok(())
    }

    pub async fn head(&mut self) -> Result<Answer> {
        let coming = self.coming.pop_front().context("no request was sent")?;
        let response = coming.await?.map_err(|error| anyhow!("no answer: {error:?}"))?;
        let (parts, body) = response.into_parts();
        let fields = parts.headers.iter();
        let fields = fields
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        self.body = Some(body);
        Ok(Answer { status: parts.status.as_u16(), fields: Fields(fields), ..Answer::default() })
    }

    pub async fn more(&mut self, answer: &mut Answer) {
        let Some(body) = &mut self.body else {
            answer.end = End::Whole;
            return;
        };
        match body.frame().await {
            None => answer.end = End::Whole,
            Some(Err(_)) => answer.end = End::Broken,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    answer.body.extend_from_slice(&data);
                }
            }
        }
    }

    pub async fn closed(&mut self) {
        // A driver that was cancelled has ended too.
        let _ = (&mut self.driver).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A request under way would keep the connection open.
        for coming in &self.coming {
            coming.abort();
        }
        self.driver.abort();
    }
}
