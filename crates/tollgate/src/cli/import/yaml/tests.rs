use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Value {
    crate::cli::import::loader::parse(text).unwrap()
}

#[track_caller]
fn check(value: Node, written: &str) {
    assert_eq!(document(&vec![("a".to_owned(), value)]), written);
}

#[test]
fn layouts() {
    check(Node::Plain("10s".into()), "a: 10s\n");
    check(Node::texts(["v", "w"]), "a: [v, w]\n");
    check(Node::List(vec![]), "a: []\n");
    check(Node::Section(vec![]), "a: {}\n");
    check(Node::one("env", Node::text("NAME")), "a: { env: NAME }\n");
    check(Node::Section(vec![("b".into(), Node::text("c"))]), "a:\n  b: c\n");
    check(Node::Rows(vec![Node::one("jwt", Node::one("key", Node::text("k")))]), "a:\n  - jwt: { key: k }\n");
    check(
        Node::texts(["x".repeat(60), "y".repeat(60)]),
        &format!("a:\n  - {}\n  - {}\n", "x".repeat(60), "y".repeat(60)),
    );
    check(Node::one("b", Node::text("-----\nAB\n-----\n")), "a:\n  b: |\n    -----\n    AB\n    -----\n");
}

#[test]
fn texts_are_quoted_where_yaml_would_read_something_else() {
    for bare in ["service_a", "/x/**", "http://127.0.0.1:9001", "RS256", "GET", "header:X-API-Key"] {
        check(Node::text(bare), &format!("a: {bare}\n"));
    }
    for text in [
        "", "1", "1.5", "no", "Y", "NULL", "true", "a: b", "a:", "a #b", "- a", "*a", "&a", "!a", "~", "@a",
        "0x1", "é b",
    ] {
        check(Node::text(text), &format!("a: \"{text}\"\n"));
    }
    check(Node::text("a\"\\\u{1}\u{2028}\u{7f}\r"), "a: \"a\\\"\\\\\\u0001\\u2028\\u007F\\r\"\n");
}

proptest! {
    #[test]
    fn any_text_is_read_back(text in any::<String>(), name in any::<String>()) {
        let deep = Node::Rows(vec![Node::Map(vec![(name.clone(), Node::text(text.clone()))])]);
        let entries = vec![
            ("flow".to_owned(), Node::one("k", Node::texts([text.clone()]))),
            ("block".to_owned(), deep),
        ];
        prop_assert_eq!(read(&document(&entries)), json!({ "flow": { "k": [text] }, "block": [{ name: text }] }));
    }

    #[test]
    fn texts_of_several_lines_are_read_back(text in "([ -~\t]{0,20}\r?\n){0,5}[ -~]{0,5}") {
        let entries = vec![("a".to_owned(), Node::Section(vec![("b".to_owned(), Node::text(text.clone()))]))];
        prop_assert_eq!(read(&document(&entries)), json!({ "a": { "b": text } }));
    }
}
