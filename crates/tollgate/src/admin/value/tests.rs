use jiff::Timestamp;

use super::{end, grace, networks, time};

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

#[test]
fn graces() {
    for (text, expected) in [
        ("30s", Some(30)),
        ("10m", Some(600)),
        ("10min", Some(600)),
        ("24h", Some(86_400)),
        ("90d", Some(7_776_000)),
        ("91d", None),
        ("0s", None),
        ("-1h", None),
        ("24", None),
        ("h", None),
        ("1.5h", None),
        ("9999999999999999999h", None),
        ("9223372036854775807d", None),
        ("24ħ", None),
    ] {
        assert_eq!(grace(text, now()).ok().map(|at| at.as_second() - NOW), expected, "{text}");
    }
}

#[test]
fn times() {
    for (text, expected) in [
        ("2027-01-15T08:00:00Z", Some(NOW)),
        ("2027-01-15T09:00:00+01:00", Some(NOW)),
        ("2027-01-15T08:00:00", Some(NOW)),
        ("2027-01-15", Some(NOW - 28_800)),
        ("1800000000", None),
        ("", None),
    ] {
        assert_eq!(time("expires_at", text).ok().map(Timestamp::as_second), expected, "{text}");
    }
}

#[test]
fn a_time_beyond_all_clocks_is_told_as_such() {
    let check = |text: &str, words: &str| {
        let body = time("expires_at", text).unwrap_err().body("id");
        assert!(body["detail"].as_str().unwrap().contains(words), "{text}: {body}");
    };
    check("9999-12-31T23:59:59Z", "is too far away: 9999-12-30T22:00:00Z is the last");
    check("9999-12-31T23:59:59", "is too far away");
    check("9999-13-31T23:59:59Z", "is no time such as");
}

#[test]
fn ends() {
    assert_eq!(end(None, Some(1), now()).unwrap().unwrap().as_second(), NOW + 86_400);
    assert_eq!(end(None, None, now()).unwrap(), None);
    assert!(end(Some("2027-01-15T08:00:00Z"), Some(1), now()).is_err());
}

#[test]
fn addresses_and_networks() {
    let texts = ["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "::ffff:10.0.0.1"].map(str::to_owned);
    let read: Vec<String> = networks(&texts).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(read, ["10.0.0.1/32", "10.0.0.0/8", "::1/128", "2001:db8::/32", "10.0.0.1/32"]);
    for text in ["", "10.0.0", "10.0.0.0/33", "example.com"] {
        assert!(networks(&[text.to_owned()]).is_err(), "{text}");
    }
}
