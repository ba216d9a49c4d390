use super::{Credentials, Digest, Proof};
use crate::authn::{hawk, jwt};
use crate::consumer::Scopes;
use crate::fixtures::{SECRET, consumer, credential, credentials};

fn jwt_key(name: &str) -> Proof {
    Proof::Jwt(Box::new(
        jwt::Key::new(name, jwt::Algorithm::Hs256, jwt::Material::Secret(SECRET)).unwrap(),
    ))
}

fn hawk_key(id: &str) -> Proof {
    Proof::Hawk(hawk::Key::new(id, hawk::Algorithm::Sha256, SECRET).unwrap())
}

#[test]
fn each_kind_has_its_own_names() {
    let credentials = credentials();
    assert_eq!(
        &*credentials.api_key(&Digest::of(b"hk_live_ann")).unwrap().id,
        "ann-api_key"
    );
    assert_eq!(&*credentials.jwt("joe").unwrap().id, "joe-jwt");
    assert_eq!(&*credentials.hawk("dh").unwrap().id, "dh-hawk");
    assert!(credentials.api_key(&Digest::of(b"joe")).is_none());
    assert!(credentials.jwt("dh").is_none());
    assert!(credentials.hawk("joe").is_none());
    assert_eq!(credentials.iter().count(), 4);
}

#[test]
fn a_lookup_key_belongs_to_one_credential() {
    for (proof, expected) in [
        (
            Proof::ApiKey(Digest::of(b"hk_live_ann")),
            "consumer `ann` already has the same API key value",
        ),
        (
            jwt_key("joe"),
            "consumer `joe` already has a `jwt` credential with the key `joe`",
        ),
        (
            hawk_key("dh"),
            "consumer `dh` already has a `hawk` credential with the id `dh`",
        ),
    ] {
        let mut credentials = credentials();
        let refused = credentials
            .insert(credential(&consumer("eve", &[]), proof, None))
            .unwrap_err();
        assert_eq!(refused.to_string(), expected);
        assert!(
            credentials
                .iter()
                .all(|credential| credential.consumer.name.as_str() != "eve")
        );
    }
    let mut others = Credentials::default();
    for proof in [
        jwt_key("a"),
        jwt_key("A"),
        hawk_key("a"),
        Proof::ApiKey(Digest::of(b"a")),
    ] {
        others
            .insert(credential(&consumer("eve", &[]), proof, None))
            .unwrap();
    }
}

#[test]
fn own_scopes_replace_the_consumers() {
    let scopes = |own: Option<&[&str]>| {
        let own = own.map(|list| list.iter().copied().collect::<Scopes>());
        credential(&consumer("c", &["a", "b"]), jwt_key("k"), own)
            .scopes()
            .to_string()
    };
    assert_eq!(scopes(None), "a b");
    assert_eq!(scopes(Some(&["c"])), "c");
    assert_eq!(scopes(Some(&[])), "");
}

#[test]
fn digests_are_sha_256_and_not_shown() {
    // FIPS 180-2, appendix B.1.
    assert_eq!(Digest::of(b"abc").0[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(Digest::of_parts(&[b"a", b"", b"bc"]), Digest::of(b"abc"));
    assert_eq!(format!("{:?}", Digest::of(b"abc")), "Digest(…)");
}
