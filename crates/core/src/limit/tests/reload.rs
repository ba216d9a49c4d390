use super::*;
use crate::fixtures::at;

const HOUR: Duration = Duration::from_secs(3600);

/// Uses `used` of the first limit, reloads to the second, and tells how much of it is left.
fn check(before: &Limit, used: u64, after: &Limit, expected: u64) {
    let (old, new) = (key("a", before), key("a", after));
    assert_eq!(old, new, "amount and burst are no part of a limit's identity");
    let limiter = Arc::new(Limiter::new(64));
    take(&limiter, before, &Cost::default().with(before.unit(), used), at(10)).unwrap();
    let left = limiter.standing(&[(after, new)], at(10)).unwrap();
    assert_eq!(left[0].remaining(), expected, "{used} of {before:?}, then {after:?}");
}

#[test]
fn a_changed_amount_keeps_the_used_share() {
    let hourly = |amount| rate(amount, Unit::Requests, HOUR, None);
    check(&hourly(100), 50, &hourly(100), 50);
    check(&hourly(100), 50, &hourly(200), 100);
    check(&hourly(200), 50, &hourly(100), 75);
    check(&hourly(100), 100, &hourly(1000), 0);
    // Three sevenths of an hour are rounded up to a nanosecond, and the eighth unit comes back with it.
    check(&hourly(7), 3, &hourly(14), 7);
    let bursty = |amount, burst| rate(amount, Unit::Tokens, Duration::from_secs(1), Some(burst));
    check(&bursty(10, 100), 50, &bursty(20, 100), 50);
    check(&bursty(10, 100), 50, &bursty(10, 1000), 500);
    check(&bursty(10, 100), 100, &bursty(30, 7), 0);
}

#[test]
fn slots_in_use_count_against_a_new_number() {
    let slots = |most| Limit::Concurrent(Concurrent(most));
    let limiter = Arc::new(Limiter::new(64));
    let limits = [(&slots(3), key("a", &slots(3)))];
    let held: Vec<_> = (0..3).map(|_| limiter.reserve(&limits, &Cost::request(), at(0)).unwrap()).collect();
    let fewer = slots(1);
    let fewer = [(&fewer, key("a", &fewer))];
    assert!(limiter.reserve(&fewer, &Cost::request(), at(0)).is_err());
    drop(held);
    assert!(limiter.reserve(&fewer, &Cost::request(), at(0)).is_ok());
}

#[test]
fn a_call_that_spans_a_reload_gives_back_its_share() {
    let (before, after) = (rate(100, Unit::Requests, HOUR, None), rate(200, Unit::Requests, HOUR, None));
    let limiter = Arc::new(Limiter::new(64));
    let cost = |units| Cost::default().with(Unit::Requests, units);
    let held = limiter.reserve(&[(&before, key("a", &before))], &cost(50), at(0)).unwrap();
    let after = [(&after, key("a", &after))];
    let mut other = limiter.reserve(&after, &cost(20), at(0)).unwrap();
    other.commit();
    drop(held);
    assert_eq!(limiter.standing(&after, at(0)).unwrap()[0].remaining(), 180);
}

#[test]
fn identity_is_owner_unit_window_and_position() {
    let base = rate(1, Unit::Requests, HOUR, None);
    let (free, paid) = (name("free"), name("paid"));
    let id = |owner, limit: &Limit, nth| LimitId::new(owner, limit, nth);
    let same = id(Owner::Tier(&free), &base, 0);
    let quota = |every, zone| Limit::Quota(Quota { unit: Unit::Requests, amount: 1, every, zone });
    let others = [
        id(Owner::Tier(&paid), &base, 0),
        id(Owner::Route(&free), &base, 0),
        id(Owner::Credential, &base, 0),
        id(Owner::Tier(&free), &rate(1, Unit::Tokens, HOUR, None), 0),
        id(Owner::Tier(&free), &rate(1, Unit::Requests, HOUR * 2, None), 0),
        id(Owner::Tier(&free), &base, 1),
        id(Owner::Tier(&free), &Limit::Concurrent(Concurrent(1)), 0),
        id(Owner::Tier(&free), &quota(Every::Day, jiff::tz::TimeZone::UTC), 0),
        id(Owner::Tier(&free), &quota(Every::Month, jiff::tz::TimeZone::UTC), 0),
    ];
    for (position, other) in others.iter().enumerate() {
        assert_ne!(same, *other);
        assert!(!others[..position].contains(other));
    }
    assert_eq!(same, id(Owner::Tier(&free), &rate(9, Unit::Requests, HOUR, Some(3)), 0));
}
