use proptest::prelude::*;

use super::{BodyFault, DEPTH_MAX, ROWS_MAX, RequestMeter};
use crate::limit::{Cost, Unit};
use crate::meter::{Estimate, Pointer, TOKENS_MAX};

fn meter(model: &str, rows: &str) -> RequestMeter {
    let pointer = |text: &str| (!text.is_empty()).then(|| Pointer::parse(text).unwrap());
    RequestMeter::new(pointer(model).as_ref(), pointer(rows).as_slice(), true)
}

#[track_caller]
fn check_rows(pointer: &str, body: &str, expected: Option<u64>) {
    assert_eq!(meter("", pointer).read(body.as_bytes()).unwrap().rows, expected, "{pointer} of {body}");
}

#[test]
fn rows() {
    check_rows("/inputs", r#"{"inputs":[[4.0],[5.0],[6.0]]}"#, Some(3));
    check_rows("/inputs", r#"{"inputs":[]}"#, Some(0));
    check_rows(
        "/instances",
        r#"{"signature_name":"s","instances":[{"b64":"eA=="},{"b64":"eQ=="}]}"#,
        Some(2),
    );
    // The V2 protocol: the largest first dimension of a tensor.
    let tensor =
        r#"{"id":"1","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[[1.0]]},{"shape":[32]}]}"#;
    check_rows("/inputs", tensor, Some(32));
    let packed = r#"[{"name":"x","shape":[5,2],"datatype":"BYTES","parameters":{"binary_data_size":40}}]"#;
    check_rows("/inputs", &format!("{{\"inputs\":{packed}}}"), Some(5));
    check_rows("/inputs/0", &format!("{{\"inputs\":{packed}}}"), Some(5));
    check_rows("/inputs/0/data", tensor, Some(1));
    // MLflow.
    let split = r#"{"dataframe_split":{"index":[0,1,2],"columns":["a","b"],"data":[[1,2],[3,4]]}}"#;
    check_rows("/dataframe_split", split, Some(2));
    check_rows("/dataframe_split/data", split, Some(2));
    check_rows("/dataframe_records", r#"{"dataframe_records":[{"a":1},{"a":2}]}"#, Some(2));
    check_rows("/inputs", r#"{"inputs":{"x":[1,2,3],"y":[4,5,6]}}"#, Some(3));
    // One thing is one row.
    check_rows("/input", r#"{"input":"text"}"#, Some(1));
    check_rows("/input", r#"{"input":{"a":1}}"#, Some(1));
    check_rows("/input", r#"{"input":null}"#, None);
    check_rows("/input", "{}", None);
    check_rows("/input", "[]", None);
    check_rows("/1/x", r#"[{"x":[1]},{"x":[1,2]}]"#, Some(2));
    check_rows("/01/x", r#"[{"x":[1]},{"x":[1,2]}]"#, None);
    check_rows("/inputs", r#"{"inputs":[{"shape":[99999999999999]}]}"#, Some(ROWS_MAX));
    check_rows("/inputs", r#"{"inputs":[{"shape":[-1]}]}"#, Some(1));
    check_rows("/inputs", "no json", None);
}

#[test]
fn shapes_that_cannot_be_true() {
    let check = |shape: &str, expected: (Option<u64>, bool)| {
        let body = format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"data":[[1],[2],[3]]}},{{"a":1}}]}}"#);
        let reading = meter("", "/inputs").read(body.as_bytes()).unwrap();
        assert_eq!((reading.rows, reading.rows_doubted), expected, "{shape}");
    };
    check("[3,1]", (Some(2), false));
    check("[]", (Some(2), false));
    check("[-3,1]", (Some(2), true));
    check("[3,1.5]", (Some(2), true));
    check("[99999999999999999999999,1]", (Some(2), true));
    check("[2,1]", (Some(2), true));
    // What the numbers beside it come to counts then.
    let flat = |shape: &str, numbers: usize| {
        let data = vec!["0"; numbers].join(",");
        let body =
            format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"FP32","data":[{data}]}}]}}"#);
        let reading = meter("", "/inputs").read(body.as_bytes()).unwrap();
        (reading.rows, reading.rows_doubted)
    };
    assert_eq!(flat("[400,4]", 1600), (Some(400), false));
    assert_eq!(flat("[2,3,4]", 24), (Some(2), false));
    assert_eq!(flat("[0,4]", 0), (Some(0), false));
    assert_eq!(flat("[1,4]", 1600), (Some(400), true));
    assert_eq!(flat("[1000000000,4]", 17), (Some(5), true));
    let nested = br#"{"inputs":[{"shape":[1000000000,1],"data":[[1],[2],[3]]}]}"#;
    let nested = meter("", "/inputs").read(nested).unwrap();
    assert_eq!((nested.rows, nested.rows_doubted), (Some(3), true));
    assert_eq!(flat("[7]", 0), (Some(0), true));
    assert_eq!(flat("[3,0]", 5), (Some(5), true));
    assert_eq!(flat("[4294967296,4294967296]", 8), (Some(1), true));
    let huge = meter("", "/inputs").read(br#"{"inputs":[{"shape":[9000000000000000000,4]}]}"#).unwrap();
    assert_eq!((huge.rows, huge.rows_doubted), (Some(ROWS_MAX), true));
    let twice = meter("", "/inputs").read(br#"{"inputs":[{"shape":[-1],"shape":[]}]}"#).unwrap();
    assert!(twice.rows_doubted);
    // Somebody's own member.
    let record = meter("", "/inputs").read(br#"{"inputs":[{"shape":[0.5],"colour":1}]}"#).unwrap();
    assert_eq!((record.rows, record.rows_doubted), (Some(1), false));
}

#[test]
fn rows_at_several_places() {
    let places = ["/inputs", "/dataframe_split/data"].map(|place| Pointer::parse(place).unwrap());
    let meter = RequestMeter::new(None, &places, false);
    let rows = |body: &str| meter.read(body.as_bytes()).unwrap().rows;
    assert_eq!(rows(r#"{"inputs":[1,2]}"#), Some(2));
    assert_eq!(rows(r#"{"dataframe_split":{"data":[[1],[2],[3]]}}"#), Some(3));
    // Whichever of them the model reads.
    assert_eq!(rows(r#"{"inputs":[1,2],"dataframe_split":{"data":[]}}"#), Some(2));
    assert_eq!(rows(r#"{"inputs":null}"#), None);
}

/// What only looks like a tensor, or a table, does not make the rest free.
#[test]
fn members_that_mislead() {
    let row = r#"{"shape":[1],"weight":7}"#;
    check_rows("/inputs", &format!("{{\"inputs\":[{row},{row},{row}]}}"), Some(3));
    let tensor = r#"{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}"#;
    check_rows("/inputs", &format!("{{\"inputs\":[{tensor},{row},{row}]}}"), Some(3));
    check_rows("/inputs", &format!("{{\"inputs\":[{tensor},7,7]}}"), Some(3));
    check_rows("/inputs", r#"{"inputs":[{"shape":[2,"x"]},{"shape":[2,0.5]},{"shape":[]}]}"#, Some(3));
    check_rows("/inputs", r#"{"inputs":[{"shape":2},{"shape":{}},{"shape":null}]}"#, Some(3));
    let deep = vec!["1"; 100].join(",");
    check_rows("/inputs", &format!("{{\"inputs\":[{{\"shape\":[{deep}]}},1]}}"), Some(2));
    check_rows("/inputs", r#"{"inputs":[{"shape":[1],"shape":[9]}]}"#, Some(9));
    check_rows("/inputs", r#"{"inputs":{"few":[1],"many":[1,2,3]}}"#, Some(3));
    check_rows("/inputs", r#"{"inputs":{"data":[1],"many":[1,2,3]}}"#, Some(3));
}

#[track_caller]
fn check_model(body: &str, expected: Result<Option<&str>, BodyFault>) {
    let got = meter("/model", "").read(body.as_bytes()).map(|reading| reading.model);
    let got = got.as_ref().map(Option::as_deref).map_err(|fault| *fault);
    assert_eq!(got, expected, "{body}");
}

#[test]
fn models() {
    let twice = || Err(BodyFault::Twice("model"));
    check_model(r#"{"model":"m"}"#, Ok(Some("m")));
    check_model(r#"{"mod\u0065l":"m"}"#, Ok(Some("m")));
    check_model(r#"{"x":{"model":"no"}}"#, Ok(None));
    check_model(r#"{"model":7}"#, Ok(None));
    check_model(r#"{"model":""}"#, Ok(None));
    check_model(r#"{"model":"a\nb"}"#, Ok(None));
    check_model(r#"{"model":["m"]}"#, Ok(None));
    check_model(r#"{"model":"a","model":"b"}"#, twice());
    check_model(r#"{"model":"a","mod\u0065l":"a"}"#, twice());
    check_model(r#"{"x":1,"x":2,"model":"m"}"#, Ok(Some("m")));
    for wrong in ["", "{", "{\"model\":\"m\"} {}", "{'model':'m'}", "{\"model\":\"m\",}", "{\"model\":NaN}"] {
        check_model(wrong, Err(BodyFault::NoJson));
    }
    let broken = meter("/model", "").read(b"{\"model\":\"\xff\"}");
    assert_eq!(broken, Err(BodyFault::NoJson));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let read = |body: String| meter("", "/rows").read(body.as_bytes());
    assert!(read(nested(DEPTH_MAX)).is_ok());
    assert_eq!(read(nested(DEPTH_MAX + 1)), Err(BodyFault::Deep));
    assert_eq!(read(nested(100_000)), Err(BodyFault::Deep));
    let options = format!("{{\"stream_options\":{}}}", nested(100_000));
    assert_eq!(read(options), Err(BodyFault::Deep));
    assert_eq!(read("[".repeat(1_000_000)), Err(BodyFault::Deep));
}

#[test]
fn duplicates_of_what_matters() {
    let read = |body: &str| meter("", "/a/b").read(body.as_bytes());
    let twice = |what| Err(BodyFault::Twice(what));
    assert_eq!(read(r#"{"a":{"b":[1]},"a":{"b":[1,2]}}"#), twice("rows"));
    assert_eq!(read(r#"{"a":{"b":[1],"b":[1,2]}}"#), twice("rows"));
    assert_eq!(read(r#"{"stream":true,"stream":false}"#), twice("stream"));
    assert_eq!(read(r#"{"max_tokens":1,"max_tokens":1}"#), twice("max_tokens"));
    let options = r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#;
    assert_eq!(read(options), twice("include_usage"));
}

/// What is reserved: tokens in, out and together.
#[track_caller]
fn check_cost(body: &str, estimate: Estimate, expected: (u64, u64, u64)) {
    let reading = meter("", "").read(body.as_bytes()).unwrap();
    let cost = reading.cost(Cost::request(), &estimate);
    let got = (cost.of(Unit::TokensIn), cost.of(Unit::TokensOut), cost.of(Unit::Tokens));
    assert_eq!(got, expected, "{body}");
    assert_eq!(cost.of(Unit::Requests), 1);
}

#[test]
fn what_is_reserved() {
    let none = Estimate::default();
    let thousand = Estimate { tokens: Some(1000), ..none };
    check_cost(r#"{"max_tokens": 50 }"#, none, (5, 50, 55));
    check_cost(r#"{"max_tokens": 50 }"#, thousand, (5, 50, 55));
    check_cost(r#"{"max_completion_tokens":7,"max_tokens":5,"n":3}"#, none, (12, 21, 33));
    check_cost(r#"{"max_output_tokens":7}"#, none, (6, 7, 13));
    check_cost(r#"{"max_tokens":-1,"n":"2"}"#, thousand, (7, 993, 1000));
    check_cost(r#"{"max_tokens":18446744073709551615,"n":9}"#, none, (11, TOKENS_MAX, TOKENS_MAX + 11));
    check_cost("{}", none, (1, 0, 1));
    check_cost("no json", thousand, (2, 998, 1000));
    check_cost("{}", Estimate { tokens_in: Some(30), tokens_out: Some(20), ..none }, (30, 20, 50));
    check_cost(&format!("{{\"a\":\"{}\"}}", "x".repeat(8000)), thousand, (2002, 0, 2002));
}

#[test]
fn nothing_is_read_where_nothing_is_asked() {
    let meter = RequestMeter::new(None, &[], false);
    assert!(!meter.reads());
    assert_eq!(meter.read(b"12345").unwrap().tokens_in, 2);
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = meter("/model", "/inputs").read(&body);
    }

    #[test]
    fn no_json_panics(body in "[\\[\\]{}\",:a-f0-9 .eE+-]{0,200}") {
        let _ = meter("/model", "/inputs").read(body.as_bytes());
    }
}
