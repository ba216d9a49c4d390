use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_core::meter::Reading;
use tollgate_core::usage::Quality;

use super::{AnswerReader, Packing, UNPACKED_MAX, unpacked, window_fits};

/// [`stream`], packed by Google's encoder with a window of 22 bits.
const BROTLI: &str = "1b8901001c056eac0db93e81d07ab61d41046d3355b96c50d0a0a98a585d1b6ced5ba18ba56fe9f4e9e434502ef8166087e8\
    74970c3cb7b1f1a59002f59b503385e499158e9892595c04c24bc37d7c87cd3d628a50569def7f1c797c8c2c4ed8442fe530dcdafed5ab2cf204";

fn stream() -> String {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    let usage = "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14}";
    format!("{}data: {{\"choices\":[],{usage}}}\n\ndata: [DONE]\n\n", event.repeat(5))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn read(codings: &[&str], body: &[u8], part: usize) -> Reading {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    for coding in codings {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
    }
    let mut reader = AnswerReader::new(StatusCode::OK, &headers, Some(1000));
    body.chunks(part).for_each(|part| reader.feed(part));
    reader.read()
}

/// Tokens of the answer, and how they are known.
#[track_caller]
fn check(codings: &[&str], body: &[u8], tokens: u64, quality: Quality) {
    for part in [1, 7, body.len().max(1)] {
        let reading = read(codings, body, part);
        assert_eq!((reading.tokens_out, reading.quality), (Some(tokens), quality), "{codings:?} in {part}");
    }
}

#[test]
fn packed_answers_are_read() {
    let stream = stream();
    let brotli = hex::decode(BROTLI).unwrap();
    check(&[], stream.as_bytes(), 5, Quality::Reported);
    check(&["identity"], stream.as_bytes(), 5, Quality::Reported);
    check(&["gzip"], &gzip(stream.as_bytes()), 5, Quality::Reported);
    check(&["X-GZIP"], &gzip(stream.as_bytes()), 5, Quality::Reported);
    check(&["deflate"], &deflate(stream.as_bytes()), 5, Quality::Reported);
    check(&["br"], &brotli, 5, Quality::Reported);
    // A file of several members (RFC 1952 §2.2).
    let (first, second) = stream.as_bytes().split_at(100);
    check(&["gzip"], &[gzip(first), gzip(second)].concat(), 5, Quality::Reported);
}

/// A stream is read as far as it came, without what its packing still holds back.
#[test]
fn a_cut_stream_is_read_as_far_as_it_came() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let stream = stream();
    for (index, event) in stream.split_inclusive("\n\n").take(5).enumerate() {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        check(&["gzip"], encoder.get_ref(), index as u64 + 1, Quality::Counted);
    }
}

#[test]
fn what_cannot_be_read_is_estimated() {
    let stream = stream();
    let estimated = |codings: &[&str], body: &[u8]| {
        let reading = read(codings, body, 64);
        assert_eq!(reading.quality, Quality::Estimated, "{codings:?}");
        reading.tokens_out.unwrap()
    };
    let size = stream.len().div_ceil(4) as u64;
    assert_eq!(estimated(&["zstd"], stream.as_bytes()), size);
    assert_eq!(estimated(&["gzip, br"], stream.as_bytes()), size);
    assert_eq!(estimated(&["gzip", "br"], stream.as_bytes()), size);
    assert_eq!(estimated(&["gzip"], stream.as_bytes()), size);
    assert_eq!(estimated(&["deflate"], stream.as_bytes()), size);
    assert_eq!(estimated(&["br"], stream.as_bytes()), size);
    // Broken in the middle.
    let mut broken = gzip(stream.as_bytes());
    let middle = broken.len() / 2;
    broken[middle..].fill(0xff);
    assert!(estimated(&["gzip"], &broken) <= size);
}

#[test]
fn bombs_are_not_unpacked() {
    let zeros = vec![b' '; 4 << 20];
    let bomb = gzip(&zeros);
    let reading = read(&["gzip"], &bomb, 1024);
    assert_eq!(reading.quality, Quality::Estimated);
    assert!(reading.tokens_out.unwrap() <= (4 << 20) / 4, "{reading:?}");
}

/// The name of a file that a packed answer may begin with is kept by the decoder: one without an end lets it go.
#[test]
fn headers_without_an_end_are_not_kept() {
    let begin = [0x1f, 0x8b, 8, 0x08, 0, 0, 0, 0, 0, 3];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let mut reader = AnswerReader::new(StatusCode::OK, &headers, Some(9));
    reader.feed(&begin);
    let part = vec![b'x'; 1 << 20];
    reader.feed(&part);
    assert!(matches!(reader.0, Packing::Unread(_)), "the decoder and what it kept are gone");
    (0..99).for_each(|_| reader.feed(&part));
    assert_eq!(reader.read().quality, Quality::Estimated);
}

/// Of an answer that is too large to be unpacked, the rest is taken to be like what was read.
#[test]
fn large_answers_are_estimated_from_what_was_read() {
    // Noise, so that the ratio is no reason to stop before.
    let noise = (0..16_384_u64).map(|index| char::from(b'a' + (index.wrapping_mul(index) >> 7) as u8 % 16));
    let event = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        noise.collect::<String>()
    );
    let events = UNPACKED_MAX / event.len() as u64 * 5 / 4;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    (0..events).for_each(|_| encoder.write_all(event.as_bytes()).unwrap());
    let reading = read(&["gzip"], &encoder.finish().unwrap(), 8192);
    let tokens = reading.tokens_out.unwrap();
    assert_eq!(reading.quality, Quality::Estimated);
    assert!(tokens.abs_diff(events) < events / 10, "{tokens} of {events}");
}

#[test]
fn windows_of_brotli() {
    for (first, fits) in
        [(0x1b, true), (0x1f, false), (0x1d, false), (0x00, true), (0x11, false), (0x21, true)]
    {
        assert_eq!(window_fits(first), fits, "{first:#x}");
    }
}

#[test]
fn whole_bodies_are_unpacked_within_bounds() {
    let unpack = |coding: &str, body: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
        unpacked(&headers, body)
    };
    let text = stream().into_bytes();
    let brotli = hex::decode(BROTLI).unwrap();
    for (coding, body) in [("gzip", gzip(&text)), ("deflate", deflate(&text)), ("br", brotli)] {
        assert_eq!(unpack(coding, &body).as_ref(), Some(&text), "{coding}");
        assert_eq!(unpack(coding, &body[..body.len() - 9]), None, "{coding} that was cut");
        assert_eq!(unpack(coding, b"neither"), None, "{coding} that is none");
    }
    assert_eq!(unpack("zstd", &text), None);
    // A bomb, and what is merely large.
    assert_eq!(unpack("gzip", &gzip(&vec![b' '; 9_000_000])), None);
    let noise: Vec<u8> =
        (0_u32..3_000_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    assert_eq!(unpack("gzip", &gzip(&noise)), None);
    assert!(unpack("gzip", &gzip(&noise[..9_000_000])).is_some());
}
