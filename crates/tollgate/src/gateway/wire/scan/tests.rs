use proptest::prelude::*;
use tollgate_core::Denial;
use tollgate_core::denial::{Bound, Malformed};

use super::{Scanner, Seen};
use crate::config::process::Bounds;

#[track_caller]
fn check(input: &str, expected: Result<Seen, (usize, Denial)>) {
    let mut scanner = Scanner::new(Bounds::default());
    let got = scanner.feed(input.as_bytes(), 16).map_err(|refused| (refused.good, refused.denial));
    assert_eq!(got, expected, "{input:?}");
}

fn seen(heads: usize, body: usize) -> Result<Seen, (usize, Denial)> {
    Ok(Seen { heads, body })
}

fn refused(why: Malformed) -> Result<Seen, (usize, Denial)> {
    Err((0, why.into()))
}

#[test]
fn plain_messages_pass() {
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", seen(1, 0));
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", seen(2, 0));
    check(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        seen(2, 3),
    );
    check(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        seen(2, 23),
    );
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
fn what_came_before_a_refused_head_is_kept() {
    let first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    check(&format!("{first}GET / HTTP/1.1\r\n\r\n"), Err((first.len(), Malformed::Host.into())));
}

#[test]
fn targets_are_those_that_are_read() {
    for target in ["/", "/a?b=c&d", "/a?b|c", "*", "http://a/b", "https://a"] {
        check(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), seen(1, 0));
    }
    for target in ["/a?b={\"c\":1}", "a/b", "?a", "http:///a", "http://[::1", "ftp://a/b", "/a?b#c"] {
        check(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), refused(Malformed::Target));
    }
}

#[test]
fn so_many_and_no_more_are_read_ahead() {
    let one = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    check(&one.repeat(16), seen(16, 0));
    check(&one.repeat(17), Err((16 * one.len(), Malformed::Pipeline.into())));
}

#[test]
fn bounds_hold() {
    let target = "a".repeat(9000);
    check(&format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n"), Err((0, Denial::Bound(Bound::Target))));
    let fields = "A: b\r\n".repeat(101);
    check(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), Err((0, Denial::Bound(Bound::Headers))));
    let value = "b".repeat(17 * 1024);
    check(
        &format!("GET / HTTP/1.1\r\nHost: a\r\nA: {value}\r\n\r\n"),
        Err((0, Denial::Bound(Bound::Headers))),
    );
    let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "b".repeat(66 * 1024));
    check(&endless, Err((0, Denial::Bound(Bound::Headers))));
    check(&format!("GET /{}", "a".repeat(66 * 1024)), Err((0, Denial::Bound(Bound::Target))));
}

proptest! {
    /// However the bytes are cut, the same messages are seen.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..40, 0..20)) {
        let stream = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPOST /b HTTP/1.1\r\nHost: a\r\n\
                      Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut scanner = Scanner::new(Bounds::default());
        let mut rest = stream.as_bytes();
        let mut heads = 0;
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            heads += scanner.feed(now, 16).unwrap().heads;
            rest = later;
        }
        heads += scanner.feed(rest, 16).unwrap().heads;
        prop_assert_eq!(heads, 3);
        prop_assert!(!scanner.in_head() && !scanner.in_body());
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut scanner = Scanner::new(Bounds::default());
        for part in bytes.chunks(7) {
            if scanner.feed(part, 16).is_err() {
                break;
            }
        }
    }
}
