use super::{begins_as_json, could_be_json};

/// A text in UTF-8, UTF-16 and UTF-32 of both byte orders.
fn encoded(text: &str) -> Vec<Vec<u8>> {
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    let utf_32 = |bytes: fn(u32) -> [u8; 4]| text.chars().map(u32::from).flat_map(bytes).collect();
    vec![
        text.as_bytes().to_vec(),
        utf_16(u16::to_le_bytes),
        utf_16(u16::to_be_bytes),
        utf_32(u32::to_le_bytes),
        utf_32(u32::to_be_bytes),
    ]
}

#[test]
fn json_is_known_in_every_encoding() {
    for mark in ["", "\u{feff}"] {
        for text in [
            "{}",
            r#"{"a":1}"#,
            " {\n \"a\":1}",
            "\n\t\r\x0b\x0c[ 1]",
            "[[1],{}] and more",
            "[-1.5e+3, NaN, true]",
            "{'a':1}",
            r#"["é", "\"]", "\\"]"#,
        ] {
            for body in encoded(&format!("{mark}{text}")) {
                assert!(begins_as_json(&body), "{body:?}");
                assert!(could_be_json(&body), "{body:?}");
            }
        }
    }
    let deep = [" [".repeat(1000), "]".repeat(1000)].concat();
    assert!(encoded(&deep).iter().all(|body| could_be_json(body)));
    assert!(could_be_json(b"{ \"\xed\xa0\x80\": 1 }"));
}

#[test]
fn other_things_are_none() {
    for text in ["", " ", "a,b\n1,2", "\"a\"", "12", "null", "/a", "PAR1", "é[1]"] {
        for body in encoded(text) {
            assert!(!begins_as_json(&body) && !could_be_json(&body), "{body:?}");
        }
    }
    for body in [
        &b"\x1f\x8b\x08\0"[..],
        b"\x89PNG\r\n",
        b"\x93NUMPY\x01\0",
        b"\xff\xfe\0\0",
        b"\0\0\xfe\xff",
        b"\xef\xbb\xbf",
        b"\0\0\0\0[1]",
        // Tensors of small whole numbers.
        b"\x7b\0\0\0\x0f\0\0\0",
        b"\x5b\0\0\0\x07\x01\0\0\x5d\0\0\0",
        b"\0\x7b\0\xff\0\x7d",
    ] {
        assert!(!begins_as_json(body) && !could_be_json(body), "{body:?}");
    }
}

#[test]
fn a_text_may_begin_as_binary_data_does() {
    for body in [
        &b"{\x01\x02}"[..],
        b"[\xff]",
        b"{",
        b"[1",
        b"[\"]",
        b"[\"\x01\"]",
        b"// a\n{}",
        b" /* a */[]",
        b"[ \x00]",
    ] {
        assert!(begins_as_json(body), "{body:?}");
    }
    for body in [&b"{\x00\x02}"[..], b"[\xff]", b"{", b"[1", b"[\"]", b"[\"\x01\"]", b"[ \x00]"] {
        assert!(!could_be_json(body), "{body:?}");
    }
}
