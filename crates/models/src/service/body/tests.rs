use serde_json::json;

use super::{parse, without_nan};

#[test]
fn what_only_python_writes_is_no_number() {
    let check = |text: &str, expected: Option<&str>| {
        let found = without_nan(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref(), expected, "{text}");
    };
    check("[NaN, Infinity,-Infinity]", Some(r#"[null, "Infinity","-Infinity"]"#));
    check(r#"{"NaN": "Infinity \" NaN", "b": NaN}"#, Some(r#"{"NaN": "Infinity \" NaN", "b": null}"#));
    check("[1]", None);
    check(r#""\"#, None);
    assert_eq!(parse(b"[NaN, 1]").unwrap(), json!([null, 1]));
}

#[test]
fn a_refusal_says_where_the_text_stops_to_be_json() {
    let check = |text: &str, offset: usize| {
        let problem = format!("{:?}", parse(text.as_bytes()).unwrap_err());
        assert!(problem.contains(&format!("Number({offset})")), "{text}: {problem}");
    };
    check("{bad", 1);
    check("[1,\n 2,\n x]", 9);
}
