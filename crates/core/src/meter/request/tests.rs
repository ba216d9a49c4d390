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
    check("[]", (Some(2), true));
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
    assert_eq!(flat("[]", 1), (Some(1), false));
    for lying in ["[1.0,4]", "[\"1\",4]", "[-1,4]", "[null,4]", "[true,4]", "[99999999999999999999999,4]"] {
        assert_eq!(flat(lying, 1600), (Some(400), true), "{lying}");
    }
    // Where one that is not the first is left to the server, the first one stands.
    assert_eq!(flat("[10,-1]", 1000), (Some(10), true));
    assert_eq!(flat("[[1],4]", 1600), (Some(1600), true));
    // Servers flatten what is nested in another way than the shape says.
    let nested = |shape: &str, data: &str| {
        let body =
            format!(r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"FP32","data":{data}}}]}}"#);
        let reading = meter("", "/inputs").read(body.as_bytes()).unwrap();
        (reading.rows, reading.rows_doubted)
    };
    assert_eq!(nested("[3,2]", "[[1,2],[3,4],[5,6]]"), (Some(3), false));
    assert_eq!(nested("[3,2]", "[[1,2,3,4,5,6]]"), (Some(3), true));
    assert_eq!(nested("[3,2]", "[1,[2,3,[4,5]],6]"), (Some(3), false));
    assert_eq!(nested("[1,6]", "[[1,2],[3,4],[5,6]]"), (Some(3), true));
    assert_eq!(nested("[1,-1]", "[[1,2],[3,4],[5,6]]"), (Some(3), true));
    assert_eq!(nested("[2,2]", r#"[["a,]","b\\"],["\"",{"c":[1,"}"]}]]"#), (Some(2), false));
    assert_eq!(nested("[3,0]", "[[],[],[]]"), (Some(3), false));
    assert_eq!(nested("null", "[[1,2],[3,4]]"), (Some(2), true));
    assert_eq!(flat("[3,0]", 5), (Some(5), true));
    assert_eq!(flat("[4294967296,4294967296]", 8), (Some(1), true));
    let huge = meter("", "/inputs").read(br#"{"inputs":[{"shape":[9000000000000000000,4]}]}"#).unwrap();
    assert_eq!((huge.rows, huge.rows_doubted), (Some(ROWS_MAX), true));
    for (twice, what) in [
        (r#""shape":[1],"shape":[9]"#, "shape"),
        (r#""data":[1],"data":[9,9]"#, "data"),
        (r#""datatype":"FP32","datatype":"FP64""#, "datatype"),
        (r#""parameters":{"binary_data_size":1,"binary_data_size":9}"#, "binary_data_size"),
    ] {
        let read = meter("", "/inputs").read(format!("{{\"inputs\":[{{{twice}}}]}}").as_bytes());
        assert_eq!(read, Err(BodyFault::Twice(what)));
    }
    // Somebody's own member.
    let record = meter("", "/inputs").read(br#"{"inputs":[{"shape":[0.5],"colour":1}]}"#).unwrap();
    assert_eq!((record.rows, record.rows_doubted), (Some(1), false));
}

/// Numbers may lie behind the JSON, or elsewhere.
#[test]
fn tensors_without_data() {
    let tensors = |inputs: &str| {
        let reading = meter("", "/inputs").read(format!("{{\"inputs\":[{inputs}]}}").as_bytes()).unwrap();
        (reading.rows, reading.rows_doubted)
    };
    let packed = |shape: &str, datatype: &str, bytes: u64| {
        format!(
            r#"{{"name":"x","shape":{shape},"datatype":"{datatype}","parameters":{{"binary_data_size":{bytes}}}}}"#
        )
    };
    assert_eq!(tensors(&packed("[1000,4]", "FP32", 16_000)), (Some(1000), false));
    assert_eq!(tensors(&packed("[1,4]", "FP32", 16_000)), (Some(1000), true));
    assert_eq!(tensors(&packed("[-1,4]", "FP64", 16_000)), (Some(500), true));
    assert_eq!(tensors(&packed("[1,2]", "FP16", 16)), (Some(4), true));
    assert_eq!(tensors(&packed("[3]", "BYTES", 15)), (Some(3), false));
    assert_eq!(tensors(&packed("[\"3\"]", "BYTES", 15)), (Some(1), true));
    let two = format!("{},{}", packed("[\"x\"]", "BYTES", 9), packed("[5]", "INT64", 40));
    assert_eq!(tensors(&two), (Some(5), true));
    // Whichever of the two a server takes.
    let both =
        r#"{"name":"x","shape":[9,1],"datatype":"INT8","data":[0],"parameters":{"binary_data_size":9}}"#;
    assert_eq!(tensors(both), (Some(9), true));
    let shared = both.replace("binary_data_size", "shared_memory_byte_size");
    assert_eq!(tensors(&shared), (Some(9), true));
    // A tensor with a member that no server knows is one, too.
    let more = r#"{"name":"x","shape":[4],"datatype":"INT8","data":[1,2,3,4],"more":1}"#;
    assert_eq!(tensors(more), (Some(4), false));
}

/// What Python and others write, and the grammar does not allow.
#[test]
fn numbers_beyond_the_grammar() {
    for body in [
        r#"{"inputs":[1,NaN,3]}"#,
        r#"{"inputs":[-Infinity,Infinity,"NaN \" Infinity"]}"#,
        r#"{"inputs":[1e999,2,-1E+400]}"#,
        "\u{feff}{\"inputs\":[1,2,3]}",
    ] {
        check_rows("/inputs", body, Some(3));
    }
    let named = meter("/model", "").read(br#"{"model":"NaN","x":NaN}"#).unwrap();
    assert_eq!(named.model.as_deref(), Some("NaN"));
    // What begins as JSON is no guess of the route.
    for body in ["{", "[1,2", "{\"inputs\":[1,2,]}", "\u{feff}[", " [1 2]"] {
        assert_eq!(meter("", "/inputs").read(body.as_bytes()), Err(BodyFault::NoJson), "{body}");
    }
    let utf_16: Vec<u8> = r#"{"inputs":[1,2,3]}"#.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(meter("", "/inputs").read(&utf_16), Err(BodyFault::NoJson));
    assert_eq!(meter("", "/inputs").read(b"a,b\n1,2\n").unwrap().rows, None);
}

#[test]
fn bodies_with_something_behind() {
    let meter = meter("", "/inputs");
    let rows =
        |body: &[u8], json| meter.read_beginning(body, json).map(|reading| (reading.rows, reading.tokens_in));
    let head = br#"{"inputs":[{"name":"x","shape":[9],"datatype":"INT8"}]}"#;
    let body = [&head[..], b"\xff[{\x00zzzzz"].concat();
    assert_eq!(rows(&body, Some(head.len())), Ok((Some(9), 16)));
    for other in [None, Some(5), Some(head.len() + 1), Some(9999)] {
        assert_eq!(rows(&body, other), Err(BodyFault::NoJson), "{other:?}");
    }
    // Who does not know of such lengths reads all of it.
    for length in [None, Some(0), Some(5), Some(9999)] {
        assert_eq!(rows(br#"{"inputs":[1,2,3]}"#, length), Ok((Some(3), 5)), "{length:?}");
    }
    assert_eq!(rows(&[b'['; 200], Some(0)), Ok((None, 50)));
    // Nothing but binary data is no whole object or list, in whatever encoding it is taken for.
    for json in ["{ \"\u{1}", "{\"x\":1", "1"] {
        assert_eq!(rows(json.as_bytes(), Some(0)).map(|(rows, _)| rows), Ok(None), "{json:?}");
    }
    let deep = format!("\n{{ \"z\":{}{}, \"inputs\":[1,2]}}", "[".repeat(130), "]".repeat(130));
    let wide: Vec<u8> = " {\"inputs\":[1,2,3]}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for json in [&b"{\"\xff\": 1}"[..], b"{ \"\xff\":1}", deep.as_bytes(), &wide] {
        assert_eq!(rows(json, Some(0)), Err(BodyFault::NoJson), "{json:?}");
    }
}

#[test]
fn packed_bodies_that_are_json_as_well() {
    let wide: Vec<u8> = "{\"inputs\":[1,2,3]}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let meters = [meter("", ""), meter("", "/inputs"), RequestMeter::default()];
    for (body, misleads) in
        [(&wide[..], true), (b" [1]\xff\0", true), (b"[\x31\0\xf8", false), (b"\x1f\x8b", false)]
    {
        let found = meters.each_ref().map(|meter| meter.could_mislead(body));
        assert_eq!(found, [misleads, misleads, false], "{body:?}");
    }
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
    let large = r#"{"name":"x","shape":[9],"datatype":"FP32"}"#;
    check_rows("/inputs", &format!("{{\"inputs\":[null,{large}]}}"), Some(9));
    check_rows("/inputs", &format!("{{\"inputs\":[{large},7,null]}}"), Some(9));
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
    check_model(r#"{"model":NaN}"#, Ok(None));
    check_model(r#"{"model":""}"#, Ok(None));
    check_model(r#"{"model":"a\nb"}"#, Ok(None));
    check_model(r#"{"model":["m"]}"#, Ok(None));
    check_model(r#"{"model":"a","model":"b"}"#, twice());
    check_model(r#"{"model":"a","mod\u0065l":"a"}"#, twice());
    check_model(r#"{"x":1,"x":2,"model":"m"}"#, Ok(Some("m")));
    for wrong in ["", "{", "{\"model\":\"m\"} {}", "{'model':'m'}", "{\"model\":\"m\",}"] {
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
    // Servers take these for whole numbers,
    check_cost(r#"{"max_tokens":50.0,"n":"2"}"#, thousand, (7, 100, 107));
    check_cost(r#"{"max_tokens":" 50 "}"#, thousand, (6, 50, 56));
    check_cost(r#"{"max_tokens":1e300}"#, none, (5, TOKENS_MAX, TOKENS_MAX + 5));
    // and these for none.
    for none in ["1e400", "Infinity", "NaN", "-Infinity", "50.5", "\"50.5\"", "null", "[1]", "-1.0"] {
        let body = format!("{{\"max_tokens\":{none}}}");
        check_cost(&format!("{body:28}"), thousand, (7, 993, 1000));
    }
    check_cost(r#"{"max_tokens":9,"best_of":10,"n":2,"prompt":"a"}"#, none, (12, 90, 102));
    check_cost(r#"{"max_tokens":9,"n":2,"prompt":["a","b","c"]}"#, none, (12, 54, 66));
    check_cost(r#"{"max_tokens":9,"prompt":[[1,2],[3],[4]]}"#, none, (11, 27, 38));
    check_cost(r#"{"max_tokens":9,"prompt":[1,2,3]}"#, none, (9, 9, 18));
    check_cost(r#"{"max_tokens":9,"n":0,"prompt":[]}"#, none, (9, 9, 18));
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
