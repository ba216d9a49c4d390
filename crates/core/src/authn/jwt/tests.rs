mod keys;
mod vectors;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Fail, Options, Proofs, Refusal, judge};
use crate::authn::jwt::{Algorithm, Key, Material};
use crate::credential::{Credentials, Digest, Proof};
use crate::fixtures::{SECRET, at, consumer, credential, credentials, known, token};
use crate::time::Now;

const NOW: u64 = 1_700_000_000;

#[track_caller]
fn check(token: &str, expected: Result<(), Refusal>) {
    let got = judge(token.as_bytes(), &Options::default(), &known(&credentials()), &Proofs::new(8), at(NOW));
    assert_eq!(
        got.map(|credential| assert_eq!(&*credential.id, "joe-jwt")),
        expected.map_err(Fail::from),
        "{token}"
    );
}

/// A token with this header and these claims as they stand, signed rightly.
fn raw(header: &str, claims: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())))
}

#[test]
fn claims_decide() {
    for (claims, expected) in [
        (json!({ "key": "joe" }), Ok(())),
        (json!({ "key": "joe", "exp": NOW + 1, "nbf": NOW, "iat": "ignored" }), Ok(())),
        (json!({}), Err(Refusal::NoKeyClaim)),
        (json!({ "key": 7 }), Err(Refusal::NoKeyClaim)),
        (json!({ "key": ["joe"] }), Err(Refusal::NoKeyClaim)),
        (json!({ "key": "" }), Err(Refusal::UnknownKey)),
        (json!({ "key": "Joe" }), Err(Refusal::UnknownKey)),
    ] {
        check(&token(claims), expected);
    }
}

#[test]
fn times_decide() {
    for (times, holds) in [
        (json!({ "exp": NOW }), false),
        (json!({ "exp": NOW + 1 }), true),
        (json!({ "exp": NOW as f64 + 0.5 }), true),
        (json!({ "exp": NOW as f64 - 0.5 }), false),
        (json!({ "exp": 1e300 }), true),
        (json!({ "exp": u64::MAX }), true),
        (json!({ "exp": 0 }), false),
        (json!({ "exp": -1 }), false),
        (json!({ "exp": -1e300 }), false),
        (json!({ "exp": (NOW + 9).to_string() }), false),
        (json!({ "exp": null }), false),
        (json!({ "exp": [NOW + 9] }), false),
        (json!({ "nbf": NOW }), true),
        (json!({ "nbf": NOW + 1 }), false),
        (json!({ "nbf": NOW as f64 + 0.5 }), false),
        (json!({ "nbf": -1e300 }), true),
        (json!({ "nbf": 1e300 }), false),
        (json!({ "nbf": i64::MIN }), true),
        (json!({ "nbf": "0" }), false),
        (json!({ "nbf": false }), false),
    ] {
        let mut claims = times;
        claims["key"] = json!("joe");
        check(&token(claims), if holds { Ok(()) } else { Err(Refusal::NotVerified) });
    }
}

#[test]
fn leeway_widens_both_ends() {
    let options = Options { leeway: 30, ..Options::default() };
    for (claims, holds) in [
        (json!({ "key": "joe", "exp": NOW - 29 }), true),
        (json!({ "key": "joe", "exp": NOW - 30 }), false),
        (json!({ "key": "joe", "nbf": NOW + 30 }), true),
        (json!({ "key": "joe", "nbf": NOW + 31 }), false),
    ] {
        let got = judge(token(claims).as_bytes(), &options, &known(&credentials()), &Proofs::new(8), at(NOW));
        assert_eq!(got.is_ok(), holds);
    }
}

#[test]
fn headers_decide() {
    const CLAIMS: &str = r#"{"key":"joe"}"#;
    for (header, expected) in [
        (r#"{"alg":"HS256"}"#, Ok(())),
        (r#"{"alg":"HS256","b64":true,"kid":"../../etc/passwd","jku":"http://evil.example/"}"#, Ok(())),
        (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"],"x5u":"http://evil.example/"}"#, Ok(())),
        (r#"{"alg":"HS384"}"#, Err(Refusal::NotVerified)),
        (r#"{"alg":"RS256"}"#, Err(Refusal::NotVerified)),
        (r#"{"alg":"hs256"}"#, Err(Refusal::NotVerified)),
        (r#"{"alg":"none"}"#, Err(Refusal::NotVerified)),
        (r#"{"alg":"NONE"}"#, Err(Refusal::NotVerified)),
        (r#"{"alg":"nOnE"}"#, Err(Refusal::NotVerified)),
        (r#"{"alg":""}"#, Err(Refusal::NotVerified)),
        (r#"{"typ":"JWT"}"#, Err(Refusal::Malformed)),
        (r#"{"alg":256}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","alg":"HS256"}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"none","alg":"HS256"}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","\u0061lg":"HS256"}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","x":{"y":1,"y":2}}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","crit":[]}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","crit":["exp"]}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","b64":false}"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256","zip":"DEF"}"#, Err(Refusal::Malformed)),
        (r#"["HS256"]"#, Err(Refusal::Malformed)),
        (r#"{"alg":"HS256"} x"#, Err(Refusal::Malformed)),
        (r#""#, Err(Refusal::Malformed)),
    ] {
        check(&raw(header, CLAIMS), expected);
    }
}

#[test]
fn claims_are_an_object_without_repetition() {
    const HEADER: &str = r#"{"alg":"HS256"}"#;
    for claims in [
        r#"{"key":"joe","key":"joe"}"#,
        r#"{"key":"joe","exp":1,"exp":99999999999}"#,
        r#"{"key":"joe","exp":1e400}"#,
        r#"["key","joe"]"#,
        r#""joe""#,
        "",
        "{",
    ] {
        check(&raw(HEADER, claims), Err(Refusal::Malformed));
    }
    let deep = format!(r#"{{"key":"joe","x":{}{}}}"#, "[".repeat(4000), "]".repeat(4000));
    check(&raw(HEADER, &deep), Err(Refusal::Malformed));
}

#[test]
fn the_form_is_strict() {
    let good = token(json!({ "key": "joe" }));
    check(&good, Ok(()));
    let (message, signature) = good.rsplit_once('.').unwrap();
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "joe".into(),
        message.into(),
        format!("{good}."),
        format!("{good}=="),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace('.', ".."),
        good.replace('.', "%2e"),
        format!("{message}.{signature} "),
        "ey".repeat(9000),
        format!("{message}.{}", "A".repeat(16 * 1024)),
    ] {
        check(&bad, Err(Refusal::Malformed));
    }
    for bad in [format!("{message}."), format!("{message}.AAAA"), format!("{message}.{}", "A".repeat(43))] {
        check(&bad, Err(Refusal::NotVerified));
    }
}

/// One token, asked for again under changed circumstances.
struct Again {
    proofs: Proofs,
    credentials: Credentials,
    options: Options,
    token: String,
}

impl Again {
    fn new(claims: Value) -> Self {
        Self {
            proofs: Proofs::new(8),
            credentials: credentials(),
            options: Options::default(),
            token: token(claims),
        }
    }

    fn ask(&self, now: Now) -> Result<(), Fail> {
        judge(self.token.as_bytes(), &self.options, &known(&self.credentials), &self.proofs, now).map(|_| ())
    }
}

#[test]
fn a_proof_is_judged_again_by_time() {
    let again = Again::new(json!({ "key": "joe", "exp": NOW + 100 }));
    assert_eq!(again.ask(at(NOW)), Ok(()));
    assert_eq!(again.ask(at(NOW + 99)), Ok(()));
    assert_eq!(again.ask(at(NOW + 100)), Err(Refusal::NotVerified.into()));
    assert_eq!(again.ask(at(NOW)), Ok(()), "a clock set back opens it again");
}

#[test]
fn a_proof_falls_with_its_credential_key_and_claim() {
    let mut again = Again::new(json!({ "key": "joe", "sub": "joe" }));
    assert_eq!(again.ask(at(NOW)), Ok(()));

    again.options.claim = "sub".into();
    assert_eq!(again.ask(at(NOW)), Ok(()));
    again.options.claim = "iss".into();
    assert_eq!(again.ask(at(NOW)), Err(Refusal::NoKeyClaim.into()));
    again.options.claim = "key".into();

    again.credentials = Credentials::default();
    assert_eq!(again.ask(at(NOW)), Err(Refusal::UnknownKey.into()));

    for (algorithm, secret) in [(Algorithm::Hs256, &b"another secret"[..]), (Algorithm::Hs512, SECRET)] {
        let key = Key::new("joe", algorithm, Material::Secret(secret)).unwrap();
        again.credentials = Credentials::default();
        let proof = Proof::Jwt(Box::new(key));
        again.credentials.insert(credential(&consumer("joe", &[]), proof, None)).unwrap();
        assert_eq!(again.ask(at(NOW)), Err(Refusal::NotVerified.into()));
    }

    again.credentials = credentials();
    assert_eq!(again.ask(at(NOW)), Ok(()));
}

#[test]
fn a_proof_of_another_credential_with_the_same_key_names_the_new_one() {
    let again = Again::new(json!({ "key": "joe" }));
    assert_eq!(again.ask(at(NOW)), Ok(()));
    let mut moved = Credentials::default();
    let key = Key::new("joe", Algorithm::Hs256, Material::Secret(SECRET)).unwrap();
    moved.insert(credential(&consumer("eve", &[]), Proof::Jwt(Box::new(key)), None)).unwrap();
    let found =
        judge(again.token.as_bytes(), &again.options, &known(&moved), &again.proofs, at(NOW)).unwrap();
    assert_eq!(&*found.id, "eve-jwt");
}

#[test]
fn proofs_are_kept_for_ten_minutes_and_only_for_good_tokens() {
    let proofs = Proofs::new(8);
    let credentials = credentials();
    let id = super::proofs::id(b"x", "key");
    let Proof::Jwt(key) = &credentials.jwt("joe").unwrap().proof else { unreachable!() };
    let times = super::Times::of(&serde_json::Map::new()).unwrap();
    proofs.remember(id, credentials.jwt("joe").unwrap(), key, times, at(0));
    assert!(proofs.find(&id, &known(&credentials), at(599)).is_some());
    assert!(proofs.find(&id, &known(&credentials), at(600)).is_none());

    let bad = judge(b"x.y.z", &Options::default(), &known(&credentials), &proofs, at(0));
    assert_eq!(bad.map(|_| ()), Err(Refusal::Malformed.into()));
    assert_eq!(format!("{proofs:?}"), "Proofs { tokens: 1 }");
}

#[test]
fn proof_ids_do_not_run_together() {
    let id = super::proofs::id;
    assert_eq!(id(b"ab", "c"), id(b"ab", "c"));
    assert_ne!(id(b"ab", "c"), id(b"b", "ca"));
    assert_ne!(id(b"ab", "key"), id(b"ab", "sub"));
    assert_ne!(id(b"ab", "c"), Digest::of(b"cab"));
}

#[test]
fn challenges_say_what_is_wrong() {
    use crate::denial::{Unauthenticated, Wanted};
    for (reason, expected) in [
        (Unauthenticated::Missing(Wanted::Jwt), r#"Bearer realm="tollgate""#),
        (
            Unauthenticated::Jwt(Refusal::NotVerified),
            r#"Bearer realm="tollgate", error="invalid_token", error_description="the token could not be verified""#,
        ),
    ] {
        assert_eq!(super::challenge(&reason), expected);
    }
}

#[test]
fn unverified_tokens_name_credentials() {
    let credentials = credentials();
    let forged = token(json!({ "key": "joe" })) + "AAAA";
    for (token, expected) in [
        (forged.as_str(), true),
        (&token(json!({ "key": "eve" })), false),
        (&token(json!({ "sub": "joe" })), false),
        ("ey.ey.ey", false),
        (&"ey".repeat(20_000), false),
    ] {
        assert_eq!(super::names_a_credential(token.as_bytes(), &known(&credentials)), expected, "{token}");
    }
}

#[test]
fn nothing_shows_the_secret() {
    let secret = std::str::from_utf8(SECRET).unwrap();
    let credential: Arc<_> = credentials().jwt("joe").unwrap().clone();
    let shown = format!("{credential:?} {:?}", Material::Secret(SECRET));
    assert!(shown.contains("joe") && !shown.contains(secret) && !shown.contains("119, 101"), "{shown}");
}
