use proptest::prelude::*;
use serde_json::json;
use ulid::Ulid;

use super::*;

#[test]
fn the_longest_event_is_as_long_as_the_bounds_say() {
    let long = "é".repeat(2000);
    let all = Measure::ALL.into_iter().fold(Measures::default(), |all, one| all.with(one, u64::MAX));
    let event = UsageEvent::of(stream(), u64::MAX, &intent(&long), &Closing { measures: all, ..closing() });
    let mut bytes = Vec::new();
    event.encode(&mut bytes);
    // 255 is odd and `é` has two bytes, so each of the four names is a byte short of its bound.
    assert_eq!(bytes.len(), MAX_EVENT - 4);
    assert_eq!(UsageEvent::decode(&bytes).unwrap(), event);
}

#[test]
fn texts_are_cut_at_a_characters_border_and_have_no_nul() {
    fn check(given: &str, kept: &str) {
        let event = UsageEvent::of(stream(), 1, &Intent { node: given, ..intent("x") }, &closing());
        assert_eq!(&*event.intent.node, kept);
    }
    check("", "");
    check("gate-1", "gate-1");
    check("a\0b", "a?b");
    check(&"x".repeat(65), &"x".repeat(64));
    check(&format!("{}é", "x".repeat(63)), &"x".repeat(63));
}

#[test]
fn what_no_writer_writes_is_refused() {
    let mut good = Vec::new();
    UsageEvent::of(stream(), 7, &intent("x"), &closing()).encode(&mut good);
    let check = |at: usize, byte: u8, expected: BadEncoding| {
        let mut bad = good.clone();
        let at = if at == usize::MAX { good.len() - 1 } else { at };
        bad[at] = byte;
        assert_eq!(UsageEvent::decode(&bad), Err(expected), "byte {at}");
    };
    let closing = good.len() - encoded_closing().len();
    check(0, 9, BadEncoding::Version(9));
    check(19, 0x80, BadEncoding::Value("seq"));
    check(27 + 16, 0xFF, BadEncoding::Value("time"));
    check(27 + 24, 0x01, BadEncoding::Value("node"));
    check(27 + 26, 0xFF, BadEncoding::Value("node"));
    check(27 + 26, 0, BadEncoding::Value("node"));
    check(closing, 4, BadEncoding::Value("outcome"));
    check(closing + 43, 3, BadEncoding::Value("quality"));
    check(closing + 44, 0x80, BadEncoding::Value("set of measures"));
    let longer = [&good[..], &[0]].concat();
    assert_eq!(UsageEvent::decode(&longer), Err(BadEncoding::Long));
    for end in 0..good.len() {
        assert_eq!(UsageEvent::decode(&good[..end]), Err(BadEncoding::Short), "{end} bytes");
    }
}

#[test]
fn an_interrupted_call_tells_what_was_last_known_of_it() {
    let progress = Closing { status: Some(200), response_bytes: 9, ..Closing::unknown(Outcome::Cancelled) };
    let expected = Closing { outcome: Outcome::Interrupted, ..progress };
    assert_eq!(Closing::interrupted(Some(&progress)), expected);
    let nothing = Closing::interrupted(None);
    assert_eq!(nothing.measures.iter().collect::<Vec<_>>(), [(Measure::Requests, 1)]);
    assert_eq!(nothing.outcome, Outcome::Interrupted);
}

#[test]
fn streams_have_one_text() {
    let check = |text: &str, good: bool| assert_eq!(text.parse::<StreamId>().is_ok(), good, "{text}");
    check("01JD3X4M5N6P7Q8R9STVWXYZ00/0", true);
    check("01JD3X4M5N6P7Q8R9STVWXYZ00/65535", true);
    check("01JD3X4M5N6P7Q8R9STVWXYZ00/65536", false);
    check("01JD3X4M5N6P7Q8R9STVWXYZ00/00", false);
    check("01jd3x4m5n6p7q8r9stvwxyz00/0", false);
    check("01JD3X4M5N6P7Q8R9STVWXYZ00", false);
    check("/0", false);
}

#[test]
fn qualities_get_worse() {
    assert_eq!(Quality::Reported.worst(Quality::Counted), Quality::Counted);
    assert_eq!(Quality::Estimated.worst(Quality::Reported), Quality::Estimated);
}

#[test]
fn a_cloud_event_has_the_names_of_the_interface() {
    let measures = Measures::request().with(Measure::ComputeUnits, 1_500_000).with(Measure::TokensIn, 0);
    let intent = Intent { account: None, account_id: None, ..intent("x") };
    let event = UsageEvent::of(stream(), 7, &intent, &Closing { measures, ..closing() });
    let json = serde_json::to_value(CloudEvent(event)).unwrap();
    let id = "01JD3X4M5N6P7Q8R9STVWXYZ01";
    let expected = json!({
        "specversion": "1.0", "id": id, "source": "/nodes/x", "type": "tollgate.usage", "subject": "x",
        "time": "2027-01-15T08:00:00.000001Z", "datacontenttype": "application/json",
        "data": {
            "id": id, "time": "2027-01-15T08:00:00.000001Z", "node": "x", "consumer": "x", "credential": "x",
            "route": "x", "model": "x", "method": "x", "path": "x", "status": 200, "outcome": "served",
            "client_request_id": "x", "duration_ms": 12, "upstream_ms": 10, "queue_ms": 1, "request_bytes": 3,
            "response_bytes": 4, "measures": { "requests": 1, "compute_units": "1.5", "tokens_in": 0 },
            "quality": "counted", "tier": "x", "stream": "01JD3X4M5N6P7Q8R9STVWXYZ00/3", "seq": 7
        }
    });
    assert_eq!(json, expected);
}

#[test]
fn a_cloud_event_that_contradicts_itself_is_refused() {
    let good =
        serde_json::to_value(CloudEvent(UsageEvent::of(stream(), 7, &intent("x"), &closing()))).unwrap();
    let check = |pointer: &str, value: serde_json::Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(serde_json::from_value::<CloudEvent>(bad).is_err(), "{pointer}");
    };
    check("/specversion", json!("0.3"));
    check("/type", json!("other"));
    check("/id", json!("01JD3X4M5N6P7Q8R9STVWXYZ02"));
    check("/source", json!("/nodes/y"));
    check("/data/stream", json!("x"));
    check("/data/outcome", json!("lost"));
    check("/data/seq", json!(-1));
    check("/data/measures", json!({ "requests": -1 }));
    check("/data/measures", json!({ "tokens_in": 1.5 }));
    check("/data/measures", json!({ "compute_units": "1.0000001" }));
    check("/data/measures", json!({ "compute_units": "-1" }));
    check("/data/measures", json!({ "smiles": 1 }));
    check("/data/time", json!("1969-12-31T23:59:59Z"));
}

proptest! {
    /// Whatever way an event takes, its bytes are the same at the end.
    #[test]
    fn an_event_survives_bytes_and_json(event in any_event()) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        prop_assert!(bytes.len() <= MAX_EVENT);
        let decoded = UsageEvent::decode(&bytes).unwrap();
        prop_assert_eq!(&decoded, &event);
        let json = serde_json::to_string(&CloudEvent(decoded)).unwrap();
        let CloudEvent(read) = serde_json::from_str(&json).unwrap();
        let mut again = Vec::new();
        read.encode(&mut again);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = UsageEvent::decode(&bytes);
        let _ = Intent::decode(&bytes);
        let _ = Closing::decode(&bytes);
    }

    /// A reader takes only what a writer writes.
    #[test]
    fn bytes_that_are_read_are_written_again(
        event in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(event) = UsageEvent::decode(&bytes) {
            let mut again = Vec::new();
            event.encode(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}

fn any_event() -> impl Strategy<Value = UsageEvent> {
    let texts = prop::collection::vec(prop::option::of(".{0,300}"), 11);
    let numbers = prop::collection::vec(any::<u64>(), 6);
    let measures = prop::collection::vec(prop::option::of(any::<u64>()), Measure::ALL.len());
    let kinds = (0..Outcome::ALL.len(), 0..Quality::ALL.len(), prop::option::of(any::<u16>()));
    (any::<u128>(), any::<u16>(), texts, numbers, measures, kinds).prop_map(
        |(id, number, texts, numbers, measures, (outcome, quality, status))| {
            let text = |index: usize| texts[index].as_deref();
            let intent = Intent {
                id: Ulid(id),
                time_micros: numbers[0],
                node: text(0).unwrap_or(""),
                account: text(1),
                account_id: text(10),
                consumer: text(2),
                credential: text(3),
                route: text(4).unwrap_or("r"),
                model: text(5),
                method: text(6).unwrap_or("GET"),
                path: text(7).unwrap_or("/"),
                client_request_id: text(8),
                tier: text(9),
            };
            let measures = Measure::ALL
                .into_iter()
                .zip(measures)
                .filter_map(|(measure, value)| Some((measure, value?)))
                .fold(Measures::default(), |all, (measure, value)| all.with(measure, value));
            let closing = Closing {
                outcome: Outcome::ALL[outcome],
                status,
                duration_ms: numbers[1],
                upstream_ms: numbers[2],
                queue_ms: numbers[3],
                request_bytes: numbers[4],
                response_bytes: numbers[5],
                measures,
                quality: Quality::ALL[quality],
            };
            UsageEvent::of(StreamId { boot: Ulid(!id), number }, numbers[5], &intent, &closing)
        },
    )
}

fn stream() -> StreamId {
    StreamId { boot: "01JD3X4M5N6P7Q8R9STVWXYZ00".parse().unwrap(), number: 3 }
}

fn intent(text: &str) -> Intent<&str> {
    Intent {
        id: "01JD3X4M5N6P7Q8R9STVWXYZ01".parse().unwrap(),
        time_micros: 1_800_000_000_000_001,
        node: text,
        account: Some(text),
        account_id: Some(text),
        consumer: Some(text),
        credential: Some(text),
        route: text,
        model: Some(text),
        method: text,
        path: text,
        client_request_id: Some(text),
        tier: Some(text),
    }
}

fn closing() -> Closing {
    Closing {
        outcome: Outcome::Served,
        status: Some(200),
        duration_ms: 12,
        upstream_ms: 10,
        queue_ms: 1,
        request_bytes: 3,
        response_bytes: 4,
        measures: Measures::request(),
        quality: Quality::Counted,
    }
}

fn encoded_closing() -> Vec<u8> {
    let mut bytes = Vec::new();
    closing().encode(&mut bytes);
    bytes
}
