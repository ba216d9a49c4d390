use super::*;

const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":2}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What is read of a stream for which the gate asked.
fn asked() -> Box<Insight> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    let mut insight = Insight::new(RequestReading::default(), true, true);
    insight.answer = Some(AnswerReader::new(StatusCode::OK, &headers, Some(9)));
    insight.filter = Some(UsageChunkFilter::default());
    insight
}

/// What the caller gets of these parts, and the tokens that are booked.
#[track_caller]
fn check(parts: &[&str], expected: &str, tokens: (u64, u64)) {
    let mut insight = asked();
    let mut got = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let part = Bytes::copy_from_slice(part.as_bytes());
        got.extend_from_slice(&insight.pass(part, place + 1 == parts.len()));
    }
    assert_eq!(String::from_utf8(got).unwrap(), expected, "{parts:?}");
    let read = insight.answer.unwrap().read();
    assert_eq!((read.tokens_in, read.tokens_out), (Some(tokens.0), Some(tokens.1)), "{parts:?}");
}

#[test]
fn a_stream_split_anywhere_loses_its_usage_event_alone() {
    let stream = [TEXT, TEXT, USAGE, DONE].concat();
    let expected = [TEXT, TEXT, DONE].concat();
    for at in 0..=stream.len() {
        check(&[&stream[..at], &stream[at..]], &expected, (19, 2));
    }
    let bytes: Vec<&str> = (0..stream.len()).map(|at| &stream[at..=at]).collect();
    check(&bytes, &expected, (19, 2));
}

#[test]
fn what_is_held_at_the_end_goes_on_unless_it_is_the_one() {
    let open = "data: {\"cho";
    check(&[TEXT, open], &[TEXT, open].concat(), (9, 1));
    check(&[TEXT, USAGE.trim_end()], TEXT, (19, 2));
    check(&[TEXT, open, ""], &[TEXT, open].concat(), (9, 1));
}

#[test]
fn a_part_that_passes_whole_is_not_copied() {
    let part = Bytes::from_static(TEXT.as_bytes());
    let passed = asked().pass(part.clone(), false);
    assert_eq!(passed.as_ptr(), part.as_ptr());
}

#[test]
fn codings_other_than_identity_are_packed() {
    let check = |codings: &[&'static str], expected| {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        assert_eq!(is_packed(&headers), expected, "{codings:?}");
    };
    check(&[], false);
    check(&["Identity "], false);
    check(&["gzip"], true);
    check(&["identity", "br"], true);
    check(&["identity, br"], true);
}
