//! Published vectors: wycheproof, RFC 7515 appendix A, RFC 8037 appendix A.
//!
//! The product reads no JWK, so the loader here turns one into what an operator would configure: an algorithm by name,
//! and PEM or a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::keys::pem;
use crate::authn::jwt::jws::Jws;
use crate::authn::jwt::{Algorithm, Key, Material};

const SIGNATURES: &str = include_str!("../../../../tests/vectors/wycheproof-json_web_signature_test.json");
const KEYS: &str = include_str!("../../../../tests/vectors/wycheproof-json_web_key_test.json");

/// Called valid in the file: the key is for another algorithm than the token's (346, 350) or names one that does not
/// exist (347, 351), or the token holds a character that base64url does not have (372, 373).
const REFUSED_THOUGH_VALID: [u64; 6] = [346, 347, 350, 351, 372, 373];

/// Called invalid for their padding in the file, which lost it: they are, byte for byte, the valid token of test 357.
const SAME_AS_VALID: [u64; 2] = [367, 370];

/// A key as an operator would configure it; nothing where the policy of a key set forbids it.
fn load(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk[name].as_str();
    let octets = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let for_verifying = text("use").is_none_or(|usage| usage == "sig")
        && jwk["key_ops"]
            .as_array()
            .is_none_or(|list| list.contains(&"verify".into()));
    if !for_verifying {
        return None;
    }
    let algorithm: Algorithm = text("alg")?.parse().ok()?;
    let public = match text("kty")? {
        "oct" => {
            let secret = octets("k")?;
            return Key::new("k", algorithm, Material::Secret(&secret)).ok();
        }
        "RSA" => pem(
            "RSA PUBLIC KEY",
            &sequence(&[integer(&octets("n")?), integer(&octets("e")?)].concat()),
        ),
        "EC" => {
            let prefix: &[u8] = match text("crv")? {
                "P-256" => b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
                "P-384" => b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
                "P-521" => b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00",
                _ => return None,
            };
            pem(
                "PUBLIC KEY",
                &[prefix, &[4], &octets("x")?, &octets("y")?].concat(),
            )
        }
        "OKP" => pem(
            "PUBLIC KEY",
            &[
                b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
                &*octets("x")?,
            ]
            .concat(),
        ),
        _ => return None,
    };
    Key::new("k", algorithm, Material::Pem(public.as_bytes())).ok()
}

fn integer(value: &[u8]) -> Vec<u8> {
    let value = &value[value.iter().position(|byte| *byte != 0).unwrap_or(0)..];
    let sign: &[u8] = if value.first().is_some_and(|byte| *byte >= 0x80) {
        &[0]
    } else {
        &[]
    };
    element(2, &[sign, value].concat())
}

fn sequence(content: &[u8]) -> Vec<u8> {
    element(0x30, content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..0x80) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

fn verifies(key: Option<&Key>, token: &str) -> bool {
    key.is_some_and(|key| Jws::parse(token.as_bytes()).is_some_and(|jws| key.verifies(&jws)))
}

fn tests(file: &str) -> Vec<(Value, Value)> {
    let file: Value = serde_json::from_str(file).unwrap();
    let groups = file["testGroups"].as_array().unwrap().clone();
    let of_group = |group: Value| {
        let key = if group["public"].is_null() {
            group["private"].clone()
        } else {
            group["public"].clone()
        };
        let tests = group["tests"].as_array().unwrap().clone();
        tests.into_iter().map(move |test| (key.clone(), test))
    };
    groups.into_iter().flat_map(of_group).collect()
}

#[test]
fn every_wycheproof_signature() {
    let tests = tests(SIGNATURES);
    assert_eq!(tests.len(), 401);
    for (jwk, test) in tests {
        let id = test["tcId"].as_u64().unwrap();
        let expected =
            test["result"] == "valid" && !REFUSED_THOUGH_VALID.contains(&id) || SAME_AS_VALID.contains(&id);
        assert_eq!(
            verifies(load(&jwk).as_ref(), test["jws"].as_str().unwrap()),
            expected,
            "test {id}: {test}"
        );
    }
}

/// What remains of the key vectors where keys are configured one by one. Left out are the rules of key sets (1 mixes
/// kinds, 4 repeats a `kid`) and 7, a modulus of the Infineon weakness of 2017, which is not looked for.
#[test]
fn wycheproof_keys() {
    for (set, test) in tests(KEYS) {
        let id = test["tcId"].as_u64().unwrap();
        let key = load(&set["keys"][0]);
        let strong = key.as_ref().is_some_and(|key| !key.has_short_secret());
        let expected = test["result"] == "valid";
        if ![1, 4, 7].contains(&id) {
            assert_eq!(
                strong && verifies(key.as_ref(), test["jws"].as_str().unwrap()),
                expected,
                "test {id}: {test}"
            );
        }
    }
}

#[test]
fn examples_of_the_rfcs() {
    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (jwk, header, payload, signature) in [
        // RFC 7515 A.1.
        (
            r#"{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            CLAIMS,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        // RFC 7515 A.3.
        (
            r#"{"kty":"EC","alg":"ES256","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9",
            CLAIMS,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        // RFC 7515 A.4.
        (
            r#"{"kty":"EC","alg":"ES512","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
            "eyJhbGciOiJFUzUxMiJ9",
            "UGF5bG9hZA",
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        ),
        // RFC 8037 A.4.
        (
            r#"{"kty":"OKP","alg":"EdDSA","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ] {
        let key = load(&serde_json::from_str(jwk).unwrap());
        assert!(
            verifies(key.as_ref(), &format!("{header}.{payload}.{signature}")),
            "{jwk}"
        );
        assert!(
            !verifies(key.as_ref(), &format!("{header}.{payload}A.{signature}")),
            "{jwk}"
        );
    }
}
