//! Inputs that are too large, too deep, or no text, and what needs more than a file.

use super::{compiled, outcome};
use crate::config::load;

/// The one-line problems of a text that must be refused.
fn refused(text: &str) -> Vec<String> {
    let problems = compiled("f", text).expect_err("the text should be refused");
    let lines = problems.to_string().lines().map(str::to_owned).collect();
    // Nothing that a terminal shows may depend on how large the input is.
    assert!(problems.render(false).len() < 100_000);
    lines
}

/// The problems of a file of these bytes.
fn load_bytes(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tollgate.yaml");
    std::fs::write(&path, bytes).unwrap();
    let problems = load(&path).expect_err("the file should be refused");
    problems.to_string().replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("{}{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(refused(&text).len(), 1);
    }
    let block: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(refused(&block).len(), 1);
    // Each alias is one level deeper than the text says.
    let chain: String = (1..200).map(|depth| format!("a{depth}: &a{depth} [*a{}]\n", depth - 1)).collect();
    let lines = refused(&format!("a0: &a0 [x]\n{chain}"));
    assert!(lines[0].contains("more than 64 levels"), "{lines:?}");
}

#[test]
fn garbage_is_refused_quickly() {
    assert_eq!(
        load_bytes(&vec![b'a'; 17 * 1024 * 1024]),
        "DIR/tollgate.yaml: the file is larger than 16 MiB (is this the configuration?)"
    );
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let bytes: Vec<u8> = (0..1_000_000).map(|_| noise()).collect();
    assert!(load_bytes(&bytes).contains("not UTF-8"));
    let printable: String = bytes.iter().map(|byte| char::from(byte % 95 + 32)).collect();
    assert!(!refused(&printable).is_empty());
    assert!(!refused(&"a: 1\n".repeat(200_000)).is_empty());
    assert!(!refused(&format!("x: [{}]", "1,".repeat(200_000))).is_empty());
}

#[test]
fn many_problems_end_at_a_hundred() {
    let text: String = (0..1000).map(|n| format!("k{n}: 1\n")).collect();
    let lines = refused(&text);
    assert_eq!(lines.len(), 101);
    assert!(lines.iter().any(|line| line == "f: only the first 100 problems are shown"));
}

#[test]
fn what_is_no_text_is_refused() {
    let shown = load_bytes(b"listen: 127.0.0.1:8080\nerrors: \xff\xfe\n");
    assert_eq!(shown, "DIR/tollgate.yaml:2:9: the file is not UTF-8 text (save it as UTF-8)");
    assert!(load_bytes(b"a: \0").contains("DIR/tollgate.yaml:1:"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("gone.yaml");
    let problems = load(&gone).expect_err("there is no file");
    let expected =
        format!("{}: the file cannot be read: No such file or directory (os error 2)", gone.display());
    assert_eq!(problems.to_string(), expected);
    assert!(problems.render(false).contains(&expected));
    assert!(load(dir.path()).is_err(), "a directory is no file");
}

#[test]
fn comments_line_ends_and_byte_order_marks_are_free() {
    let minimal = std::fs::read_to_string(super::goldens().join("minimal.yaml")).unwrap();
    let commented = minimal.replace('\n', &"\n# a comment\n".repeat(200));
    for text in [commented, minimal.replace('\n', "\r\n"), format!("\u{feff}{minimal}")] {
        assert!(compiled("f", &text).is_ok(), "{}", outcome("f", &text));
    }
}

#[test]
fn positions_are_those_of_an_editor() {
    let lines = refused("listen: 127.0.0.1:8080\n\n# é\n  \nupstreams: { \"é\": { targets: [] } }\n");
    let with_places: Vec<_> = lines.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(with_places, ["f:1:1", "f:5:14", "f:5:30"], "{lines:?}");
}

#[test]
fn colour_is_asked_for() {
    let problems = compiled("f", "x: 1").expect_err("unknown key");
    assert!(problems.render(true).contains("\u{1b}["));
    assert!(!problems.render(false).contains("\u{1b}["));
}

#[test]
fn certificates_are_checked_against_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, text) in [
        ("cert.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
        ("other.pem", other.signing_key.serialize_pem()),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let check = |key: &str, expected: Option<&str>| {
        let text = format!(
            "listen: [{{ address: '0.0.0.0:8443', tls: {{ cert: cert.pem, key: {key}, client_ca: cert.pem }} }}]
upstreams: {{ m: {{ targets: [https://a], tls: {{ roots: cert.pem, sni: localhost, cert: cert.pem, key: key.pem }} }} }}
routes: {{ r: {{ match: {{ path: /r }}, upstream: m, accept: [jwt] }} }}"
        );
        let path = dir.path().join("tollgate.yaml");
        std::fs::write(&path, text).unwrap();
        match (load(&path), expected) {
            (Ok(compiled), None) => {
                assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
                assert_eq!(compiled.watched.len(), 3);
            }
            (Err(problems), Some(expected)) => assert!(problems.to_string().contains(expected), "{problems}"),
            (got, expected) => assert_eq!(got.is_ok(), expected.is_none(), "{key}: {got:?}"),
        }
    };
    check("key.pem", None);
    check("other.pem", Some("the key does not go with the certificate"));
    check("cert.pem", Some("no private key in PEM"));
    check("gone.pem", Some("gone.pem` cannot be read"));
}

#[test]
fn secrets_are_masked_where_the_text_is_no_yaml() {
    let shown = outcome(
        "f",
        "consumers:\n  a: { credentials: [{ api_key: hunter2 }, { hawk: { id: a, key: hunter2 } }\n",
    );
    assert!(shown.contains("malformed") && !shown.contains("hunter2"), "{shown}");
}
