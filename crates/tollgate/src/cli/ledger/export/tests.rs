use serde_json::json;

use super::*;

#[track_caller]
fn check(value: Value, expected: &str) {
    assert_eq!(field(&value), expected);
}

#[test]
fn fields_are_quoted_where_they_must_be() {
    check(json!("plain"), "plain");
    check(json!(7), "7");
    check(json!(null), "");
    check(json!("a,\"b\""), "\"a,\"\"b\"\"\"");
    check(json!("two\nlines"), "\"two\nlines\"");
    check(json!("=1+1"), "'=1+1");
    check(json!("@reported"), "'@reported");
}
