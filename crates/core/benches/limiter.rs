//! What a limit costs: `cargo bench -p tollgate-core --bench limiter`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench takes the time, and tells its figures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_core::Now;
use tollgate_core::consumer::Name;
use tollgate_core::limit::{Concurrent, Cost, Key, Limit, LimitId, Limiter, Owner, Rate, Subject, Unit};

const CALLS: u32 = 1_000_000;
const CONSUMERS: usize = 1000;

fn main() {
    // `cargo test --all-targets` starts benches too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (Ok(tier), Ok(hourly), Ok(daily)) = (Name::new("tier"), rate(3600), rate(86_400)) else { return };
    report("one rate", &tier, std::slice::from_ref(&hourly));
    report("two rates", &tier, &[hourly.clone(), daily]);
    report("one rate, one cap of calls at once", &tier, &[hourly, Limit::Concurrent(Concurrent(1000))]);
}

fn rate(seconds: u64) -> Result<Limit, tollgate_core::limit::RateError> {
    Rate::new(Unit::Requests, 1_000_000_000, Duration::from_secs(seconds), None).map(Limit::Rate)
}

/// Reserve, commit and end, by the best of ten runs.
fn report(what: &str, tier: &Name, limits: &[Limit]) {
    let limiter = Arc::new(Limiter::new(500_000));
    let consumers: Vec<Vec<(&Limit, Key)>> = (0..CONSUMERS)
        .filter_map(|index| Name::new(&format!("consumer-{index}")).ok())
        .map(|name| {
            let subject = Subject::consumer(&name);
            limits
                .iter()
                .map(|limit| (limit, Key::new(subject, LimitId::new(Owner::Tier(tier), limit, 0))))
                .collect()
        })
        .collect();
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for (call, limits) in (0..CALLS).zip(consumers.iter().cycle()) {
            let monotonic = Duration::from_micros(u64::from(call));
            let now = Now { wall: Duration::from_secs(1_800_000_000), monotonic };
            if let Ok(mut reservation) = limiter.reserve(limits, &Cost::request(), now) {
                reservation.commit();
            }
        }
        best = best.min(start.elapsed() / CALLS);
    }
    println!("{what}: {} ns a call", best.as_nanos());
}
