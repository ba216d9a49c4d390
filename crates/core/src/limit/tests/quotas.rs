use jiff::tz::TimeZone;

use super::*;

fn quota(amount: u64, every: Every, zone: &str) -> Quota {
    let zone = match zone {
        "UTC" => TimeZone::UTC,
        posix => TimeZone::posix(posix).unwrap(),
    };
    Quota { unit: Unit::Requests, amount, every, zone }
}

fn wall(time: &str) -> Now {
    let seconds: jiff::Timestamp = time.parse().unwrap();
    let wall = Duration::from_nanos(u64::try_from(seconds.as_nanosecond()).unwrap());
    Now { wall, monotonic: Duration::ZERO }
}

#[test]
fn periods_follow_the_calendar_of_the_zone() {
    let check = |zone: &str, every, time: &str, expected: &str| {
        let period = quota(1, every, zone).period_at(wall(time).wall);
        let [start, end] = [period.start, period.end].map(|at| jiff::Timestamp::from_second(at).unwrap());
        assert_eq!(format!("{start} {end}"), expected, "{time} in {zone}");
        assert!(period.contains(wall(time).unix_seconds()));
        assert!(!period.contains(period.end) && !period.contains(period.start - 1));
    };
    let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
    check("UTC", Every::Day, "2026-10-07T12:00:00.9Z", "2026-10-07T00:00:00Z 2026-10-08T00:00:00Z");
    check("UTC", Every::Month, "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z");
    check("UTC", Every::Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z 2028-03-01T00:00:00Z");
    check("UTC", Every::Day, "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z 2028-03-01T00:00:00Z");
    check("UTC", Every::Month, "2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z");
    // Days of 23 and 25 hours, and months that hold them.
    check(berlin, Every::Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
    check(berlin, Every::Day, "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
    check(berlin, Every::Day, "2026-10-25T01:30:00Z", "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
    check(berlin, Every::Month, "2026-03-31T22:00:00Z", "2026-03-31T22:00:00Z 2026-04-30T22:00:00Z");
    check(berlin, Every::Month, "2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z 2026-10-31T23:00:00Z");
    check(berlin, Every::Month, "2026-12-31T23:00:00Z", "2026-12-31T23:00:00Z 2027-01-31T23:00:00Z");
    // A clock that skips midnight, and one that has two.
    let skips = "XST3XDT,M10.3.0/0,M2.3.0/0";
    check(skips, Every::Day, "2026-10-18T12:00:00Z", "2026-10-18T03:00:00Z 2026-10-19T02:00:00Z");
    let twice = "CST5CDT,M3.2.0/0,M11.1.0/1";
    check(twice, Every::Day, "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z");
    check(twice, Every::Day, "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z 2026-11-02T05:00:00Z");
}

#[test]
fn a_time_beyond_the_calendar_has_a_period() {
    for every in [Every::Day, Every::Month] {
        let period = quota(1, every, "UTC").period_at(Duration::MAX);
        assert_eq!(period.end, i64::MAX);
        let period = quota(1, every, "CST5CDT,M3.2.0/0,M11.1.0/1").period_at(Duration::ZERO);
        assert!(period.contains(0));
    }
}

/// A limiter, one quota and its counter, loaded with `used` at the start of the story.
struct Story {
    limiter: Arc<Limiter>,
    limit: Limit,
}

impl Story {
    fn new(amount: u64, every: Every, used: u64, time: &str) -> Self {
        let limit = Limit::Quota(quota(amount, every, "UTC"));
        let story = Self { limiter: Arc::new(Limiter::new(64)), limit };
        story.load(used, time);
        story
    }

    fn load(&self, used: u64, time: &str) {
        let Limit::Quota(quota) = &self.limit else { return };
        let period = quota.period_at(wall(time).wall);
        let whole = Grant { units: quota.amount.saturating_sub(used), until: Duration::MAX };
        self.limiter.load(self.key(), "a/requests".into(), period, used, whole).unwrap();
    }

    fn key(&self) -> Key {
        key("a", &self.limit)
    }

    fn reserve(&self, units: u64, time: &str) -> Result<Reservation, Refusal> {
        let cost = Cost::default().with(Unit::Requests, units);
        self.limiter.reserve(&[(&self.limit, self.key())], &cost, wall(time))
    }

    fn settle(&self, units: u64, time: &str) {
        let cost = Cost::default().with(Unit::Requests, units);
        self.reserve(units, time).unwrap().settle(&cost, wall(time));
    }

    fn left(&self, time: &str) -> u64 {
        self.limiter.standing(&[(&self.limit, self.key())], wall(time)).unwrap()[0].remaining()
    }

    /// `START+AMOUNT` of every delta, once everything that was not used is given back.
    fn export(&self) -> (Vec<Delta>, String) {
        let mut deltas = self.limiter.export(Now { wall: Duration::ZERO, monotonic: Duration::MAX });
        deltas.sort_by_key(|delta| delta.period);
        let day = |delta: &Delta| jiff::Timestamp::from_second(delta.period.start).unwrap().strftime("%d");
        let text: Vec<String> =
            deltas.iter().map(|delta| format!("{}{:+}", day(delta), delta.amount)).collect();
        (deltas, text.join(" "))
    }
}

#[test]
fn a_quota_is_reserved_settled_and_exported() {
    let story = Story::new(10, Every::Day, 4, "2026-10-07T00:00:00Z");
    let noon = "2026-10-07T12:00:00Z";
    assert_eq!(story.left(noon), 6);
    let held = story.reserve(5, noon).unwrap();
    assert_eq!(held.standing().map(|left| (left.limit(), left.remaining())).collect::<Vec<_>>(), [(10, 1)]);
    let midnight = Ends::After(Duration::from_secs(12 * 3600));
    assert!(matches!(story.reserve(2, noon), Err(Refusal::Limited { ends, .. }) if ends == midnight));
    assert!(matches!(story.reserve(11, noon), Err(Refusal::Limited { ends: Ends::Never, .. })));
    let (deltas, text) = story.export();
    assert_eq!((text.as_str(), &*deltas[0].name), ("07-1", "a/requests"), "what is reserved stays taken");
    assert_eq!(story.export().1, "", "one delta at a time");
    story.limiter.confirm(&deltas);
    held.settle(&Cost::default().with(Unit::Requests, 3), wall(noon));
    assert_eq!(story.left(noon), 3);
    assert!(matches!(story.reserve(3, noon), Err(Refusal::Unloaded { .. })), "it was given back");
    story.load(9, noon);
    drop(story.reserve(3, noon).unwrap());
    assert_eq!(story.left(noon), 3);
    story.settle(1, noon);
    let (deltas, text) = story.export();
    assert_eq!(text, "07-2");
    story.limiter.fail(&deltas);
    assert_eq!(story.export().1, "", "what may have been heard is not given back twice");
    assert_eq!(story.left(noon), 2);
}

#[test]
fn an_unknown_counter_is_to_be_loaded() {
    let story = Story::new(10, Every::Day, 0, "2026-10-07T00:00:00Z");
    let other = key("b", &story.limit);
    let refused =
        story.limiter.reserve(&[(&story.limit, other)], &Cost::request(), wall("2026-10-07T12:00:00Z"));
    assert!(matches!(refused, Err(Refusal::Unloaded { limit: 0 })));
}

#[test]
fn a_call_belongs_to_the_period_in_which_it_was_reserved() {
    let story = Story::new(10, Every::Day, 0, "2026-10-07T00:00:00Z");
    let held = story.reserve(6, "2026-10-07T23:59:59Z").unwrap();
    assert!(matches!(story.reserve(1, "2026-10-08T00:00:00Z"), Err(Refusal::Unloaded { .. })));
    story.load(0, "2026-10-08T00:00:00Z");
    assert_eq!(story.left("2026-10-08T00:00:00Z"), 10);
    story.settle(1, "2026-10-08T00:00:01Z");
    held.settle(&Cost::default().with(Unit::Requests, 5), wall("2026-10-08T00:00:02Z"));
    assert_eq!(story.left("2026-10-08T00:00:03Z"), 9);
    let (deltas, text) = story.export();
    assert_eq!(text, "07-5 08-9");
    story.limiter.confirm(&deltas);
    assert_eq!(story.export().1, "");
}

#[test]
fn a_clock_that_is_set_back_resets_nothing() {
    let story = Story::new(10, Every::Day, 0, "2026-10-07T00:00:00Z");
    story.settle(4, "2026-10-07T23:00:00Z");
    story.load(0, "2026-10-08T00:30:00Z");
    story.settle(1, "2026-10-08T00:30:00Z");
    assert_eq!(story.left("2026-10-07T23:30:00Z"), 6, "what is not stored is remembered");
    assert_eq!(story.left("2026-10-08T00:30:00Z"), 9);
    let (deltas, _) = story.export();
    story.limiter.confirm(&deltas);
    let back = "2026-10-07T23:30:00Z";
    assert!(matches!(story.reserve(1, back), Err(Refusal::Unloaded { .. })));
    story.load(4, back);
    assert_eq!(story.left(back), 6);
}

#[test]
fn a_full_table_forgets_only_what_is_stored() {
    let limit = Limit::Quota(quota(10, Every::Day, "UTC"));
    let limiter = Arc::new(Limiter::new(64));
    let noon = wall("2026-10-07T12:00:00Z");
    let Limit::Quota(of) = &limit else { return };
    let period = of.period_at(noon.wall);
    let none = Grant { units: 0, until: Duration::MAX };
    let more = Grant { units: 2, until: Duration::MAX };
    let load = |n: u32, grant| limiter.load(key(&format!("c{n}"), &limit), "c".into(), period, 0, grant);
    assert!((0..1000).all(|n| load(n, none).is_ok()), "clean counters make room");
    let mut kept = 0;
    for n in 0..1000 {
        if load(n, more).is_ok() {
            let limits = [(&limit, key(&format!("c{n}"), &limit))];
            limiter.reserve(&limits, &Cost::request(), noon).unwrap().settle(&Cost::request(), noon);
            kept += 1;
        }
    }
    assert_eq!((kept, limiter.len()), (64, 64));
    assert_eq!(load(5000, none), Err(Full));
    limiter.confirm(&limiter.export(Now { monotonic: Duration::MAX, ..noon }));
    assert_eq!(load(5000, none), Ok(()));
}

#[test]
fn a_budget_counts_one_currency() {
    let [usd, eur]: [Currency; 2] = ["USD", "EUR"].map(|code| code.parse().unwrap());
    let (usd, eur) = (Unit::Money(usd), Unit::Money(eur));
    let cost = Cost::request().with(eur, 5).with(usd, 7).with(eur, 6);
    assert_eq!((cost.of(usd), cost.of(eur), cost.of(Unit::Rows)), (7, 6, 0));
    for text in ["", "usd", "USDT", "U1D", "€"] {
        assert!(text.parse::<Currency>().is_err(), "{text}");
    }
}
