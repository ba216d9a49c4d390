//! An auth service that answers as a test wants, and a model at the same address.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it answers.
#[derive(Clone)]
pub enum Answer {
    /// A status and a body.
    Body(u16, String),
    /// Nothing, for ever.
    Hang,
    /// The end of the connection.
    Drop,
    /// Another place.
    Redirect,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub authorization: Option<String>,
    pub consumer: Option<String>,
    pub credential: Option<String>,
    pub body: Value,
}

pub struct Fake {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    validate: Mutex<Answer>,
    debit: Mutex<Answer>,
    seen: watch::Sender<Vec<Seen>>,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Body(status, body.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::Body(status, body.to_owned())
    }
}

impl Fake {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            validate: Mutex::new(Answer::Drop),
            debit: Mutex::new(Answer::json(200, &Value::Null)),
            seen: watch::Sender::new(Vec::new()),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Self { address, state }
    }

    /// What validations are answered from now on.
    pub fn validate(&self, answer: Answer) {
        *self.state.validate.lock() = answer;
    }

    /// What charges are answered from now on.
    pub fn debit(&self, answer: Answer) {
        *self.state.debit.lock() = answer;
    }

    /// The requests for a path so far.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.state.seen.borrow().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// Waits for so many requests for a path.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Seen> {
        let mut changes = self.state.seen.subscribe();
        let enough = |all: &Vec<Seen>| all.iter().filter(|seen| seen.path == path).count() >= count;
        let waited = tokio::time::timeout(std::time::Duration::from_secs(10), changes.wait_for(enough)).await;
        waited.unwrap().unwrap();
        self.seen(path)
    }
}

async fn serve(stream: TcpStream, state: &State) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream).await {
        let answer = match seen.path.as_str() {
            "/api/v1/keys/validate" => state.validate.lock().clone(),
            path if path.ends_with("/debit") => state.debit.lock().clone(),
            _ => Answer::text(200, "{}"),
        };
        state.seen.send_modify(|all| all.push(seen));
        let text = match answer {
            Answer::Body(status, body) => {
                format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
            Answer::Redirect => {
                "HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            Answer::Hang => std::future::pending().await,
            Answer::Drop => return,
        };
        if stream.get_mut().write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut seen = Seen { path, authorization: None, consumer: None, credential: None, body: Value::Null };
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => seen.authorization = Some(value.to_owned()),
            "x-consumer-username" => seen.consumer = Some(value.to_owned()),
            "x-credential-identifier" => seen.credential = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    seen.body = serde_json::from_slice(&body).unwrap_or_default();
    Some(seen)
}
