//! A Redis for one test, which may freeze it, end it and start it again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// A server. It runs as long as this process has the other end of its input.
pub struct Redis {
    port: u16,
    pid: u32,
    running: Child,
    /// The password, where it wants one.
    password: Option<&'static str>,
    /// What its certificate chains to, in PEM, where it speaks TLS.
    roots: Option<String>,
    _files: Option<tempfile::TempDir>,
}

impl Redis {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_with(&[""])
    }

    /// One that wants a password.
    pub fn with_password(password: &'static str) -> Self {
        let mut started = Self::start_with(&["", "--requirepass", password]);
        started.password = Some(password);
        started
    }

    /// One that speaks TLS alone, with a certificate for its address by an authority of its own.
    pub fn with_tls() -> Self {
        let files = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let roots = authority.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, key);
        let own = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&own, &issuer).unwrap().pem();
        let file = |name: &str, text: String| {
            let path = files.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (cert, key) = (file("cert.pem", certificate), file("key.pem", own.serialize_pem()));
        let mut started = Self::start_with(&[
            "--tls",
            "",
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            "no",
        ]);
        (started.roots, started._files) = (Some(roots), Some(files));
        started
    }

    fn start_with(arguments: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis-server");
        let mut running = Command::new(script)
            .args(arguments)
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
        let (port, pid) = (port.parse().unwrap(), pid.parse().unwrap());
        Self { port, pid, running, password: None, roots: None, _files: None }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        let scheme = if self.roots.is_some() { "rediss" } else { "redis" };
        let user = self.password.map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{user}127.0.0.1:{}", self.port)
    }

    /// What its certificate chains to.
    pub fn roots(&self) -> Option<Vec<u8>> {
        self.roots.clone().map(String::into_bytes)
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
        *self = Self::start_with(&[&self.port.to_string()]);
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
