use bytes::BytesMut;
use http::Method;
use proptest::prelude::*;

use super::{Invalid, next};
use crate::config::process::Bounds;
use crate::gateway::wire::{Framing, Lookout};

#[track_caller]
fn check(method: Method, input: &str, expected: Result<Option<(u16, Framing, bool)>, Invalid>) {
    let got = next(&mut BytesMut::from(input), &mut Lookout::default(), &method, &Bounds::default());
    let got = got.map(|head| head.map(|head| (head.status.as_u16(), head.framing, head.keep_alive)));
    assert_eq!(got, expected, "{input:?}");
}

#[test]
fn answers_end_where_the_standard_says() {
    let get = |input, status, framing, keep_alive| {
        check(Method::GET, input, Ok(Some((status, framing, keep_alive))));
    };
    get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, Framing::Length(5), true);
    get("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, Framing::None, true);
    get("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", 200, Framing::Chunked, true);
    get("HTTP/1.1 200 OK\r\n\r\n", 200, Framing::Close, true);
    get("HTTP/1.1 204 No Content\r\n\r\n", 204, Framing::None, true);
    get("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, Framing::None, true);
    get("HTTP/1.1 103 Early Hints\r\n\r\n", 103, Framing::None, true);
    get(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, close\r\n\r\n",
        200,
        Framing::Length(5),
        false,
    );
    get("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, Framing::Length(5), false);
    get(
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
        200,
        Framing::Length(5),
        true,
    );
    check(Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Ok(Some((200, Framing::None, true))));
    check(Method::GET, "HTTP/1.1 200 OK\r\nContent-Le", Ok(None));
    check(Method::GET, "HT", Ok(None));
}

#[test]
fn what_could_be_read_in_two_ways_is_no_answer() {
    for input in [
        "hello, I am no HTTP\r\n\r\n",
        "hello",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
    ] {
        check(Method::GET, input, Err(Invalid));
    }
    check(Method::GET, &format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(70_000)), Err(Invalid));
    check(Method::GET, &format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101)), Err(Invalid));
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut input = BytesMut::from(&b"HTTP/1.1 200"[..]);
        input.extend_from_slice(&bytes);
        let _ = next(&mut input, &mut Lookout::default(), &Method::GET, &Bounds::default());
    }
}
