use super::{concerns, edit};
use crate::meter::RequestMeter;

const CHAT: &str = "/v1/chat/completions";

/// The body that goes on, or nothing where it goes on as it came.
#[track_caller]
fn check(body: &str, expected: Option<&str>) {
    let reading = RequestMeter::new(None, &[], true).read(body.as_bytes()).unwrap();
    let edited = edit(&reading, CHAT).map(|edit| String::from_utf8(edit.apply(body.as_bytes())).unwrap());
    assert_eq!(edited.as_deref(), expected, "{body}");
    if let Some(edited) = edited {
        let again = RequestMeter::new(None, &[], true).read(edited.as_bytes()).unwrap();
        assert!(again.usage_asked && edit(&again, CHAT).is_none(), "{edited}");
    }
}

#[test]
fn it_is_asked_for_where_nobody_asked() {
    check(
        r#" {"model":"m", "stream":true}"#,
        Some(r#" {"stream_options":{"include_usage":true},"model":"m", "stream":true}"#),
    );
    check(
        r#"{"stream":true,"stream_options":{}}"#,
        Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
    );
    check(
        r#"{"stream":true,"stream_options": { } }"#,
        Some(r#"{"stream":true,"stream_options": {"include_usage":true } }"#),
    );
    check(
        r#"{"stream_options":{ "continuous_usage_stats":false},"stream":true}"#,
        Some(r#"{"stream_options":{"include_usage":true, "continuous_usage_stats":false},"stream":true}"#),
    );
    check(
        r#"{"stream":true,"stream_options":{"include_usage":null}}"#,
        Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
    );
    check(
        r#"{"stream":true,"stream_options":{"include_usage": false }}"#,
        Some(r#"{"stream":true,"stream_options":{"include_usage": true }}"#),
    );
    check(
        r#"{"stream":true,"stream_options":null}"#,
        Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
    );
}

#[test]
fn nothing_else_is_touched() {
    check(r#"{"stream":true,"stream_options":{"include_usage":true}}"#, None);
    check(r#"{"stream":true,"stream_options":{"include_\u0075sage":true}}"#, None);
    check(r#"{"stream":false}"#, None);
    check(r#"{"stream":"true"}"#, None);
    check(r#"{"stream_options":{}}"#, None);
    check(r#"{"stream":true,"stream_options":[]}"#, None);
    check(r#"{"stream":true,"stream_options":7}"#, None);
    check(r#"[{"stream":true}]"#, None);
    check("stream=true", None);
    check("", None);
}

#[test]
fn paths() {
    for (path, expected) in [
        (CHAT, true),
        ("/v1/completions", true),
        ("/completions", true),
        ("/openai/deployments/m/chat/completions", true),
        ("/v1/responses", false),
        ("/v1/messages", false),
        ("/completion", false),
        ("/v1/chat/completions/x", false),
        ("/xcompletions", false),
    ] {
        assert_eq!(concerns(path), expected, "{path}");
    }
}
