use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    hawk: Hawk,
}

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn sign(arguments: &[&str]) -> anyhow::Result<String> {
    Line::try_parse_from(std::iter::once(&"sign").chain(arguments))?.hawk.authorization(NOW)
}

#[track_caller]
fn check(arguments: &[&str], expected: &str) {
    assert_eq!(sign(arguments).unwrap(), expected);
}

#[track_caller]
fn check_refused(arguments: &[&str], part: &str) {
    let error = format!("{:#}", sign(arguments).unwrap_err());
    assert!(error.contains(part), "{error}");
}

const KEY: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
const BODY: &str = r#"{"text":"test input"}"#;

#[test]
fn a_bare_path_is_signed_as_mohawk_does() {
    check(
        &[
            "--id=service_a_id",
            "--key",
            KEY,
            "--nonce=abc123",
            "--bare-path",
            "--data",
            BODY,
            "/predict/sentiment",
        ],
        "Hawk mac=\"hJQbJobmG71DGwlus+WQc1pP7N4PT6/vkEbHCyACwHw=\", \
         hash=\"TVWR6IHw5XIxjfARpefqhZZ/soxlODBW+ZKWv4RDHtg=\", id=\"service_a_id\", ts=\"1700000000\", nonce=\"abc123\"",
    );
    // The host of a whole address is not signed either.
    let whole = "http://127.0.0.1:8080/predict/sentiment";
    let line =
        sign(&["--id=service_a_id", "--key", KEY, "--nonce=abc123", "--bare-path", "--data", BODY, whole]);
    assert!(line.unwrap().contains("hJQbJobmG71DGwlus+WQc1pP7N4PT6/vkEbHCyACwHw="));
}

#[test]
fn published_values_are_met() {
    let key = "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn";
    let common =
        ["--id=dh37fgj492je", "--key", key, "--ts=1353832234", "--nonce=j4h3g2", "--ext=some-app-ext-data"];
    let url = "http://Example.com:8000/resource/1?b=1&a=2";
    check(
        &[&common[..], &[url]].concat(),
        "Hawk mac=\"6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=\", id=\"dh37fgj492je\", ts=\"1353832234\", \
         nonce=\"j4h3g2\", ext=\"some-app-ext-data\"",
    );
    check(
        &[
            &common[..],
            &["--data=Thank you for flying Hawk", "--content-type=Text/Plain; charset=utf-8", url],
        ]
        .concat(),
        "Hawk mac=\"aSe1DERmZuRl3pI36/9BdZmnErTw3sNzOOAUlfeKjVw=\", \
         hash=\"Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY=\", id=\"dh37fgj492je\", ts=\"1353832234\", \
         nonce=\"j4h3g2\", ext=\"some-app-ext-data\"",
    );
}

#[test]
fn sha1_ports_and_fresh_nonces() {
    let sha1 =
        ["--id=1", "--key=werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn", "--algorithm=sha1", "--ext=hello"];
    let fixed = ["--ts=1353788437", "--nonce=k3j4h2", "http://example.com:8080/resource/4?filter=a"];
    assert!(
        sign(&[sha1, [fixed[0], fixed[1], fixed[2], "--method=GET"]].concat())
            .unwrap()
            .contains("zy79QQ5/EYFmQqutVnYb73gAc/U=")
    );
    let mac = |url| sign(&["--id=a", "--key=k", "--nonce=n", url]).unwrap();
    assert_eq!(mac("http://h"), mac("http://h:80/"));
    assert_eq!(mac("https://h/#part"), mac("https://h:443/"));
    assert_ne!(
        sign(&["--id=a", "--key=k", "http://h"]).unwrap(),
        sign(&["--id=a", "--key=k", "http://h"]).unwrap()
    );
}

#[test]
fn a_body_from_a_file_is_signed_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("body");
    std::fs::write(&path, BODY).unwrap();
    let with = |data: &str| sign(&["--id=a", "--key=k", "--nonce=n", "--data", data, "http://h/"]).unwrap();
    assert_eq!(with(&format!("@{}", path.display())), with(BODY));
    std::fs::write(&path, format!("{BODY}\n")).unwrap();
    assert_ne!(with(&format!("@{}", path.display())), with(BODY));
}

#[test]
fn what_cannot_be_signed_is_said() {
    check_refused(&["--id=a", "--key=k", "/predict"], "names no host");
    check_refused(&["--id=a", "--key=k", "ftp://h/"], "`ftp` is no scheme");
    check_refused(&["--id=a", "--key=", "http://h/"], "key is empty");
    check_refused(&["--id=a", "--key-env=TOLLGATE_TEST_UNSET", "http://h/"], "`TOLLGATE_TEST_UNSET`");
    check_refused(
        &["--id=a", "--key=k", "--data=@/does/not/exist", "http://h/"],
        "`/does/not/exist` cannot be read",
    );
    check_refused(&["--id=a\"", "--key=k", "http://h/"], "printable ASCII characters");
    check_refused(&["--id=", "--key=k", "http://h/"], "printable ASCII characters");
    check_refused(&["--id=a", "--key=k", "--ext=a\"b", "http://h/"], "`ext` must be");
    check_refused(&["--id=a", "--key=k", "--algorithm=md5", "http://h/"], "use `sha256` or `sha1`");
    check_refused(&["--id=a", "http://h/"], "--key");
    check_refused(&["--id=a", "--key=k", "--key-env=K", "http://h/"], "cannot be used with");
}
