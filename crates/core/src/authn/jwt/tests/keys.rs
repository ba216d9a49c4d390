//! Which material makes a key, and every algorithm both ways.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::authn::jwt::jws::Jws;
use crate::authn::jwt::{Algorithm, Key, KeyError, Material, SignError, sign};

/// PEM of a private key and of its public key.
#[derive(Clone)]
struct Pair {
    private: String,
    public: String,
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn rsa() -> Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Pair {
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", public.as_ref()),
        }
    })
    .clone()
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Pair {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Pair {
        private: pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()),
        public: pem("PUBLIC KEY", public.as_ref()),
    }
}

fn ed() -> Pair {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Pair {
        private: pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()),
        public: pem("PUBLIC KEY", public.as_ref()),
    }
}

fn pair(algorithm: Algorithm) -> Option<Pair> {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        Algorithm::Es256 => Some(ec(&ECDSA_P256_SHA256_FIXED_SIGNING)),
        Algorithm::Es384 => Some(ec(&ECDSA_P384_SHA384_FIXED_SIGNING)),
        Algorithm::Es512 => Some(ec(&ECDSA_P521_SHA512_FIXED_SIGNING)),
        Algorithm::EdDsa => Some(ed()),
        _ => Some(rsa()),
    }
}

#[track_caller]
fn refused(algorithm: Algorithm, material: Material<'_>, expected: KeyError) {
    assert_eq!(Key::new("k", algorithm, material).map(|_| ()), Err(expected));
}

#[test]
fn what_is_signed_verifies_with_its_own_algorithm_only() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let claims = json!({ "key": "k" });
    for algorithm in Algorithm::ALL {
        let (private, key) = match pair(algorithm) {
            Some(pair) => {
                let key = Key::new("k", algorithm, Material::Pem(pair.public.as_bytes())).unwrap();
                (pair.private, key)
            }
            None => (
                SECRET.to_owned(),
                Key::new("k", algorithm, Material::Secret(SECRET.as_bytes())).unwrap(),
            ),
        };
        let token = sign(algorithm, private.as_bytes(), &claims).unwrap();
        assert!(
            key.verifies(&Jws::parse(token.as_bytes()).unwrap()),
            "{algorithm}"
        );
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let mut jws = Jws::parse(token.as_bytes()).unwrap();
            jws.algorithm = other.name().to_owned();
            assert!(!key.verifies(&jws), "{algorithm} as {other}");
        }
    }
}

#[test]
fn algorithms_have_exact_names() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
    }
    for name in [
        "none", "NONE", "rs256", "ES256K", "Ed25519", "EDDSA", "HS256 ", "",
    ] {
        assert!(name.parse::<Algorithm>().is_err(), "{name}");
    }
}

#[test]
fn material_must_fit_the_algorithm() {
    let (rsa, p256, p384, ed) = (
        rsa(),
        pair(Algorithm::Es256).unwrap(),
        pair(Algorithm::Es384).unwrap(),
        ed(),
    );
    for (algorithm, pem) in [
        (Algorithm::Rs256, &p256),
        (Algorithm::Ps512, &ed),
        (Algorithm::Es256, &rsa),
        (Algorithm::Es256, &p384),
        (Algorithm::Es384, &p256),
        (Algorithm::Es512, &p384),
        (Algorithm::Es256, &ed),
        (Algorithm::EdDsa, &p256),
        (Algorithm::EdDsa, &rsa),
    ] {
        refused(
            algorithm,
            Material::Pem(pem.public.as_bytes()),
            KeyError::WrongKey(algorithm),
        );
    }
    let pem = Material::Pem(rsa.public.as_bytes());
    refused(Algorithm::Hs256, pem, KeyError::NeedsSecret(Algorithm::Hs256));
    refused(
        Algorithm::Rs256,
        Material::Secret(b"s3cret"),
        KeyError::NeedsPem(Algorithm::Rs256),
    );
    assert_eq!(
        Key::new("", Algorithm::Rs256, pem).map(|_| ()),
        Err(KeyError::NoName)
    );
}

#[test]
fn a_public_key_is_never_a_secret() {
    let public = rsa().public;
    for text in [
        public.clone(),
        format!("\n  {public}"),
        format!("\u{feff}{public}"),
        format!("x{public}"),
    ] {
        let material = Material::Secret(text.as_bytes());
        refused(
            Algorithm::Hs256,
            material,
            KeyError::PemAsSecret(Algorithm::Hs256),
        );
        let signed = sign(Algorithm::Hs256, text.as_bytes(), &json!({}));
        assert_eq!(
            signed,
            Err(SignError::Secret(KeyError::PemAsSecret(Algorithm::Hs256)))
        );
    }
    refused(Algorithm::Hs512, Material::Secret(b""), KeyError::EmptySecret);
}

#[test]
fn pem_is_one_whole_public_key() {
    let pair = rsa();
    let public = &pair.public;
    for (text, expected) in [
        (String::new(), KeyError::NotPem),
        ("MIIB".into(), KeyError::NotPem),
        (public.replace("-----END PUBLIC KEY-----", ""), KeyError::NotPem),
        (public.replace("END PUBLIC", "END PRIVATE"), KeyError::NotPem),
        (
            public.replace("BEGIN PUBLIC KEY-----\n", "BEGIN PUBLIC KEY-----\n!"),
            KeyError::NotPem,
        ),
        (format!("{public}{public}"), KeyError::ManyBlocks(2)),
        (pair.private.clone(), KeyError::Private),
        (pem("RSA PRIVATE KEY", b"x"), KeyError::Private),
        (pem("CERTIFICATE", b"x"), KeyError::Certificate),
        (
            pem("DH PARAMETERS", b"x"),
            KeyError::Label("DH PARAMETERS".into()),
        ),
        (pem("PUBLIC KEY", b"x"), KeyError::WrongKey(Algorithm::Rs256)),
    ] {
        refused(Algorithm::Rs256, Material::Pem(text.as_bytes()), expected);
    }
    for text in [
        format!("# a comment\n{public}\n\n"),
        public.replace('\n', "\r\n"),
        public.replace('\n', " "),
    ] {
        assert!(
            Key::new("k", Algorithm::Rs256, Material::Pem(text.as_bytes())).is_ok(),
            "{text}"
        );
    }
}

#[test]
fn short_secrets_are_told() {
    for (algorithm, length, short) in [
        (Algorithm::Hs256, 31, true),
        (Algorithm::Hs256, 32, false),
        (Algorithm::Hs384, 47, true),
        (Algorithm::Hs384, 48, false),
        (Algorithm::Hs512, 63, true),
        (Algorithm::Hs512, 64, false),
    ] {
        let secret = vec![b'x'; length];
        let key = Key::new("k", algorithm, Material::Secret(&secret)).unwrap();
        assert_eq!(key.has_short_secret(), short, "{algorithm} {length}");
    }
}

#[test]
fn signing_says_what_is_wrong() {
    let pair = rsa();
    for (algorithm, key, claims, expected) in [
        (
            Algorithm::Rs256,
            pair.private.as_str(),
            json!("text"),
            SignError::Claims,
        ),
        (
            Algorithm::Rs256,
            pair.public.as_str(),
            json!({}),
            SignError::NoPrivateKey,
        ),
        (Algorithm::Rs256, "s3cret", json!({}), SignError::NoPrivateKey),
        (
            Algorithm::Es256,
            pair.private.as_str(),
            json!({}),
            SignError::WrongKey(Algorithm::Es256),
        ),
        (
            Algorithm::EdDsa,
            pair.private.as_str(),
            json!({}),
            SignError::WrongKey(Algorithm::EdDsa),
        ),
        (
            Algorithm::Hs256,
            "",
            json!({}),
            SignError::Secret(KeyError::EmptySecret),
        ),
    ] {
        assert_eq!(sign(algorithm, key.as_bytes(), &claims), Err(expected));
    }
}
