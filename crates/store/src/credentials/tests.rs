use super::{Kind, Lookup, NewProof};
use tollgate_core::credential::Digest;
use tollgate_core::credential::api_key_text::{Environment, make};

#[test]
fn the_beginning_of_a_key_is_shown_as_far_as_it_gives_nothing_away() {
    let check = |text: &str, expected: Option<&str>| {
        let NewProof::ApiKey { display, .. } = NewProof::api_key(text) else { unreachable!() };
        assert_eq!(display.as_deref(), expected, "{text}");
    };
    let ours = make(Environment::Live, [5; 32]);
    check(&ours, Some(&ours[..12]));
    check("hk_live_mistyped", None);
    check("sk-0123456789abcdef0123456789abcdef", Some("sk-0"));
    check("short", None);
    check("", None);
}

#[test]
fn a_digest_is_not_shown() {
    let check = |lookup: Lookup, expected: &str| assert_eq!(format!("{lookup:?}"), expected);
    check(Lookup::digest(Digest::of(b"abc")), "Lookup(…)");
    check(Lookup::text("iss_a").unwrap(), "Lookup(\"iss_a\")");
    check(Lookup::digest(Digest([b'a'; 32])), "Lookup(…)");
}

#[test]
fn kinds_are_read_as_they_are_written() {
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
    }
    "basic".parse::<Kind>().unwrap_err();
}
