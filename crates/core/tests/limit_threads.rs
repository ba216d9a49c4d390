//! The limiter under many threads: bounds are met exactly, whoever comes first.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tollgate_core::Now;
use tollgate_core::consumer::Name;
use tollgate_core::limit::{
    Concurrent, Cost, Every, Grant, Key, Limit, LimitId, Limiter, Owner, Quota, Rate, Refusal, Reservation,
    Subject, Unit,
};

const THREADS: u64 = 8;
const FROZEN: Now = Now { wall: Duration::from_secs(1_000_000), monotonic: Duration::from_secs(7) };

fn rate(amount: u64, unit: Unit) -> Limit {
    Limit::Rate(Rate::new(unit, amount, Duration::from_secs(3600), None).unwrap())
}

fn key(consumer: &str, limit: &Limit, nth: u16) -> Key {
    Key::new(Subject::consumer(&Name::new(consumer).unwrap()), LimitId::new(Owner::Credential, limit, nth))
}

/// Runs `work` on every thread at once and sums what it returns.
fn on_all_threads(work: impl Fn(u64) -> u64 + Sync) -> u64 {
    let (start, sum) = (Barrier::new(THREADS as usize), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (start, sum, work) = (&start, &sum, &work);
            scope.spawn(move || {
                start.wait();
                sum.fetch_add(work(thread), Ordering::Relaxed);
            });
        }
    });
    sum.into_inner()
}

fn keep(answer: Result<Reservation, Refusal>) -> u64 {
    answer.map_or(0, |mut held| {
        held.commit();
        1
    })
}

#[test]
fn the_burst_is_admitted_and_no_call_more() {
    let limiter = Arc::new(Limiter::new(1000));
    let limit = rate(10_007, Unit::Requests);
    let admitted = on_all_threads(|_| {
        let call = || keep(limiter.reserve(&[(&limit, key("a", &limit, 0))], &Cost::request(), FROZEN));
        (0..5000).map(|_| call()).sum()
    });
    assert_eq!(admitted, 10_007);
}

#[test]
fn several_windows_over_several_shards_meet_the_smallest_exactly() {
    let limiter = Arc::new(Limiter::new(1000));
    let limits: Vec<Limit> =
        vec![rate(5000, Unit::Requests), rate(999, Unit::Requests), rate(7000, Unit::Requests)];
    let admitted = on_all_threads(|thread| {
        let mut call: Vec<(&Limit, Key)> =
            limits.iter().zip(0..).map(|(limit, nth)| (limit, key(&format!("c{nth}"), limit, nth))).collect();
        // Each thread names its limits in another order; locks are taken in one all the same.
        call.rotate_left(thread as usize % 3);
        (0..1000).map(|_| keep(limiter.reserve(&call, &Cost::request(), FROZEN))).sum()
    });
    assert_eq!(admitted, 999, "no refused call holds a unit, not even for a moment");
    let left = limiter.standing(&[(&limits[0], key("c0", &limits[0], 0))], FROZEN).unwrap();
    assert_eq!(left[0].remaining(), 5000 - 999);
}

#[test]
fn whatever_is_dropped_and_settled_adds_up() {
    let limiter = Arc::new(Limiter::new(1000));
    let tokens = rate(100_000_000, Unit::Tokens);
    let slots = Limit::Concurrent(Concurrent(3));
    let limits = [(&tokens, key("a", &tokens, 0)), (&slots, key("a", &slots, 0))];
    let cost = |units| Cost::request().with(Unit::Tokens, units);
    let inside = AtomicU64::new(0);
    let used = on_all_threads(|thread| {
        let mut used = 0;
        for call in 0..5000 {
            let Ok(mut held) = limiter.reserve(&limits, &cost(100), FROZEN) else { continue };
            assert!(inside.fetch_add(1, Ordering::SeqCst) < 3, "more calls than slots");
            inside.fetch_sub(1, Ordering::SeqCst);
            match (thread + call) % 3 {
                0 => drop(held),
                1 => {
                    held.commit();
                    used += 100;
                }
                _ => {
                    let actual = (call * 7) % 250;
                    used += actual;
                    held.settle(&cost(actual), FROZEN);
                }
            }
        }
        used
    });
    let left = limiter.standing(&limits, FROZEN).unwrap();
    assert_eq!((left[0].remaining(), left[1].remaining()), (100_000_000 - used, 3));
}

#[test]
fn of_many_calls_on_one_calls_worth_exactly_one_is_admitted() {
    let unit = Unit::Money("USD".parse().unwrap());
    let quota = Quota { unit, amount: 1_500_000, every: Every::Month, zone: jiff::tz::TimeZone::UTC };
    let period = quota.period_at(FROZEN.wall);
    let budget = Limit::Quota(quota);
    let cost = Cost::request().with(unit, 1_000_000);
    for round in 0..200 {
        let limiter = Arc::new(Limiter::new(64));
        let key = key("a", &budget, round);
        let whole = Grant { units: 1_500_000, until: Duration::MAX };
        limiter.load(key, "a".into(), period, 0, whole).unwrap();
        let admitted = on_all_threads(|_| match limiter.reserve(&[(&budget, key)], &cost, FROZEN) {
            Ok(held) => {
                held.settle(&cost, FROZEN);
                1
            }
            Err(_) => 0,
        });
        assert_eq!(admitted, 1);
        let deltas = limiter.export(Now { monotonic: Duration::MAX, ..FROZEN });
        assert_eq!(deltas.iter().map(|delta| delta.amount).collect::<Vec<_>>(), [-500_000]);
    }
}
