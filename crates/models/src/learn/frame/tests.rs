use serde_json::{Value, json};

use super::{BadFrame, Column, Frame, Values};

/// Reads rows and writes them again; what is expected of the second is what was given, unless said otherwise.
fn check(columns: Value, rows: Value, expected: Result<Value, &str>) {
    let columns = serde_json::from_value(columns).unwrap();
    let rows_out = Frame::from_rows(columns, serde_json::from_value(rows).unwrap());
    match (rows_out, expected) {
        (Ok(frame), Ok(expected)) => assert_eq!(json!(frame.to_rows().1), expected),
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (found, expected) => assert_eq!(found.is_ok(), expected.is_ok(), "{found:?} is not {expected:?}"),
    }
}

#[test]
fn rows_go_out_as_they_came() {
    let same = |columns: Value, rows: Value| check(columns, rows.clone(), Ok(rows));
    same(json!([]), json!([]));
    same(json!(["a", "b"]), json!([]));
    same(json!(["a", "b"]), json!([[1, 2.5], [2, 0.1]]));
    same(json!(["text", "truth"]), json!([["x", true], [null, null]]));
    same(json!(["mixed"]), json!([[1], ["x"], [[1, 2]], [{ "a": null }], [null]]));
    same(json!(["null"]), json!([[null], [null]]));
    same(json!(["large"]), json!([[9_007_199_254_740_993_i64], [-1]]));
    same(json!(["digits"]), json!([[0.179_418_485_117_159], [4.088_360_290_603_783_5]]));
    // As pandas does: a column is of one kind, so one fraction makes all of them fractions, and so does a gap.
    check(json!(["a"]), json!([[1], [2.5]]), Ok(json!([[1.0], [2.5]])));
    check(json!(["a"]), json!([[1], [null]]), Ok(json!([[1.0], [null]])));
}

#[test]
fn rows_that_make_no_table_are_refused() {
    let bad = |columns: Value, rows: Value, expected: &str| check(columns, rows, Err(expected));
    bad(json!(["a", "b"]), json!([[1, 2], [1]]), "row 2 has 1 values, but there are 2 columns");
    bad(json!(["a"]), json!([[1, 2]]), "row 1 has 2 values, but there are 1 columns");
    bad(json!(["a", "b", "a"]), json!([]), "the column `a` is named twice");
}

#[test]
fn a_column_is_added_or_replaced() {
    let column =
        |name: &str, values: Vec<i64>| Column { name: name.to_owned(), values: Values::Integers(values) };
    let frame = Frame::default().with(column("a", vec![1, 2])).unwrap();
    let frame = frame.with(column("b", vec![3, 4])).unwrap().with(column("a", vec![5, 6])).unwrap();
    let (names, rows) = frame.to_rows();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(json!(rows), json!([[5, 3], [6, 4]]));
    let uneven = frame.with(column("c", vec![1]));
    assert_eq!(uneven, Err(BadFrame::Uneven { name: "c".to_owned(), expected: 2, found: 1 }));
}
