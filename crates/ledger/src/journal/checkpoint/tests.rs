use super::*;

const HOUR: u64 = 3600;
const DAY: Duration = Duration::from_hours(24);

#[test]
fn it_knows_what_was_safe_a_day_ago_and_stays_small() {
    let mut checkpoint = Checkpoint { sealed: 17, ..Checkpoint::default() };
    for minute in 0..60 * 24 * 3 {
        checkpoint.head.seq = minute + 1;
        let now = Duration::from_mins(minute);
        checkpoint.mark(now, DAY);
        assert!(checkpoint.marks.len() <= MARKS as usize + 3, "{}", checkpoint.marks.len());
        assert_eq!(checkpoint.safe_at(now), minute + 1);
        let safe = checkpoint.safe_at(now.saturating_sub(DAY));
        let exact = if now < DAY { 0 } else { minute + 1 - 60 * 24 };
        assert!(safe <= exact.max(1) && safe + 61 >= exact, "minute {minute}: {safe} for {exact}");
    }
    let text = checkpoint.text();
    assert_eq!(parse(&text), Some(checkpoint));
}

#[test]
fn the_last_event_of_a_quiet_stream_is_let_go_in_the_end() {
    let mut checkpoint = Checkpoint::default();
    for seq in 1..=9 {
        checkpoint.head.seq = seq;
        checkpoint.mark(Duration::from_secs(HOUR + seq), DAY);
    }
    assert_eq!(checkpoint.safe_at(Duration::from_secs(HOUR + 9)), 9);
}

#[test]
fn a_clock_that_was_ahead_keeps_nothing() {
    let mut checkpoint = Checkpoint::default();
    for (seq, hour) in [(1, 1), (2, 1_000_000), (3, 1_000_002), (4, 2), (5, 3)] {
        checkpoint.head.seq = seq;
        checkpoint.mark(Duration::from_secs(hour * HOUR), DAY);
    }
    assert_eq!(checkpoint.safe_at(Duration::from_secs(2 * HOUR)), 4);
    assert_eq!(checkpoint.safe_at(Duration::from_secs(3 * HOUR)), 5);
}

#[test]
fn what_is_no_checkpoint_releases_nothing() {
    let check = |text: &str| assert_eq!(parse(text), None, "{text:?}");
    check("");
    check("1");
    check("1 00");
    check("x 0000000000000000000000000000000000000000000000000000000000000000");
    check("1 0000000000000000000000000000000000000000000000000000000000000000\n1");
    check("1 0000000000000000000000000000000000000000000000000000000000000000 x");
}
