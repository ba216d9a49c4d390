//! How many questions the directory saves, and what its answers cost: `cargo bench -p tollgate-core --bench directory`.
//!
//! 10,000 requests a minute come from 100,000 keys, the k-th of which is used in proportion to k^-1.1. Time is simulated;
//! what a look-up takes is measured.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench takes the time, and tells its figures"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_core::Now;
use tollgate_core::consumer::{Consumer, Name, Scopes};
use tollgate_core::credential::{Credential, Digest, Proof};
use tollgate_core::directory::{Directory, Found, Kept, Lookup};
use tollgate_core::limit::{Limits, Subject};

const KEYS: usize = 100_000;
const PER_MINUTE: u64 = 10_000;
const EXPONENT: f64 = 1.1;
const DAY: u64 = 24 * 60 * PER_MINUTE;

fn main() {
    // `cargo test --all-targets` starts benches too, and has no use for figures.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let keys: Vec<(Lookup, Arc<Credential>)> = (0..KEYS).filter_map(key).collect();
    let draw = Draw::new();
    let five = Duration::from_mins(5);
    report("an external service, answers hold for 5 min", &keys, &draw, Some(five));
    report("the store, answers hold until a change", &keys, &draw, None);
    cached(&keys);
}

/// One simulated day.
fn report(what: &str, keys: &[(Lookup, Arc<Credential>)], draw: &Draw, fresh_for: Option<Duration>) {
    let directory = Directory::new(KEYS);
    directory.extend(Duration::MAX);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let (mut questions, mut first_hour) = (0_u64, 0_u64);
    for request in 0..DAY {
        let now = at(Duration::from_micros(request * 60_000_000 / PER_MINUTE));
        let (lookup, credential) = &keys[draw.rank(&mut random)];
        if let Found::Ask(_) = directory.find(lookup.borrow(), now) {
            questions += 1;
            directory.remember(
                directory.ask(),
                lookup.clone(),
                &Kept::Credential(credential.clone()),
                fresh_for,
                now,
            );
        }
        if request == DAY / 24 {
            first_hour = questions;
        }
    }
    println!(
        "{what}: {questions} questions for {DAY} requests of a day, {:.2} % fewer ({first_hour} in the first hour)",
        100.0 * (1.0 - questions as f64 / DAY as f64)
    );
}

/// What a look-up of something remembered costs.
fn cached(keys: &[(Lookup, Arc<Credential>)]) {
    let directory = Directory::new(KEYS);
    directory.extend(Duration::MAX);
    for (lookup, credential) in keys {
        directory.remember(
            directory.ask(),
            lookup.clone(),
            &Kept::Credential(credential.clone()),
            None,
            at(Duration::ZERO),
        );
    }
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        let found = keys
            .iter()
            .filter(|(lookup, _)| {
                matches!(directory.find(lookup.borrow(), at(Duration::ZERO)), Found::Credential(_))
            })
            .count();
        best = best.min(start.elapsed() / u32::try_from(found.max(1)).unwrap_or(1));
    }
    println!("a remembered credential of {}: {} ns", directory.len(), best.as_nanos());
}

/// Ranks in proportion to a power law, by the inverse of the sums.
struct Draw(Vec<f64>);

impl Draw {
    fn new() -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=KEYS)
            .map(|rank| {
                sum += (rank as f64).powf(-EXPONENT);
                sum
            })
            .collect();
        Self(sums)
    }

    /// xorshift64*: any even source will do, and the same one every time.
    fn rank(&self, random: &mut u64) -> usize {
        *random ^= *random >> 12;
        *random ^= *random << 25;
        *random ^= *random >> 27;
        let unit = (random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64;
        let whole = self.0.last().copied().unwrap_or(1.0);
        self.0.partition_point(|sum| *sum < unit * whole).min(KEYS - 1)
    }
}

fn key(index: usize) -> Option<(Lookup, Arc<Credential>)> {
    let name = Name::new(&format!("consumer-{index}")).ok()?;
    let digest = Digest::of(name.as_str().as_bytes());
    let consumer = Consumer {
        account: name.clone(),
        tier: None,
        scopes: Scopes::default(),
        limits: Limits::default(),
        subject: Subject::consumer(&name),
        name,
    };
    let made = Credential::new(format!("k{index}"), Arc::new(consumer), None, Proof::ApiKey(digest)).ok()?;
    Some((Lookup::ApiKey(digest), Arc::new(made)))
}

fn at(monotonic: Duration) -> Now {
    Now { wall: Duration::from_secs(1_800_000_000) + monotonic, monotonic }
}
