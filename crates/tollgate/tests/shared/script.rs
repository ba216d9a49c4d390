//! The script against the limiter of the core, which is tested against exact fractions: same calls, same times, same words.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tollgate_core::Now;
use tollgate_core::limit::script::{self, Answer, Share};
use tollgate_core::limit::{
    Cost, Key, Limit, LimitId, Limiter, Owner, Rate, Refusal, Reservation, Subject, Unit,
};

use crate::server::Redis;

/// Microseconds since 1970 when the tests begin, so that numbers are as large as real ones.
const START: u64 = 1_800_000_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Reserve([u64; 2]),
    End(usize, Option<[u64; 2]>),
}

const UNITS: [Unit; 2] = [Unit::Requests, Unit::Tokens];

/// Unit, amount, window in microseconds, burst.
type Numbers = (usize, u64, u64, Option<u64>);

fn numbers() -> impl Strategy<Value = Numbers> {
    let windows =
        prop::sample::select(vec![7, 1000, 1_000_003, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000]);
    let amounts = prop_oneof![1u64..12, Just(97), Just(100), Just(999_983)];
    (0usize..2, amounts, windows, prop::option::of(1u64..60))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let units = || [0u64..25, 0u64..25];
    let step = prop_oneof![
        3 => (0u32..34, 1u64..4).prop_map(|(power, times)| Step::Wait((1 << power) * times)),
        6 => units().prop_map(Step::Reserve),
        3 => (0usize..8, prop::option::of(units())).prop_map(|(index, actual)| Step::End(index, actual)),
    ];
    prop::collection::vec(step, 1..40)
}

/// Both sides of the comparison.
struct World<'a> {
    connection: &'a mut redis::Connection,
    script: &'a redis::Script,
    limiter: Arc<Limiter>,
    rates: Vec<(Rate, Limit, Key)>,
    calls: Vec<(Reservation, [u64; 2], Answer)>,
    now: u64,
}

impl World<'_> {
    fn time(&self) -> Now {
        Now { wall: Duration::from_micros(self.now), monotonic: Duration::from_micros(self.now) }
    }

    fn limits(&self) -> Vec<(&Limit, Key)> {
        self.rates.iter().map(|(_, limit, key)| (limit, *key)).collect()
    }

    fn shares(&self, units: [u64; 2]) -> Vec<Share<'_>> {
        let of = |rate: &Rate| units[usize::from(rate.unit() == UNITS[1])];
        self.rates.iter().map(|(rate, ..)| Share { rate, units: of(rate) }).collect()
    }

    fn eval(&mut self, arguments: &[String]) -> Vec<i64> {
        let mut call = self.script.prepare_invoke();
        self.rates.iter().for_each(|(.., key)| {
            call.key(key.to_string());
        });
        arguments.iter().for_each(|argument| {
            call.arg(argument);
        });
        call.invoke(self.connection).unwrap()
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Wait(micros) => self.now += micros,
            Step::Reserve(units) => return self.reserve(units),
            Step::End(index, actual) if index < self.calls.len() => self.end(index, actual),
            Step::End(..) => {}
        }
        Ok(())
    }

    fn reserve(&mut self, units: [u64; 2]) -> Result<(), TestCaseError> {
        let arguments = script::reserve_arguments(&self.shares(units), Some(self.now)).unwrap();
        let raw = self.eval(&arguments);
        let answer = script::read_answer(&self.shares(units), &raw).unwrap();
        let left = |standing: &tollgate_core::limit::Standing| (standing.remaining(), standing.reset());
        let found: Vec<_> = answer.standing.iter().map(left).collect();
        let cost = cost(units);
        match self.limiter.clone().reserve(&self.limits(), &cost, self.time()) {
            Ok(reservation) => {
                prop_assert_eq!(answer.refused, None);
                let expected: Vec<_> = reservation.standing().map(|standing| left(&standing)).collect();
                prop_assert_eq!(found, expected);
                self.calls.push((reservation, units, answer));
            }
            Err(Refusal::Limited { limit, ends, standing }) => {
                prop_assert_eq!(answer.refused, Some((limit, ends)));
                prop_assert_eq!(found, standing.iter().map(left).collect::<Vec<_>>());
            }
            Err(refusal) => prop_assert!(false, "{refusal:?}"),
        }
        Ok(())
    }

    /// Ends a call with what it used, or as if it had not been.
    fn end(&mut self, index: usize, actual: Option<[u64; 2]>) {
        let (reservation, units, answer) = self.calls.swap_remove(index);
        let used = actual.unwrap_or([0; 2]);
        let (shares, truth) = (self.shares(units), self.shares(used));
        let settled: Vec<_> = shares
            .iter()
            .zip(&truth)
            .zip(&answer.until)
            .map(|((share, truth), until)| (*share, truth.units, *until))
            .collect();
        let arguments = script::settle_arguments(&settled, Some(self.now)).unwrap();
        self.eval(&arguments);
        reservation.settle(&cost(used), self.time());
    }
}

fn cost(units: [u64; 2]) -> Cost {
    Cost::default().with(UNITS[0], units[0]).with(UNITS[1], units[1])
}

#[test]
fn the_script_decides_as_the_limiter() {
    let redis = Redis::start();
    let mut connection = redis.connection();
    let script = redis::Script::new(script::SCRIPT);
    let cell = std::cell::RefCell::new(&mut connection);
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let strategy = (prop::collection::vec(numbers(), 1..4), steps());
    let run = TestRunner::new(config).run(&strategy, |(rates, steps)| {
        let mut connection = cell.borrow_mut();
        let () = redis::cmd("FLUSHDB").query(&mut **connection).unwrap();
        let rates = (0u16..)
            .zip(&rates)
            .filter_map(|(nth, (unit, amount, window, burst))| {
                let rate = Rate::new(UNITS[*unit], *amount, Duration::from_micros(*window), *burst).ok()?;
                let limit = Limit::Rate(rate);
                let key = Key::new(
                    Subject::credential("c", &nth.to_string()),
                    LimitId::new(Owner::Credential, &limit, nth),
                );
                Some((rate, limit, key))
            })
            .collect();
        let limiter = Arc::new(Limiter::new(640));
        let mut world = World {
            connection: &mut connection,
            script: &script,
            limiter,
            rates,
            calls: Vec::new(),
            now: START,
        };
        for step in &steps {
            world.step(step)?;
        }
        Ok(())
    });
    run.unwrap();
}
