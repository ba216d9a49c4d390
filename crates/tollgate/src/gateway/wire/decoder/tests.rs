use bytes::BytesMut;
use proptest::prelude::*;

use super::{Broken, Decoder};
use crate::gateway::wire::Framing;

/// Decodes a stream that comes in `parts`: the body, and what is left behind it.
fn decode(framing: Framing, parts: &[&[u8]]) -> Result<Option<(String, String)>, Broken> {
    let mut decoder = Decoder::from(framing);
    let (mut input, mut body) = (BytesMut::new(), Vec::new());
    for part in parts {
        input.extend_from_slice(part);
        while let Some(data) = decoder.decode(&mut input)? {
            assert!(!data.is_empty());
            body.extend_from_slice(&data);
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(decoder.has_ended().then(|| (text(&body), text(&input))))
}

#[track_caller]
fn check(framing: Framing, stream: &str, expected: Result<Option<(&str, &str)>, Broken>) {
    let expected = expected.map(|whole| whole.map(|(body, rest)| (body.to_owned(), rest.to_owned())));
    assert_eq!(decode(framing, &[stream.as_bytes()]), expected, "{stream:?}");
    let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
    assert_eq!(decode(framing, &bytes), expected, "{stream:?}, byte by byte");
}

#[test]
fn bodies_end_where_they_say() {
    check(Framing::None, "next", Ok(Some(("", "next"))));
    check(Framing::Length(3), "abcnext", Ok(Some(("abc", "next"))));
    check(Framing::Length(3), "ab", Ok(None));
    check(Framing::Close, "abc", Ok(None));
    let chunked = |stream, expected| check(Framing::Chunked, stream, expected);
    chunked("3\r\nabc\r\n0\r\n\r\nnext", Ok(Some(("abc", "next"))));
    chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", Ok(Some(("abc0123456789", ""))));
    chunked("3;name=value;other=\"quoted\"\r\nabc\r\n0;last\r\n\r\n", Ok(Some(("abc", ""))));
    chunked("3 ; name\r\nabc\r\n0\r\n\r\n", Ok(Some(("abc", ""))));
    chunked("0\r\nX-Sum: 1\r\nX-Other:\r\n\r\nnext", Ok(Some(("", "next"))));
    chunked("3\r\nabc\r\n0\r\n", Ok(None));
    chunked("3\r\nab", Ok(None));
}

#[test]
fn wrong_framing_of_chunks_is_refused() {
    for stream in [
        "zz\r\n",
        "\r\n",
        "\n",
        "0x3\r\nabc\r\n",
        "-1\r\n",
        "+3\r\nabc\r\n",
        " 3\r\nabc\r\n",
        "3 x\r\nabc\r\n",
        "3 \r\nabc\r\n",
        "3\x0c\r\nabc\r\n",
        "3;\r\nabc\r\n",
        "3;=x\r\nabc\r\n",
        "3\nabc\r\n",
        "3\rabc\r\n",
        "3;a\rb\r\nabc\r\n",
        "3;a\x01\r\nabc\r\n",
        "3\r\nabcX",
        "3\r\nabc\n0\r\n\r\n",
        "10000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "0\r\nno field\r\n\r\n",
        "0\r\n: no name\r\n\r\n",
        "0\r\nX: a\rb\r\n\r\n",
        "0\r\nX: a\x01\r\n\r\n",
        "0\r\n\n",
    ] {
        check(Framing::Chunked, stream, Err(Broken));
    }
    check(Framing::Chunked, &format!("3;{}\r\nabc\r\n", "x".repeat(5000)), Err(Broken));
    check(Framing::Chunked, &format!("0\r\n{}\r\n", "X: y\r\n".repeat(4000)), Err(Broken));
}

#[test]
fn data_before_wrong_framing_is_not_lost() {
    let mut decoder = Decoder::from(Framing::Chunked);
    let mut input = BytesMut::from("3\r\nabcX\r\n");
    assert_eq!(decoder.decode(&mut input).unwrap().unwrap(), "abc");
    assert_eq!(decoder.decode(&mut input), Err(Broken));
}

#[test]
fn only_a_body_until_the_close_ends_with_it() {
    for (framing, expected) in [
        (Framing::None, Ok(())),
        (Framing::Close, Ok(())),
        (Framing::Length(1), Err(Broken)),
        (Framing::Chunked, Err(Broken)),
    ] {
        assert_eq!(Decoder::from(framing).end(), expected, "{framing:?}");
    }
}

proptest! {
    /// However a stream is cut into reads, the same body comes out.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..30, 0..20)) {
        let stream = b"5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\nnext";
        let (mut parts, mut rest): (Vec<&[u8]>, &[u8]) = (Vec::new(), stream);
        for cut in cuts {
            let (part, later) = rest.split_at(cut.min(rest.len()));
            parts.push(part);
            rest = later;
        }
        parts.push(rest);
        let expected = ("hello0123456789".to_owned(), "next".to_owned());
        prop_assert_eq!(decode(Framing::Chunked, &parts), Ok(Some(expected)));
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let parts: Vec<&[u8]> = bytes.chunks(7).collect();
        let _ = decode(Framing::Chunked, &parts);
    }
}
