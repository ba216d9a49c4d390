use super::*;
use crate::limit::script::{Answer, ScriptError, Share, read_answer, reserve_arguments, settle_arguments};

fn sevenths() -> Rate {
    Rate::new(Unit::Requests, 7, Duration::from_secs(1), None).unwrap()
}

#[test]
fn arguments_are_spans_in_microseconds_and_fractions_of_one() {
    let check = |amount, window, burst, units, expected: &[&str]| {
        let rate = Rate::new(Unit::Tokens, amount, Duration::from_secs(window), burst).unwrap();
        let arguments = reserve_arguments(&[Share { rate: &rate, units }], Some(42)).unwrap();
        assert_eq!(arguments[..2], ["reserve", "42"]);
        assert_eq!(arguments[2..], *expected);
    };
    check(100, 3600, None, 1, &["1", "3600000000", "0", "36000000", "0"]);
    check(7, 1, None, 1, &["7", "1000000", "0", "142857", "1"]);
    check(7, 1, Some(3), 2, &["7", "428571", "3", "285714", "2"]);
    check(1, 3600, None, u64::MAX, &["1", "3600000000", "0", "1125899906842624", "0"]);
}

#[test]
fn a_settlement_tells_what_goes_back_and_what_is_charged() {
    let rate = sevenths();
    let share = Share { rate: &rate, units: 3 };
    let answer = read_answer(&[share], &[1, 1000, 428_571, 3]).unwrap();
    let check = |actual, expected: &[&str]| {
        let arguments = settle_arguments(&[(share, actual, answer.until[0])], None).unwrap();
        assert_eq!(arguments[..2], ["settle", ""]);
        assert_eq!(arguments[2..5], ["7", "1000000", "0"]);
        assert_eq!(arguments[5..], *expected);
    };
    check(1, &["285714", "2", "429571", "3", "0", "0"]);
    check(3, &["0", "0", "429571", "3", "0", "0"]);
    check(5, &["0", "0", "429571", "3", "285714", "2"]);
}

#[test]
fn an_answer_is_a_standing_or_a_refusal() {
    let rate = sevenths();
    let shares = [Share { rate: &rate, units: 3 }];
    let check = |answer: &[i64], expected: Result<(u64, u64, Option<Ends>), ScriptError>| {
        let read = read_answer(&shares, answer).map(|Answer { refused, standing, .. }| {
            let reset = u64::try_from(standing[0].reset().as_nanos()).unwrap();
            (standing[0].remaining(), reset, refused.map(|(_, ends)| ends))
        });
        assert_eq!(read, expected, "{answer:?}");
    };
    check(&[1, 5, 428_571, 3], Ok((4, 428_571_429, None)));
    let wait = Ends::After(Duration::from_nanos(285_714_286));
    check(&[0, 5, 857_142, 6], Ok((1, 857_142_858, Some(wait))));
    for strange in
        [&[][..], &[1], &[2, 5, 0, 0], &[1, 5, 0], &[1, 5, -1, 0], &[1, 5, 0, 0, 0, 0], &[0, 5, 0, 0]]
    {
        check(strange, Err(ScriptError::Answer));
    }
    let fine = Rate::new(Unit::Requests, 7, Duration::from_nanos(1500), None).unwrap();
    let arguments = reserve_arguments(&[Share { rate: &fine, units: 1 }], None);
    assert_eq!(arguments, Err(ScriptError::TooFine));
}
