use proptest::prelude::*;

use super::{Choices, Scanner};

/// Pieces of text, their bytes, whether the text is whole, and whether it is broken.
fn check(text: &str, texts: u64, bytes: u64, whole: bool, broken: bool) {
    for part in [1, text.len().max(1)] {
        let mut scanner = Scanner::default();
        for part in text.as_bytes().chunks(part) {
            assert_eq!(scanner.feed(part), part.len(), "{text}");
        }
        let found = *scanner.found();
        assert_eq!(
            (found.texts, found.text_bytes, found.whole, scanner.is_broken()),
            (texts, bytes, whole, broken),
            "{text}"
        );
    }
}

#[test]
fn texts() {
    check(r#"{"choices":[{"text":"abc"}]}"#, 1, 3, true, false);
    check(r#"{"choices":[{"text":"a\"c\\"}]}"#, 1, 6, true, false);
    check(r#"{"choices":[{"text":""},{"text":"x"},{"text":"y"}]}"#, 2, 2, true, false);
    check(r#"{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}"#, 1, 2, true, false);
    check(r#"{"choices":[{"text":"ab"#, 1, 2, false, false);
    check(
        r#"{"content":[{"type":"text","text":"ab"},{"type":"tool_use","input":{"text":"no"}}]}"#,
        1,
        2,
        true,
        false,
    );
    check(r#"{"a":{"choices":[{"text":"no"}]},"choices":[]}"#, 0, 0, true, false);
    check(r#"{"\u0063hoices":[{"text":"no"}]}"#, 0, 0, true, false);
    check(r#"{"a":"\\","b":["\"]}",{"c":"}]"}],"choices":[{"text":"x"}]}"#, 1, 1, true, false);
}

#[test]
fn what_is_no_json() {
    for text in
        ["}", "]", ",", "{,", "{\"a\" 1", "{\"a\":}", "{\"a\":1 2", "{a", "{\"choices\":[}", "{\"usage\":{]"]
    {
        check(text, 0, 0, false, true);
    }
    check("12 ", 0, 0, false, true);
    check(" {} ".trim_end(), 0, 0, true, false);
    check("[1,[2,{\"a\":[]}],\"b\"]", 0, 0, true, false);
}

#[test]
fn deep_nesting_is_a_number() {
    let deep = "[".repeat(100_000);
    check(&format!("{{\"a\":{deep}"), 0, 0, false, false);
    check(&format!("{{\"choices\":[{{\"delta\":{{\"tool_calls\":{deep}"), 0, 0, false, false);
    check(&format!("{deep}{}", "]".repeat(100_000)), 0, 0, true, false);
}

#[test]
fn it_stops_behind_a_text() {
    let mut scanner = Scanner::default();
    assert_eq!(scanner.feed(b"{\"choices\":[]} {}"), 14);
    assert_eq!(scanner.take().choices, Choices::Empty);
    assert_eq!(scanner.feed(b" {}"), 3);
    assert!(scanner.take().whole);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let name =
        prop_oneof!["choices|delta|usage|text|content|timings|total_tokens|output|data", "[a-z\"\\\\]{0,3}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

proptest! {
    /// Any JSON that serde_json writes is read to its end and no further.
    #[test]
    fn json_is_whole_at_its_end(value in json(), pretty in any::<bool>()) {
        let value = serde_json::json!({ "x": value.clone(), "choices": value });
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let mut scanner = Scanner::default();
        prop_assert_eq!(scanner.feed(&text.as_bytes()[..text.len() - 1]), text.len() - 1);
        prop_assert!(!scanner.found().whole && !scanner.is_broken(), "{}", text);
        scanner.feed(b"}");
        prop_assert!(scanner.found().whole, "{}", text);
    }
}
