use bytes::BytesMut;
use proptest::prelude::*;
use tollgate_core::Denial;
use tollgate_core::denial::{Bound, Malformed};

use super::{RequestHead, next};
use crate::config::process::Bounds;
use crate::gateway::wire::{Framing, Lookout};

fn read(input: &[u8]) -> Result<Option<RequestHead>, Denial> {
    next(&mut BytesMut::from(input), &mut Lookout::default(), &Bounds::default())
}

#[track_caller]
fn check(input: &str, expected: Result<Option<Framing>, Denial>) {
    assert_eq!(read(input.as_bytes()).map(|head| head.map(|head| head.framing)), expected, "{input:?}");
}

fn refused(why: Malformed) -> Result<Option<Framing>, Denial> {
    Err(why.into())
}

#[test]
fn plain_heads_are_read() {
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Some(Framing::None)));
    check("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Some(Framing::None)));
    check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", Ok(Some(Framing::Length(3))));
    check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Ok(Some(Framing::None)));
    check("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n", Ok(Some(Framing::Chunked)));
    check("GET / HTTP/1.1\r\nHost: a\r\n\r", Ok(None));
    check("", Ok(None));
}

#[test]
fn fields_and_what_they_say_of_the_connection() {
    let head =
        read(b"GET http://a/b?c HTTP/1.0\r\nHOST: a\r\nX: 1\r\nx: \xe9\r\nConnection: Keep-Alive\r\n\r\n");
    let head = head.unwrap().unwrap();
    assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/b?c"));
    assert_eq!(head.authority.unwrap(), "a");
    let values: Vec<&[u8]> = head.headers.get_all("x").iter().map(|value| value.as_bytes()).collect();
    assert_eq!(values, [b"1".as_slice(), b"\xe9"]);
    assert!(head.keep_alive && !head.is_http11 && !head.expects_continue);
    for (fields, keep_alive, expects_continue) in [
        ("", true, false),
        ("Connection: close\r\n", false, false),
        ("Connection: x, Close\r\n", false, false),
        ("Connection: close\r\nConnection: keep-alive\r\n", false, false),
        ("Expect: 100-Continue\r\n", true, true),
    ] {
        let head = read(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap().unwrap();
        assert_eq!((head.keep_alive, head.expects_continue), (keep_alive, expects_continue), "{fields:?}");
    }
}

#[test]
fn doubtful_framing_is_refused() {
    for (fields, why) in [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", Malformed::TwoFramings),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", Malformed::TwoFramings),
        ("Content-Length: 3\r\nContent-Length: 3", Malformed::ContentLength),
        ("Content-Length: 3, 3", Malformed::ContentLength),
        ("Content-Length: +3", Malformed::ContentLength),
        ("Content-Length: -1", Malformed::ContentLength),
        ("Content-Length: 0x3", Malformed::ContentLength),
        ("Content-Length: ", Malformed::ContentLength),
        ("Content-Length: 3 3", Malformed::ContentLength),
        ("Content-Length: 03", Malformed::ContentLength),
        ("Content-Length: 18446744073709551616", Malformed::ContentLength),
        ("Content-Length: 18446744073709551615", Malformed::ContentLength),
        ("Transfer-Encoding: gzip, chunked", Malformed::TransferEncoding),
        ("Transfer-Encoding: ,chunked", Malformed::TransferEncoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Malformed::TransferEncoding),
        ("Transfer-Encoding: identity", Malformed::TransferEncoding),
        ("Transfer-Encoding: xchunked", Malformed::TransferEncoding),
        ("Host: b", Malformed::Host),
        ("A : b", Malformed::Header),
        (" A: b", Malformed::Header),
        (": b", Malformed::Header),
        ("A: b\r\n folded", Malformed::Header),
        ("A: b\0c", Malformed::Header),
        ("A: b\nC: d", Malformed::LineEnd),
    ] {
        check(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"), refused(why));
    }
    check(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        refused(Malformed::TransferEncoding),
    );
    check("GET / HTTP/1.1\r\n\r\n", refused(Malformed::Host));
    check("GET / HTTP/1.1\nHost: a\n\n", refused(Malformed::LineEnd));
    check("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", refused(Malformed::Target));
    check("GET /\r\n", refused(Malformed::RequestLine));
    check("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", refused(Malformed::RequestLine));
    check("GET / HTTP/1.2\r\nHost: a\r\n\r\n", refused(Malformed::Version));
    check("GET / HTTP/2.0\r\nHost: a\r\n\r\n", refused(Malformed::Version));
    check("\x16\x03\x01\x02", refused(Malformed::RequestLine));
}

#[test]
fn targets_are_those_that_are_read() {
    for target in ["/", "/a?b=c&d", "/a?b|c", "http://a/b", "https://a"] {
        check(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Some(Framing::None)));
    }
    for target in ["*", "/a?b={\"c\":1}", "a/b", "?a", "http:///a", "http://[::1", "ftp://a/b", "/a?b#c"] {
        check(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), refused(Malformed::Target));
    }
}

#[test]
fn bounds_hold() {
    let target = "a".repeat(9000);
    check(&format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n"), Err(Denial::Bound(Bound::Target)));
    let fields = "A: b\r\n".repeat(101);
    check(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), Err(Denial::Bound(Bound::Headers)));
    let value = "b".repeat(17 * 1024);
    check(&format!("GET / HTTP/1.1\r\nHost: a\r\nA: {value}\r\n\r\n"), Err(Denial::Bound(Bound::Headers)));
    let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "b".repeat(66 * 1024));
    check(&endless, Err(Denial::Bound(Bound::Headers)));
    check(&format!("GET /{}", "a".repeat(66 * 1024)), Err(Denial::Bound(Bound::Target)));
}

proptest! {
    /// However the bytes are cut, the same heads are read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..40, 0..20)) {
        let stream = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nDELETE /b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n";
        let (mut lookout, mut input, mut rest) = (Lookout::default(), BytesMut::new(), stream.as_bytes());
        let mut targets = Vec::new();
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (part, later) = rest.split_at(cut.min(rest.len()));
            input.extend_from_slice(part);
            rest = later;
            while let Some(head) = next(&mut input, &mut lookout, &Bounds::default()).unwrap() {
                targets.push(head.target.to_string());
            }
        }
        prop_assert_eq!(targets, ["/a", "/b", "/c"]);
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (mut lookout, mut input) = (Lookout::default(), BytesMut::new());
        for part in bytes.chunks(7) {
            input.extend_from_slice(part);
            if next(&mut input, &mut lookout, &Bounds::default()).is_err() {
                break;
            }
        }
    }
}
