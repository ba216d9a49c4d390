use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::access::{self, Permit};
use crate::authn::Identity;
use crate::consumer::Consumer;
use crate::credential::{Digest, Proof};
use crate::fixtures::{at, consumer, credential, name, route};
use crate::limit::{Concurrent, Limits, Owner, Per, Rate};

const HOUR: u64 = 3600;

fn requests(amount: u64, seconds: u64) -> Limit {
    Limit::Rate(Rate::new(Unit::Requests, amount, Duration::from_secs(seconds), None).unwrap())
}

fn bytes(amount: u64, seconds: u64) -> Limit {
    Limit::Rate(Rate::new(Unit::Bytes, amount, Duration::from_secs(seconds), None).unwrap())
}

/// A call with a body of so many bytes.
fn of_body(bytes: u64) -> Cost {
    Cost::request().with(Unit::Bytes, bytes)
}

fn slots(most: u32) -> Limit {
    Limit::Concurrent(Concurrent(most))
}

/// A public route with these limits, so that strangers pass too.
fn limited(limits: &[(Limit, Per)]) -> Arc<Route> {
    let mut route = route("r", "/");
    route.limits = Limits::new(Owner::Route(&name("r")), limits.iter().cloned());
    Arc::new(route)
}

/// The consumer's credential with an API key, in a tier with these limits.
fn caller(consumer_name: &str, key: &str, tier: &[(Limit, Per)]) -> Identity {
    let mut consumer = Consumer::clone(&consumer(consumer_name, &[]));
    consumer.limits = Limits::new(Owner::Tier(&name("t")), tier.iter().cloned());
    let proof = Proof::ApiKey(Digest::of(key.as_bytes()));
    let id = format!("{consumer_name}-{key}");
    let credential = Credential::new(id, Arc::new(consumer), None, proof).unwrap();
    Identity { credential: Arc::new(credential), hawk: None }
}

fn permit(route: &Arc<Route>, identity: Option<&Identity>) -> Permit {
    access::decide(route, identity.cloned()).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Calls in turn, each of a consumer with a key, or of a stranger (`-`), from an address: which of them pass.
#[track_caller]
fn check(limit: (Limit, Per), calls: &[(&str, &str)], expected: &[bool]) {
    let limiter = Arc::new(Limiter::new(64));
    let route = limited(&[limit]);
    let passed: Vec<bool> = calls
        .iter()
        .map(|(who, from)| {
            let identity = who.split_once('/').map(|(consumer, key)| caller(consumer, key, &[]));
            let permit = permit(&route, identity.as_ref());
            let admitted = reserve(&limiter, permit, address(from), &Cost::request(), at(0));
            admitted.map(|admission| std::mem::forget(admission.into_parts())).is_ok()
        })
        .collect();
    assert_eq!(passed, expected, "{calls:?}");
}

#[test]
fn calls_of_a_consumer_of_a_credential_or_from_an_address_count_together() {
    let here = "192.0.2.1";
    let one = requests(1, HOUR);
    check((one.clone(), Per::Consumer), &[("a/1", here), ("a/2", here), ("b/1", here)], &[true, false, true]);
    check(
        (one.clone(), Per::Credential),
        &[("a/1", here), ("a/2", here), ("a/1", "::1")],
        &[true, true, false],
    );
    check(
        (one.clone(), Per::Address),
        &[("a/1", here), ("b/1", here), ("a/1", "192.0.2.2"), ("-", here)],
        &[true, false, true, false],
    );
    check((slots(1), Per::Consumer), &[("a/1", here), ("a/2", here), ("b/1", here)], &[true, false, true]);
}

#[test]
fn strangers_count_by_their_address_whatever_the_limit_says() {
    let one = requests(1, HOUR);
    for per in [Per::Consumer, Per::Credential, Per::Address] {
        check(
            (one.clone(), per),
            &[("-", "192.0.2.1"), ("-", "192.0.2.1"), ("-", "192.0.2.2"), ("-", "::ffff:192.0.2.2")],
            &[true, false, true, false],
        );
        check(
            (one.clone(), per),
            &[("-", "2001:db8::1"), ("-", "2001:db8::ffff:0:0:1"), ("-", "2001:db8:0:1::1")],
            &[true, false, true],
        );
    }
    check((one, Per::Consumer), &[("-", "192.0.2.1"), ("a/1", "192.0.2.1")], &[true, true]);
}

#[test]
fn a_call_without_limits_holds_nothing() {
    let limiter = Arc::new(Limiter::new(64));
    let ann = caller("ann", "k", &[]);
    let permit = permit(&limited(&[]), Some(&ann));
    let admission = reserve(&limiter, permit, address("::1"), &Cost::request(), at(0)).unwrap();
    assert!(admission.into_parts().1.is_none() && limiter.is_empty());
}

#[test]
fn all_limits_are_taken_or_none() {
    let limiter = Arc::new(Limiter::new(64));
    let route = limited(&[(slots(2), Per::Consumer), (bytes(100, HOUR), Per::Address)]);
    let ann = caller("ann", "k", &[(requests(10, HOUR), Per::Consumer)]);
    let call = |body| reserve(&limiter, permit(&route, Some(&ann)), address("::1"), &of_body(body), at(0));
    let left = |admission: &Admission| {
        let standing = admission.reservation().unwrap().standing();
        standing.map(|left| left.remaining()).collect::<Vec<_>>()
    };

    let first = call(60).unwrap();
    assert_eq!(left(&first), [1, 40, 9]);
    let refused = call(50).unwrap_err();
    let kept: Vec<_> = refused.standing.iter().map(Standing::remaining).collect();
    assert_eq!((refused.rule, kept), (1, vec![1, 40, 9]));
    let Denial::Limited { rule, ends } = refused.denial else { panic!("not limited") };
    assert_eq!((rule.name(), ends), ("route:bytes/h", Ends::After(Duration::from_secs(360))));

    let second = call(0).unwrap();
    assert_eq!(left(&second), [0, 40, 8]);
    let refused = call(0).unwrap_err();
    assert_eq!((refused.rule, refused.denial.code()), (0, "concurrency_limited"));
    drop(first);
    assert_eq!(left(&call(0).unwrap()), [0, 100, 8]);
    drop(second);
    assert_eq!(left(&call(0).unwrap()), [1, 100, 9]);
}

#[test]
fn what_is_reserved_ends_with_the_call() {
    let ann = caller("ann", "k", &[(bytes(100, HOUR), Per::Consumer)]);
    let route = limited(&[]);
    let check = |end: &dyn Fn(Reservation), expected: u64| {
        let limiter = Arc::new(Limiter::new(64));
        let call = |body| {
            reserve(&limiter, permit(&route, Some(&ann)), address("::1"), &of_body(body), at(0)).unwrap()
        };
        end(call(40).into_parts().1.unwrap());
        assert_eq!(call(0).reservation().unwrap().standing().next().unwrap().remaining(), expected);
    };
    check(&drop, 100);
    check(
        &|mut sent| {
            sent.commit();
            drop(sent);
        },
        60,
    );
    check(&|sent| sent.settle(&Cost::request().with(Unit::Bytes, 55), at(0)), 45);
}

#[test]
fn a_body_that_never_fits_is_too_large() {
    let limiter = Arc::new(Limiter::new(64));
    let route = limited(&[(requests(1, HOUR), Per::Address), (bytes(100, 1), Per::Address)]);
    let refused = reserve(&limiter, permit(&route, None), address("::1"), &of_body(101), at(0)).unwrap_err();
    assert_eq!(refused.denial, Denial::Bound(Bound::Body { max: 100 }));
    assert!(limiter.is_empty());
}

#[test]
fn a_refusal_says_when_to_come_again() {
    for (ends, expected) in [
        (Ends::Released, Some("1")),
        (Ends::After(Duration::from_nanos(1)), Some("1")),
        (Ends::After(Duration::from_millis(36_001)), Some("37")),
        (Ends::Never, None),
    ] {
        let route = limited(&[(requests(1, HOUR), Per::Address)]);
        let rule = Box::new(route.limits.iter().next().unwrap().clone());
        let denial = Denial::Limited { rule, ends };
        assert_eq!((denial.status().as_u16(), denial.code()), (429, "rate_limited"));
        let headers = denial.headers();
        let after = headers.first().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        assert_eq!(after, expected.map(|seconds| ("retry-after", seconds)), "{ends:?}");
    }
}

#[test]
fn limits_have_names_of_their_own() {
    let list = [
        (requests(100, HOUR), Per::Consumer),
        (requests(9, HOUR), Per::Address),
        (bytes(1_000_000, 60), Per::Consumer),
        (slots(8), Per::Consumer),
    ];
    let route = limited(&list);
    let told: Vec<_> = route.limits.iter().map(|rule| (rule.limit().to_string(), rule.policy())).collect();
    let expected = [
        ("100 requests/h", r#""route:requests/h";q=100;w=3600"#),
        ("9 requests/h", r#""route:requests/h#2";q=9;w=3600"#),
        ("1000000 bytes/min", r#""route:bytes/min";q=1000000;qu="content-bytes";w=60"#),
        ("8 concurrent", r#""route:concurrent";q=8;qu="concurrent-requests""#),
    ];
    assert_eq!(told, expected.map(|(limit, policy)| (limit.to_owned(), policy)));
    let ann = caller("ann", "k", &list[..1]);
    let keys: Vec<_> = rules(&route, Some(&ann.credential))
        .map(|rule| rule.key(Some(&ann.credential), address("::1")))
        .collect();
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[..index].contains(key), "two limits of a call share a state");
    }
}

#[test]
fn credentials_of_two_kinds_may_share_an_id() {
    let ann = consumer("ann", &[]);
    let key = credential(&ann, Proof::ApiKey(Digest::of(b"k")), None);
    let hawk = crate::authn::hawk::Key::new("ann-api_key", Default::default(), b"secret").unwrap();
    let hawk = Credential::new("ann-api_key", ann, None, Proof::Hawk(hawk)).unwrap();
    assert_eq!(key.id, hawk.id);
    assert_ne!(key.subject(), hawk.subject());
}

/// A call's life: its estimate in tokens, and what came of it.
#[derive(Debug, Clone, Copy)]
enum Ended {
    /// It used so much.
    Settled(u64),
    /// It was never sent.
    GivenBack,
    /// It is still under way.
    Open,
}

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![(0..500_u64).prop_map(Ended::Settled), Just(Ended::GivenBack), Just(Ended::Open)]
}

proptest! {
    /// Whatever calls reserve and use, in whatever order they end: what is left is the amount less what was used and what
    /// those under way hold, down to nothing; and who is refused has not changed it.
    #[test]
    fn a_rate_of_tokens_is_never_left_wrong(
        calls in prop::collection::vec((0..300_u64, ended()), 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let limiter = Arc::new(Limiter::new(64));
        let rate = Limit::Rate(Rate::new(Unit::Tokens, 1000, Duration::from_secs(HOUR), None).unwrap());
        let route = limited(&[(rate, Per::Consumer)]);
        let ann = caller("ann", "k", &[]);
        let (mut taken, mut open): (u64, Vec<(u64, Ended, Reservation)>) = (0, Vec::new());
        let end = |taken: &mut u64, (estimate, ended, mut held): (u64, Ended, Reservation)| match ended {
            Ended::Settled(truth) => {
                held.commit();
                held.settle(&Cost::request().with(Unit::Tokens, truth), at(0));
                *taken = *taken - estimate + truth;
            }
            Ended::GivenBack => *taken -= estimate,
            Ended::Open => std::mem::forget(held),
        };
        for ((estimate, ended), index) in calls.iter().zip(&order) {
            let cost = Cost::request().with(Unit::Tokens, *estimate);
            match reserve(&limiter, permit(&route, Some(&ann)), address("::1"), &cost, at(0)) {
                Ok(admission) => {
                    prop_assert!(taken + estimate <= 1000);
                    taken += estimate;
                    let (_, held) = admission.into_parts();
                    open.push((*estimate, *ended, held.unwrap()));
                }
                Err(refused) => {
                    prop_assert!(taken + estimate > 1000);
                    prop_assert_eq!(refused.standing[0].remaining(), 1000_u64.saturating_sub(taken));
                }
            }
            if open.len() > 3 {
                end(&mut taken, open.swap_remove(index.index(open.len())));
            }
        }
        for call in open {
            end(&mut taken, call);
        }
        let probe = Cost::request().with(Unit::Tokens, 1001);
        let refused = reserve(&limiter, permit(&route, Some(&ann)), address("::1"), &probe, at(0)).unwrap_err();
        prop_assert_eq!(refused.standing[0].remaining(), 1000_u64.saturating_sub(taken));
    }
}
