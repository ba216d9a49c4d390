use std::io::Read;
use std::net::TcpListener;

use serde_json::json;

use super::*;

/// Asks a server that answers so.
#[track_caller]
fn check(answer: &'static str, expected: Result<&str, &str>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Uri = format!("redis://user:secret@{}/0", listener.local_addr().unwrap()).parse().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 6];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let found = ping(&url, Duration::from_secs(10)).map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_owned));
    server.join().unwrap();
    assert!(!shown(&url).contains("secret"));
}

#[test]
fn a_redis_is_known_by_its_answer() {
    check("+PONG\r\n", Ok(""));
    check("-NOAUTH Authentication required.\r\n", Ok(" (its password was not tried)"));
    check("HTTP/1.1 400 Bad Request\r\n", Err("who answers is no Redis"));
    check("", Err("who answers is no Redis"));
}

#[test]
fn the_address_is_found_in_each_form() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), "redis://h:1\n").unwrap();
    for shared in [json!("redis://h:1"), json!({ "file": "url" }), json!({ "url": { "file": "url" } })] {
        assert_eq!(shown(&url(&shared, folder.path()).unwrap()), "h:1", "{shared}");
    }
    for shared in [json!(null), json!("none"), json!({ "env": "SURELY_NOT_SET" })] {
        assert!(url(&shared, folder.path()).is_none(), "{shared}");
    }
}
