//! Whole requests through `identify`: what is signed, what is refused, and in which order.

use http::{HeaderValue, Method};

use crate::authn::hawk::{
    Algorithm, BadAttribute, Key, KeyError, Nonces, Options, Refusal, Request, SignedHost, sign,
};
use crate::authn::{Accept, Answer, Compat, Identity, Memory, Scheme, identify, jwt};
use crate::denial::{Denial, Malformed, Unauthenticated};
use crate::fixtures::{SECRET, at, credentials, head, known};
use crate::head::Head;

const NOW: u64 = 1_700_000_000;
const PATH: &str = "/predict?b=1&a=2";

/// A gate that keeps its memory from one request to the next.
struct Gate {
    accept: Accept,
    memory: Memory,
}

impl Gate {
    fn new(options: Options) -> Self {
        let memory = Memory { proofs: jwt::Proofs::new(8), nonces: Nonces::new(3) };
        Self { accept: Accept { schemes: vec![Scheme::Hawk(options)], ..Accept::default() }, memory }
    }

    fn ask(&self, head: &Head, now: u64) -> Answer {
        identify(head, &self.accept, &known(&credentials()), &self.memory, at(now))
    }

    /// The outcome in the words of the table tests: `ok`, `unproven`, `absent`, a reason or a denial.
    fn outcome(&self, head: &Head, now: u64) -> String {
        match self.ask(head, now) {
            Answer::Absent => "absent".into(),
            Answer::Identified(identity) => {
                assert_eq!(&*identity.credential.id, "dh-hawk");
                "ok".into()
            }
            Answer::Unproven(_) => "unproven".into(),
            Answer::Ask(_) => "ask".into(),
            Answer::Rejected(Denial::Unauthenticated { reason: Unauthenticated::Hawk(refusal), .. }) => {
                refusal.message().into()
            }
            Answer::Rejected(Denial::Malformed(Malformed::Hawk(why))) => format!("400 {why}"),
            Answer::Rejected(denial) => format!("{denial:?}"),
        }
    }
}

fn key() -> Key {
    Key::new("dh", Algorithm::Sha256, SECRET).unwrap()
}

fn request(key: &Key) -> Request<'_> {
    Request {
        key,
        ts: NOW,
        nonce: "n1",
        method: &Method::GET,
        resource: PATH,
        host: Some(("example.com", 80)),
        payload: None,
        ext: None,
        app: None,
        dlg: None,
    }
}

/// `GET` of [`PATH`] with the header of this request.
fn get(change: impl FnOnce(&mut Request<'_>)) -> Head {
    let key = key();
    let mut request = request(&key);
    change(&mut request);
    with_header(&sign(&request).unwrap())
}

fn with_header(value: &str) -> Head {
    head(&format!("GET {PATH}"), &[("authorization", value)])
}

#[track_caller]
fn check(options: Options, head: &Head, expected: &str) {
    assert_eq!(Gate::new(options).outcome(head, NOW), expected);
}

#[test]
fn the_whole_head_is_signed() {
    let wrong = Key::new("dh", Algorithm::Sha256, b"wrong").unwrap();
    let sha1 = Key::new("dh", Algorithm::Sha1, SECRET).unwrap();
    let unknown = Key::new("eve", Algorithm::Sha256, SECRET).unwrap();
    let other = |key: &Key| with_header(&sign(&request(key)).unwrap());
    for (head, expected) in [
        (get(|_| {}), "ok"),
        (get(|request| (request.ext, request.app, request.dlg) = (Some("e"), Some("a"), Some("d"))), "ok"),
        (get(|request| request.method = &Method::POST), "Bad mac"),
        (get(|request| request.resource = "/predict?a=2&b=1"), "Bad mac"),
        (get(|request| request.host = Some(("example.net", 80))), "Bad mac"),
        (get(|request| request.host = Some(("example.com", 443))), "Bad mac"),
        (get(|request| request.host = None), "Bad mac"),
        (other(&wrong), "Bad mac"),
        (other(&sha1), "Bad mac"),
        (other(&unknown), "Unknown credentials"),
    ] {
        check(Options::default(), &head, expected);
    }
}

#[test]
fn the_host_line_is_an_option() {
    let fixed = || SignedHost::Fixed { host: "public.example".into(), port: 8443 };
    for (host, signed, expected) in [
        (SignedHost::BarePath, None, "ok"),
        (SignedHost::BarePath, Some(("example.com", 80)), "Bad mac"),
        (fixed(), Some(("public.example", 8443)), "ok"),
        (fixed(), Some(("example.com", 80)), "Bad mac"),
    ] {
        check(Options { host, ..Options::default() }, &get(|request| request.host = signed), expected);
    }
}

#[test]
fn port_and_brackets_of_the_host() {
    for (name, port, secure, signed, expected) in [
        ("example.com", None, true, ("example.com", 443), "ok"),
        ("example.com", Some(8080), true, ("example.com", 8080), "ok"),
        ("[::1]", Some(8080), false, ("[::1]", 8080), "ok"),
        ("[::1]", Some(8080), false, ("::1", 8080), "ok"),
        ("[::1]", None, false, ("::2", 80), "Bad mac"),
    ] {
        let mut head = get(|request| request.host = Some(signed));
        head.host = crate::head::Host { name: name.into(), port };
        head.secure = secure;
        check(Options::default(), &head, expected);
    }
}

#[test]
fn the_grammar_is_strict() {
    const GOOD: &str = r#"id="dh", ts="1700000000", nonce="n", mac="x""#;
    for (attributes, expected) in [
        (GOOD.to_owned(), "Bad mac"),
        (GOOD.replace(", ", ","), "Bad mac"),
        (GOOD.replace(", ", " ,\t  "), "Bad mac"),
        (String::new(), "400 it has no attributes"),
        (" ".into(), "400 it has no attributes"),
        (GOOD.replace("id=\"dh\", ", ""), "400 `id` is missing"),
        (GOOD.replace("ts=\"1700000000\", ", ""), "400 `ts` is missing"),
        (GOOD.replace("nonce=\"n\", ", ""), "400 `nonce` is missing"),
        (GOOD.replace(", mac=\"x\"", ""), "400 `mac` is missing"),
        (format!("{GOOD}, id=\"dh\""), "400 it has an attribute twice"),
        (format!("{GOOD}, error=\"x\""), "400 it has an unknown attribute"),
        (format!("{GOOD}, ID=\"dh\""), "400 it has an unknown attribute"),
        (format!("{GOOD}, ext=\"\""), "400 it has an empty attribute"),
        (format!("{GOOD}, ext=\"a\\b\""), "400 it holds a character that may not stand there"),
        (format!("{GOOD}, ext=\"\t\""), "400 it holds a character that may not stand there"),
        (format!("{GOOD} ext=\"x\""), "400 there is text between its attributes"),
        (format!("{GOOD}; ext=\"x\""), "400 there is text between its attributes"),
        (format!("{GOOD},"), "400 an attribute is not of the form `name=\"value\"`"),
        (format!("{GOOD}, ext=x"), "400 an attribute is not of the form `name=\"value\"`"),
        (format!("{GOOD}, ext=\"x"), "400 an attribute is not of the form `name=\"value\"`"),
        (GOOD.replace("1700000000", "abc"), "400 `ts` is no number of seconds"),
        (GOOD.replace("1700000000", "+1"), "400 `ts` is no number of seconds"),
        (GOOD.replace("1700000000", "1.5"), "400 `ts` is no number of seconds"),
        (GOOD.replace("1700000000", "99999999999999999999"), "400 `ts` is no number of seconds"),
        (format!("{GOOD}, ext=\"{}\"", "x".repeat(4096)), "400 it is longer than 4096 bytes"),
    ] {
        check(Options::default(), &with_header(&format!("Hawk {attributes}")), expected);
    }
    for (value, expected) in
        [("Hawk", "400 it has no attributes"), ("hAwK id=\"\"", "400 it has an empty attribute")]
    {
        check(Options::default(), &with_header(value), expected);
    }
}

#[test]
fn time_is_within_the_skew_both_ways() {
    let gate = Gate::new(Options::default());
    for (ts, expected) in [
        (NOW - 61, "Stale timestamp"),
        (NOW - 60, "ok"),
        (NOW + 60, "ok"),
        (NOW + 61, "Stale timestamp"),
        (0, "Stale timestamp"),
        (i64::MAX as u64, "Stale timestamp"),
    ] {
        assert_eq!(gate.outcome(&get(|request| request.ts = ts), NOW), expected, "{ts}");
    }
}

#[test]
fn a_stale_caller_learns_our_clock() {
    let Answer::Rejected(denial) =
        Gate::new(Options::default()).ask(&get(|request| request.ts = 1), 1_365_741_469)
    else {
        unreachable!()
    };
    let challenge = &denial.headers()[0].1;
    let expected = r#"Hawk ts="1365741469", tsm="b4Qqhz8OUBq21saghHLV1ktwlXE72T1xtTEZkSlWizA=", error="Stale timestamp""#;
    assert_eq!(challenge, expected);
}

#[test]
fn challenges() {
    for (reason, expected) in [
        (Unauthenticated::ApiKey, "Hawk"),
        (Unauthenticated::Hawk(Refusal::BadMac), "Hawk error=\"Bad mac\""),
        (Unauthenticated::Hawk(Refusal::InvalidNonce), "Hawk error=\"Invalid nonce\""),
    ] {
        assert_eq!(crate::authn::hawk::challenge(&reason), expected);
    }
}

#[test]
fn a_nonce_counts_once_and_only_for_good_requests() {
    let gate = Gate::new(Options::default());
    let (first, again) = (get(|_| {}), get(|_| {}));
    let forged = with_header(&sign(&request(&key())).unwrap().replace("mac=\"", "mac=\"A"));
    assert_eq!(gate.outcome(&forged, NOW), "Bad mac");
    assert_eq!(gate.outcome(&first, NOW + 61), "Stale timestamp");
    assert_eq!(gate.outcome(&first, NOW), "ok");
    assert_eq!(gate.outcome(&again, NOW + 60), "Invalid nonce");
    for nonce in ["n2", "n3"] {
        assert_eq!(gate.outcome(&get(|request| request.nonce = nonce), NOW + 1), "ok");
    }
    let more = get(|request| (request.nonce, request.ts) = ("n4", NOW + 60));
    assert_eq!(gate.outcome(&more, NOW + 21), "NonceLimit { retry_after: 100 }");
    assert_eq!(gate.outcome(&again, NOW + 21), "Invalid nonce", "what is remembered stays");
}

fn post(payload: Option<(&str, &[u8])>, has_body: bool) -> Head {
    let key = key();
    let header = sign(&Request { method: &Method::POST, payload, ..request(&key) }).unwrap();
    let mut head = head(&format!("POST {PATH}"), &[("authorization", &header)]);
    head.has_body = has_body;
    head
}

#[test]
fn a_body_needs_a_hash() {
    let optional = || Options { payload_required: false, ..Options::default() };
    let payload = Some(("text/plain", &b"hi"[..]));
    for (options, head, expected) in [
        (Options::default(), post(None, true), "Missing required payload hash"),
        (Options::default(), post(None, false), "ok"),
        (Options::default(), post(payload, true), "unproven"),
        (Options::default(), post(payload, false), "unproven"),
        (optional(), post(None, true), "ok"),
        (optional(), post(payload, true), "unproven"),
    ] {
        check(options, &head, expected);
    }
}

fn prove(content_type: Option<&'static str>, body: &[u8]) -> Result<Identity, Denial> {
    let gate = Gate::new(Options::default());
    let Answer::Unproven(unproven) = gate.ask(&post(Some(("text/plain", b"hi")), true), NOW) else {
        unreachable!()
    };
    unproven.prove(&gate.accept, content_type.map(HeaderValue::from_static).as_ref(), body)
}

#[test]
fn the_body_is_proven() {
    assert_eq!(&*prove(Some("text/plain; charset=utf-8"), b"hi").unwrap().credential.id, "dh-hawk");
    for (content_type, body) in [
        (Some("text/plain"), &b"ho"[..]),
        (Some("text/plain"), b""),
        (Some("text/html"), b"hi"),
        (None, b"hi"),
    ] {
        let denial = prove(content_type, body).unwrap_err();
        assert_eq!(denial.headers()[0].1, "Hawk error=\"Bad payload hash\"");
    }
}

/// mohawk 1.1.0 verifies these answers to the same request (`Sender.accept_response`).
#[test]
fn answers_are_signed() {
    let head = get(|request| (request.ext, request.app, request.dlg) = (Some("e"), Some("a"), Some("d")));
    let Answer::Identified(identity) = Gate::new(Options::default()).ask(&head, NOW) else { unreachable!() };
    let artifacts = identity.hawk.unwrap();
    for (payload, expected) in [
        (
            Some(("application/json", &br#"{"ok":true}"#[..])),
            r#"Hawk mac="CbFw+wsrqhnrKniuDWZWwJ2i9TNIAdPNscA2odXIxS4=", hash="Q59P0F9qwriPU5ugE1Pc8hHecVcG2mRJYN2cGDx3KKw=""#,
        ),
        (None, r#"Hawk mac="7MFRbd6o1V0EyWUWYBxO2jB+ri41l4TQdgswu/4K4sU=""#),
    ] {
        assert_eq!(artifacts.server_authorization(payload).unwrap(), expected);
    }
}

fn bewit(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

/// A bewit for [`PATH`] that ends at `exp`.
fn good_bewit(exp: &str, method: &str) -> String {
    use crate::authn::hawk::host::HostLines;
    use crate::authn::hawk::mac::{Kind, Signed};
    let mac = key().mac(&Signed {
        kind: Kind::Bewit,
        ts: exp,
        nonce: "",
        method,
        resource: PATH,
        host: HostLines { host: "example.com", port: Some(80) },
        hash: None,
        ext: None,
        app: None,
        dlg: None,
    });
    bewit(&format!("dh\\{exp}\\{mac}\\"))
}

#[test]
fn bewits() {
    let good = good_bewit("1700000001", "GET");
    for (line, expected) in [
        (format!("GET {PATH}&bewit={good}"), "ok"),
        (format!("HEAD {PATH}&bewit={good}"), "ok"),
        (format!("GET /predict?bewit={good}&b=1&a=2"), "ok"),
        (format!("GET /predict?b=1&bewit={good}&a=2"), "ok"),
        (format!("GET {PATH}&bewit={good}="), "ok"),
        (format!("GET {PATH}&bewit={good}%3D"), "ok"),
        (format!("POST {PATH}&bewit={good}"), "Invalid method"),
        (format!("GET {PATH}&c=3&bewit={good}"), "Bad mac"),
        (format!("GET {PATH}&bewit={}", good_bewit("1700000000", "GET")), "Access expired"),
        (format!("GET {PATH}&bewit={}", good_bewit("1700000001", "HEAD")), "Bad mac"),
        (format!("GET {PATH}&bewit={}", bewit("dh\\1\\x\\")), "Bad mac"),
        (format!("GET {PATH}&bewit={}", bewit("eve\\1\\x\\")), "Unknown credentials"),
        (format!("GET {PATH}&bewit="), "Empty bewit"),
        (format!("GET {PATH}&bewit"), "absent"),
        (format!("GET {PATH}&bewit=%21"), "400 the bewit is no base64url"),
        (format!("GET {PATH}&bewit={}", bewit("dh\\1\\x")), "400 the bewit has not four parts"),
        (format!("GET {PATH}&bewit={}", bewit("dh\\1\\x\\\\")), "400 the bewit has not four parts"),
        (format!("GET {PATH}&bewit={}", bewit("\\1\\x\\")), "400 a part of the bewit is missing"),
        (format!("GET {PATH}&bewit={}", bewit("dh\\\\x\\")), "400 a part of the bewit is missing"),
        (format!("GET {PATH}&bewit={}", bewit("dh\\1\\\\")), "400 a part of the bewit is missing"),
        (
            format!("GET {PATH}&bewit={}", bewit("dh\\soon\\x\\")),
            "400 the bewit's end is no number of seconds",
        ),
        (format!("GET {PATH}&bewit={good}&bewit={good}"), "Ambiguous"),
        (
            format!("GET {PATH}&x={}&bewit={good}", "x".repeat(4096)),
            "400 the target with the bewit is longer than 4096 bytes",
        ),
    ] {
        check(Options { bewit: true, ..Options::default() }, &head(&line, &[]), expected);
    }
    check(Options::default(), &head(&format!("GET {PATH}&bewit={good}"), &[]), "absent");
    let both = head(&format!("GET {PATH}&bewit={good}"), &[("authorization", "Basic eA==")]);
    check(Options { bewit: true, ..Options::default() }, &both, "Ambiguous");
}

#[test]
fn a_bewit_may_be_used_again() {
    let gate = Gate::new(Options { bewit: true, ..Options::default() });
    let head = head(&format!("GET {PATH}&bewit={}", good_bewit("1700000001", "GET")), &[]);
    for _ in 0..2 {
        assert_eq!(gate.outcome(&head, NOW), "ok");
    }
}

#[test]
fn two_headers() {
    let header = sign(&request(&key())).unwrap();
    let twice = head(&format!("GET {PATH}"), &[("authorization", &header), ("authorization", &header)]);
    let mut gate = Gate::new(Options::default());
    assert_eq!(gate.outcome(&twice, NOW), "Ambiguous");
    gate.accept.compat = Compat::Apisix;
    assert_eq!(gate.outcome(&twice, NOW), "ok");
}

#[test]
fn keys_and_signatures_refuse_what_cannot_be_read_back() {
    for (id, secret, expected) in [
        ("", SECRET, KeyError::Id),
        ("a\"b", SECRET, KeyError::Id),
        ("ä", SECRET, KeyError::Id),
        ("a", b"", KeyError::EmptySecret),
    ] {
        assert_eq!(Key::new(id, Algorithm::Sha256, secret).map(|_| ()), Err(expected));
    }
    let key = key();
    let signed = sign(&Request { ext: Some("a\\b"), ..request(&key) });
    assert_eq!(signed, Err(BadAttribute { name: "ext" }));
    let shown = format!("{key:?}");
    assert_eq!(shown, r#"Key { id: "dh", algorithm: Sha256, .. }"#);
}
