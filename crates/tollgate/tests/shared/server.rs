//! A Redis for one test, which may freeze it, end it and start it again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// A server. It runs as long as this process has the other end of its input.
pub struct Redis {
    port: u16,
    pid: u32,
    running: Child,
}

impl Redis {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_on(None)
    }

    fn start_on(port: Option<u16>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis-server");
        let mut running = Command::new(script)
            .args(port.map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((port, pid)) = line.trim().split_once(' ') else {
            let mut why = String::new();
            running.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("there is no Redis to test with: {why}");
        };
        Self { port: port.parse().unwrap(), pid: pid.parse().unwrap(), running }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection of the test's own.
    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// It keeps its connections and answers nobody.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Ends it at once, and with it all that it knew.
    pub fn end(&mut self) {
        self.signal("KILL");
        drop(self.running.stdin.take());
        self.running.wait().unwrap();
    }

    /// Starts another one in its place, after an [`end`](Self::end).
    pub fn start_again(&mut self) {
        *self = Self::start_on(Some(self.port));
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.running.stdin.take());
        let _ = self.running.wait();
    }
}
