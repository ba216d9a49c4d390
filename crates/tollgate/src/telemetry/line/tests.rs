use serde_json::json;

use super::*;

#[test]
fn short_lines_stay() {
    assert_eq!(json(b"{\"a\":1}\n"), b"{\"a\":1}\n");
    assert_eq!(text(b"a\n"), b"a\n");
}

#[test]
fn long_lines_stay_objects_of_one_line() {
    let many: Map<String, Value> = (0..2000)
        .map(|n| (format!("member_{n}"), json!("x")))
        .chain([("level".to_owned(), json!("WARN"))])
        .collect();
    for (object, kept) in [
        (json!({ "level": "WARN", "path": "\u{1}".repeat(5000), "id": "a" }), "id"),
        (json!({ "level": "WARN", "path": "ä".repeat(9000) }), "path"),
        (Value::Object(many), "level"),
    ] {
        let line = json(format!("{object}\n").as_bytes());
        assert!(line.len() <= MAX && line.iter().filter(|byte| **byte == b'\n').count() == 1);
        let read: Value = serde_json::from_slice(&line).unwrap();
        assert!(read["level"] == "WARN" && read[kept].is_string(), "{read}");
    }
}

#[test]
fn long_texts_are_cut_between_characters() {
    let line = text("ä".repeat(9000).as_bytes());
    let read = String::from_utf8(line).unwrap();
    assert!(read.len() <= MAX && read.ends_with("ä…\n"), "{}", read.len());
}
