use proptest::prelude::*;
use serde_json::json;

use super::api_key::{self, Place};
use super::{Accept, Answer, Compat, Memory, Scheme, hawk, identify, jwt, percent_decode};
use crate::denial::{Denial, Unauthenticated, Wanted};
use crate::fixtures::{at, credentials, head, known, token};

const NOW: u64 = 1_700_000_000;

fn api_key() -> Scheme {
    Scheme::ApiKey(api_key::Options::default())
}

fn jwt() -> Scheme {
    Scheme::Jwt(jwt::Options::default())
}

fn hawk() -> Scheme {
    Scheme::Hawk(hawk::Options::default())
}

fn accept(schemes: &[Scheme]) -> Accept {
    Accept { schemes: schemes.to_vec(), ..Accept::default() }
}

fn apisix(schemes: &[Scheme]) -> Accept {
    Accept { compat: Compat::Apisix, ..accept(schemes) }
}

/// `joe`'s token.
fn good() -> String {
    token(json!({ "key": "joe" }))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The outcome in a word or two: a credential id, `absent`, or what was refused.
fn outcome(target: &str, headers: &[(&str, &str)], accept: &Accept) -> String {
    let memory = Memory { proofs: jwt::Proofs::new(8), nonces: hawk::Nonces::new(8) };
    match identify(&head(&format!("GET {target}"), headers), accept, &known(&credentials()), &memory, at(NOW))
    {
        Answer::Absent => "absent".into(),
        Answer::Identified(identity) => identity.credential.id.to_string(),
        Answer::Unproven(_) => "unproven".into(),
        Answer::Ask(_) => "ask".into(),
        Answer::Rejected(Denial::Unauthenticated { reason, .. }) => match reason {
            Unauthenticated::Missing(_) => "missing".into(),
            Unauthenticated::ApiKey => "bad key".into(),
            Unauthenticated::Jwt(refusal) => format!("jwt {refusal:?}"),
            Unauthenticated::Hawk(refusal) => format!("hawk {}", refusal.message()),
        },
        Answer::Rejected(Denial::Ambiguous) => "ambiguous".into(),
        Answer::Rejected(denial) => denial.code().into(),
    }
}

#[track_caller]
fn check(target: &str, headers: &[(&str, &str)], accept: &Accept, expected: &str) {
    assert_eq!(outcome(target, headers, accept), expected, "{target} {headers:?} {:?}", accept.compat);
}

#[track_caller]
fn authorized(value: &str, accept: &Accept, expected: &str) {
    check("/", &[("authorization", value)], accept, expected);
}

#[test]
fn api_keys_are_found_in_every_place() {
    let accept = accept(&[api_key()]);
    authorized("Bearer hk_live_ann", &accept, "ann-api_key");
    authorized("bearer   hk_live_ann", &accept, "ann-api_key");
    authorized("BEARER\thk_live_ann", &accept, "ann-api_key");
    authorized("ApiKey legacy", &accept, "old-api_key");
    check("/", &[("x-api-key", "hk_live_ann")], &accept, "ann-api_key");
    check("/", &[("apikey", "legacy")], &accept, "old-api_key");
    check("/?api_key=hk_live_ann", &[], &accept, "ann-api_key");
    check("/?a=1&apikey=%6Cegacy", &[], &accept, "old-api_key");
    check("/?%61pikey=legacy", &[], &accept, "old-api_key");
}

#[test]
fn nothing_of_an_accepted_scheme_is_absent() {
    let keys = accept(&[api_key()]);
    check("/", &[], &keys, "absent");
    check("/?api_key", &[], &keys, "absent");
    authorized("legacy", &keys, "absent");
    authorized("Basic bGVnYWN5Og==", &keys, "absent");
    authorized("Hawk id=\"dh\"", &keys, "absent");
    authorized("Basic eA==", &accept(&[jwt(), hawk()]), "absent");
    authorized("ApiKey hk_live_ann", &accept(&[jwt(), hawk()]), "absent");
    authorized("Bearer hk_live_ann", &accept(&[hawk()]), "absent");
    authorized("Bearer hk_live_ann", &Accept { public: true, ..accept(&[]) }, "absent");
}

#[test]
fn wrong_material_never_falls_through() {
    let open = Accept { public: true, ..accept(&[jwt(), api_key()]) };
    let unsigned = good().rsplit_once('.').map(|(message, _)| format!("{message}.")).unwrap();
    authorized("Bearer hk_live_eve", &open, "bad key");
    authorized("Bearer", &open, "bad key");
    authorized(&bearer(&unsigned), &open, "jwt NotVerified");
    authorized("x.y.z", &open, "jwt Malformed");
    check("/", &[("x-api-key", "")], &open, "bad key");
    check("/?api_key=", &[], &open, "bad key");
    check("/?jwt=", &[], &open, "jwt Malformed");
    // The first place decides, also when a later one holds something better.
    check("/?api_key=hk_live_ann", &[("x-api-key", "wrong")], &open, "bad key");
    check(&format!("/?jwt={}", good()), &[("authorization", &bearer(&unsigned))], &open, "jwt NotVerified");
}

#[test]
fn tokens_are_found_in_every_place() {
    let accept = accept(&[jwt()]);
    let good = good();
    authorized(&good, &accept, "joe-jwt");
    authorized(&bearer(&good), &accept, "joe-jwt");
    check(&format!("/?jwt={good}"), &[], &accept, "joe-jwt");
    check(&format!("/?x&jwt={}", good.replace('.', "%2E")), &[], &accept, "joe-jwt");
    check("/", &[("cookie", &format!("a=b; jwt={good};c=d"))], &accept, "joe-jwt");
    check("/", &[("cookie", "a=b"), ("cookie", &format!("jwt={good}"))], &accept, "joe-jwt");
    check("/", &[("cookie", &format!("xjwt={good}; jwtx={good}; JWT={good}; jwt"))], &accept, "absent");
    authorized("Bearer hk_live_ann", &accept, "jwt Malformed");
}

#[test]
fn the_form_of_a_bearer_value_chooses_its_scheme() {
    let order = [jwt(), hawk(), api_key()];
    for schemes in [accept(&order), accept(&[api_key(), jwt(), hawk()])] {
        authorized("Bearer hk_live_ann", &schemes, "ann-api_key");
        authorized("Bearer legacy", &schemes, "old-api_key");
        authorized(&bearer(&good()), &schemes, "joe-jwt");
        authorized("Bearer ey.ey.ey", &schemes, "jwt Malformed");
        authorized("Hawk id=\"dh\"", &schemes, "credential_malformed");
    }
}

#[test]
fn two_schemes_or_one_twice_is_ambiguous() {
    let all = accept(&[jwt(), hawk(), api_key()]);
    let good = good();
    let bearer = bearer(&good);
    for headers in [
        &[("authorization", bearer.as_str()), ("x-api-key", "hk_live_ann")][..],
        &[("authorization", "Hawk id=\"dh\""), ("x-api-key", "hk_live_ann")],
        &[("authorization", bearer.as_str()), ("authorization", bearer.as_str())],
        &[("authorization", "Bearer hk_live_ann"), ("authorization", "Basic eA==")],
        &[("x-api-key", "hk_live_ann"), ("x-api-key", "hk_live_ann")],
        &[("authorization", "Bearer hk_live_ann"), ("apikey", "a"), ("apikey", "b")],
    ] {
        check("/", headers, &all, "ambiguous");
    }
    check("/?api_key=hk_live_ann&api_key=hk_live_ann", &[], &all, "ambiguous");
    check("/?api_key=hk_live_ann&%61pi_key=x", &[], &all, "ambiguous");
    check(&format!("/?jwt={good}&jwt={good}"), &[], &all, "ambiguous");
    check(&format!("/?jwt={good}&api_key=hk_live_ann"), &[], &all, "ambiguous");
    check("/", &[("cookie", &format!("jwt={good}; jwt=x"))], &all, "ambiguous");
    check("/", &[("cookie", &format!("jwt={good}")), ("cookie", "jwt=x")], &all, "ambiguous");
    // One scheme in several places is not: the first decides.
    check("/?api_key=x", &[("authorization", "Bearer hk_live_ann"), ("x-api-key", "y")], &all, "ann-api_key");
}

#[test]
fn apisix_takes_the_first_of_repeated_values() {
    let accept = apisix(&[jwt()]);
    let good = good();
    check("/", &[("authorization", &good), ("authorization", "x")], &accept, "joe-jwt");
    check("/", &[("authorization", "x"), ("authorization", &good)], &accept, "jwt Malformed");
    check(&format!("/?jwt={good}&jwt=x"), &[], &accept, "joe-jwt");
    check("/", &[("cookie", &format!("jwt={good}; jwt=x"))], &accept, "joe-jwt");
    let both = apisix(&[jwt(), api_key()]);
    check("/", &[("authorization", &bearer(&good)), ("x-api-key", "x")], &both, "joe-jwt");
}

#[test]
fn in_apisix_any_authorization_hides_other_places() {
    let good = good();
    let (query, cookie) = (format!("/?jwt={good}"), format!("jwt={good}"));
    for value in ["Basic eA==", "Hawk id=\"dh\"", "ApiKey x", "Negotiate x", "x", "", "BEARER x"] {
        let headers = [("authorization", value), ("cookie", cookie.as_str())];
        check(&query, &headers, &apisix(&[jwt()]), "jwt Malformed");
    }
    // Without that habit other schemes' values are none of its business.
    for value in ["Basic eA==", "Hawk id=\"dh\"", "ApiKey x", "Negotiate x"] {
        check(&query, &[("authorization", value)], &accept(&[jwt()]), "joe-jwt");
    }
    check(&query, &[("authorization", "Hawk id=\"dh\"")], &apisix(&[jwt(), hawk()]), "credential_malformed");
    check(&query, &[("authorization", "Bearer hk_live_ann")], &apisix(&[jwt(), api_key()]), "ann-api_key");
    check(&query, &[("cookie", "jwt=x")], &apisix(&[jwt()]), "joe-jwt");
}

#[test]
fn apisix_knows_two_spellings_of_bearer() {
    let good = good();
    for (compat, spelling, expected) in [
        (Compat::Apisix, "Bearer", "joe-jwt"),
        (Compat::Apisix, "bearer", "joe-jwt"),
        (Compat::Apisix, "BEARER", "jwt Malformed"),
        (Compat::None, "BEARER", "joe-jwt"),
    ] {
        authorized(&format!("{spelling} {good}"), &Accept { compat, ..accept(&[jwt()]) }, expected);
    }
}

#[test]
fn places_are_an_option() {
    let header = api_key::Options { from: vec![Place::Header(http::header::AUTHORIZATION)], hide: true };
    authorized("legacy", &accept(&[Scheme::ApiKey(header.clone())]), "old-api_key");
    authorized("Bearer legacy", &accept(&[Scheme::ApiKey(header)]), "bad key");
    let query = jwt::Options { from: vec![jwt::Place::Query("t".into())], ..jwt::Options::default() };
    let only_query = accept(&[Scheme::Jwt(query)]);
    authorized(&good(), &only_query, "absent");
    check(&format!("/?t={}", good()), &[], &only_query, "joe-jwt");
    let empty = api_key::Options { from: Vec::new(), hide: true };
    authorized("Bearer hk_live_ann", &accept(&[Scheme::ApiKey(empty)]), "absent");
}

#[test]
fn a_refusal_has_one_challenge_for_each_scheme() {
    let header_only =
        Scheme::ApiKey(api_key::Options { from: vec![Place::Header("x-key".parse().unwrap())], hide: true });
    let invalid = Unauthenticated::Jwt(jwt::Refusal::Malformed);
    let missing = Unauthenticated::Missing(Wanted::Jwt);
    const BEARER: &str = "Bearer realm=\"tollgate\"";
    const INVALID: &str =
        "Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"the token is malformed\"";
    for (schemes, reason, expected) in [
        (vec![jwt(), hawk(), api_key()], &missing, vec![BEARER, "Hawk"]),
        (vec![api_key(), jwt()], &invalid, vec![INVALID]),
        (vec![jwt(), api_key()], &invalid, vec![INVALID]),
        (vec![header_only, hawk()], &missing, vec!["ApiKey realm=\"tollgate\"", "Hawk"]),
        (vec![], &missing, vec![]),
    ] {
        let denial = accept(&schemes).refuse(reason.clone());
        let challenges: Vec<_> = denial.headers().into_iter().map(|(_, value)| value).collect();
        assert_eq!(challenges, expected);
    }
}

#[test]
fn the_first_scheme_is_wanted() {
    for (schemes, expected) in [
        (vec![hawk(), jwt()], Wanted::Hawk),
        (vec![jwt(), hawk()], Wanted::Jwt),
        (vec![api_key(), jwt()], Wanted::ApiKey),
        (vec![], Wanted::ApiKey),
    ] {
        assert_eq!(accept(&schemes).wanted(), expected);
    }
}

#[test]
fn percent_decoding_leaves_what_is_no_encoding() {
    for (text, expected) in [
        ("", &b""[..]),
        ("plain", b"plain"),
        ("%41%7a", b"Az"),
        ("%ff%00", b"\xff\x00"),
        ("%", b"%"),
        ("%4", b"%4"),
        ("%4g", b"%4g"),
        ("%+1", b"%+1"),
        ("%%41", b"%A"),
        ("a+b", b"a+b"),
    ] {
        assert_eq!(&*percent_decode(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_material_is_judged_without_panic(
        scheme in "(Bearer|Hawk|ApiKey|)",
        value in "( ?[a-z]{0,4}=?\"?[ -~]{0,12}\"?,?){0,5}|[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,30}",
        query in "(bewit|jwt|api_key)=([A-Za-z0-9_=-]|%[0-9a-f]{0,2}){0,24}",
    ) {
        let hawk = Scheme::Hawk(hawk::Options { bewit: true, ..hawk::Options::default() });
        for compat in [Compat::None, Compat::Apisix] {
            let accept = Accept { compat, ..accept(&[jwt(), hawk.clone(), api_key()]) };
            let header = format!("{scheme} {value}");
            for headers in [&[("authorization", header.as_str())][..], &[]] {
                let outcome = outcome(&format!("/?{query}"), headers, &accept);
                prop_assert!(!outcome.contains('-'), "{} identified somebody", outcome);
            }
        }
    }
}
