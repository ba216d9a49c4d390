use http::StatusCode;
use proptest::prelude::*;

use super::{AnswerMeter, Kind};
use crate::meter::Reading;
use crate::usage::Quality;

/// What every prompt here is thought to have.
const PROMPT: u64 = 1000;

macro_rules! fixture {
    ($name:literal, $kind:expr, $expected:literal) => {
        ($name, include_str!(concat!("../fixtures/", $name)), $kind, $expected)
    };
}

/// Each file, what its head says, and what is read from it: tokens in and out, cached and reasoning, and how.
const FIXTURES: &[(&str, &str, Kind, &str)] = &[
    fixture!("openai-chat.json", Kind::Json, "19+10 cached 4 reasoning 3, reported"),
    fixture!("openai-chat-no-usage.json", Kind::Json, "1000?+3, estimated"),
    fixture!("openai-completions.json", Kind::Json, "5+7, reported"),
    fixture!("openai-embeddings.json", Kind::Json, "8+0, reported"),
    fixture!("openai-embeddings-no-usage.json", Kind::Json, "1000?+0, estimated"),
    fixture!("openai-responses.json", Kind::Json, "36+87 cached 12 reasoning 64, reported"),
    fixture!("openai-chat.sse", Kind::Events, "9+3 cached 8, reported"),
    fixture!("openai-chat-no-usage.sse", Kind::Events, "1000?+3, counted"),
    fixture!("openai-tools.sse", Kind::Events, "1000?+3, counted"),
    fixture!("openai-completions.sse", Kind::Events, "4+2, reported"),
    fixture!("openai-responses.sse", Kind::Events, "37+11 cached 0 reasoning 0, reported"),
    fixture!("anthropic.json", Kind::Json, "36+12 cached 24, reported"),
    fixture!("anthropic.sse", Kind::Events, "35+15 cached 10, reported"),
    fixture!("anthropic-cut.sse", Kind::Events, "25+3, counted"),
    fixture!("vllm-continuous.sse", Kind::Events, "11+5, reported"),
    fixture!("llama-server.sse", Kind::Events, "32+6 cached 31, reported"),
    fixture!("llama-server-usage.sse", Kind::Events, "32+6 cached 0, reported"),
    fixture!("llama-server-own.sse", Kind::Events, "9+2 cached 4, reported"),
    fixture!("ollama.sse", Kind::Events, "26+2, reported"),
    fixture!("ollama-own.ndjson", Kind::Unknown, "26+4, reported"),
    fixture!("several-lines.sse", Kind::Events, "1+1, reported"),
    fixture!("mlflow.json", Kind::Json, "1000?+16, estimated"),
];

/// A reading as the tests write it; `?` stands behind a prompt that is estimated.
fn shown(reading: Reading) -> String {
    let tokens = |tokens: Option<u64>| tokens.map_or("none".to_owned(), |tokens| tokens.to_string());
    let unsure = if reading.quality_in == Quality::Estimated { "?" } else { "" };
    let part = |name: &str, part: Option<u64>| part.map(|part| format!(" {name} {part}")).unwrap_or_default();
    let doubt = reading.doubt.map(|doubt| format!(", {doubt:?}")).unwrap_or_default();
    format!(
        "{}{unsure}+{}{}{}, {}{doubt}",
        tokens(reading.tokens_in),
        tokens(reading.tokens_out),
        part("cached", reading.tokens_cached),
        part("reasoning", reading.tokens_reasoning),
        reading.quality.as_str(),
    )
}

fn read(kind: Kind, parts: &[&[u8]]) -> Reading {
    let mut meter = AnswerMeter::new(kind, PROMPT);
    parts.iter().for_each(|part| meter.feed(part));
    meter.read()
}

#[track_caller]
fn check(kind: Kind, body: &str, expected: &str) {
    assert_eq!(shown(read(kind, &[body.as_bytes()])), expected, "{body}");
}

#[test]
fn what_servers_answer() {
    for (name, body, kind, expected) in FIXTURES {
        assert_eq!(shown(read(*kind, &[body.as_bytes()])), *expected, "{name}");
    }
}

#[test]
fn however_it_is_split() {
    for (name, body, kind, _) in FIXTURES {
        let body = body.as_bytes();
        let whole = read(*kind, &[body]);
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(read(*kind, &bytes), whole, "{name} byte by byte");
        let mut before = AnswerMeter::new(*kind, PROMPT);
        for at in 0..body.len() {
            let mut meter = before.clone();
            meter.feed(&body[at..]);
            assert_eq!(meter.read(), whole, "{name} split at {at}");
            before.feed(&body[at..=at]);
        }
    }
}

#[test]
fn whatever_ends_its_lines() {
    for (name, body, kind, expected) in FIXTURES.iter().filter(|fixture| fixture.2 == Kind::Events) {
        for end in ["\r\n", "\r"] {
            let body = body.replace('\n', end);
            assert_eq!(shown(read(*kind, &[body.as_bytes()])), *expected, "{name} with {end:?}");
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(shown(read(*kind, &bytes)), *expected, "{name} with {end:?} byte by byte");
        }
    }
}

/// A stream that is cut has as many tokens as pieces have passed, and never more than the whole.
#[test]
fn a_cut_stream_costs_what_passed() {
    let (_, body, kind, _) = FIXTURES[8 - 1];
    let mut meter = AnswerMeter::new(kind, PROMPT);
    let mut last = 0;
    for (index, event) in body.split_inclusive("\n\n").enumerate() {
        meter.feed(event.as_bytes());
        let reading = meter.read();
        let passed = [0, 1, 3, 3, 3][index];
        assert_eq!((reading.tokens_out, reading.quality), (Some(passed), Quality::Counted), "{index}");
        assert!(passed >= last && reading.began);
        last = passed;
    }
}

#[test]
fn reports_before_the_last_text_grow_with_it() {
    let event = |text: &str, out: u64| {
        let usage = if out > 0 {
            format!(r#","usage":{{"prompt_tokens":5,"completion_tokens":{out},"total_tokens":{}}}"#, 5 + out)
        } else {
            String::new()
        };
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]{usage}}}\n\n")
    };
    let events = |list: &[(&str, u64)]| list.iter().map(|(text, out)| event(text, *out)).collect::<String>();
    check(Kind::Events, &events(&[("a", 4), ("b", 0), ("c", 0)]), "5+6, counted");
    check(Kind::Events, &events(&[("a", 4), ("b", 0), ("c", 9)]), "5+9, reported");
    check(Kind::Events, &events(&[("", 1), ("b", 0), ("c", 0)]), "5+2, counted");
    check(Kind::Events, &events(&[("a", 4), ("b", 3)]), "1000?+2, counted, WentDown");
}

/// Numbers that cannot be believed are counted by us, and the reading says why.
#[test]
fn numbers_that_cannot_be() {
    let check = |usage: &str, expected: &str| {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"12345678"}}}}],"usage":{usage}}}"#);
        check(Kind::Json, &body, expected);
        let events = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n".repeat(2);
        let stream = format!("{events}data: {{\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
        let counted = expected.replace("estimated", "counted");
        self::check(Kind::Events, &stream, &counted);
    };
    for wrong in
        ["-1", "NaN", "-Infinity", "\"7\"", "1.5", "1e3", "true", "{}", "[7]", "18446744073709551616"]
    {
        let usage = format!(r#"{{"prompt_tokens":7,"completion_tokens":{wrong},"total_tokens":9}}"#);
        check(&usage, "1000?+2, estimated, NoCount");
    }
    for wrong in ["[]", "\"none\"", "7", "false"] {
        check(wrong, "1000?+2, estimated, NoCount");
    }
    check(r#"{"prompt_tokens":7,"completion_tokens":100000001}"#, "1000?+2, estimated, TooLarge");
    check(r#"{"prompt_tokens":90000000,"completion_tokens":2}"#, "90000000+2, reported");
    check(
        r#"{"prompt_tokens":7,"completion_tokens":2,"total_tokens":8}"#,
        "1000?+2, estimated, Contradicting",
    );
    check(r#"{"prompt_tokens":7,"total_tokens":6}"#, "1000?+2, estimated, Contradicting");
    check(
        r#"{"prompt_tokens":7,"completion_tokens":0,"total_tokens":7}"#,
        "1000?+2, estimated, Contradicting",
    );
    check(
        r#"{"prompt_tokens":7,"completion_tokens":2,"output_tokens":3}"#,
        "1000?+2, estimated, Contradicting",
    );
    let cached = r#"{"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":8}}"#;
    check(cached, "1000?+2, estimated, Contradicting");
    check("null", "1000?+2, estimated");
    check("{}", "1000?+2, estimated");
    check(r#"{"prompt_tokens":7}"#, "7+2, estimated");
    check(r#"{"prompt_tokens":7,"completion_tokens":2.0}"#, "7+2, reported");
    // Some servers leave reasoning out of the answer, and only the total tells.
    let reasoning = r#"{"prompt_tokens":7,"completion_tokens":2,"total_tokens":14,"completion_tokens_details":{"reasoning_tokens":5}}"#;
    check(reasoning, "7+7 reasoning 5, reported");
    // Both namings at once.
    check(r#"{"prompt_tokens":7,"completion_tokens":2,"input_tokens":7,"output_tokens":2}"#, "7+2, reported");
}

#[test]
fn half_a_report_is_completed() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":2.0}}"#;
    check(Kind::Json, usage, "1000?+2, estimated");
    check(Kind::Events, &format!("data: {usage}\n\n"), "1000?+2, estimated");
    check(Kind::Json, r#"{"choices":[],"timings":{"prompt_n":3,"predicted_n":2}}"#, "1000?+2, estimated");
}

#[test]
fn what_is_no_such_answer() {
    check(Kind::Json, "", "1000?+0, estimated");
    check(Kind::Json, r#"{"choices":[{"message":{"content":"1234567"#, "1000?+2, estimated");
    check(Kind::Json, r#"{"choices":[{"message":}"usage":{"prompt_tokens":7}}"#, "1000?+0, estimated");
    check(Kind::Json, "not json", "1000?+2, estimated");
    check(Kind::Unknown, "<html></html>", "1000?+4, estimated");
    check(Kind::Json, r#"{"error":{"message":"busy"}}"#, "none+none, reported");
    check(Kind::Json, r#"{"error":"busy"}"#, "none+none, reported");
    check(Kind::Json, r#"{"error":null,"answer":7}"#, "1000?+7, estimated");
    check(Kind::Json, r#"{"error":{"message":"busy"#, "1000?+7, estimated");
    check(Kind::Unbilled, r#"{"error":{"message":"busy"}}"#, "none+none, reported");
    check(Kind::Unbilled, r#"{"usage":{"prompt_tokens":3,"completion_tokens":0}}"#, "3+0, reported");
    check(Kind::Events, "data: one\n\ndata: two\n\n", "1000?+2, estimated");
    check(Kind::Events, "data: [DONE]!\n\n", "1000?+2, estimated");
    check(Kind::Events, "data: one\ndata: two", "1000?+2, estimated");
    check(Kind::Events, "none of a stream", "1000?+4, estimated");
    // A key within a text is none.
    let quoted = r#"{"choices":[{"message":{"content":"\",\"usage\":{\"prompt_tokens\":9}"}}]}"#;
    check(Kind::Json, quoted, "1000?+9, estimated");
}

/// What keeps a stream open, ends it, or says that it failed, is no answer.
#[test]
fn streams_without_an_answer() {
    for stream in [
        ": comment\n\n",
        ": one\n: two\n\n: three",
        "data: [DONE]\n\n",
        "data:[DONE]",
        "event: ping\nid: 7\nretry: 9\n\n: bye\n\ndata: [DONE]\n\n",
    ] {
        check(Kind::Events, stream, "1000?+0, counted");
    }
    let busy = r#"data: {"error":{"message":"busy"}}"#;
    check(Kind::Events, &format!(": wait\n\nevent: error\n{busy}\n\n"), "none+none, reported");
    check(Kind::Events, &format!("{busy}\n\ndata: [DONE]\n\n"), "none+none, reported");
    check(Kind::Events, &format!("{busy}\n\ndata: four\n\n"), "1000?+1, estimated");
    // After an answer it changes nothing.
    let piece = r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    check(Kind::Events, &format!("{piece}\n\n{busy}\n\n"), "1000?+1, counted");
}

#[test]
fn types_that_lie() {
    let json =
        r#"{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
    let stream = format!("data: {json}\n\n");
    check(Kind::Events, json, "7+2, estimated, Type");
    check(Kind::Json, &stream, "7+2, estimated, Type");
    check(Kind::Unknown, json, "7+2, reported");
    check(Kind::Unknown, &stream, "7+2, reported");
    check(Kind::Json, &format!("\u{feff}\n {json}"), "7+2, reported");
    check(Kind::Events, &format!("\u{feff}\n\n{stream}"), "7+2, reported");
}

/// Whatever it begins with: a name of a field of events is one as a whole.
#[test]
fn a_text_is_no_stream() {
    let read = |text: &str| {
        let mut meter = AnswerMeter::new(Kind::Unknown, PROMPT);
        text.bytes().for_each(|byte| meter.feed(&[byte]));
        meter.read()
    };
    let plain = read("At eight in the morning the station is full of people.");
    for begin in ["it", "id", "ev", "re", "da"] {
        let text = format!("{begin} eight in the morning the station is full of people.");
        assert_eq!(read(&text), plain, "{text}");
    }
}

#[test]
fn kinds() {
    let check = |status: u16, content_type: &str, expected| {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Kind::of(status, Some(content_type.as_bytes())), expected, "{status} {content_type}");
    };
    check(200, "application/json", Kind::Json);
    check(200, "Application/JSON; charset=utf-8", Kind::Json);
    check(200, "application/vnd.kserve.v2+json", Kind::Json);
    check(200, "text/event-stream;charset=utf-8", Kind::Events);
    check(200, "text/plain", Kind::Unknown);
    check(200, "image/png", Kind::Unbilled);
    check(400, "application/json", Kind::Unbilled);
    check(503, "text/event-stream", Kind::Unbilled);
    assert_eq!(Kind::of(StatusCode::OK, None), Kind::Unknown);
}

#[test]
fn large_bodies_take_no_memory() {
    // What has nothing to drop owns nothing but itself.
    assert!(!std::mem::needs_drop::<AnswerMeter>());
    assert!(size_of::<AnswerMeter>() < 2048, "{}", size_of::<AnswerMeter>());
    for (kind, begin) in [
        (Kind::Json, "{\"a\":\""),
        (Kind::Events, "data: {\"a\":\""),
        (Kind::Events, "x"),
        (Kind::Json, "[[[["),
    ] {
        let mut meter = AnswerMeter::new(kind, PROMPT);
        meter.feed(begin.as_bytes());
        let part = vec![b'['; 1 << 20];
        (0..100).for_each(|_| meter.feed(&part));
        assert_eq!(meter.read().quality, Quality::Estimated);
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Json), Just(Kind::Events), Just(Kind::Unknown), Just(Kind::Unbilled)]
}

/// Bytes that come near to what is read: pieces of fixtures, and single bytes of grammar.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = (0..FIXTURES.len(), any::<(u16, u8)>()).prop_map(|(index, (from, len))| {
        let body = FIXTURES[index].1.as_bytes();
        let from = usize::from(from) % body.len();
        body[from..body.len().min(from + usize::from(len))].to_vec()
    });
    let mark = proptest::sample::select(b"{}[]\",:\\ \r\n0-dN".to_vec()).prop_map(|byte| vec![byte]);
    let any = proptest::collection::vec(any::<u8>(), 0..8);
    proptest::collection::vec(prop_oneof![piece, mark, any], 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn garbage_is_read_alike_however_split(kind in kind(), body in garbage(), cuts in proptest::collection::vec(1_usize..40, 1..40)) {
        let whole = read(kind, &[&body]);
        let mut meter = AnswerMeter::new(kind, PROMPT);
        let mut rest = &body[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (part, behind) = rest.split_at((*cut).min(rest.len()));
            meter.feed(part);
            rest = behind;
        }
        prop_assert_eq!(meter.read(), whole);
        prop_assert!(whole.tokens_in.unwrap_or(0) <= crate::meter::TOKENS_MAX);
        prop_assert!(whole.tokens_out.unwrap_or(0) <= crate::meter::TOKENS_MAX);
    }
}
