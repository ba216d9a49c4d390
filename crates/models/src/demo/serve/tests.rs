use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{BODY_MAX, Model, serve};

/// Starts a model, sends each request on its own connection, stops the model, and returns status, head and body.
async fn exchange(model: Model, requests: Vec<Vec<u8>>) -> Vec<(u16, String, Value)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, model, async {
        stopped.await.ok();
    }));
    let mut answers = Vec::new();
    for request in requests {
        let mut connection = TcpStream::connect(address).await.unwrap();
        // A server that refuses a body by its length may close before it has read all of it.
        connection.write_all(&request).await.ok();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        answers.push((
            status,
            head.to_lowercase(),
            serde_json::from_str(body).unwrap_or_default(),
        ));
    }
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    answers
}

fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: m\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Posts each body to one model and compares the status and a part of the answer's text.
async fn check(model: Model, cases: &[(&[u8], u16, &str)]) {
    let requests = cases
        .iter()
        .map(|(body, ..)| request("POST", "/predict", body))
        .collect();
    let answers = exchange(model, requests).await;
    for ((body, status, part), (got, head, answer)) in cases.iter().zip(answers) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(got, *status, "{shown}: {answer}");
        assert!(answer.to_string().contains(part), "{shown}: {answer}");
        assert_eq!(answer.get("error").is_some(), got != 200, "{shown}: {answer}");
        assert!(head.contains("content-type: application/json"), "{shown}: {head}");
    }
}

#[tokio::test]
async fn every_model_answers_the_smoke_test() {
    check(
        Model::Sentiment,
        &[(br#"{"text":"test input"}"#, 200, r#""label":"neutral""#)],
    )
    .await;
    check(
        Model::Regression,
        &[(br#"{"text":"test input"}"#, 200, r#""prediction":1"#)],
    )
    .await;
    check(
        Model::Classification,
        &[(br#"{"text":"test input"}"#, 200, r#""class":""#)],
    )
    .await;
}

#[tokio::test]
async fn unusable_bodies_are_refused_with_a_reason() {
    let deep = [b"{\"a\":".repeat(100_000), b"1".to_vec()].concat();
    let largest = [
        b"{\"text\":\"".to_vec(),
        b"a ".repeat((BODY_MAX - 12) / 2),
        b" \"}".to_vec(),
    ]
    .concat();
    assert!(largest.len() <= BODY_MAX);
    let cases: &[(&[u8], u16, &str)] = &[
        (b"", 400, "empty"),
        (b"{", 400, "not JSON"),
        (b"text=hello", 400, "not JSON"),
        (b"{\"text\":\"\xff\"}", 400, "not JSON"),
        (b"{\"text\":\"\\ud800\"}", 400, "not JSON"),
        (b"{\"age\":NaN}", 400, "not JSON"),
        (b"{\"age\":1e999}", 400, "not JSON"),
        (b"[1,2]", 400, "must be a JSON object"),
        (b"null", 400, "must be a JSON object"),
        (&deep, 400, "recursion limit"),
        (b"{\"text\":5}", 422, "`text` must be a string, not a number"),
        (&largest, 200, "neutral"),
        (&vec![b' '; BODY_MAX + 1], 413, "larger than 1048576 bytes"),
    ];
    check(Model::Sentiment, cases).await;
    check(
        Model::Regression,
        &[(b"{\"bmi\":\"thin\"}", 422, "`bmi` must be a number")],
    )
    .await;
    check(
        Model::Classification,
        &[(b"{\"inputs\":[[1]]}", 422, "sepal_length, sepal_width")],
    )
    .await;
}

#[tokio::test]
async fn only_the_two_paths_are_served() {
    let cases = [
        ("GET", "/health", 200, r#"{"status":"ok"}"#, None),
        (
            "POST",
            "/health",
            405,
            "`/health` takes GET only",
            Some("allow: get,head"),
        ),
        (
            "GET",
            "/predict",
            405,
            "`/predict` takes POST only",
            Some("allow: post"),
        ),
        (
            "DELETE",
            "/predict?x=1",
            405,
            "`/predict` takes POST only",
            Some("allow: post"),
        ),
        ("POST", "/predict/", 404, "nothing at `/predict/`", None),
        ("GET", "/", 404, "nothing at `/`", None),
    ];
    let requests = cases
        .iter()
        .map(|(method, path, ..)| request(method, path, b""))
        .collect();
    let answers = exchange(Model::Sentiment, requests).await;
    for ((method, path, status, part, header), (got, head, answer)) in cases.into_iter().zip(answers) {
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert!(answer.to_string().contains(part), "{method} {path}: {answer}");
        assert!(
            header.is_none_or(|header| head.contains(header)),
            "{method} {path}: {head}"
        );
    }
}

#[tokio::test]
async fn a_service_stops_although_a_connection_is_idle() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, Model::Sentiment, async {
        stopped.await.ok();
    }));
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: m\r\n\r\n")
        .await
        .unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}
