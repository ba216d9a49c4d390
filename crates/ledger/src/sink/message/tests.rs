use serde_json::{Value, json};
use tollgate_core::usage::{Closing, Intent, Outcome, UsageEvent};
use ulid::Ulid;

use super::*;
use crate::chain::SealKey;

fn linked() -> Linked {
    let intent = Intent {
        id: Ulid(7),
        time_micros: 1_800_000_000_000_000,
        node: "gate-1",
        account: Some("research"),
        account_id: Some("01JD3X4M5N6P7Q8R9STVWXYZ0A"),
        consumer: Some("service_a"),
        credential: None,
        route: "chat",
        model: None,
        method: "POST",
        path: "/v1/\"chat\"\u{1}",
        client_request_id: None,
        tier: None,
    };
    let stream = StreamId { boot: Ulid(1), number: 3 };
    let event = UsageEvent::of(stream, 9, &intent, &Closing::unknown(Outcome::Served));
    Linked::new(&event, [5; 32])
}

fn packed() -> Value {
    serde_json::from_slice(&Packed::event(&linked()).unwrap().body).unwrap()
}

#[test]
fn an_event_is_a_cloud_event_and_comes_back_with_its_hash() {
    let json = packed();
    assert_eq!(json["specversion"], "1.0");
    assert_eq!(json["type"], "tollgate.usage");
    assert_eq!(json["subject"], "service_a");
    assert_eq!(json["id"], Ulid(7).to_string());
    assert_eq!(json["hash"], "05".repeat(32));
    assert_eq!(json["data"]["seq"], 9);
    let packed = Packed::event(&linked()).unwrap();
    assert_eq!(packed.id, Ulid(7).to_string());
    assert_eq!(Message::parse(&packed.body), Ok(Message::Event(Box::new(linked()))));
}

#[test]
fn a_seal_comes_back() {
    let seal = SealKey::new(&[7; 32]).seal(linked().stream(), linked().head());
    let packed = Packed::seal(&seal).unwrap();
    assert_eq!(Message::parse(&packed.body), Ok(Message::Seal(seal)));
    assert_eq!(packed.id, format!("{}/9", linked().stream()));
}

#[test]
fn what_is_no_message_says_why() {
    let with = |pointer: &str, value: Value| {
        let mut json = packed();
        *json.pointer_mut(pointer).unwrap() = value;
        json.to_string()
    };
    let whole = packed().to_string();
    for (body, expected) in [
        (String::new(), "EOF"),
        ("[]".to_owned(), ""),
        ("{}".to_owned(), "type"),
        ("\u{0}\u{1}".to_owned(), "expected value"),
        (whole[..whole.len() - 9].to_owned(), "EOF"),
        (with("/type", json!("other.thing")), "none of ours"),
        (with("/hash", json!("05")), "64 hexadecimal"),
        (with("/hash", json!(null)), "is missing"),
        (with("/data/seq", json!(0)), "begins at 1"),
        (with("/data/seq", json!(-1)), "invalid value"),
        (with("/id", json!(Ulid(8).to_string())), "another event"),
        (with("/data/stream", json!("nowhere")), "stream"),
    ] {
        let why = Message::parse(body.as_bytes()).unwrap_err();
        assert!(why.contains(expected), "{body}: {why}");
    }
    assert!(Message::parse(&[0xff, 0xfe]).is_err());
}

#[test]
fn the_longest_event_is_a_small_message() {
    let text = "\u{1}".repeat(2000);
    let known = linked();
    let intent = known.event().unwrap().intent.map(|_| text.as_str());
    let intent =
        Intent { account: Some(&*text), client_request_id: Some(&*text), model: Some(&*text), ..intent };
    let event = UsageEvent::of(linked().stream(), 9, &intent, &Closing::unknown(Outcome::Served));
    assert!(Packed::event(&Linked::new(&event, [5; 32])).unwrap().body.len() < 16 << 10);
}
