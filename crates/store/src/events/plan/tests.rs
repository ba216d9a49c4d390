use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_range_is_read_from_the_longest_rollups_that_fit() {
    let check = |from: &str, to: &str, period, zone: &str, expected: &str| {
        let zone = TimeZone::get(zone).unwrap();
        let show = |segment: &Segment| {
            let time = |micros| Timestamp::from_microsecond(micros).unwrap().strftime("%d %H:%M").to_string();
            format!("{} {}-{}", segment.span.as_str(), time(segment.start), time(segment.end))
        };
        let plan: Vec<String> = plan(at(from), at(to), period, &zone).unwrap().iter().map(show).collect();
        assert_eq!(plan.join(", "), expected, "{from} {to} {period:?}");
    };
    let day = "2026-03-05T00:00Z";
    check(day, "2026-03-08T00:00Z", None, "UTC", "day 05 00:00-08 00:00");
    check(day, day, None, "UTC", "");
    check(day, "2026-03-05T00:05Z", None, "UTC", "minute 05 00:00-05 00:05");
    check("2026-03-05T10:30Z", "2026-03-05T11:30Z", None, "UTC", "minute 05 10:30-05 11:30");
    let edges = "minute 05 22:59-05 23:00, hour 05 23:00-06 00:00, day 06 00:00-07 00:00, \
                 hour 07 00:00-07 01:00, minute 07 01:00-07 01:01";
    check("2026-03-05T22:59Z", "2026-03-07T01:01Z", None, "UTC", edges);
    check(day, "2026-03-07T00:00Z", Some(Period::Day), "UTC", "day 05 00:00-07 00:00");
    check(day, "2026-03-07T00:00Z", Some(Period::Hour), "UTC", "hour 05 00:00-07 00:00");
    check(day, "2026-03-07T00:00Z", Some(Period::Minute), "UTC", "minute 05 00:00-07 00:00");
    // Days and hours of other zones are made of hours, or of minutes where they begin in between.
    check(day, "2026-03-07T00:00Z", Some(Period::Day), "Europe/Berlin", "hour 05 00:00-07 00:00");
    check(day, "2026-03-07T00:00Z", Some(Period::Hour), "Europe/Berlin", "hour 05 00:00-07 00:00");
    check(day, "2026-03-05T03:00Z", Some(Period::Hour), "Asia/Kolkata", "minute 05 00:00-05 03:00");
    let kolkata = "hour 05 00:00-05 18:00, minute 05 18:00-05 19:00, hour 05 19:00-06 00:00";
    check(day, "2026-03-06T00:00Z", Some(Period::Day), "Asia/Kolkata", kolkata);
}

#[test]
fn periods_begin_where_the_zone_says() {
    let check = |period, zone: &str, time: &str, expected: &str| {
        let zone = TimeZone::get(zone).unwrap();
        let found = Periods::new(period, &zone).beginning(at(time).as_microsecond()).unwrap();
        assert_eq!(found, at(expected), "{period:?} {zone:?} {time}");
    };
    check(Period::Minute, "UTC", "2026-03-05T10:31:59Z", "2026-03-05T10:31Z");
    check(Period::Hour, "Asia/Kolkata", "2026-03-05T10:29Z", "2026-03-05T09:30Z");
    check(Period::Day, "Europe/Berlin", "2026-03-05T23:00Z", "2026-03-05T23:00Z");
    check(Period::Day, "Europe/Berlin", "2026-03-05T22:59Z", "2026-03-04T23:00Z");
    // The clocks go forward on the 29th: a day of 23 hours.
    check(Period::Day, "Europe/Berlin", "2026-03-29T21:59Z", "2026-03-28T23:00Z");
    check(Period::Day, "Europe/Berlin", "2026-03-29T22:00Z", "2026-03-29T22:00Z");
}

#[test]
fn parts_of_minutes_are_refused() {
    let check = |from: &str, to: &str, expected: &str| {
        let why = plan(at(from), at(to), None, &TimeZone::UTC).unwrap_err().to_string();
        assert_eq!(why, expected);
    };
    check("2026-03-05T00:00:01Z", "2026-03-06T00:00Z", "`from` must be a whole minute");
    check("2026-03-05T00:00Z", "2026-03-06T00:00:00.000000001Z", "`to` must be a whole minute");
}

proptest! {
    /// Segments follow one another without a gap, whatever is asked for.
    #[test]
    fn a_plan_covers_its_range(
        start in 0_i64..3_000_000, minutes in 1_i64..10_000, period in 0..4_usize, zone in 0..3_usize
    ) {
        let zone = TimeZone::get(["UTC", "Europe/Berlin", "Australia/Lord_Howe"][zone]).unwrap();
        let period = [None, Some(Period::Minute), Some(Period::Hour), Some(Period::Day)][period];
        let from = Timestamp::from_second(1_770_000_000 + start * 60).unwrap();
        let to = Timestamp::from_second(from.as_second() + minutes * 60).unwrap();
        let (mut at, mut periods) = (from.as_microsecond(), Periods::new(period.unwrap_or(Period::Day), &zone));
        for segment in plan(from, to, period, &zone).unwrap() {
            prop_assert_eq!(segment.start, at);
            prop_assert!(segment.end > at);
            prop_assert_eq!(segment.span.floor(at), at);
            at = segment.end;
            if period.is_some() {
                // No roll-up has events of two periods.
                let last = periods.beginning(at - 1).unwrap();
                prop_assert_eq!(periods.beginning(at - segment.span.micros()).unwrap(), last);
            }
        }
        prop_assert_eq!(at, to.as_microsecond());
    }
}
