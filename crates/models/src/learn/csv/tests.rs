use serde_json::{Value, json};

use super::{CsvChunk, CsvRows, read_csv};

/// Reads a text whole and in one chunk; both make the same table.
fn check(text: &str, wanted: Option<&[&str]>, expected: Result<Value, &str>) {
    let wanted: Option<Vec<String>> =
        wanted.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let read = read_csv(|| Ok(text.as_bytes()), wanted.as_deref(), |_| {});
    match (read, expected) {
        (Ok(frame), Ok(expected)) => {
            assert_eq!(json!(frame.to_rows()), expected);
            let mut rows = CsvRows::new(text.as_bytes()).unwrap();
            let mut chunk = CsvChunk::new(&rows, wanted.as_deref()).unwrap();
            while rows.advance().unwrap() {
                chunk.keep(&rows).unwrap();
            }
            // As JSON, where what is missing equals itself.
            assert_eq!(chunk.take().unwrap().to_rows(), frame.to_rows());
            assert_eq!(chunk.take().unwrap().rows(), 0);
        }
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (read, expected) => assert_eq!(read.is_ok(), expected.is_ok(), "{read:?} is not {expected:?}"),
    }
}

#[test]
fn columns_are_as_narrow_as_their_cells_allow() {
    check("a,b\n1,2.5\n-2,1e3\n", None, Ok(json!([["a", "b"], [[1, 2.5], [-2, 1000.0]]])));
    check("a\n1\n\n2\n", None, Ok(json!([["a"], [[1], [2]]])));
    check("a,b\n1,\nNA,true\n", None, Ok(json!([["a", "b"], [[1.0, null], [null, true]]])));
    // What turns out to be text late is text from the start, as it stood there.
    check("a\n007\n1.50\nx\n", None, Ok(json!([["a"], [["007"], ["1.50"], ["x"]]])));
    check("a\ntrue\nx\n1\n", None, Ok(json!([["a"], [["true"], ["x"], ["1"]]])));
    check("a\n\"x, \"\"y\"\"\"\n", None, Ok(json!([["a"], [["x, \"y\""]]])));
    check("\u{feff}a,b\r\n1,2\r\n", None, Ok(json!([["a", "b"], [[1, 2]]])));
    check("a,b\n", None, Ok(json!([["a", "b"], []])));
    check("a,b,c\n1,x,3\n", Some(&["c", "a"]), Ok(json!([["c", "a"], [[3, 1]]])));
}

#[test]
fn what_is_no_table_is_refused() {
    check("", None, Err("it is empty; its first line must name the columns"));
    check("a,b\n1,2\n3\n", None, Err("row 2 has 1 values, but there are 2 columns"));
    check("a,a\n1,2\n", None, Err("the column `a` is named twice"));
    check("a\n1\n", Some(&["b"]), Err("there is no column `b`"));
    let bytes: &[u8] = b"a\n1\n\xff\n";
    let error = read_csv(|| Ok(bytes), None, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "line 3 is not UTF-8");
}

#[test]
fn a_quote_that_is_never_closed_is_named_by_its_line() {
    let unclosed = |line| format!("a quote of the row that begins in line {line} is never closed");
    let check = |text: &str, line| check(text, None, Err(&unclosed(line)));
    check("a,b\n1,2\n3,\"x\n5,6\n", 3);
    check("a,b\n1,\"2", 2);
    check("\"a\n1\n", 1);
    check("a\n\"", 2);
}

#[test]
fn the_end_of_a_text_is_no_row() {
    let same = |text: &str, rows: Value| check(text, None, Ok(json!([["a"], rows])));
    same("a\n1\n\n\n", json!([[1]]));
    same("a\n1", json!([[1]]));
    same("a\n\"x\n\"\n", json!([["x\n"]]));
    same("a\n\"x\"", json!([["x"]]));
    // What looks like our mark is a row like any other.
    same("a\n\u{4}\n", json!([["\u{4}"]]));
    same("a\n\u{4}", json!([["\u{4}"]]));
    check("\n\n", None, Err("it is empty; its first line must name the columns"));
}

#[test]
fn a_row_without_an_end_is_bounded() {
    let error = read_csv(|| Ok(std::io::repeat(b'0')), None, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the row that begins in line 1 has more than 64 MiB");
}
