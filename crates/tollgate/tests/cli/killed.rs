//! A gate that is killed in the middle of its work, and the one that comes after it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::Gate;

/// A model that answers every call, for as long as the test's process lives.
fn model() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}

/// The status of one call.
fn call(address: &str, key: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /x HTTP/1.1\r\nHost: gate\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_kill_gives_nobody_a_quota_anew() {
    const KEY: &str = "a-key-of-enough-characters-for-everyone";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.yaml");
    fs::write(folder.path().join("key"), KEY).unwrap();
    let config = format!(
        "listen: 127.0.0.1:0\ndata_dir: data\nupstreams: {{ m: {{ targets: [http://{}] }} }}\n\
         tiers: {{ five: {{ quota: 5 requests/month }} }}\n\
         routes: {{ r: {{ match: {{ path: /x }}, upstream: m, accept: [api_key] }} }}\n\
         consumers: {{ a: {{ tier: five, credentials: [{{ api_key: {{ file: key }} }}] }} }}\n",
        model()
    );
    fs::write(&path, config).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let (gate, address) = Gate::start(&path);
        statuses.extend((0..3).map(|_| call(&address, KEY)));
        // Dropping kills, so the gate has no time to tell anybody anything.
        drop(gate);
    }
    assert_eq!(statuses.join(" "), "200 200 200 200 200 429 429 429 429");
}
