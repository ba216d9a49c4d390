use serde_json::json;

use super::*;

#[track_caller]
fn check(text: &str, expected: Result<Value, &str>) {
    match expected {
        Ok(value) => assert_eq!(parse(text).unwrap(), value),
        Err(part) => {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn plain_data() {
    check("a: 1\nb: [x, '2']\n#END\n", Ok(json!({ "a": 1, "b": ["x", "2"] })));
    check("no: on\nzeros: 007\n1: x", Ok(json!({ "no": "on", "zeros": "007", "1": "x" })));
    check("a: &x {k: v}\nb: *x", Ok(json!({ "a": { "k": "v" }, "b": { "k": "v" } })));
    check("{\"routes\": []}", Ok(json!({ "routes": [] })));
}

#[test]
fn what_is_no_configuration() {
    check("", Err("it is empty"));
    check("# only a comment", Err("it is empty"));
    check("- a", Err("a mapping was expected"));
    check("a: 1\na: 2", Err("line 2"));
    check("a: [1", Err("line"));
    check("a: 1\n---\nb: 2", Err("document"));
    check(&"[".repeat(100_000), Err(""));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(b'b'..=b'z')
            .map(|c| {
                let (c, p) = (char::from(c), char::from(c - 1));
                format!("{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n")
            })
            .collect::<String>();
    check(&bomb, Err(""));
}

#[test]
fn what_cannot_be_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8], part: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = format!("{:#}", load(&path).unwrap_err());
        assert!(error.contains(part) && error.contains(name), "{error}");
    };
    check("huge.yaml", &vec![b'#'; MAX_BYTES as usize + 1], "larger than 16 MiB");
    check("binary.yaml", b"\xff\xfe", "not text in UTF-8");
    check("list.yaml", b"- 1", "a mapping was expected at the top");
    let error = format!("{:#}", load(directory.path()).unwrap_err());
    assert!(error.contains("cannot be read"), "{error}");
}
