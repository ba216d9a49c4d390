use super::*;

#[test]
fn keys_are_shown_by_their_beginning() {
    for (key, expected) in [
        ("hk_live_0123456789012345678901234567890123456789", "hk_live_0123"),
        ("hk_live_0123456789", "***"),
        ("sk_ml_team_0123456789012", "sk_ml_t"),
        ("sk_ml_team", "***"),
        ("", "***"),
        ("\u{1}b\nd\u{7f}fg0123456789012345678", "?b?d?fg"),
    ] {
        assert_eq!(shown(key.as_bytes()), expected, "{key:?}");
    }
}

#[test]
fn a_second_has_so_many_lines() {
    let log = AuthLog::default();
    let lines = |second| (0..LINES + 50).filter(|_| log.has_room(second)).count();
    assert_eq!([lines(7), lines(8), lines(8)], [100, 100, 0]);
}
