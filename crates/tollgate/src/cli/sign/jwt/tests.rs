use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    jwt: Jwt,
}

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn parse(arguments: &[&str]) -> anyhow::Result<Jwt> {
    Ok(Line::try_parse_from(std::iter::once(&"sign").chain(arguments))?.jwt)
}

/// Claims need no key, so they are tested without one.
#[track_caller]
fn check(arguments: &[&str], expected: Result<Value, &str>) {
    let signer = ["--key=iss_a", "--secret-env=TOLLGATE_TEST_UNSET"];
    let claims = parse(&[&signer[..], arguments].concat()).and_then(|jwt| jwt.claims(NOW));
    match expected {
        Ok(value) => assert_eq!(Value::from(claims.unwrap()), value),
        Err(part) => {
            let error = format!("{:#}", claims.unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn claims() {
    let (iat, exp) = (1_700_000_000, 1_700_003_600);
    check(&[], Ok(json!({ "key": "iss_a", "iat": iat, "exp": exp })));
    check(&["--key-claim=sub"], Ok(json!({ "sub": "iss_a", "iat": iat, "exp": exp })));
    check(&["--expires=90s"], Ok(json!({ "key": "iss_a", "iat": iat, "exp": iat + 90 })));
    check(
        &["--claim=sub=a=b", "--claim=level=3", "--claim=aud=[\"x\"]", "--claim=empty="],
        Ok(
            json!({ "key": "iss_a", "sub": "a=b", "level": 3, "aud": ["x"], "empty": "", "iat": iat, "exp": exp }),
        ),
    );
    check(&["--claim=exp=1"], Ok(json!({ "key": "iss_a", "exp": 1, "iat": iat })));
    check(&["--claim=a=1", "--claim=a=2"], Err("the claim `a` is given twice"));
    check(&["--claim=key=b"], Err("the claim `key` is given twice"));
    check(&["--claim=novalue"], Err("NAME=VALUE"));
    check(&["--expires=1y"], Err("a duration is"));
    check(&["--expires=h"], Err("a duration is"));
    check(&["--expires=99999999999999999999d"], Err("a duration is"));
    check(&["--expires=18446744073709551615s"], Err("end of time"));
    check(&["--algorithm=none"], Err("no supported algorithm"));
}

fn key_file(pem: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    std::fs::write(&path, pem).unwrap();
    let argument = format!("--private-key={}", path.display());
    (directory, argument)
}

#[track_caller]
fn check_header(pem: &str, algorithm: Option<&str>, expected: Result<&str, &str>) {
    let (_directory, private_key) = key_file(pem);
    let chosen = algorithm.map(|algorithm| format!("--algorithm={algorithm}"));
    let mut arguments = vec!["--key=a", "--raw", &private_key];
    arguments.extend(chosen.as_deref());
    let token = parse(&arguments).and_then(|jwt| jwt.authorization(NOW));
    match expected {
        Ok(algorithm) => {
            let token = token.unwrap();
            let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            assert_eq!(
                serde_json::from_slice::<Value>(&head).unwrap(),
                json!({ "alg": algorithm, "typ": "JWT" })
            );
        }
        Err(part) => {
            let error = format!("{:#}", token.unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn the_algorithm_fits_the_key() {
    let made = |algorithm| crate::cli::keygen::private_pem(algorithm);
    check_header(&made("RS256"), None, Ok("RS256"));
    check_header(&made("RS256"), Some("PS256"), Ok("PS256"));
    check_header(&made("ES256"), None, Ok("ES256"));
    check_header(&made("EdDSA"), None, Ok("EdDSA"));
    check_header(&made("EdDSA"), Some("RS256"), Err("does not fit RS256"));
    check_header(&made("RS256"), Some("HS256"), Err("--secret-env"));
    check_header("no key", None, Err("no private key found"));
}

#[test]
fn missing_material_is_said() {
    let error = |arguments: &[&str]| {
        let token = parse(arguments).and_then(|jwt| jwt.authorization(NOW));
        format!("{:#}", token.unwrap_err())
    };
    assert!(
        error(&["--key=a", "--private-key=/does/not/exist"]).contains("`/does/not/exist` cannot be read")
    );
    assert!(error(&["--key=a", "--secret-env=TOLLGATE_TEST_UNSET"]).contains("TOLLGATE_TEST_UNSET"));
    assert!(error(&["--key=a", "--secret-env=PATH", "--algorithm=RS256"]).contains("--private-key"));
    assert!(error(&["--key=a"]).contains("--private-key"));
}
