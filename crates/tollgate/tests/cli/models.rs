//! The model service as its users start it: alone with the guide's lines, and behind the example's gate.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{run, tollgate};

const KEYS: &str = "sk_ml_train_abc123,sk_ml_predict_xyz789";
/// What scikit-learn predicts from the guide's rows.
const PREDICTIONS: [f64; 4] = [13.046377018145837, 8.628929113083778, 16.5667324976221, 6.420205160552749];

/// A process that serves, ended with the test.
struct Serving {
    child: Child,
    address: String,
    /// What it logs from then on.
    log: Receiver<Value>,
}

impl Serving {
    /// Starts it, and waits until it says where.
    fn start(mut command: Command) -> Self {
        let child = command.env("TOLLGATE_LOG", "json:info").stderr(Stdio::piped()).spawn().unwrap();
        let (tell, log) = channel();
        let mut serving = Self { child, address: String::new(), log };
        let lines = BufReader::new(serving.child.stderr.take().unwrap()).lines().map_while(Result::ok);
        // Read to the end: a full pipe would hold the process up.
        std::thread::spawn(move || {
            for line in lines {
                // A test that has ended reads nothing any more.
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        serving.address = serving.logged("message", "serving")["address"].as_str().unwrap().to_owned();
        serving
    }

    /// The next line of the log whose member has this value.
    #[track_caller]
    fn logged(&self, member: &str, value: &str) -> Value {
        let mut lines = std::iter::from_fn(|| self.log.recv_timeout(Duration::from_secs(20)).ok());
        lines.find(|line| line[member] == value).unwrap_or_else(|| panic!("no line with {member} {value}"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn example(name: &str) -> String {
    format!("{}/../../examples/ml/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// `models serve` with a folder of its own, on a free port.
fn models(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = tollgate(&[&["models", "serve", "--listen", "127.0.0.1:0"], arguments].concat());
    command.arg("--data").arg(folder.join("models"));
    command
}

/// What `curl` answers: the status and the body.
fn curl(url: &str, key: &str, body: Option<&str>) -> (u16, Value) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "20", "--write-out", "\n%{http_code}", "--header"]);
    command.arg(format!("X-API-Key: {key}")).arg(url);
    if let Some(body) = body {
        command.args(["--header", "Content-Type: application/json", "--data", body]);
    }
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let (body, status) = output.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

/// The status of what `curl` is told of a removal.
fn delete(url: &str, key: &str) -> u16 {
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "20", "--request", "DELETE", "--output", "/dev/null"]);
    command.args(["--write-out", "%{http_code}", "--header"]).arg(format!("X-API-Key: {key}")).arg(url);
    String::from_utf8(command.output().unwrap().stdout).unwrap().parse().unwrap()
}

#[track_caller]
fn same(table: &Value) {
    let rows = table["data"].as_array().unwrap();
    assert_eq!(rows.len(), PREDICTIONS.len());
    for (row, expected) in rows.iter().zip(PREDICTIONS) {
        assert!((row[2].as_f64().unwrap() - expected).abs() < 1e-9, "{row}");
    }
}

#[test]
fn the_guides_lines_run_from_top_to_bottom() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = models(folder.path(), &["--ids-after", "01K7CXYHJ7BR4E87VVTG8FNBMA"]);
    command.env("CHAPKIT_API_KEYS", KEYS);
    let service = Serving::start(command);
    // The lines name port 8000; curl is told where that is, and the lines stay as they are.
    let rc = format!("silent\nmax-time = 20\nconnect-to = \"127.0.0.1:8000:{}\"\n", service.address);
    fs::write(folder.path().join(".curlrc"), rc).unwrap();
    let output =
        Command::new("bash").arg(example("guide.sh")).env("CURL_HOME", folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{out}{err}");
    let answers: Vec<Value> = out
        .split("\n== ")
        .skip(1)
        .map(|step| {
            serde_json::from_str(step.split_once('\n').unwrap().1).unwrap_or_else(|_| panic!("{step}"))
        })
        .collect();
    let check = |step: usize, member: &str, expected: &str| {
        assert_eq!(answers[step - 1][member], *expected, "{step}")
    };
    check(1, "status", "healthy");
    check(2, "detail", "Missing authentication header: X-API-Key");
    check(4, "id", "01K7CXYHJ7BR4E87VVTG8FNBMA");
    check(5, "job_id", "01K7CXYHJ7BR4E87VVTG8FNBMB");
    check(5, "model_artifact_id", "01K7CXYHJ7BR4E87VVTG8FNBMC");
    check(5, "status", "pending");
    check(6, "result", "Training completed successfully");
    check(8, "prediction_artifact_id", "01K7CXYHJ7BR4E87VVTG8FNBME");
    check(9, "status", "completed");
    check(10, "parent_id", "01K7CXYHJ7BR4E87VVTG8FNBMC");
    same(&answers[9]["data"]["predictions"]);
}

/// The example's gate before the example's service, with the keys that its configuration asks for.
struct Example {
    gate: Serving,
    /// Where the gate's admin listener is; the log tells it once.
    control: String,
    _service: Serving,
    _folder: tempfile::TempDir,
}

impl Example {
    const TRAIN: &str = "train-0123456789abcdef0123456789";
    const PREDICT: &str = "predict-0123456789abcdef0123456789";
    const ADMIN: &str = "admin-0123456789abcdef0123456789";
    const OPERATOR: &str = "operator-0123456789abcdef0123456789";

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Serving::start(models(folder.path(), &["--no-auth"]));
        let config = fs::read_to_string(example("tollgate.yaml")).unwrap();
        let config = config
            .replace("127.0.0.1:8080", "127.0.0.1:0")
            .replace("127.0.0.1:8081", "127.0.0.1:0")
            .replace("127.0.0.1:8000", &service.address);
        fs::write(folder.path().join("tollgate.yaml"), config).unwrap();
        let mut command = tollgate(&["serve"]);
        command.current_dir(folder.path()).env("TRAIN_KEY", Self::TRAIN).env("PREDICT_KEY", Self::PREDICT);
        command.env("ADMIN_KEY", Self::ADMIN).env("TOLLGATE_ADMIN_KEY", Self::OPERATOR);
        let gate = Serving::start(command);
        let control = gate.logged("message", "admin listener")["address"].as_str().unwrap().to_owned();
        Self { gate, control, _service: service, _folder: folder }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gate.address)
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        curl(&self.url(path), key, Some(&body.to_string()))
    }

    /// The job that was accepted, when it has ended.
    fn ended(&self, key: &str, accepted: &Value) -> Value {
        let job = format!("/api/v1/jobs/{}", accepted["job_id"].as_str().unwrap());
        // It ends with the job.
        curl(&self.url(&format!("{job}/$stream")), key, None);
        curl(&self.url(&job), key, None).1
    }

    /// The rows that a consumer used on a route.
    fn rows(&self, consumer: &str, route: &str) -> Option<Value> {
        let usage = tollgate(&["usage", "--by", "consumer,route", "--json"])
            .env("TOLLGATE_URL", format!("http://{}", self.control))
            .env("TOLLGATE_ADMIN_KEY", Self::OPERATOR)
            .output()
            .unwrap();
        let usage: Value = serde_json::from_slice(&usage.stdout).unwrap();
        let mut items = usage["items"].as_array().unwrap().iter();
        let item = items.find(|item| item["consumer"] == consumer && item["route"] == route);
        item.map(|item| item["measures"]["rows"].clone())
    }
}

#[test]
fn behind_the_gate_keys_have_rights_and_limits_of_their_own() {
    let (train, predict, admin) = (Example::TRAIN, Example::PREDICT, Example::ADMIN);
    let example = Example::start();
    assert_eq!(curl(&example.url("/health"), "", None).0, 200);
    assert_eq!(curl(&example.url("/api/v1/jobs/x"), "nobody", None).0, 401);
    let config = json!({ "id": "01K7CXYHJ7BR4E87VVTG8FNBMA", "name": "guide", "data": {} });
    assert_eq!(example.post("/api/v1/configs", predict, &config).0, 403);
    assert_eq!(example.post("/api/v1/configs", train, &config).0, 201);
    let training = json!({ "config_id": "01K7CXYHJ7BR4E87VVTG8FNBMA", "data": {
        "columns": ["rainfall", "mean_temperature", "disease_cases"],
        "data": [[100.5, 25.3, 12], [85.2, 27.1, 8], [120.8, 24.5, 15], [95.3, 26.2, 10],
                 [110.0, 26.0, 13], [75.5, 28.0, 6], [130.2, 23.8, 18], [88.9, 27.5, 9]],
    } });
    assert_eq!(example.post("/api/v1/ml/$train", predict, &training).0, 403);
    assert_eq!(example.post("/api/v1/ml/%24train", predict, &training).0, 403);
    let (status, accepted) = example.post("/api/v1/ml/$train", train, &training);
    assert_eq!(status, 202, "{accepted}");
    let model = example.ended(train, &accepted)["artifact_id"].as_str().unwrap().to_owned();
    let asked = json!({ "model_artifact_id": model, "historic": { "columns": [], "data": [] }, "future": {
        "columns": ["rainfall", "mean_temperature"],
        "data": [[110.0, 26.0], [90.0, 28.0], [125.0, 24.0], [80.0, 29.0]],
    } });
    let (status, accepted) = example.post("/api/v1/ml/%24predict", predict, &asked);
    assert_eq!(status, 202, "{accepted}");
    let artifact = example.ended(predict, &accepted)["artifact_id"].as_str().unwrap().to_owned();
    let result = example.url(&format!("/api/v1/artifacts/{artifact}"));
    same(&curl(&result, predict, None).1["data"]["predictions"]);
    let infer =
        json!({ "inputs": [{ "name": "i", "shape": [1, 2], "datatype": "FP64", "data": [110.0, 26.0] }] });
    let (status, answer) = example.post(&format!("/v2/models/{model}/infer"), predict, &infer);
    assert_eq!(status, 200, "{answer}");
    let by_name = json!({ "inputs": { "rainfall": 110.0, "mean_temperature": 26.0 } });
    let (status, answer) = example.post(&format!("/api/v1/models/{model}/predict"), predict, &by_name);
    assert_eq!((status, &answer["metadata"]["user_id"]), (200, &json!("application")), "{answer}");
    let split = json!({ "dataframe_split": asked["future"].clone() });
    assert_eq!(example.post("/invocations", predict, &split).0, 200);
    for path in ["/ping", "/redoc", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(curl(&example.url(path), "", None).0, 200, "{path}");
    }
    assert_eq!([predict, "nobody"].map(|key| curl(&example.url("/v2"), key, None).0), [200, 401]);
    // What came of it is removed by an admin alone.
    assert_eq!([predict, train, admin, admin].map(|key| delete(&result, key)), [403, 403, 204, 404]);
    let job = example.url(&format!("/api/v1/jobs/{}", accepted["job_id"].as_str().unwrap()));
    assert_eq!([predict, train, admin, admin].map(|key| delete(&job, key)), [403, 403, 204, 404]);

    // What each used: the rows that it trained on, and those it had predicted.
    let used = || {
        let of = |route| example.rows("application", route);
        [example.rows("data-science", "train"), of("predict"), of("infer"), of("invocations")]
    };
    let began = Instant::now();
    while used() != [Some(json!(8)), Some(json!(4)), Some(json!(1)), Some(json!(4))] {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", used());
    }

    // Ten trainings an hour; that leaves predictions alone.
    let statuses: Vec<u16> = (0..10).map(|_| example.post("/api/v1/ml/$train", train, &training).0).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 9, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
    assert_eq!(example.post("/api/v1/ml/$predict", predict, &asked).0, 202);
}

#[test]
fn behind_the_gate_a_location_is_the_one_that_the_caller_reaches() {
    let example = Example::start();
    let config = json!({ "name": "guide", "data": {} });
    let made = Command::new("curl")
        .args(["--silent", "--include", "--max-time", "20", "--header", "Content-Type: application/json"])
        .args(["--header", &format!("X-API-Key: {}", Example::TRAIN), "--data", &config.to_string()])
        .arg(example.url("/api/v1/configs"))
        .output()
        .unwrap();
    let head = String::from_utf8(made.stdout).unwrap().to_ascii_lowercase();
    assert!(head.contains(&format!("\nlocation: http://{}/api/v1/configs/", example.gate.address)), "{head}");
}

#[test]
fn the_log_has_the_events_that_clients_of_the_original_look_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = models(folder.path(), &[]);
    command.env("CHAPKIT_API_KEYS", KEYS);
    let service = Serving::start(command);
    let url = |path: &str| format!("http://{}{path}", service.address);
    assert_eq!(curl(&url("/api/v1/jobs"), "", None).0, 401);
    let missing = service.logged("event", "auth.missing_key");
    assert_eq!(
        (&missing["level"], &missing["path"], &missing["method"]),
        (&json!("WARN"), &json!("/api/v1/jobs"), &json!("GET"))
    );
    assert_eq!(curl(&url("/api/v1/jobs"), "sk_ml_wrong_key", None).0, 401);
    let invalid = service.logged("event", "auth.invalid_key");
    assert_eq!((&invalid["level"], &invalid["key_prefix"]), (&json!("WARN"), &json!("sk_ml_w")));
    assert_eq!(curl(&url("/api/v1/configs/nope"), "sk_ml_train_abc123", None).0, 400);
    let success = service.logged("event", "auth.success");
    assert_eq!((&success["level"], &success["key_prefix"]), (&json!("INFO"), &json!("sk_ml_t")));
    assert_eq!(service.logged("event", "chapkit.error")["error_type"], "invalid-ulid");
    let asked = url("/api/v1/configs?page=1&api_key=sk_ml_train_abc123");
    assert_eq!(curl(&asked, "sk_ml_train_abc123", None).0, 200);
    let complete = service.logged("event", "http.request.complete");
    assert_eq!(complete["client_host"], "127.0.0.1");
    let start = service.logged("event", "http.request.start");
    assert_eq!(start["query_params"], "page=1&api_key=***");
    assert_eq!((&complete["status_code"], complete["request_id"].as_str().unwrap().len()), (&json!(400), 26));
    // No line has a key.
    assert_eq!(curl(&url("/api/v1/jobs"), "", None).0, 401);
    let lines: Vec<Value> =
        std::iter::once(service.logged("event", "auth.missing_key")).chain(service.log.try_iter()).collect();
    assert!(!json!([missing, invalid, success, complete, start, lines]).to_string().contains("train_abc123"));
}

#[test]
fn the_log_in_json_has_the_members_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = models(folder.path(), &[]);
    command.envs([("CHAPKIT_API_KEYS", KEYS), ("LOG_FORMAT", "json"), ("LOG_LEVEL", "INFO")]);
    command.env_remove("TOLLGATE_LOG").stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let serving = std::iter::repeat_with(&mut line).find(|line| line["event"] == "serving").unwrap();
    let url = format!("http://{}/api/v1/jobs", serving["address"].as_str().unwrap());
    assert_eq!(curl(&url, "sk_ml_wrong_key", None).0, 401);
    let invalid = std::iter::repeat_with(&mut line).find(|line| line["event"] == "auth.invalid_key").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let members: Vec<&String> = invalid.as_object().unwrap().keys().collect();
    let common = ["level", "logger", "timestamp", "filename", "lineno", "func_name"];
    assert_eq!(members, [["event", "key_prefix", "path", "method"].as_slice(), &common].concat());
    assert_eq!(
        ["level", "key_prefix", "path", "method", "filename"].map(|name| invalid[name].as_str().unwrap()),
        ["warning", "sk_ml_w", "/api/v1/jobs", "GET", "around.rs"]
    );
}

#[test]
fn a_garbled_model_is_one_sentence_and_one_line_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let service = Serving::start(models(folder.path(), &["--no-auth"]));
    let mut bytes =
        fs::read(format!("{}/../models/tests/onnx/line.onnx", env!("CARGO_MANIFEST_DIR"))).unwrap();
    // One letter of a name, so that a step reads what nothing gives; tract panics.
    bytes[37] = 0;
    let file = folder.path().join("garbled.onnx");
    fs::write(&file, bytes).unwrap();
    let uploaded = Command::new("curl")
        .args(["--silent", "--max-time", "20", "--data-binary", &format!("@{}", file.display())])
        .arg(format!("http://{}/api/v1/artifacts/$upload", service.address))
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&uploaded.stdout).unwrap();
    assert_eq!(answer["detail"], "the model cannot be run: it contradicts itself");
    let broken = service.logged("event", "onnx.broken");
    assert_eq!(broken["level"], "WARN");
    assert!(broken["broke"].as_str().unwrap().contains("src/model.rs:"), "{broken}");
    // Lines that are no JSON would have ended the log here.
    service.logged("event", "http.request.complete");
}

#[test]
fn tables_that_cannot_be_predicted_are_told_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    write("table.csv", "x,y\n1,2\n2,4\n3,6\n");
    write("named.csv", "x,sample_0\n1,2\n");
    write("open.csv", "x\n1\n\"2\n3\n");
    let (table, model) = (path("table.csv"), path("m.model"));
    run(&["models", "train", "--csv", &table, "--target", "y", "--out", &model], 0);
    let check = |csv: &str, expected: &str| {
        for json in [&[][..], &["--json"]] {
            let csv = path(csv);
            let asked = [&["models", "predict", "--model", &model, "--csv", &csv], json].concat();
            let (_, err) = run(&asked, 1);
            assert_eq!(err.matches(expected).count(), 1, "{err}");
        }
    };
    check("named.csv", "its column `sample_0` has the name of the predictions");
    check("open.csv", "a quote of the row that begins in line 3 is never closed");
    check("", "(os error 21)");
}

#[test]
fn without_keys_the_service_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    for keys in [None, Some(""), Some(" , ")] {
        let mut command = models(folder.path(), &[]);
        for name in
            ["CHAPKIT_API_KEYS", "CHAPKIT_API_KEY_FILE", "SERVICEKIT_API_KEYS", "SERVICEKIT_API_KEY_FILE"]
        {
            command.env_remove(name);
        }
        if let Some(keys) = keys {
            command.env("CHAPKIT_API_KEYS", keys);
        }
        let (_, err) = crate::checked(command.output().unwrap(), 1);
        assert!(err.contains("No API keys configured.") && err.contains("--no-auth"), "{err}");
    }
    let mut command = models(folder.path(), &[]);
    command.env("CHAPKIT_API_KEY_FILE", folder.path().join("none"));
    let (_, err) = crate::checked(command.output().unwrap(), 1);
    assert!(err.contains("API key file not found"), "{err}");
    run(&["models", "serve", "--header", "a b"], 2);
}
