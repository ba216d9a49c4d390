//! Callers: HTTP/1.1 on raw sockets for exact bytes, HTTP/2 through hyper's client, either over TLS.

mod h1;
mod h2;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

use crate::answer::{Answer, End};
use crate::certificates::Certificates;

/// Longer than anything that a test waits for; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(15);

/// Waits for something that must happen.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(PATIENCE, future).await.with_context(|| format!("waited too long for {what}"))
}

/// One connection of a caller.
pub struct Client {
    wire: Wire,
    /// The answer that is being read.
    pub answer: Option<Answer>,
    secure: bool,
}

enum Wire {
    H1(h1::Connection),
    H2(h2::Connection),
    /// The gate did not take it.
    Refused,
}

/// How to connect.
#[derive(Debug, Default)]
pub struct Options {
    pub tls: bool,
    pub h2: bool,
    /// Trusts the certificate before the current one.
    pub old: bool,
    pub from: Option<IpAddr>,
    /// Bytes that the socket may hold unread.
    pub window: Option<u32>,
    pub listener: usize,
    /// Ends with a reset, whatever is still to be sent.
    pub abrupt: bool,
}

/// Any byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Options {
    /// Reads the words of a `connect` step.
    pub fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("tls", _) => options.tls = true,
                ("h2", _) => options.h2 = true,
                ("old", _) => options.old = true,
                ("abrupt", _) => options.abrupt = true,
                ("from", address) => options.from = Some(address.parse()?),
                ("window", bytes) => options.window = Some(bytes.parse()?),
                ("listener", index) => options.listener = index.parse()?,
                _ => bail!("unknown option `{word}`"),
            }
        }
        Ok(options)
    }
}

impl Client {
    /// Connects; a refusal by the gate is kept as such, for a later check.
    pub async fn connect(to: SocketAddr, options: &Options, certificates: &Certificates) -> Result<Self> {
        let wire = match open(to, options, certificates).await {
            Err(_) => Wire::Refused,
            Ok(stream) if options.h2 => Wire::H2(h2::Connection::new(stream).await?),
            Ok(stream) => Wire::H1(h1::Connection::new(stream)),
        };
        Ok(Self { wire, answer: None, secure: options.tls })
    }

    /// Sends a request.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(String, Vec<u8>)],
        body: Option<Vec<u8>>,
    ) -> Result<()> {
        match &mut self.wire {
            Wire::H1(connection) => connection.request(method, target, fields, body),
            Wire::H2(connection) => connection.request(method, target, fields, body, self.secure)?,
            Wire::Refused => bail!("the gate refused the connection"),
        }
        Ok(())
    }

    /// Sends bytes as they are.
    pub fn bytes(&mut self, bytes: Vec<u8>) -> Result<()> {
        match &mut self.wire {
            Wire::H1(connection) => connection.bytes(bytes),
            Wire::H2(_) => bail!("there are no raw bytes on HTTP/2"),
            Wire::Refused => bail!("the gate refused the connection"),
        }
        Ok(())
    }

    /// Ends the sending side.
    pub fn end(&mut self) {
        if let Wire::H1(connection) = &mut self.wire {
            connection.end();
        }
    }

    /// Reads the head of the next answer.
    pub async fn head(&mut self) -> Result<&mut Answer> {
        let answer = match &mut self.wire {
            Wire::H1(connection) => within("an answer", connection.head()).await??,
            Wire::H2(connection) => within("an answer", connection.head()).await??,
            Wire::Refused => bail!("the gate refused the connection"),
        };
        Ok(self.answer.insert(answer))
    }

    /// Reads more of the body until `enough` says so or it ends.
    pub async fn body(&mut self, enough: impl Fn(&Answer) -> bool) -> Result<&mut Answer> {
        let answer = self.answer.as_mut().context("no answer has begun")?;
        while answer.end == End::Going && !enough(answer) {
            match &mut self.wire {
                Wire::H1(connection) => within("a body", connection.more(answer)).await?,
                Wire::H2(connection) => within("a body", connection.more(answer)).await?,
                Wire::Refused => bail!("the gate refused the connection"),
            }
        }
        Ok(answer)
    }

    /// The answer, with its body read to the end where it is signed with its body.
    pub async fn body_if_small(&mut self) -> Result<&Answer> {
        let answer = self.answer.as_ref().context("no answer has begun")?;
        let signed = answer.fields.get("server-authorization").is_some_and(|value| value.contains("hash="));
        let answer = self.body(|_| !signed).await?;
        Ok(answer)
    }

    /// Reads bytes that are no answer.
    pub async fn raw(&mut self, count: usize) -> Result<Vec<u8>> {
        match &mut self.wire {
            Wire::H1(connection) => within("bytes", connection.raw(count)).await?,
            Wire::H2(_) | Wire::Refused => bail!("there are no raw bytes here"),
        }
    }

    /// Waits until the gate ends the connection; what it said before that.
    pub async fn closed(&mut self) -> Result<Vec<u8>> {
        match &mut self.wire {
            Wire::H1(connection) => within("the connection's end", connection.rest()).await,
            Wire::H2(connection) => {
                within("the connection's end", connection.closed()).await?;
                Ok(Vec::new())
            }
            Wire::Refused => Ok(Vec::new()),
        }
    }
}

async fn open(to: SocketAddr, options: &Options, certificates: &Certificates) -> Result<Box<dyn Stream>> {
    let socket = TcpSocket::new_v4()?;
    if let Some(window) = options.window {
        socket.set_recv_buffer_size(window)?;
    }
    if let Some(from) = options.from {
        socket.bind((from, 0).into())?;
    }
    let tcp = within("a connection", socket.connect(to)).await??;
    tcp.set_nodelay(true)?;
    if options.abrupt {
        tcp.set_zero_linger()?;
    }
    if !options.tls {
        return Ok(Box::new(tcp));
    }
    let root = if options.old { &certificates.old } else { &certificates.current };
    let connector = TlsConnector::from(certificates.client(root, options.h2)?);
    let name = ServerName::try_from("gate.test")?;
    let stream = within("a TLS handshake", connector.connect(name, tcp)).await??;
    Ok(Box::new(stream))
}
