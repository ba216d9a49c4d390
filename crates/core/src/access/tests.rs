use std::sync::Arc;

use super::decide;
use crate::authn::{Accept, Identity, Scheme, jwt};
use crate::consumer::Scopes;
use crate::credential::{Digest, Proof};
use crate::denial::{Denial, Forbidden, Unauthenticated, Wanted};
use crate::fixtures::{consumer, credential, name, route};
use crate::route::{Access, Route};

fn access(allow: Option<&[&str]>, deny: &[&str], scopes: &[&str]) -> Access {
    Access {
        allow: allow.map(|names| names.iter().map(|text| name(text)).collect()),
        deny: deny.iter().map(|text| name(text)).collect(),
        scopes: scopes.iter().copied().collect(),
    }
}

fn guarded(access: Access, public: bool) -> Arc<Route> {
    let mut route = route("r", "/");
    let schemes = vec![Scheme::Jwt(jwt::Options::default())];
    route.accept = Accept { schemes, public, ..Accept::default() }.into();
    route.access = access;
    Arc::new(route)
}

/// `ann`, whose consumer has `model:read`, with these scopes of the credential's own.
fn ann(own: Option<&[&str]>) -> Identity {
    let own = own.map(|scopes| scopes.iter().copied().collect::<Scopes>());
    let proof = Proof::ApiKey(Digest::of(b"k"));
    Identity { credential: credential(&consumer("ann", &["model:read"]), proof, own), hawk: None }
}

#[track_caller]
fn check(access: Access, identity: Identity, expected: Result<(), Forbidden>) {
    for public in [false, true] {
        let got = decide(&guarded(access.clone(), public), Some(identity.clone()));
        let got = got.map(|permit| assert!(permit.identity().is_some()));
        assert_eq!(got, expected.clone().map_err(Denial::Forbidden), "{access:?}");
    }
}

#[test]
fn lists_decide_and_deny_beats_allow() {
    for (allow, deny, passes) in [
        (None, &[][..], true),
        (Some(&["ann"][..]), &[][..], true),
        (Some(&["bob", "ann"]), &["bob"], true),
        (Some(&["bob"]), &[], false),
        (Some(&["Ann"]), &[], false),
        (Some(&[]), &[], false),
        (None, &["ann"], false),
        (Some(&["ann"]), &["ann"], false),
    ] {
        let expected = if passes { Ok(()) } else { Err(Forbidden::Consumer) };
        check(access(allow, deny, &[]), ann(None), expected);
    }
}

#[test]
fn every_scope_is_needed() {
    let scopes = |list: &[&str]| list.iter().copied().collect::<Scopes>();
    for (needed, own, current) in [
        (&["model:read"][..], None, None),
        (&["model:read"], Some(&["model:read", "model:predict"][..]), None),
        (&["model:predict"], Some(&["model:predict"]), None),
        (&["model:read", "model:predict"], None, Some(&["model:read"][..])),
        (&["model:read"], Some(&["model:predict"]), Some(&["model:predict"])),
        (&["model:read"], Some(&[]), Some(&[])),
        (&["model"], None, Some(&["model:read"])),
    ] {
        let expected = match current {
            None => Ok(()),
            Some(current) => Err(Forbidden::Scope { required: scopes(needed), current: scopes(current) }),
        };
        check(access(None, &[], needed), ann(own), expected);
    }
}

#[test]
fn lists_come_before_scopes() {
    check(access(None, &["ann"], &["model:predict"]), ann(None), Err(Forbidden::Consumer));
}

#[test]
fn nobody_passes_public_routes_only() {
    let open = decide(&guarded(access(Some(&["ann"]), &[], &["model:read"]), true), None).unwrap();
    assert!(open.identity().is_none() && *open.route().name.as_str() == *"r");
    let closed = decide(&guarded(Access::default(), false), None).unwrap_err();
    assert!(matches!(
        closed,
        Denial::Unauthenticated { reason: Unauthenticated::Missing(Wanted::Jwt), ref challenges, ours: false } if challenges.len() == 1
    ));
}
