//! The command line as its users meet it: the real program, its exit codes, its two outputs, its files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

#[path = "cli/admin.rs"]
mod admin;
#[path = "cli/killed.rs"]
mod killed;
#[path = "cli/ledger.rs"]
mod ledger;
#[path = "cli/live.rs"]
mod live;
#[expect(clippy::panic, reason = "a test fails by panicking")]
#[path = "cli/models.rs"]
mod models;
#[path = "cli/operate.rs"]
mod operate;
#[expect(clippy::panic, reason = "a test fails by panicking")]
#[path = "cli/roles.rs"]
mod roles;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::Value;

fn tollgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments);
    for variable in ["TOLLGATE_CONFIG", "TOLLGATE_URL", "TOLLGATE_ADMIN_KEY"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program; it must end with this code. Gives standard output and standard error.
#[track_caller]
fn run(arguments: &[&str], code: i32) -> (String, String) {
    checked(tollgate(arguments).output().unwrap(), code)
}

#[track_caller]
fn checked(output: Output, code: i32) -> (String, String) {
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    // A pipe is no terminal, so nothing is coloured.
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "{out}{err}");
    (out, err)
}

/// The output of another program, which must succeed.
#[track_caller]
fn peer(program: &str, arguments: &[&str], directory: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    checked(output, 0).0
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    for arguments in
        [&["keygen", "nonsense"][..], &["sign", "hawk"], &["import", "apisix"], &["--nonsense"], &[]]
    {
        let (out, err) = run(arguments, 2);
        assert!(out.is_empty() && err.contains("Usage:"), "{err}");
    }
    let (out, err) = run(&["import", "apisix", "/does/not/exist"], 1);
    assert_eq!(
        (out.as_str(), err.starts_with("error: `/does/not/exist` cannot be read: ")),
        ("", true),
        "{err}"
    );
    let (_, err) = run(&["--json", "import", "apisix", "/does/not/exist"], 1);
    assert!(
        serde_json::from_str::<Value>(&err).unwrap()["error"].as_str().unwrap().contains("/does/not/exist")
    );
    assert!(run(&["--version"], 0).0.starts_with("tollgate "));
}

#[test]
fn usage_errors_are_objects_where_json_is_asked_for() {
    for (arguments, told) in [
        (&["--json", "--nonsense"][..], "unexpected argument '--nonsense' found"),
        (&["schema", "--nonsense", "--json"], "unexpected argument '--nonsense' found"),
        (&["import", "apisix", "--json"], "<FILE>"),
        (&["--json", "matrix", "--url", "http://h"], "--probe"),
        (&["--json"], "requires a subcommand"),
        (&["--json", "keygen"], "no command is given"),
        (&["demo", "--port", "70000", "--json"], "invalid value '70000'"),
    ] {
        let (out, err) = run(arguments, 2);
        let object: Value = serde_json::from_str(&err).unwrap();
        let text = object["error"].as_str().unwrap();
        assert!(
            out.is_empty() && err.lines().count() == 1 && object.as_object().unwrap().len() == 1,
            "{err}"
        );
        assert!(text.contains(told) && !text.starts_with("error"), "{text}");
    }
    assert!(run(&["--json", "--help"], 0).0.contains("Usage:"));
}

#[test]
fn a_demo_with_one_port_for_two_listeners_is_misused() {
    let arguments = ["demo", "--port", "9001", "--admin-port", "9001"];
    let (out, err) = run(&arguments, 2);
    assert!(out.is_empty() && err.contains("Usage: tollgate demo") && !err.contains("yaml"), "{err}");
    assert!(err.contains("'--port'") && err.contains("'--admin-port'") && err.contains("9001"), "{err}");
    let (_, err) = run(&[&arguments[..], &["--json"]].concat(), 2);
    assert!(
        serde_json::from_str::<Value>(&err).unwrap()["error"].as_str().unwrap().contains("9001"),
        "{err}"
    );
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let mut child = tollgate(&["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (script, err) = run(&["completions", shell], 0);
        assert!(script.contains("keygen") && err.is_empty(), "{shell}");
    }
}

#[test]
fn keygen_all_makes_what_shells_and_openssl_read() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("keys");
    let arguments = ["keygen", "all", "--out", out.to_str().unwrap()];
    let (files, _) = run(&arguments, 0);
    assert_eq!(files.lines().count(), 7);
    for (file, mode) in [("service_b-private.pem", 0o600), ("service_b-public.pem", 0o644), (".env", 0o600)] {
        let permissions = fs::metadata(out.join(file)).unwrap().permissions();
        // The umask of whoever runs the test may take rights away, and never gives any.
        assert_eq!(permissions.mode() & 0o777 & !mode, 0, "{file}");
    }
    let script = "set -eu; set -a; . ./.env; printf '%s\n' \"$SERVICE_B_PUBLIC_KEY\" | diff - service_b-public.pem; \
                  printf '%s' \"$SERVICE_C_HAWK_KEY\"";
    for shell in ["bash", "sh"] {
        let key = peer(shell, &["-c", script], &out);
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
    let public = peer("openssl", &["pkey", "-in", "service_a-private.pem", "-pubout"], &out);
    assert_eq!(public, fs::read_to_string(out.join("service_a-public.pem")).unwrap());
    let text = peer("openssl", &["pkey", "-pubin", "-in", "service_a-public.pem", "-noout", "-text"], &out);
    assert!(text.contains("2048 bit"), "{text}");

    let before = fs::read(out.join(".env")).unwrap();
    let (_, err) = run(&arguments, 1);
    assert!(
        err.contains("service_a-private.pem") && err.contains("/.env`") && err.contains("--force"),
        "{err}"
    );
    assert_eq!(fs::read(out.join(".env")).unwrap(), before);
    run(&[&arguments[..], &["--force"]].concat(), 0);
    assert_ne!(fs::read(out.join(".env")).unwrap(), before);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 7);
}

#[test]
fn keygen_prints_or_writes_one_kind() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();

    for (algorithm, name) in [("ES256", "prime256v1"), ("EdDSA", "ED25519")] {
        let (files, _) =
            run(&["--json", "keygen", "jwt", "--algorithm", algorithm, "--out", out, algorithm], 0);
        assert_eq!(serde_json::from_str::<Value>(&files).unwrap()["files"].as_array().unwrap().len(), 2);
        let private = format!("{algorithm}-private.pem");
        let text = peer("openssl", &["pkey", "-in", &private, "-noout", "-text"], directory.path());
        assert!(text.contains(name), "{text}");
    }
    let (pem, _) = run(&["keygen", "jwt", "--algorithm", "ES256"], 0);
    assert!(
        pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PUBLIC KEY-----\n"),
        "{pem}"
    );

    let (hawk, _) = run(&["--json", "keygen", "hawk", "service_a"], 0);
    let hawk: Value = serde_json::from_str(&hawk).unwrap();
    assert_eq!((hawk["id"].as_str(), hawk["key"].as_str().unwrap().len()), (Some("service_a_id"), 64));

    let (key, _) = run(&["keygen", "api-key"], 0);
    let body = key.trim_end().strip_prefix("hk_live_").unwrap();
    assert!(body.len() == 40 && body.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    assert!(run(&["keygen", "api-key", "--environment", "dev"], 0).0.starts_with("hk_dev_"));
    run(&["keygen", "api-key", "--out", out, "a-b"], 0);
    assert!(fs::read_to_string(directory.path().join(".env")).unwrap().starts_with("A_B_API_KEY=\"hk_live_"));

    run(&["keygen", "hawk", "../a"], 2);
    run(&["keygen", "hawk", "--force"], 2);
    assert!(run(&["keygen", "hawk", "a", "a"], 1).1.contains("named twice"));
    let full = format!("{out}/.env/keys");
    assert!(run(&["keygen", "all", "--out", &full], 1).1.contains("cannot be written"));
}

#[test]
fn sign_prints_one_header_line() {
    let hawk =
        ["sign", "hawk", "--id", "a", "--key-env", "KEY", "--data", "@-", "http://127.0.0.1:8080/predict"];
    let mut child =
        tollgate(&hawk).env("KEY", "k").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{}").unwrap();
    let (line, _) = checked(child.wait_with_output().unwrap(), 0);
    assert!(
        line.starts_with("Authorization: Hawk mac=\"")
            && line.contains(", hash=\"")
            && line.lines().count() == 1
    );
    assert!(!run(&["sign", "hawk", "--id", "a", "--key", "k", "http://h/"], 0).0.contains("hash="));

    let directory = tempfile::tempdir().unwrap();
    run(&["keygen", "jwt", "--out", directory.path().to_str().unwrap()], 0);
    let key = directory.path().join("jwt-private.pem");
    let jwt =
        ["sign", "jwt", "--key", "iss_a", "--private-key", key.to_str().unwrap(), "--claim", "sub=service_a"];
    let (line, _) = run(&jwt, 0);
    let token = line.trim_end().strip_prefix("Authorization: Bearer ").unwrap();
    let public = fs::read(directory.path().join("jwt-public.pem")).unwrap();
    let verifier = jsonwebtoken::DecodingKey::from_rsa_pem(&public).unwrap();
    let rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    let claims = jsonwebtoken::decode::<Value>(token, &verifier, &rules).unwrap().claims;
    assert_eq!((claims["key"].as_str(), claims["sub"].as_str()), (Some("iss_a"), Some("service_a")));
    let (json, _) = run(&[&jwt[..], &["--json"]].concat(), 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["header"] == "Authorization" && json["value"].as_str().unwrap().starts_with("Bearer "));
    assert_eq!(run(&[&jwt[..], &["--raw"]].concat(), 0).0.trim_end().split('.').count(), 3);
}

#[test]
fn import_prints_yaml_and_nothing_else() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/import/apisix-demo");
    let (config, notes) = run(&["import", "apisix", &format!("{demo}.yaml")], 0);
    assert_eq!(config, fs::read_to_string(format!("{demo}.tollgate.yaml")).unwrap());
    assert!(notes.lines().all(|line| line.starts_with("note: ")), "{notes}");

    let hawk = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/import/hawk-demo.yaml");
    let (json, _) = run(&["import", "hawk", hawk, "--json"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["config"].as_str().unwrap().starts_with("listen: 127.0.0.1:8080\n"));
    // The one format is no other: nothing of it is taken over by chance.
    assert!(run(&["import", "apisix", hawk], 1).1.contains("`consumers[0].username`: it is missing"));
}

#[test]
fn litellm_and_chapkit_are_imported() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/import");
    let at = |name: &str| format!("{folder}/{name}");
    let (one, csv) = (at("litellm-one.yaml"), at("litellm-keys.csv"));
    let (config, notes) = run(&["import", "litellm", &one, "--keys", &csv], 0);
    assert_eq!(config, fs::read_to_string(at("litellm-one.tollgate.yaml")).unwrap());
    assert!(notes.contains("master_key") && !notes.contains("sk-1234"), "{notes}");
    let several = at("litellm-several.yaml");
    let (out, err) = run(&["import", "litellm", &several], 1);
    assert!(
        out.is_empty() && err.contains("LiteLLM translates between the APIs") && err.contains("VLLM_BASE"),
        "{err}"
    );
    run(&["import", "litellm", &several, "--keys", "/does/not/exist"], 1);
    run(&["import", "litellm", &at("hawk-demo.yaml")], 1);

    let mut command = tollgate(&["import", "chapkit-env", "--json"]);
    let output = command.env("CHAPKIT_API_KEYS", "sk_ml_the_first_of_them, sk_ml_the_second_one").output();
    let (json, _) = checked(output.unwrap(), 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    let config = json["config"].as_str().unwrap();
    assert!(config.contains("\n  key-2:") && !config.contains("sk_ml"), "{config}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tollgate.yaml");
    fs::write(&file, config).unwrap();
    assert_eq!(run(&["check", "-c", file.to_str().unwrap()], 0), ("ok\n".to_owned(), String::new()));
    let env = directory.path().join(".env");
    fs::write(&env, "SERVICEKIT_API_KEYS=one\nPORT=9000\n").unwrap();
    let (config, _) = run(&["import", "chapkit-env", env.to_str().unwrap(), "--header", "X-Token"], 0);
    assert!(config.contains("[http://127.0.0.1:9000]") && config.contains("header:X-Token"), "{config}");
    run(&["import", "chapkit-env"], 1);
    run(&["import", "chapkit-env", "--header", "a b"], 2);
}

#[test]
fn import_fails_whole_unless_part_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("apisix.yaml");
    fs::write(
        &file,
        "upstreams: [{ id: u, nodes: { 'h:1': 1 } }]\n\
         routes:\n\
         - { id: kept, uri: /a, upstream_id: u }\n\
         - { id: lost, uri: /b, upstream_id: u, plugins: { ip-restriction: {}, \"\x1b[2J\": {} } }\n\
         #END\n"
            .replace('\x1b', "\\e"),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let (out, err) = run(&["import", "apisix", file], 1);
    assert!(
        out.is_empty() && err.contains("`routes[1].plugins.ip-restriction`") && err.contains("--partial"),
        "{err}"
    );
    assert!(err.contains("\\u{1b}[2J"), "{err}");
    let (out, err) = run(&["import", "apisix", file, "--partial"], 1);
    assert!(
        out.contains("\n  kept:") && !out.contains("lost") && err.contains("ip-restriction"),
        "{out}{err}"
    );
}

#[test]
fn check_prints_ok_or_every_problem() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tollgate.yaml");
    let check = |text: &str, code: i32, more: &[&str]| {
        fs::write(&file, text).unwrap();
        let mut command = tollgate(more);
        checked(command.arg("check").current_dir(directory.path()).output().unwrap(), code)
    };
    let sound = "upstreams: { m: { targets: [http://127.0.0.1:1] } }\n\
                 routes: { r: { match: { path: /x }, upstream: m, accept: [api_key] } }\n";
    assert_eq!(check(sound, 0, &[]), ("ok\n".to_owned(), String::new()));
    let inline =
        format!("{sound}consumers: {{ c: {{ credentials: [{{ api_key: {} }}] }} }}\n", "k".repeat(40));
    let (out, err) = check(&inline, 0, &[]);
    assert!(out == "ok\n" && err.starts_with("warning: ") && err.contains("tollgate.yaml:3:"), "{out}{err}");

    let broken =
        "upstreams: { m: { targets: [] } }\nroutes: { r: { match: { path: x }, upstream: n, accpt: [] } }\n";
    let (out, _) = check(broken, 1, &[]);
    assert!(out.contains("tollgate.yaml:1:") && out.contains("tollgate.yaml:2:"), "{out}");
    let (json, _) = check(broken, 1, &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["ok"] == false && json["problems"].as_array().unwrap().len() > 1, "{json}");
    assert!(json["problems"][0]["line"].is_u64() && json["problems"][0]["message"].is_string(), "{json}");

    fs::remove_file(&file).unwrap();
    let output = tollgate(&["check"]).env("TOLLGATE_CONFIG", "gone.yaml").output().unwrap();
    assert!(checked(output, 1).0.contains("gone.yaml"));
}

#[test]
fn imports_pass_the_check() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    run(&["keygen", "all", "--out", keys.to_str().unwrap()], 0);
    for demo in ["apisix-demo", "apisix-wide", "hawk-demo", "litellm-one", "litellm-several", "litellm-mixed"]
    {
        let config = format!("{}/tests/cli/import/{demo}.tollgate.yaml", env!("CARGO_MANIFEST_DIR"));
        let script = "set -eu; set -a; . \"$1/.env\"; BOTH_KEY=a-key-of-enough-characters-for-everyone; \
                      OPENAI_API_KEY=$BOTH_KEY; GROQ_API_KEY=$BOTH_KEY; \
                      ANTHROPIC_API_KEY=$BOTH_KEY; AZURE_API_KEY=$BOTH_KEY; \"$2\" check -c \"$3\"";
        let arguments = ["-c", script, "-", keys.to_str().unwrap(), env!("CARGO_BIN_EXE_tollgate"), &config];
        assert_eq!(peer("bash", &arguments, directory.path()), "ok\n", "{demo}");
    }
}

#[test]
fn the_schema_names_the_sections() {
    let (schema, _) = run(&["schema"], 0);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for section in ["listen", "upstreams", "routes", "consumers", "tiers"] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}

/// A running `serve`, ended with the test.
struct Gate(Child);

impl Gate {
    /// Starts it, and gives the address of its one listener. Nobody reads its log afterwards, which no caller may feel.
    fn start(config: &Path) -> (Self, String) {
        let mut command = tollgate(&["serve", "-c", config.to_str().unwrap()]);
        let child = command.env("TOLLGATE_LOG", "json:info").stderr(Stdio::piped()).spawn();
        let mut gate = Self(child.unwrap());
        let log = BufReader::new(gate.0.stderr.take().unwrap());
        for line in log.lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["message"] == "serving" {
                let address = line["address"].as_str().unwrap().to_owned();
                return (gate, address);
            }
        }
        unreachable!("the gate ended before it served")
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Writes a self-signed certificate as `openssl req -x509` makes it: of an authority, for a name that is not the
/// address which the gate listens on.
fn write_certificate(folder: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let mut certificate = CertificateParams::new(vec!["gate.test".to_owned()]).unwrap();
    certificate.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join(format!("{name}.crt")), certificate.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn the_matrix_is_probed_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let config = |certificate: &str| {
        write_certificate(folder.path(), certificate);
        let path = folder.path().join(format!("{certificate}.yaml"));
        // No model listens there, and what gets as far as that was let through.
        let text = format!(
            "listen: [{{ address: 127.0.0.1:0, tls: {{ cert: {certificate}.crt, key: {certificate}.key }} }}]\n\
             upstreams: {{ m: {{ targets: [http://127.0.0.1:1] }} }}\n\
             routes:\n  everywhere: {{ match: {{ path: /e }}, upstream: m, accept: [api_key], allow: [a] }}\n  \
             named: {{ match: {{ path: /n/**, hosts: [model.test] }}, upstream: m, accept: [hawk], allow: [b] }}\n\
             consumers:\n  a: {{ credentials: [{{ api_key: {{ file: key }} }}] }}\n  \
             b: {{ credentials: [{{ hawk: {{ id: b, key: {{ file: key }} }} }}, {{ api_key: {{ file: b.key }} }}] }}\n"
        );
        fs::write(&path, text).unwrap();
        path
    };
    fs::write(folder.path().join("key"), "a-key-of-enough-characters-for-everyone").unwrap();
    fs::write(folder.path().join("b.key"), "another-key-of-enough-characters-for-b").unwrap();
    let (mine, other) = (config("mine"), config("other"));
    let (_gate, address) = Gate::start(&mine);
    let url = format!("https://{address}");
    let probe = |file: &Path, code: i32| {
        run(&["matrix", "-c", file.to_str().unwrap(), "--probe", "--url", &url], code)
    };
    let (table, err) = probe(&mine, 0);
    assert_eq!(
        table, "consumer  everywhere  named\na         ✓           ✗\nb         ✗           ✓\n",
        "{err}"
    );
    // Another gate's file has another certificate: whoever answers is not the gate that is meant.
    let (table, err) = probe(&other, 1);
    assert!(table.contains('?') && err.contains("no TLS with"), "{table}{err}");
}
