use super::*;

#[test]
fn times_double_up_to_the_longest_and_begin_again() {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    for expected in [1, 2, 4, 8, 16, 30, 30] {
        let (time, expected) = (backoff.next(), Duration::from_secs(expected));
        assert!(time >= expected / 2 && time <= expected, "{time:?} {expected:?}");
    }
    backoff.reset();
    assert!(backoff.next() <= Duration::from_secs(1));
}
