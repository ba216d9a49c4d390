use proptest::prelude::*;

use super::*;
use crate::fixtures::name;
use crate::limit::{Cost, Limit, LimitId, Owner, Subject, Unit};

/// A store with the script's arithmetic for rates whose interval is a whole number of microseconds.
#[derive(Default)]
struct Store {
    arrival: HashMap<Key, u64>,
    questions: usize,
}

impl Store {
    /// What the script would answer at `now` microseconds.
    fn eval(&mut self, keys: &[Key], arguments: &[String], now: u64) -> Vec<i64> {
        self.questions += 1;
        let numbers: Vec<u64> = arguments[2..].iter().map(|number| number.parse().unwrap()).collect();
        let settles = arguments[0] == "settle";
        let each: Vec<&[u64]> = numbers.chunks(if settles { 9 } else { 5 }).collect();
        let backlog = |store: &Self, key: &Key| store.arrival.get(key).map_or(0, |at| at.saturating_sub(now));
        let before: Vec<u64> = keys.iter().map(|key| backlog(self, key)).collect();
        let mut answer = vec![1, now.try_into().unwrap()];
        if !settles && each.iter().zip(&before).any(|(numbers, owed)| owed + numbers[3] > numbers[1]) {
            answer[0] = 0;
        }
        for ((key, numbers), owed) in keys.iter().zip(each).zip(before) {
            let owed = match (settles, answer[0]) {
                (true, _) => owed - numbers[3].min(numbers[5].saturating_sub(now)).min(owed) + numbers[7],
                (false, 1) => owed + numbers[3],
                _ => owed,
            };
            self.arrival.insert(*key, now + owed);
            answer.extend([owed.try_into().unwrap(), 0]);
        }
        answer
    }

    /// Does a node's errands.
    fn run(&mut self, fleet: &Fleet, now: u64) {
        let mut errands = fleet.errands();
        for settlement in errands.charges().iter().chain(&errands.returns) {
            self.eval(&[settlement.key()], &settlement.arguments().unwrap(), now);
        }
        for wish in &errands.leases {
            let answer = self.eval(&[wish.key()], &wish.arguments().unwrap(), now);
            fleet.leased(wish, Some(&answer), at(now));
        }
    }
}

fn at(us: u64) -> Now {
    Now { wall: Duration::from_micros(us), monotonic: Duration::from_micros(us) }
}

fn rate(unit: Unit, amount: u64, burst: u64) -> Rate {
    Rate::new(unit, amount, Duration::from_secs(1), Some(burst)).unwrap()
}

fn asked(rate: &Rate, units: u64) -> Asked {
    let id = LimitId::new(Owner::Credential, &Limit::Rate(*rate), 0);
    Asked { place: 0, rate: *rate, key: Key::new(Subject::consumer(&name("a")), id), units }
}

fn fleets(nodes: u32) -> Vec<Arc<Fleet>> {
    let fleet = || {
        let fleet = Fleet::new(64);
        fleet.set_nodes(nodes);
        Arc::new(fleet)
    };
    (0..nodes).map(|_| fleet()).collect()
}

/// One call; what it holds, where it is admitted.
fn call(store: &mut Store, fleet: &Arc<Fleet>, asked: &Asked, now: u64) -> Option<Hold> {
    let (mut hold, missing) = fleet.begin(&[*asked], at(now)).ok()?;
    if !missing.is_empty() {
        let share = Share { rate: &asked.rate, units: asked.units };
        let arguments = super::super::script::reserve_arguments(&[share], None).unwrap();
        let answer = read_answer(&[share], &store.eval(&[asked.key], &arguments, now)).unwrap();
        fleet.answer(&mut hold, &missing, &answer, at(now)).ok()?;
    }
    store.run(fleet, now);
    Some(hold)
}

fn keep(hold: Option<Hold>) -> bool {
    hold.map(|mut hold| hold.end(End::Keep, None)).is_some()
}

#[test]
fn a_hot_key_asks_once_for_many_calls() {
    let (mut store, fleet) = (Store::default(), fleets(2).remove(0));
    let asked = asked(&rate(Unit::Requests, 10_000, 100_000), 1);
    let admitted = (0..2000).filter(|n| keep(call(&mut store, &fleet, &asked, n * 500))).count();
    assert_eq!(admitted, 2000);
    assert!(store.questions < 120, "{} questions", store.questions);
}

#[test]
fn a_key_that_is_rarely_used_leases_nothing() {
    let (mut store, fleet) = (Store::default(), fleets(1).remove(0));
    let asked = asked(&rate(Unit::Requests, 100, 1000), 1);
    for second in 0..20 {
        assert!(keep(call(&mut store, &fleet, &asked, second * 400_000)));
    }
    assert_eq!(store.questions, 20);
}

#[test]
fn what_was_refused_is_not_asked_again_at_once() {
    let (mut store, fleet) = (Store::default(), fleets(1).remove(0));
    let asked = asked(&rate(Unit::Requests, 10, 1), 1);
    assert!(keep(call(&mut store, &fleet, &asked, 0)));
    let admitted: Vec<u64> =
        (1..400).filter(|ms| keep(call(&mut store, &fleet, &asked, ms * 1000))).collect();
    assert_eq!(admitted, [100, 200, 300]);
    assert!(store.questions < 16, "{} questions", store.questions);
    // Another node's refusal is not known here, and a smaller call was not refused.
    let Err((0, Ends::After(wait))) = fleet.begin(&[asked], at(300_000)) else {
        panic!("it is closed");
    };
    assert_eq!(wait, Duration::from_millis(100));
    assert!(fleet.begin(&[Asked { units: 0, ..asked }], at(300_000)).is_ok());
    let never = fleet.begin(&[Asked { units: 2, ..asked }], at(300_000));
    assert!(matches!(never, Err((0, Ends::Never))));
}

#[test]
fn an_idle_lease_goes_back_and_the_key_is_forgotten() {
    let (mut store, fleet) = (Store::default(), fleets(1).remove(0));
    // A rate so slow that nothing comes back meanwhile.
    let slow = Rate::new(Unit::Requests, 1, Duration::from_secs(1000), Some(1000)).unwrap();
    let asked = asked(&slow, 1);
    assert!((0..40).all(|_| keep(call(&mut store, &fleet, &asked, 0))));
    let taken = store.arrival[&asked.key];
    assert!(taken > 40_000_000_000, "a lease is out");
    fleet.sweep(at(999_999));
    assert!(fleet.errands().is_empty());
    fleet.sweep(at(1_000_000));
    store.run(&fleet, 1_000_000);
    assert_eq!(store.arrival[&asked.key], 40_000_000_000);
    fleet.sweep(at(2_000_000));
    assert!(fleet.shards.iter().all(|shard| shard.lock().is_empty()));
}

#[test]
fn the_truth_is_settled_where_it_was_reserved() {
    let check = |warm: u64, units: u64, end: End<'_>, expected: u64| {
        let (mut store, fleet) = (Store::default(), fleets(1).remove(0));
        let slow = Rate::new(Unit::Tokens, 1, Duration::from_secs(1), Some(100_000)).unwrap();
        for _ in 0..warm {
            assert!(keep(call(&mut store, &fleet, &asked(&slow, 1), 0)));
        }
        call(&mut store, &fleet, &asked(&slow, units), 0).unwrap().end(end, Some(at(0)));
        fleet.give_up();
        store.run(&fleet, 0);
        assert_eq!(store.arrival[&asked(&slow, 1).key], (warm + expected) * 1_000_000);
    };
    let truth = |units| Cost::default().with(Unit::Tokens, units);
    // From the store, and from a lease.
    for warm in [0, 9] {
        check(warm, 5, End::Keep, 5);
        check(warm, 5, End::GiveBack, 0);
        check(warm, 5, End::Settle(&truth(3)), 3);
        check(warm, 5, End::Settle(&truth(5)), 5);
        check(warm, 5, End::Settle(&truth(5000)), 5000);
    }
}

#[test]
fn a_charge_that_could_not_be_told_is_kept() {
    let fleet = Fleet::new(64);
    let asked = asked(&rate(Unit::Bytes, 10, 10), 0);
    let held = Held::new(&asked, From::Store(Until::NEVER));
    fleet.charge(&held, 3, None);
    fleet.charge(&held, 4, None);
    let charges = fleet.errands().charges();
    assert_eq!(charges.iter().map(Settlement::charged).collect::<Vec<_>>(), [7]);
    fleet.retry(charges);
    fleet.charge(&held, 1, None);
    assert_eq!(fleet.errands().charges().iter().map(Settlement::charged).sum::<u64>(), 8);
}

#[test]
fn shares_of_a_limit_are_the_limit() {
    let check = |limit: Limit, nodes, expected: &str| {
        let share = match share_of(&limit, nodes).as_ref() {
            Limit::Rate(rate) => format!("{}/{:?} {}", rate.amount(), rate.window(), rate.burst()),
            Limit::Concurrent(most) => most.0.to_string(),
            Limit::Quota(_) => String::new(),
        };
        assert_eq!(share, expected, "{limit} of {nodes}");
    };
    let requests = |amount, seconds, burst| {
        Limit::Rate(Rate::new(Unit::Requests, amount, Duration::from_secs(seconds), burst).unwrap())
    };
    check(requests(100, 1, None), 1, "100/1s 100");
    check(requests(100, 1, None), 3, "100/3s 33");
    check(requests(2, 3600, None), 3, "2/10800s 1");
    check(requests(100, 4_000_000, None), 3, "33/4000000s 33");
    check(Limit::Concurrent(crate::limit::Concurrent(8)), 3, "2");
    check(Limit::Concurrent(crate::limit::Concurrent(2)), 3, "1");
    check(Limit::Concurrent(crate::limit::Concurrent(0)), 3, "0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The promise over every span of time, leases included, and near to the limit under overload.
    #[test]
    fn a_fleet_admits_at_most_burst_and_rate_times_time(
        nodes in 1u32..5,
        amount in prop::sample::select(vec![1u64, 10, 100, 1000, 10_000]),
        burst in 1u64..3000,
        calls in prop::collection::vec((0usize..5, 0u32..18, 1u64..60, 1u64..4), 1..80),
    ) {
        let (mut store, fleets) = (Store::default(), fleets(nodes));
        let rate = rate(Unit::Requests, amount, burst);
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        let mut now = 0;
        for (node, power, times, units) in calls {
            now += (1 << power) - 1;
            let fleet = &fleets[node % fleets.len()];
            fleet.sweep(at(now));
            for _ in 0..times {
                if keep(call(&mut store, fleet, &asked(&rate, units), now)) {
                    admitted.push((now, units));
                }
            }
        }
        for (first, (start, _)) in admitted.iter().enumerate().step_by(7) {
            let mut sum = 0;
            for (end, units) in &admitted[first..] {
                sum += units;
                prop_assert!(sum * 1_000_000 <= burst * 1_000_000 + amount * (end - start));
            }
        }
    }
}
