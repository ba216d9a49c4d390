use std::sync::Arc;

use http::HeaderName;
use http::HeaderValue;

use super::*;
use crate::access;
use crate::admission;
use crate::authn::{Accept, Identity, Scheme, api_key};
use crate::credential::Proof;
use crate::denial::{Balance, DirectoryFailure, Forbidden, Malformed, Unauthenticated, Wanted};
use crate::fixtures::{at, consumer, credential, name, route};
use crate::limit::{Concurrent, Cost, Limit, Limiter, Limits, Owner, Per};
use crate::upstream::Upstream;

const SHADOW: Mode = Mode::Shadow;

fn percent(number: u8) -> Mode {
    Mode::Percent(Percent::new(number).unwrap())
}

fn ann() -> Identity {
    Identity {
        credential: credential(&consumer("ann", &[]), Proof::ApiKey(Digest::of(b"k")), None),
        hawk: None,
    }
}

/// A route in this mode that denies `ann` and takes API keys; its upstream may have a credential of the gate's own.
fn guarded(mode: Mode, public: bool, lends: bool) -> Arc<Route> {
    let mut route = route("r", "/");
    let schemes = vec![Scheme::ApiKey(api_key::Options::default())];
    route.accept = Accept { schemes, public, ..Accept::default() }.into();
    route.access.deny.insert(name("ann"));
    route.mode = mode;
    if lends {
        let mut upstream = Upstream::clone(&route.upstream);
        let field = (HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer own"));
        upstream.credential = Some(field);
        route.upstream = Arc::new(upstream);
    }
    Arc::new(route)
}

#[test]
fn a_larger_share_only_adds_consumers() {
    let names: Vec<Name> = (0..1000).map(|number| name(&format!("service_{number}"))).collect();
    let mut before = Vec::new();
    for number in 0..=100 {
        let share = Percent::new(number).unwrap();
        let covered: Vec<&Name> = names.iter().filter(|name| share.covers(name)).collect();
        assert!(before.iter().all(|name| covered.contains(name)), "{number}");
        assert!(covered.len().abs_diff(usize::from(number) * 10) < 50, "{number}: {}", covered.len());
        before = covered;
    }
    assert_eq!(before.len(), 1000);
    assert_eq!(Percent::new(101), None);
}

#[test]
fn places_never_move() {
    // What was covered once must stay so in every later version.
    let covered = |text: &str| (0..=100).find(|n| Percent::new(*n).unwrap().covers(&name(text)));
    assert_eq!(["service_a", "service_b", "service_c"].map(covered), [12, 63, 15].map(Some));
}

/// Whether an identified consumer who is denied, and a stranger, meet a refusal.
#[track_caller]
fn check(mode: Mode, lends: bool, consumer_refused: bool, stranger_refused: bool) {
    let route = guarded(mode, false, lends);
    let denied = access::decide(&route, Some(ann()));
    assert_eq!(denied.is_err(), consumer_refused, "{mode:?}");
    for stranger in [
        access::decide(&route, None),
        access::refuse(&route, None, route.accept.refuse(Unauthenticated::ApiKey)),
    ] {
        assert_eq!(stranger.is_err(), stranger_refused, "{mode:?}");
        if let Ok(permit) = stranger {
            assert!(permit.identity().is_none() && permit.keeps_unknown(), "{mode:?}");
        }
    }
}

#[test]
fn modes_say_whose_refusals_are_in_force() {
    check(Mode::Enforce, false, true, true);
    check(SHADOW, false, false, false);
    check(percent(0), false, false, true);
    check(percent(100), false, true, true);
    // The gate's own credential is lent to nobody whom it does not know.
    check(SHADOW, true, false, true);
    check(percent(0), true, false, true);
}

#[test]
fn strangers_who_are_welcome_are_welcome_with_wrong_keys_in_shadow() {
    for lends in [false, true] {
        let route = guarded(SHADOW, true, lends);
        let permit = access::refuse(&route, None, route.accept.refuse(Unauthenticated::ApiKey)).unwrap();
        assert!(permit.identity().is_none() && permit.softened().is_some());
        assert!(access::decide(&route, None).unwrap().softened().is_none());
    }
}

#[test]
fn only_identity_is_softened_before_access() {
    let route = guarded(SHADOW, false, false);
    for (denial, passes) in [
        (route.accept.refuse(Unauthenticated::Missing(Wanted::ApiKey)), true),
        (Denial::NonceLimit { retry_after: 1 }, true),
        (Denial::Balance(Balance::Low), true),
        (Denial::Directory(DirectoryFailure::Away), true),
        (route.accept.refuse_ours(Unauthenticated::ApiKey), true),
        (Denial::Ambiguous, false),
        (Denial::Malformed(Malformed::Hawk("x")), false),
        (Denial::Overloaded, false),
    ] {
        let got = access::refuse(&route, None, denial.clone());
        assert_eq!(got.is_ok(), passes, "{denial:?}");
        match got {
            Ok(permit) => {
                assert_eq!(permit.softened().unwrap().denial, denial);
                // Only what identifies nobody may be meant for somebody else.
                let identifies_nobody = matches!(denial, Denial::Unauthenticated { ours: false, .. });
                assert_eq!(permit.keeps_unknown(), identifies_nobody, "{denial:?}");
            }
            Err(refused) => assert_eq!(refused, denial),
        }
    }
}

#[test]
fn a_call_that_nobody_can_count_passes_where_limits_are_not_in_force() {
    for (mode, passes) in [(Mode::Enforce, false), (SHADOW, true), (percent(0), true), (percent(100), false)]
    {
        let mut route = Route::clone(&guarded(mode, false, true));
        route.access.deny.clear();
        let permit = access::decide(&Arc::new(route), Some(ann())).unwrap();
        match admission::uncountable(permit) {
            Ok(admission) => {
                assert!(passes && admission.reservation().is_none(), "{mode:?}");
                assert_eq!(admission.softened(), Some(&Softened::new(Denial::Uncounted)));
            }
            Err(denial) => assert!(!passes && denial == Denial::Uncounted, "{mode:?}"),
        }
    }
}

#[test]
fn a_softened_call_says_what_it_would_have_met_and_holds_nothing() {
    let limiter = Arc::new(Limiter::new(64));
    let mut route = Route::clone(&guarded(SHADOW, false, false));
    let limit = (Limit::Concurrent(Concurrent(1)), Per::Consumer);
    route.limits = Limits::new(Owner::Route(&name("r")), [limit]);
    let call = |route: &Arc<Route>| {
        let permit = access::decide(route, Some(ann())).unwrap();
        admission::reserve(&limiter, permit, [192, 0, 2, 1].into(), &Cost::request(), at(0)).unwrap()
    };

    let denied = call(&Arc::new(route.clone()));
    let softened = denied.softened().unwrap();
    assert_eq!(softened.denial, Denial::Forbidden(Forbidden::Consumer));
    assert!(softened.standing.is_empty() && denied.reservation().is_none() && limiter.is_empty());
    assert!(denied.permit().identity().is_some() && !denied.permit().keeps_unknown());

    route.access.deny.clear();
    let route = Arc::new(route);
    let first = call(&route);
    assert!(first.softened().is_none() && first.reservation().is_some());
    let second = call(&route);
    let softened = second.softened().unwrap();
    assert_eq!((softened.denial.code(), softened.rule), ("concurrency_limited", Some(0)));
    assert_eq!(softened.standing[0].remaining(), 0);
    assert!(second.reservation().is_none());
    drop(first);
    assert!(call(&route).softened().is_none());
}
