//! Quotas that several processes count in one store.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const AMOUNT: u64 = 100;
/// How long a lease is kept, in seconds.
const KEPT: u64 = 1;

fn limit() -> Limit {
    Limit::Quota(quota())
}

fn quota() -> Quota {
    Quota { unit: Unit::Requests, amount: AMOUNT, every: Every::Month, zone: TimeZone::UTC }
}

fn at(seconds: u64) -> Now {
    Now { wall: Duration::from_secs(1_800_000_000 + seconds), monotonic: Duration::from_secs(seconds) }
}

/// The counter of a store.
#[derive(Debug, Default)]
struct Store {
    used: i64,
}

/// What became of what was sent to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Heard,
    /// It did not come there.
    Lost,
    /// It came there, and the answer did not come back.
    Unheard,
}

/// One process.
struct Node {
    limiter: Arc<Limiter>,
    limit: Limit,
    key: Key,
    open: Vec<(Reservation, u64)>,
}

impl Node {
    fn new() -> Self {
        let limit = limit();
        Self { limiter: Arc::new(Limiter::new(64)), key: key("a", &limit), limit, open: Vec::new() }
    }

    /// Settles with the store and leases anew.
    fn learn(&self, store: &mut Store, need: u64, wish: u64, seconds: u64, answer: Answer) {
        let period = quota().period_at(at(seconds).wall);
        let (delta, _) = self.limiter.export_one(&self.key, period, at(seconds));
        let before = store.used;
        let used = before + delta.as_ref().map_or(0, |delta| delta.amount);
        let known = u64::try_from(used).unwrap_or(0);
        let units = quota_lease(AMOUNT.saturating_sub(known), need, wish);
        if answer != Answer::Lost {
            store.used = used + i64::try_from(units).unwrap();
        }
        if answer != Answer::Heard {
            return self.limiter.fail(delta.as_slice());
        }
        self.limiter.confirm(delta.as_slice());
        let grant = Grant { units, until: at(seconds + KEPT).monotonic };
        self.limiter.load(self.key, "a".into(), period, known, grant).unwrap();
    }

    fn flush(&self, store: &mut Store, seconds: u64, answer: Answer) {
        let deltas = self.limiter.export(at(seconds));
        if answer != Answer::Lost {
            store.used += deltas.iter().map(|delta| delta.amount).sum::<i64>();
        }
        match answer {
            Answer::Heard => self.limiter.confirm(&deltas),
            Answer::Lost | Answer::Unheard => self.limiter.fail(&deltas),
        }
    }

    fn reserve(&mut self, units: u64, seconds: u64) -> Result<(), Refusal> {
        let cost = Cost::default().with(Unit::Requests, units);
        let reservation = self.limiter.reserve(&[(&self.limit, self.key)], &cost, at(seconds))?;
        self.open.push((reservation, units));
        Ok(())
    }

    fn left(&self, seconds: u64) -> u64 {
        self.limiter.standing(&[(&self.limit, self.key)], at(seconds)).unwrap()[0].remaining()
    }

    fn must_ask(&self, units: u64, seconds: u64) -> bool {
        self.limiter.must_ask(&self.key, &quota(), units, at(seconds))
    }
}

#[test]
fn a_call_takes_its_own_and_at_most_a_quarter_ahead() {
    let check = |remaining, need, wish, expected| assert_eq!(quota_lease(remaining, need, wish), expected);
    check(100, 1, 16, 16);
    check(100, 1, 80, 25);
    check(100, 30, 80, 30);
    check(3, 1, 16, 1);
    check(3, 3, 16, 3);
    check(3, 4, 16, 0);
    check(0, 1, 16, 0);
    check(0, 0, 16, 0);
    check(u64::MAX, 1, u64::MAX, u64::MAX / 4);
}

#[test]
fn a_lease_is_spent_added_to_and_given_back() {
    let (mut store, mut node) = (Store { used: 90 }, Node::new());
    assert!(matches!(node.reserve(1, 0), Err(Refusal::Unloaded { limit: 0 })));
    node.learn(&mut store, 1, 16, 0, Answer::Heard);
    assert_eq!((store.used, node.left(0)), (92, 10));
    assert!(node.reserve(1, 0).is_ok() && node.reserve(1, 0).is_ok());
    assert!(node.must_ask(1, 0), "the lease is spent, and the store may have more");
    node.learn(&mut store, 1, 16, 0, Answer::Heard);
    assert_eq!(store.used, 94);
    node.learn(&mut store, 3, 16, 0, Answer::Heard);
    assert_eq!(store.used, 95, "what was left of the lease before goes back");
    assert!(!node.must_ask(3, 0));
    assert!(node.reserve(1, 0).is_ok());
    // Others use the rest.
    store.used = 100;
    node.learn(&mut store, 3, 16, 0, Answer::Heard);
    assert_eq!(store.used, 98, "too little is left, and that is nobody's");
    let month = quota().period_at(at(0).wall).rest(at(0).wall);
    let refused = node.reserve(3, 0);
    assert!(matches!(refused, Err(Refusal::Limited { ends, .. }) if ends == Ends::After(month)));
    assert!(node.must_ask(1, 0));
    node.learn(&mut store, 1, 16, 0, Answer::Heard);
    assert!(node.reserve(1, 0).is_ok());
    // The lease is over, and one of four was given back by its call.
    drop(node.open.pop());
    node.flush(&mut store, KEPT, Answer::Heard);
    assert_eq!(store.used, 98);
    assert!(node.must_ask(1, KEPT));
    assert!(node.reserve(1, 0).is_err(), "not even for a call that has waited since then");
}

#[test]
fn what_a_call_used_on_top_is_told() {
    let (mut store, mut node) = (Store::default(), Node::new());
    node.learn(&mut store, 1, 1, 0, Answer::Heard);
    node.reserve(1, 0).unwrap();
    let (reservation, _) = node.open.remove(0);
    reservation.settle(&Cost::default().with(Unit::Requests, 7), at(0));
    node.flush(&mut store, 0, Answer::Lost);
    assert_eq!(store.used, 1);
    node.flush(&mut store, 0, Answer::Heard);
    assert_eq!(store.used, 7, "and again, until it is heard");
}

#[derive(Debug, Clone)]
enum Step {
    Learn { node: usize, need: u64, wish: u64, answer: Answer },
    Reserve { node: usize, units: u64, late: u64 },
    Settle { node: usize, less: u64 },
    Flush { node: usize, answer: Answer },
    Crash { node: usize },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let node = 0..3_usize;
    let answer = prop_oneof![
        8 => Just(Answer::Heard), 1 => Just(Answer::Lost), 1 => Just(Answer::Unheard)
    ];
    prop_oneof![
        4 => (node.clone(), 1..9_u64, 0..40_u64, answer.clone())
            .prop_map(|(node, need, wish, answer)| Step::Learn { node, need, wish, answer }),
        6 => (node.clone(), 1..9_u64, 0..3_u64).prop_map(|(node, units, late)| Step::Reserve { node, units, late }),
        3 => (node.clone(), 0..9_u64).prop_map(|(node, less)| Step::Settle { node, less }),
        2 => (node.clone(), answer).prop_map(|(node, answer)| Step::Flush { node, answer }),
        1 => node.prop_map(|node| Step::Crash { node }),
        2 => Just(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However many processes count, whatever gets lost between them and the store, and whoever ends at once: what is used
    /// and what is held for calls under way is never more than the quota.
    #[test]
    fn together_they_never_grant_more_than_the_quota(steps in prop::collection::vec(step(), 1..200)) {
        let mut store = Store::default();
        let mut nodes: Vec<Node> = (0..3).map(|_| Node::new()).collect();
        let (mut seconds, mut used) = (10, 0);
        for step in steps {
            match step {
                Step::Learn { node, need, wish, answer } => {
                    nodes[node].learn(&mut store, need, wish, seconds, answer);
                }
                // A call may have looked at the clock long ago.
                Step::Reserve { node, units, late } => drop(nodes[node].reserve(units, seconds - late)),
                Step::Settle { node, less } => {
                    if let Some((reservation, units)) = nodes[node].open.pop() {
                        let actual = units.saturating_sub(less);
                        reservation.settle(&Cost::default().with(Unit::Requests, actual), at(seconds));
                        used += actual;
                    }
                }
                Step::Flush { node, answer } => nodes[node].flush(&mut store, seconds, answer),
                Step::Crash { node } => {
                    // Its calls reached their model all the same.
                    used += nodes[node].open.iter().map(|(_, units)| units).sum::<u64>();
                    nodes[node] = Node::new();
                }
                Step::Wait => seconds += 1,
            }
            let held: u64 = nodes.iter().flat_map(|node| &node.open).map(|(_, units)| units).sum();
            prop_assert!(used + held <= AMOUNT, "{used} used and {held} held");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Where nothing gets lost, all of it can be used, and the store knows it in the end.
    #[test]
    fn all_of_it_can_be_used(calls in prop::collection::vec((0..3_usize, 1..20_u64), 300)) {
        let mut store = Store::default();
        let mut nodes: Vec<Node> = (0..3).map(|_| Node::new()).collect();
        let mut admitted = 0;
        for (at, (node, wish)) in calls.into_iter().enumerate() {
            let seconds = 10 + at as u64 / 10;
            for node in &nodes {
                node.flush(&mut store, seconds, Answer::Heard);
            }
            if nodes[node].must_ask(1, seconds) {
                nodes[node].learn(&mut store, 1, wish, seconds, Answer::Heard);
            }
            admitted += u64::from(nodes[node].reserve(1, seconds).is_ok());
        }
        for node in &nodes {
            node.flush(&mut store, 1000, Answer::Heard);
        }
        prop_assert_eq!((admitted, store.used), (AMOUNT, i64::try_from(AMOUNT).unwrap()));
    }
}
