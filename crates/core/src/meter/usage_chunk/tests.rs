use proptest::prelude::*;

use super::{HELD_MAX, Piece, UsageChunkFilter};

/// What goes on of a stream that comes in these parts, and the longest that was held meanwhile.
fn filtered(parts: &[&[u8]]) -> (Vec<u8>, u64) {
    let (mut filter, mut out) = (UsageChunkFilter::default(), Vec::new());
    for part in parts {
        filter.feed(part, |piece| match piece {
            Piece::Held(bytes) => out.extend_from_slice(bytes),
            Piece::Part(range) => out.extend_from_slice(&part[range]),
        });
        assert!(filter.held.len() <= HELD_MAX);
    }
    filter.finish(|piece| {
        if let Piece::Held(bytes) = piece {
            out.extend_from_slice(bytes);
        }
    });
    (out, filter.taken())
}

/// Events marked with `-` in front are taken out, with every line end and however the stream is split.
#[track_caller]
fn check(events: &[&str]) {
    for end in ["\n", "\r\n", "\r"] {
        let text = |events: Vec<&str>| events.concat().replace('\n', end);
        let stream = text(events.iter().map(|event| event.trim_start_matches('-')).collect());
        let expected = text(events.iter().filter(|event| !event.starts_with('-')).copied().collect());
        let gone = events.iter().filter(|event| event.starts_with('-')).count() as u64;
        let (bytes, expected) = (stream.as_bytes(), (expected.as_bytes().to_vec(), gone));
        assert_eq!(filtered(&[bytes]), expected, "{stream}");
        assert_eq!(filtered(&bytes.chunks(1).collect::<Vec<_>>()), expected, "{stream}");
        for at in 0..bytes.len() {
            assert_eq!(filtered(&[&bytes[..at], &bytes[at..]]), expected, "{stream:?} at {at}");
        }
    }
}

const TEXT: &str = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n";
const USAGE: &str = "-data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn the_usage_event_goes() {
    check(&[TEXT, USAGE, DONE]);
    check(&[TEXT, "-data: {\"usage\":{},\"timings\":{},\"choices\": [ ] }\n\n", DONE]);
    check(&[TEXT, "-data:{\"choices\":[],\ndata: \"usage\":{}}\n\n", DONE]);
    check(&[": keep\n\n", USAGE, ": keep\n\n", TEXT, DONE]);
    check(&[USAGE, USAGE, DONE]);
    check(&[TEXT, USAGE]);
    check(&["\n\n", USAGE, "\n", DONE]);
}

#[test]
fn nothing_else_goes() {
    check(&[TEXT, DONE]);
    check(&[]);
    // Azure's first event, and usage beside the last choice.
    check(&["data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n", TEXT, DONE]);
    check(&["data: {\"choices\":[],\"usage\":null}\n\n", DONE]);
    check(&["data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1}}\n\n", DONE]);
    check(&["data: {\"usage\":{\"prompt_tokens\":1}}\n\n", DONE]);
    check(&["data: {\"x\":{\"choices\":[],\"usage\":{}}}\n\n", DONE]);
    check(&["data: {\"choices\":[],\"usage\":{}\n\n", DONE]);
    check(&["event: x\nid: 1\n\n", "data: no json\n\n", "data\n\n", ": c\n", "x"]);
}

#[test]
fn a_usage_event_without_its_blank_line_goes() {
    let stream = format!("{TEXT}{}", USAGE.trim_start_matches('-').trim_end());
    assert_eq!(filtered(&[stream.as_bytes()]), (TEXT.as_bytes().to_vec(), 1));
}

/// What has passed once these bytes have come.
#[track_caller]
fn check_passed(stream: &str, expected: &str) {
    let (mut filter, mut out) = (UsageChunkFilter::default(), Vec::new());
    filter.feed(stream.as_bytes(), |piece| {
        if let Piece::Part(range) = piece {
            out.extend_from_slice(&stream.as_bytes()[range]);
        }
    });
    assert_eq!(String::from_utf8(out).unwrap(), expected, "{stream}");
}

#[test]
fn nothing_waits_that_cannot_be_it() {
    check_passed(TEXT, TEXT);
    check_passed(": pi", ": pi");
    check_passed("data: {\"id\":1", "");
    check_passed("data: {\"id\":1,\"choices\":[{", "data: {\"id\":1,\"choices\":[{");
    check_passed("data: {\"id\":1,\"choices\":[]", "");
    check_passed("data: [D", "");
    check_passed("data: no", "");
    check_passed("data: no json", "data: no json");
    check_passed(&format!("{TEXT}data: {{"), TEXT);
    let long = format!("data: {{\"id\":\"{}", "x".repeat(HELD_MAX));
    check_passed(&long, &long);
}

proptest! {
    /// With every usage event gone, whatever else there is passes as it came.
    #[test]
    fn other_bytes_pass(noise in "[ -~\n\r]{0,200}", cuts in proptest::collection::vec(1_usize..30, 1..20)) {
        let mut rest = noise.as_bytes();
        let mut parts = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (part, behind) = rest.split_at((*cut).min(rest.len()));
            parts.push(part);
            rest = behind;
        }
        prop_assert_eq!(filtered(&parts), (noise.into_bytes(), 0));
    }
}

/// A hundred megabytes that never end a line, whatever they begin with, are never held.
#[test]
fn what_has_no_end_is_not_kept() {
    let part = vec![b'x'; 1 << 20];
    for begin in ["", "data: ", "data: \"", "data: {\"choices\":[],\"usage\":{\"a\":\"", "event: ", ": "] {
        let mut filter = UsageChunkFilter::default();
        let mut passed = 0;
        let mut count = |piece: Piece<'_>| match piece {
            Piece::Held(bytes) => passed += bytes.len(),
            Piece::Part(range) => passed += range.len(),
        };
        filter.feed(begin.as_bytes(), &mut count);
        // In small parts at first, so that they could be held.
        part.chunks(100).for_each(|part| filter.feed(part, &mut count));
        for _ in 0..99 {
            filter.feed(&part, &mut count);
            assert!(filter.held.capacity() <= 2 * HELD_MAX, "{begin}: {}", filter.held.capacity());
        }
        filter.finish(&mut count);
        assert_eq!(passed, begin.len() + 100 * part.len(), "{begin}");
    }
}
