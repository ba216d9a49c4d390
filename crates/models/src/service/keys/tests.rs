use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::{Keys, Presented};

const HEADER: HeaderName = HeaderName::from_static("x-api-key");

#[test]
fn lists_and_files_are_read_as_the_original_reads_them() {
    let count =
        |list: &str| Keys::from_list(list).map(|keys| keys.count()).map_err(|error| error.to_string());
    let none = "No API keys configured. Provide api_keys, api_key_file, or set environment variable.";
    assert_eq!(count(" a, ,b,a,\tc "), Ok(3));
    assert_eq!(count(" , "), Err(none.to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    std::fs::write(&path, "# old\n key1 \n\nkey2 # not a comment\n  # one\n").unwrap();
    let keys = Keys::from_file(&path).unwrap();
    let check = |key: &'static str| {
        let headers: HeaderMap = [(HEADER, HeaderValue::from_static(key))].into_iter().collect();
        matches!(keys.check(&headers, &HEADER), Presented::Known { .. })
    };
    assert_eq!(
        (keys.count(), check("key1"), check("key2"), check("key2 # not a comment")),
        (2, true, false, true)
    );
    let missing = Keys::from_file(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.starts_with("API key file not found: "), "{missing}");
}

#[test]
fn a_key_is_shown_by_its_first_seven_characters() {
    let keys = Keys::from_list("sk_ml_train_abc123").unwrap();
    let check = |key: &'static str, expected: Presented| {
        let headers: HeaderMap = [(HEADER, HeaderValue::from_static(key))].into_iter().collect();
        assert_eq!(keys.check(&headers, &HEADER), expected, "{key}");
    };
    let unknown = |prefix: &str| Presented::Unknown { prefix: prefix.to_owned() };
    check("sk_ml_train_abc123", Presented::Known { prefix: "sk_ml_t".to_owned(), at: 0 });
    check("1234567", unknown("1234567"));
    check("123456", unknown("***"));
    check(" ", Presented::Missing);
    assert_eq!(keys.check(&HeaderMap::new(), &HEADER), Presented::Missing);
    assert_eq!(format!("{keys:?}"), "Keys(1)");
}
