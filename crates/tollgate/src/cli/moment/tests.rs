use super::*;

#[track_caller]
fn check(text: &str, floor: &str, ceiling: &str) {
    let now: Timestamp = "2026-11-22T15:41:07Z".parse().unwrap();
    let moment: Moment = text.parse().unwrap();
    assert_eq!(
        (moment.floor(now).to_string(), moment.ceiling(now).to_string()),
        (floor.into(), ceiling.into())
    );
}

#[test]
fn moments_are_whole_minutes() {
    check("0m", "2026-11-22T15:41:00Z", "2026-11-22T15:42:00Z");
    check("90m", "2026-11-22T14:11:00Z", "2026-11-22T14:12:00Z");
    check("24h", "2026-11-21T15:41:00Z", "2026-11-21T15:42:00Z");
    check("90d", "2026-08-24T00:00:00Z", "2026-08-24T15:42:00Z");
    check("2026-11-01", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z");
    check("2026-11-01T10:00:00.5+02:00", "2026-11-01T08:00:00Z", "2026-11-01T08:01:00Z");
}

#[test]
fn what_is_no_moment_is_refused() {
    for text in ["", "h", "-1h", "1y", "yesterday", "4294967296m"] {
        assert!(text.parse::<Moment>().is_err(), "{text}");
    }
}
