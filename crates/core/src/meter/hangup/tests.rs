use super::OnHangup;
use crate::meter::Reading;
use crate::usage::Quality;

/// Tokens in and out that are billed of 30 and 7, where any of the answer came and where none did.
fn check(policy: OnHangup, begun: (u64, u64), not_begun: (u64, u64)) {
    let read = |began| Reading {
        tokens_in: Some(30),
        tokens_out: Some(7),
        quality: Quality::Counted,
        began,
        ..Reading::default()
    };
    for (began, expected) in [(true, begun), (false, not_begun)] {
        let billed = policy.billed(read(began));
        assert_eq!((billed.tokens_in, billed.tokens_out), (Some(expected.0), Some(expected.1)), "{policy:?}");
        assert_eq!(policy.bills_work(began), expected != (0, 0));
    }
}

#[test]
fn who_pays_for_a_hangup() {
    check(OnHangup::Delivered, (30, 7), (0, 0));
    check(OnHangup::Generated, (30, 7), (30, 7));
    check(OnHangup::None, (0, 0), (0, 0));
}

#[test]
fn only_what_is_generated_is_read_on() {
    assert!(OnHangup::Generated.reads_on());
    assert!(!OnHangup::Delivered.reads_on() && !OnHangup::None.reads_on());
}
