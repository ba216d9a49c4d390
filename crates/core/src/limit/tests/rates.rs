use super::*;
use crate::fixtures::at;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// One consumer's calls as `SECONDS:UNITS`, and each answer as `remaining/reset` or as when the refusal ends.
fn check(limit: &Limit, calls: &str, expected: &str) {
    let limiter = Arc::new(Limiter::new(64));
    let answers: Vec<String> = calls
        .split(' ')
        .map(|call| {
            let (seconds, units) = call.split_once(':').unwrap();
            let cost = Cost::default().with(limit.unit(), units.parse().unwrap());
            match take(&limiter, limit, &cost, at(seconds.parse().unwrap())) {
                Ok(standing) => format!("{}/{:?}", standing[0].remaining(), standing[0].reset()),
                Err(Refusal::Limited { ends, .. }) => format!("{ends:?}"),
                Err(refusal) => format!("{refusal:?}"),
            }
        })
        .collect();
    assert_eq!(answers.join(" "), expected, "{limit:?}: {calls}");
}

#[test]
fn a_rate_admits_its_burst_and_then_one_by_one() {
    let hourly = rate(100, Unit::Requests, HOUR, None);
    check(&hourly, "0:1 0:99 0:1 35:1 36:1 36:1", "99/36s 0/3600s After(36s) After(1s) 0/3600s After(36s)");
    check(&hourly, "0:100 3600:100 3600:1", "0/3600s 0/3600s After(36s)");
    check(&hourly, "0:101 0:100", "Never 0/3600s");
    check(&hourly, "5:0 5:100 5:0", "100/0ns 0/3600s 0/3600s");
    let bursty = rate(10, Unit::Tokens, SECOND, Some(100));
    check(&bursty, "0:100 1:10 1:1 2:5", "0/10s 0/10s After(100ms) 5/9.5s");
    check(&bursty, "0:60 3:100 3:70", "40/6s After(3s) 0/10s");
    let tight = rate(1, Unit::Requests, HOUR, Some(1));
    check(&tight, "0:1 3599:1 3600:1", "0/3600s After(1s) 0/3600s");
}

#[test]
fn an_interval_that_is_no_whole_number_of_nanoseconds_does_not_drift() {
    for (amount, window) in
        [(7, SECOND), (1000, HOUR), (999_983, Duration::from_secs(60)), (3, Duration::from_nanos(7))]
    {
        // With a burst of one, the part of a nanosecond that the caller comes late would be the caller's own loss.
        let limit = rate(amount, Unit::Requests, window, Some(2));
        let limiter = Arc::new(Limiter::new(64));
        let call = |ns| take(&limiter, &limit, &Cost::request(), at_ns(ns)).is_ok();
        assert!(call(0) && call(0));
        let window = u64::try_from(window.as_nanos()).unwrap();
        // Unit number n comes back at n × window / amount, rounded up: never a nanosecond before, never one later.
        for n in 1..(3 * amount).min(5000) {
            let due = (n * window).div_ceil(amount);
            assert_eq!((call(due - 1), call(due)), (false, true), "{n} of {limit:?}");
        }
    }
}

#[test]
fn numbers_out_of_range_make_no_rate() {
    let check = |amount, window, burst, expected| {
        assert_eq!(Rate::new(Unit::Bytes, amount, window, burst), Err(expected));
    };
    check(0, HOUR, None, RateError::Amount);
    check(1 << 49, HOUR, None, RateError::Amount);
    check(1, Duration::ZERO, None, RateError::Window);
    check(1, Duration::MAX, None, RateError::Window);
    check(1, HOUR, Some(0), RateError::Burst);
    check(1, HOUR, Some(1 << 49), RateError::Burst);
    check(1, HOUR, Some(1 << 40), RateError::TooSlow);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let limit = rate(1 << 48, Unit::Bytes, Duration::from_nanos((1 << 52) - 1), Some(1 << 48));
    let limiter = Arc::new(Limiter::new(64));
    let end = Now { wall: Duration::MAX, monotonic: Duration::MAX };
    let all = Cost::default().with(Unit::Bytes, u64::MAX);
    assert!(take(&limiter, &limit, &all, at(0)).is_err());
    let limits = [(&limit, key("a", &limit))];
    for now in [at(0), end, at(0)] {
        if let Ok(held) = limiter.reserve(&limits, &Cost::default(), now) {
            held.settle(&all, now);
        }
    }
    assert!(limiter.reserve(&limits, &Cost::default(), end).is_err(), "the debt lasts for centuries");
}

#[test]
fn what_is_dropped_or_unused_goes_back() {
    let limit = rate(60, Unit::Tokens, Duration::from_secs(60), None);
    let tokens = |units| Cost::default().with(Unit::Tokens, units);
    let check = |reserved: u64, end: &dyn Fn(Reservation), expected: u64| {
        let limiter = Arc::new(Limiter::new(64));
        let limits = [(&limit, key("a", &limit))];
        let other = limiter.reserve(&limits, &tokens(20), at(0)).unwrap();
        end(limiter.reserve(&limits, &tokens(reserved), at(0)).unwrap());
        let left = limiter.standing(&limits, at(0)).unwrap();
        assert_eq!(left[0].remaining(), expected);
        drop(other);
    };
    check(40, &drop, 40);
    check(40, &|held| held.settle(&tokens(10), at(0)), 30);
    check(40, &|held| held.settle(&tokens(10), at(20)), 30 + 20);
    // Ten of the second call's forty came back with time already, so only thirty go back.
    check(40, &|held| held.settle(&Cost::default(), at(30)), 40 + 20);
    check(10, &|held| held.settle(&tokens(25), at(0)), 15);
    check(10, &|held| held.settle(&tokens(100), at(0)), 0);
    check(
        40,
        &|mut held| {
            held.commit();
            drop(held);
        },
        0,
    );
}

#[test]
fn a_debt_is_waited_for() {
    let limit = rate(60, Unit::Tokens, Duration::from_secs(60), None);
    let limiter = Arc::new(Limiter::new(64));
    let limits = [(&limit, key("a", &limit))];
    let tokens = |units| Cost::default().with(Unit::Tokens, units);
    limiter.reserve(&limits, &tokens(10), at(0)).unwrap().settle(&tokens(90), at(0));
    let ends = |units| match limiter.reserve(&limits, &tokens(units), at(0)) {
        Err(Refusal::Limited { ends, .. }) => Some(ends),
        _ => None,
    };
    assert_eq!(ends(0), Some(Ends::After(Duration::from_secs(30))));
    assert_eq!(ends(10), Some(Ends::After(Duration::from_secs(40))));
}

#[test]
fn slots_are_held_until_the_call_ends() {
    let limit = Limit::Concurrent(Concurrent(2));
    let limiter = Arc::new(Limiter::new(64));
    let limits = [(&limit, key("a", &limit))];
    let enter = || limiter.reserve(&limits, &Cost::request(), at(0));
    let (mut first, second) = (enter().unwrap(), enter().unwrap());
    first.commit();
    assert_eq!(second.standing().map(|left| (left.limit(), left.remaining())).collect::<Vec<_>>(), [(2, 0)]);
    assert!(matches!(enter(), Err(Refusal::Limited { ends: Ends::Released, .. })));
    drop(first);
    let third = enter().unwrap();
    assert!(enter().is_err());
    second.settle(&Cost::request(), at(0));
    drop((enter().unwrap(), third));
    assert!(limiter.is_empty());
}

#[test]
fn a_refused_call_takes_nothing_of_any_limit() {
    let hourly = rate(10, Unit::Requests, HOUR, None);
    let tokens = rate(5, Unit::Tokens, HOUR, None);
    let slots = Limit::Concurrent(Concurrent(1));
    let limiter = Arc::new(Limiter::new(64));
    // Two subjects, so that there are two shards.
    let address = Subject::address([7; 16].into());
    let id = LimitId::new(Owner::Route(&name("r")), &tokens, 0);
    let limits = [(&hourly, key("a", &hourly)), (&tokens, Key::new(address, id)), (&slots, key("a", &slots))];
    let cost = |tokens| Cost::request().with(Unit::Tokens, tokens);
    let left = |standing: &[Standing]| standing.iter().map(Standing::remaining).collect::<Vec<_>>();
    let refused = limiter.reserve(&limits, &cost(6), at(0));
    assert!(matches!(
        refused,
        Err(Refusal::Limited { limit: 1, ends: Ends::Never, standing }) if left(&standing) == [10, 5, 1]
    ));
    let held = limiter.reserve(&limits, &cost(5), at(0)).unwrap();
    assert_eq!(held.standing().map(|left| left.remaining()).collect::<Vec<_>>(), [9, 0, 0]);
    // Of two that refuse, the one whose end is known to be later is told.
    let refused = limiter.reserve(&limits, &cost(1), at(0));
    assert!(matches!(refused, Err(Refusal::Limited { limit: 1, ends: Ends::After(_), .. })));
    drop(held);
    assert_eq!(left(&limiter.standing(&limits, at(0)).unwrap()), [10, 5, 1]);
}

#[test]
fn a_full_table_keeps_the_living_and_gives_strangers_one_bucket() {
    let limit = rate(2, Unit::Requests, Duration::from_secs(10), None);
    let limiter = Arc::new(Limiter::new(64));
    let id = LimitId::new(Owner::Route(&name("r")), &limit, 0);
    let call = |address: u32, seconds| {
        let mut octets = [0; 16];
        octets[4..8].copy_from_slice(&address.to_be_bytes());
        let mut held = limiter.reserve(
            &[(&limit, Key::new(Subject::address(octets.into()), id))],
            &Cost::request(),
            at(seconds),
        )?;
        held.commit();
        Ok::<_, Refusal>(())
    };
    // Each shard has room for one entry. Whoever came first keeps it; all others share two calls.
    let admitted = (0..1000).filter(|address| call(*address, 0).is_ok()).count();
    assert_eq!(admitted, 64 + 2);
    assert_eq!(limiter.len(), 64);
    let again = (0..1000).filter(|address| call(*address, 0).is_ok()).count();
    assert_eq!(again, 64, "the living have their second call");
    // Consumers have room of their own.
    assert!(take(&limiter, &limit, &Cost::request(), at(0)).is_ok());
    assert_eq!(limiter.len(), 64 + 1);
    // Full again is the same as absent: newcomers take the places.
    let later = (1000..2000).filter(|address| call(*address, 20).is_ok()).count();
    assert_eq!((later, limiter.len()), (64 + 2, 64 + 1));
}

#[test]
fn slots_of_strangers_without_room_are_shared_and_come_back() {
    let limit = Limit::Concurrent(Concurrent(1));
    let limiter = Arc::new(Limiter::new(64));
    let id = LimitId::new(Owner::Route(&name("r")), &limit, 0);
    let calls: Vec<_> = (0..1000u128)
        .filter_map(|address| {
            let subject = Subject::address((address << 64).to_be_bytes().into());
            limiter.reserve(&[(&limit, Key::new(subject, id))], &Cost::request(), at(0)).ok()
        })
        .collect();
    assert_eq!(calls.len(), 64 + 1);
    drop(calls);
    assert!(limiter.is_empty());
}

#[test]
fn an_entry_fills_one_cache_line() {
    assert_eq!(size_of::<(super::key::Stored, super::bucket::Bucket)>(), 64);
}

#[test]
fn a_credential_s_own_rate_is_never_more_than_it_says() {
    let hour = |amount| rate(amount, Unit::Requests, Duration::from_secs(3600), None);
    let check = |amount: u64, expected: &[&str]| {
        let name = name("free");
        let per_minute = rate(7, Unit::Requests, Duration::from_secs(60), None);
        let of_tier = [(hour(100), Per::Consumer), (per_minute, Per::Consumer)];
        let limits = Limits::new(Owner::Tier(&name), of_tier).with_hourly_requests(amount);
        assert_eq!(limits.iter().map(|rule| rule.limit().to_string()).collect::<Vec<_>>(), expected);
    };
    check(5, &["7 requests/min", "5 requests/h"]);
    check(0, &["7 requests/min", "0 concurrent"]);
    check(u64::MAX, &["7 requests/min", "281474976710656 requests/h"]);
}
