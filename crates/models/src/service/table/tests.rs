use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{COLUMNS_MAX, Table, sentence};
use crate::learn::Frame;
use crate::service::Dialect;
use crate::service::validate::Check;

/// Looks a table through and reads it: its rows as they would go out, or what is said of it.
fn read(text: &str) -> Result<Value, String> {
    let raw: &RawValue = serde_json::from_str(text).unwrap();
    let mut check = Check::of_text(Dialect::Chapkit, text);
    let table = Table::look(&mut check, &["body".into()], raw).map_err(|problem| problem.text())?;
    let table = check.end(table).map_err(|problem| problem.text())?;
    let flaw = table.flaw();
    let frame = table.frame().map_err(sentence);
    assert_eq!(flaw.as_ref(), frame.as_ref().err(), "{text}");
    frame.map(|frame| json!(frame.to_rows().1))
}

fn weight(data: &str) -> usize {
    let raw: &RawValue = serde_json::from_str(data).unwrap();
    Table::of_rows(Vec::new(), raw, "data").unwrap().weight()
}

#[test]
fn a_table_is_read_as_its_values_would_be() {
    let check = |columns: Value, rows: Value| {
        // Whatever the order of the members, and whatever else there is.
        for text in [
            json!({ "columns": columns, "data": rows }).to_string(),
            json!({ "index": [0, [1]], "data": rows, "columns": columns }).to_string(),
        ] {
            let names = serde_json::from_value(columns.clone()).unwrap();
            let frame = Frame::from_rows(names, serde_json::from_value(rows.clone()).unwrap()).unwrap();
            assert_eq!(read(&text).unwrap(), json!(frame.to_rows().1), "{text}");
        }
    };
    check(json!([]), json!([]));
    check(json!(["a", "b"]), json!([]));
    check(json!(["a", "b"]), json!([[1, 2.5], [-2, 0.1]]));
    check(json!(["a"]), json!([[1], [2.5], [null]]));
    check(json!(["text", "truth"]), json!([["x\n\"ü\"", true], [null, null]]));
    check(
        json!(["mixed"]),
        json!([[1], ["x"], [[1, [2]]], [{ "a": null }], [null], [u64::MAX], [2.0], [true]]),
    );
    check(json!(["null"]), json!([[null], [null]]));
    check(json!(["large"]), json!([[9_007_199_254_740_993_i64], [i64::MIN]]));
    check(json!(["too_large"]), json!([[u64::MAX], [1]]));
    check(json!(["digits"]), json!([[0.179_418_485_117_159], [4.088_360_290_603_783_5]]));
}

#[test]
fn what_makes_no_table_is_told() {
    let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), expected, "{text}");
    let ragged =
        |columns, found| format!("ValueError: {columns} columns passed, passed data had {found} columns");
    check(r#"{"columns":["a","b"],"data":[[1,2],[1],[1,2,3]]}"#, &ragged(2, 1));
    check(r#"{"columns":["a"],"data":[[1,2],[1]]}"#, &ragged(1, 2));
    check(r#"{"data":[[],[]],"columns":["a"]}"#, &ragged(1, 0));
    check(r#"{"columns":["a","a"],"data":[]}"#, "ValueError: the column `a` is named twice");
    check(r#"{"columns":["a"]}"#, "`data`: Field required");
    check("{}", "`columns`: Field required; `data`: Field required");
    check(
        r#"{"columns":{},"data":3}"#,
        "`columns`: Input should be a valid list; `data`: Input should be a valid list",
    );
    check(
        r#"{"columns":["a"],"data":[[1],2,{"a":1},"x",null,[1]]}"#,
        "`data.1`: Input should be a valid list; `data.2`: Input should be a valid list; \
         `data.3`: Input should be a valid list; `data.4`: Input should be a valid list",
    );
    check(r#"{"columns":["a",[1]],"data":[]}"#, "`columns.1`: Input should be a valid string");
    check("[[1]]", "Input should be a valid dictionary or object to extract fields from");
    check(r#"{"columns":["a"],"data":[[1e999]]}"#, "JSON decode error at byte 0: number out of range");
    check(
        r#"{"columns":["a"],"data":[["\ud800"]]}"#,
        "JSON decode error at byte 0: unexpected end of hex escape",
    );
    let wide = "1,".repeat(COLUMNS_MAX);
    check(&format!(r#"{{"columns":["a"],"data":[[{wide}1]]}}"#), "a table may have 100000 columns");
    check(&format!(r#"{{"columns":[{wide}1],"data":[]}}"#), "a table may have 100000 columns");
}

#[test]
fn a_table_weighs_what_its_columns_take() {
    let check = |data: &str, expected: usize| assert_eq!(weight(data), expected, "{data:.40}");
    let value = size_of::<Value>();
    check("[]", 0);
    check(&format!("[{}[]]", "[],".repeat(1000)), 0);
    check(&format!("[{}[1,0.5]]", "[2,null],".repeat(999)), 16_000);
    check(r#"[[true],[null]]"#, 2);
    check(r#"[["abc"],[null]]"#, 2 * 16 + 3 + 32);
    check(r#"[["abc"],[1]]"#, 2 * value + 3 + 32);
    check(r#"[[[1,"ab"]],[{"a":[]}]]"#, 2 * value + 4 * value + 34 + 4 * (value + 64));
}
