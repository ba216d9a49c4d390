use std::time::Duration;

use super::{ComputeUnits, FACTOR_MAX, Factor, FactorError, MICROS_MAX};

fn units(per_second: (u64, u8), per_row: (u64, u8), per_mebibyte: (u64, u8)) -> ComputeUnits {
    let factor = |(digits, scale)| Factor::new(digits, scale).unwrap();
    ComputeUnits {
        per_second: factor(per_second),
        per_row: factor(per_row),
        per_mebibyte: factor(per_mebibyte),
        models: [("big".into(), factor((25, 1)))].into_iter().collect(),
    }
}

/// Millionths of units of so many microseconds, rows and bytes.
#[track_caller]
fn check(of: &ComputeUnits, (micros, rows, bytes): (u64, u64, u64), model: Option<&str>, expected: u64) {
    assert_eq!(of.micros(Duration::from_micros(micros), rows, bytes, model), expected);
}

#[test]
fn seconds() {
    let of = units((1, 0), (0, 0), (0, 0));
    check(&of, (1_000_000, 9, 9), None, 1_000_000);
    check(&of, (1, 0, 0), None, 1);
    check(&of, (0, 0, 0), None, 0);
    // 0.333333 units a second: what is begun of a millionth is a whole one.
    let of = units((333_333, 6), (0, 0), (0, 0));
    check(&of, (1_000_000, 0, 0), None, 333_333);
    check(&of, (1, 0, 0), None, 1);
    check(&of, (3_000_001, 0, 0), None, 1_000_000);
}

#[test]
fn models_and_payload() {
    let of = units((10, 0), (5, 3), (2, 0));
    check(&of, (1_000_000, 0, 0), Some("big"), 25_000_000);
    check(&of, (1_000_000, 0, 0), Some("other"), 10_000_000);
    check(&of, (0, 3, 0), None, 15_000);
    check(&of, (0, 0, 1 << 20), None, 2_000_000);
    check(&of, (0, 0, 1), None, 2);
    check(&of, (1_000_000, 3, 1 << 19), Some("big"), 27_537_500);
}

#[test]
fn what_is_too_much_is_not_little() {
    let of = units((FACTOR_MAX, 0), (FACTOR_MAX, 0), (FACTOR_MAX, 0));
    assert_eq!(of.micros(Duration::MAX, u64::MAX, u64::MAX, Some("big")), MICROS_MAX);
    check(&of, (1 << 44, 0, 0), Some("big"), MICROS_MAX);
    check(&of, (1 << 26, 0, 0), None, (1 << 26) * FACTOR_MAX);
}

#[test]
fn factors_are_bounded() {
    assert_eq!(Factor::new(1, 7), Err(FactorError));
    assert_eq!(Factor::new(FACTOR_MAX + 1, 0), Err(FactorError));
    assert!(Factor::new(FACTOR_MAX * 1_000_000, 6).is_ok());
}
