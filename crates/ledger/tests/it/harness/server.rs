use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// A server that a script of this repository runs. It lives as long as this has the other end of its input.
pub struct Server {
    child: Child,
    /// What the script said: one line.
    pub said: String,
}

impl Server {
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let script = format!("{}/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(&script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said.is_empty() {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("{script} {arguments:?}: {why}");
        }
        Self { child, said: said.trim().to_owned() }
    }

    pub fn broker(arguments: &[&str]) -> Self {
        Self::start("tests/brokers/run", arguments)
    }

    /// The port that a broker's script says first.
    pub fn port(&self) -> u16 {
        self.said.split(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
