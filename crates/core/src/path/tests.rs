use proptest::prelude::*;

use super::{CanonicalPath, PathError};

#[track_caller]
fn check(raw: &str, expected: Result<&str, PathError>) {
    let got = CanonicalPath::parse(raw);
    assert_eq!(got.as_ref().map(CanonicalPath::as_str).map_err(|e| *e), expected, "{raw}");
}

#[test]
fn plain_paths_stay() {
    for path in
        ["/", "/a", "/a/", "/predict/sentiment", "/v1/models/m:predict", "/api/v1/ml/$train", "/a.b/~c/@d"]
    {
        check(path, Ok(path));
    }
}

#[test]
fn one_form_of_encoding() {
    check("/api/v1/ml/%24train", Ok("/api/v1/ml/$train"));
    check("/%41%62c", Ok("/Abc"));
    check("/a%20b", Ok("/a%20b"));
    check("/%c3%a9", Ok("/%C3%A9"));
    check("/100%25", Ok("/100%25"));
    check("/%7euser/%3a", Ok("/~user/:"));
}

#[test]
fn readings_that_differ_are_refused() {
    for (raw, why) in [
        ("", PathError::NotAbsolute),
        ("a", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("//a", PathError::EmptySegment),
        ("/a//b", PathError::EmptySegment),
        ("/a//", PathError::EmptySegment),
        ("/a/../b", PathError::DotSegment),
        ("/a/.", PathError::DotSegment),
        ("/a/%2e%2E/b", PathError::DotSegment),
        ("/a/.%2e", PathError::DotSegment),
        ("/a%2fb", PathError::EncodedSeparator),
        ("/a%5cb", PathError::EncodedSeparator),
        ("/a%00", PathError::EncodedSeparator),
        ("/a%3bb", PathError::EncodedSeparator),
        ("/a%23b", PathError::EncodedSeparator),
        ("/a%0d%0ab", PathError::EncodedSeparator),
        ("/a%7f", PathError::EncodedSeparator),
        ("/a%c2%85", PathError::EncodedSeparator),
        ("/a%252e", PathError::DoubleEncoded),
        ("/a%252fb", PathError::DoubleEncoded),
        ("/a%25%32%66", PathError::DoubleEncoded),
        ("/a%250%30", PathError::DoubleEncoded),
        ("/a%2", PathError::BadEncoding),
        ("/a%", PathError::BadEncoding),
        ("/a%zz", PathError::BadEncoding),
        ("/a%+1", PathError::BadEncoding),
        ("/%c0%af", PathError::NotUtf8),
        ("/%ff", PathError::NotUtf8),
        ("/%c3a%a9", PathError::NotUtf8),
        ("/a;b=c", PathError::BadCharacter),
        ("/a\\b", PathError::BadCharacter),
        ("/a b", PathError::BadCharacter),
        ("/é", PathError::BadCharacter),
        ("/a#b", PathError::BadCharacter),
        ("/{id}", PathError::BadCharacter),
    ] {
        check(raw, Err(why));
    }
}

proptest! {
    #[test]
    fn canonical_is_idempotent(raw in "/([a-z%.$0-9/]|%[0-9a-fA-F]{2}){0,24}") {
        if let Ok(path) = CanonicalPath::parse(&raw) {
            let again = CanonicalPath::parse(path.as_str());
            prop_assert_eq!(again.as_ref(), Ok(&path));
            prop_assert!(!path.as_str().contains("//"));
            prop_assert!(path.segments().all(|segment| segment != "." && segment != ".."));
        }
    }

    #[test]
    fn any_text_is_judged_without_panic(raw in ".{0,40}") {
        let _ = CanonicalPath::parse(&raw);
    }
}
