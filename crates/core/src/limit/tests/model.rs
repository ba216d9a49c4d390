//! The limiter against rates in exact fractions, without any thought of cost.

use proptest::prelude::*;

use super::*;

/// One rate in integers of 1 / `amount` ns, which hold every interval exactly.
#[derive(Debug, Clone)]
struct Model {
    amount: i128,
    window: i128,
    burst: i128,
    arrival: i128,
}

impl Model {
    fn backlog(&self, now: i128) -> i128 {
        (self.arrival - now * self.amount).max(0)
    }

    /// How long until `units` pass; nothing if they never do.
    fn wait(&self, units: i128, now: i128) -> Option<i128> {
        let over = self.backlog(now) + (units - self.burst) * self.window;
        (units <= self.burst).then(|| (over.max(0) + self.amount - 1) / self.amount)
    }

    fn take(&mut self, units: i128, now: i128) -> i128 {
        self.arrival = now * self.amount + self.backlog(now) + units * self.window;
        self.arrival
    }

    fn give_back(&mut self, units: i128, until: i128, now: i128) {
        self.arrival -= (units * self.window).min(until - now * self.amount).max(0);
    }

    fn left(&self, now: i128) -> (i128, i128) {
        let backlog = self.backlog(now);
        let units = (self.burst * self.window - backlog).max(0) / self.window;
        (units, (backlog + self.amount - 1) / self.amount)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Reserve([u64; 2]),
    Drop(usize),
    Commit(usize),
    Settle(usize, [u64; 2]),
}

const UNITS: [Unit; 2] = [Unit::Requests, Unit::Tokens];

type Numbers = (usize, u64, u64, Option<u64>);

fn numbers() -> impl Strategy<Value = Numbers> {
    let windows = prop::sample::select(vec![7, 1000, 1_000_000_007, 60_000_000_000, 3_600_000_000_000]);
    let amounts = prop_oneof![1u64..12, Just(97), Just(100), Just(999_983)];
    (0usize..2, amounts, windows, prop::option::of(1u64..60))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let units = || [0u64..25, 0u64..25];
    let step = prop_oneof![
        3 => (0u32..42, 1u64..4).prop_map(|(power, times)| Step::Wait((1 << power) * times)),
        6 => units().prop_map(Step::Reserve),
        1 => (0usize..8).prop_map(Step::Drop),
        1 => (0usize..8).prop_map(Step::Commit),
        2 => (0usize..8, units()).prop_map(|(index, actual)| Step::Settle(index, actual)),
    ];
    prop::collection::vec(step, 0..80)
}

fn cost(units: [u64; 2]) -> Cost {
    Cost::default().with(UNITS[0], units[0]).with(UNITS[1], units[1])
}

/// A reservation, and what the models hold of it: units and until when they reach.
struct Call {
    reservation: Reservation,
    units: [u64; 2],
    until: Vec<i128>,
}

struct World {
    limiter: Arc<Limiter>,
    rates: Vec<(Limit, usize, Key)>,
    models: Vec<Model>,
    calls: Vec<Call>,
    now: u64,
}

impl World {
    fn new(rates: &[Numbers]) -> Self {
        let mut world = Self {
            limiter: Arc::new(Limiter::new(640)),
            rates: Vec::new(),
            models: Vec::new(),
            calls: Vec::new(),
            now: 0,
        };
        for (position, (unit, amount, window, burst)) in (0u16..).zip(rates) {
            let limit = rate(*amount, UNITS[*unit], Duration::from_nanos(*window), *burst);
            let id = LimitId::new(Owner::Credential, &limit, position);
            let subject = Subject::consumer(&name(&format!("c{position}")));
            world.rates.push((limit, *unit, Key::new(subject, id)));
            let burst = burst.unwrap_or(*amount).into();
            world.models.push(Model {
                amount: (*amount).into(),
                window: (*window).into(),
                burst,
                arrival: 0,
            });
        }
        world
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let calls = self.calls.len();
        match step {
            Step::Wait(ns) => self.now += ns,
            Step::Reserve(units) => self.reserve(units)?,
            Step::Drop(index) if index < calls => {
                let call = self.calls.swap_remove(index);
                self.end(&call, [0, 0]);
            }
            Step::Commit(index) if index < calls => {
                self.calls.swap_remove(index).reservation.commit();
            }
            Step::Settle(index, actual) if index < calls => {
                let call = self.calls.swap_remove(index);
                self.end(&call, actual);
                call.reservation.settle(&cost(actual), at_ns(self.now));
            }
            Step::Drop(_) | Step::Commit(_) | Step::Settle(..) => {}
        }
        self.compare()
    }

    fn reserve(&mut self, units: [u64; 2]) -> Result<(), TestCaseError> {
        let now = i128::from(self.now);
        let limits: Vec<_> = self.rates.iter().map(|(limit, _, key)| (limit, *key)).collect();
        let answer = self.limiter.reserve(&limits, &cost(units), at_ns(self.now));
        let of = |position: usize| i128::from(units[self.rates[position].1]);
        let waits: Vec<_> =
            self.models.iter().enumerate().map(|(at, model)| model.wait(of(at), now)).collect();
        match answer {
            Ok(reservation) => {
                prop_assert!(waits.iter().all(|wait| *wait == Some(0)), "admitted too much: {waits:?}");
                let until = (0..)
                    .zip(&mut self.models)
                    .map(|(at, model)| model.take(i128::from(units[self.rates[at].1]), now));
                let until = until.collect();
                self.calls.push(Call { reservation, units, until });
            }
            Err(Refusal::Limited { limit, ends, .. }) => {
                let worst = if waits.contains(&None) { None } else { waits.iter().copied().max().flatten() };
                prop_assert_eq!(waits[limit], worst);
                let expected = worst
                    .map_or(Ends::Never, |ns| Ends::After(Duration::from_nanos(u64::try_from(ns).unwrap())));
                prop_assert_eq!(ends, expected);
                prop_assert_ne!(worst, Some(0), "refused too much");
            }
            Err(refusal) => prop_assert!(false, "{refusal:?}"),
        }
        Ok(())
    }

    /// Ends a call in the models.
    fn end(&mut self, call: &Call, actual: [u64; 2]) {
        let now = i128::from(self.now);
        for ((model, (_, unit, _)), until) in self.models.iter_mut().zip(&self.rates).zip(&call.until) {
            let more = i128::from(actual[*unit]) - i128::from(call.units[*unit]);
            if more > 0 {
                model.take(more, now);
            } else {
                model.give_back(-more, *until, now);
            }
        }
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let limits: Vec<_> = self.rates.iter().map(|(limit, _, key)| (limit, *key)).collect();
        let standing = self.limiter.standing(&limits, at_ns(self.now)).unwrap();
        for (left, model) in standing.iter().zip(&self.models) {
            let found = (left.remaining().into(), i128::try_from(left.reset().as_nanos()).unwrap());
            prop_assert_eq!(found, model.left(self.now.into()));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rates_are_as_the_model(rates in prop::collection::vec(numbers(), 1..4), steps in steps()) {
        let mut world = World::new(&rates);
        for step in steps {
            world.step(step)?;
        }
    }

    /// The promise itself, over every span of time, from what was admitted alone.
    #[test]
    fn a_rate_admits_at_most_burst_and_rate_times_time(
        (_, amount, window, burst) in numbers(),
        calls in prop::collection::vec((0u32..42, 0u64..20), 1..60),
    ) {
        let limiter = Arc::new(Limiter::new(64));
        let limit = rate(amount, Unit::Requests, Duration::from_nanos(window), burst);
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        let mut now = 0;
        for (power, units) in calls {
            now += (1 << power) - 1;
            if take(&limiter, &limit, &Cost::default().with(Unit::Requests, units), at_ns(now)).is_ok() {
                admitted.push((now, units));
            }
        }
        let burst = u128::from(burst.unwrap_or(amount));
        for (first, (start, _)) in admitted.iter().enumerate() {
            let mut sum = 0;
            for (end, units) in &admitted[first..] {
                sum += u128::from(*units);
                let bound = burst * u128::from(window) + u128::from(amount) * u128::from(end - start);
                prop_assert!(sum * u128::from(window) <= bound);
            }
        }
    }

    /// Over the whole of time, what counts in the end is within the promise too: nothing is given back twice.
    #[test]
    fn what_is_given_back_is_not_given_twice(rates in prop::collection::vec(numbers(), 1..2), steps in steps()) {
        let mut world = World::new(&rates);
        let (unit, amount, window, burst) = rates[0];
        let mut kept = 0;
        for step in steps {
            // Only what is admitted, dropped and kept: a settlement above the estimate is no admission.
            let step = match step {
                Step::Settle(index, _) => Step::Drop(index),
                step => step,
            };
            if let Step::Commit(index) = step && let Some(call) = world.calls.get(index) {
                kept += call.units[unit];
            }
            world.step(step)?;
        }
        kept += world.calls.iter().map(|call| call.units[unit]).sum::<u64>();
        let burst = u128::from(burst.unwrap_or(amount));
        let bound = burst * u128::from(window) + u128::from(amount) * u128::from(world.now);
        prop_assert!(u128::from(kept) * u128::from(window) <= bound);
    }
}
