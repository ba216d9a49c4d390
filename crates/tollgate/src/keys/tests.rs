use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(
    made: JwtAlgorithm,
    algorithm: Algorithm,
    private: fn(&[u8]) -> jsonwebtoken::errors::Result<EncodingKey>,
    public: fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>,
) {
    let pair = KeyPair::generate(made).unwrap();
    let private = private(pair.private_pem.as_bytes()).unwrap();
    let token = jsonwebtoken::encode(&Header::new(algorithm), &json!({ "key": "a" }), &private).unwrap();
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let public = public(pair.public_pem.as_bytes()).unwrap();
    let claims = jsonwebtoken::decode::<Value>(&token, &public, &validation).unwrap().claims;
    assert_eq!(claims, json!({ "key": "a" }));
}

#[test]
fn what_the_private_key_signs_the_public_key_verifies() {
    check(JwtAlgorithm::Rs256, Algorithm::RS256, EncodingKey::from_rsa_pem, DecodingKey::from_rsa_pem);
    check(JwtAlgorithm::Es256, Algorithm::ES256, EncodingKey::from_ec_pem, DecodingKey::from_ec_pem);
    check(JwtAlgorithm::EdDsa, Algorithm::EdDSA, EncodingKey::from_ed_pem, DecodingKey::from_ed_pem);
}

#[test]
fn hawk_keys_are_64_hexadecimal_digits_and_never_the_same() {
    let name = Name::new("service_a").unwrap();
    let (one, other) = (HawkKey::generate(&name).unwrap(), HawkKey::generate(&name).unwrap());
    assert_eq!(one.id, "service_a_id");
    assert!(one.key.len() == 64 && one.key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    assert_ne!(one.key, other.key);
}

#[test]
fn pem_breaks_after_64_characters_and_never_before_the_end() {
    for length in [1, 47, 48, 49, 96] {
        let text = pem("X", &vec![0; length]);
        let lines: Vec<&str> = text.lines().collect();
        let [first, body @ .., last] = lines.as_slice() else { unreachable!("two lines frame every body") };
        assert_eq!((*first, *last), ("-----BEGIN X-----", "-----END X-----"));
        assert!(body.iter().all(|line| (1..=64).contains(&line.len())), "{length}: {body:?}");
        assert!(text.ends_with("-----\n"));
    }
}
