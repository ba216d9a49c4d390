//! The gate before an external auth service: every answer that the service may give, and what the caller gets for it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking; what it spawns ends with its runtime"
)]

mod fleet;
#[path = "../shared/server.rs"]
#[expect(dead_code, reason = "other tests end it and start it again")]
mod server;
mod service;

use std::time::Duration;

use serde_json::{Value, json};
use tollgate::config::{self, Compiled, source::Source};
use tollgate::server::Server;
use tollgate::state::clock::{Clock, Manual};
use tollgate::telemetry::Telemetry;

use self::service::{Answer, Fake};

struct Gate {
    server: Option<Server>,
    base: String,
    clock: std::sync::Arc<Manual>,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Gate {
    async fn start(fake: &Fake, settings: &str) -> Self {
        Self::start_with(fake, settings, "").await
    }

    /// With more members of the file.
    async fn start_with(fake: &Fake, settings: &str, more: &str) -> Self {
        Self::start_changed(fake, settings, more, |_| {}).await
    }

    /// With another configuration than files may have.
    async fn start_changed(
        fake: &Fake,
        settings: &str,
        more: &str,
        change: impl FnOnce(&mut Compiled),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "listen: 127.0.0.1:0\nworkers: 1\nerrors: detail\n\
             auth_service: {{ url: \"http://{at}\"{settings} }}\n\
             upstreams: {{ model: {{ targets: [\"http://{at}\"] }} }}\n\
             routes:\n  \
               x: {{ match: {{ path: /x }}, upstream: model, accept: [api_key] }}\n  \
               scoped: {{ match: {{ path: /scoped }}, upstream: model, accept: [api_key], scopes: [model:write] }}\n  \
               named: {{ match: {{ path: /named }}, upstream: model, accept: [api_key], allow: [ann] }}\n  \
               soft: {{ match: {{ path: /soft }}, upstream: model, accept: [api_key], mode: shadow }}\n  \
               softer: {{ match: {{ path: /softer }}, upstream: model, accept: [api_key], scopes: [model:write], mode: shadow }}\n\
             consumers: {{ ann: {{ credentials: [{{ api_key: of_the_file }}] }} }}\n{more}",
            at = fake.address
        );
        let source = Source::new("tollgate.yaml", text, folder.path());
        let mut compiled =
            config::compile(&source, &|_| None).map_err(|problems| problems.render(false)).unwrap();
        change(&mut compiled);
        let clock = Manual::at(Duration::from_secs(1_800_000_000));
        let gate_clock = Clock::Manual(clock.clone());
        let start = move || Server::start(compiled, gate_clock, Telemetry::default());
        let server = tokio::task::spawn_blocking(start).await.unwrap().unwrap();
        let base = format!("http://{}", server.addresses()[0]);
        Self { server: Some(server), base, clock, client: reqwest::Client::new(), _folder: folder }
    }

    /// Status and body of a request with this key.
    async fn ask(&self, path: &str, key: &str) -> (u16, Value) {
        let response =
            self.client.post(format!("{}{path}", self.base)).header("x-api-key", key).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn retry_after(&self, path: &str, key: &str) -> Option<String> {
        let response =
            self.client.post(format!("{}{path}", self.base)).header("x-api-key", key).send().await.unwrap();
        response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned())
    }

    async fn stop(mut self) {
        let server = self.server.take().unwrap();
        tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
    }
}

fn known() -> Answer {
    Answer::json(
        200,
        &json!({ "user_id": "u@example.org", "key_id": "k1", "scopes": ["model:read"], "rate_limit_per_hour": 100 }),
    )
}

#[tokio::test]
async fn a_known_key_is_asked_about_once_charged_and_reported() {
    let fake = Fake::start().await;
    fake.validate(known());
    let gate = Gate::start(&fake, "").await;
    for _ in 0..3 {
        assert_eq!(gate.ask("/x", "hk_live_k").await.0, 200);
    }
    let seen = fake.seen("/api/v1/keys/validate");
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer hk_live_k"));
    assert_eq!(seen[0].body, json!({ "service_id": "platform", "client_ip": "127.0.0.1" }));

    let charges = fake.seen("/api/v1/usage/k1/debit");
    assert_eq!(charges.len(), 3);
    for (member, value) in [("model_id", "x"), ("endpoint", "/x"), ("service_id", "platform")] {
        assert_eq!(charges[0].body[member], value);
    }
    let ids: std::collections::BTreeSet<_> =
        charges.iter().map(|charge| charge.body["idempotency_key"].to_string()).collect();
    assert_eq!(ids.len(), 3);

    let model = fake.seen("/x");
    assert_eq!(model[0].consumer.as_deref(), Some("u@example.org"));
    assert_eq!(model[0].credential.as_deref(), Some("k1"));
    assert_eq!(model[0].authorization, None);

    let reports = fake.wait_for("/api/v1/usage/k1", 3).await;
    assert_eq!(reports[0].body["endpoint"], "/x");
    assert_eq!(reports[0].body["status_code"], 200);
    assert_eq!(reports[0].authorization, None);

    // A verdict holds for five minutes.
    gate.clock.advance(Duration::from_secs(299));
    gate.ask("/x", "hk_live_k").await;
    assert_eq!(fake.seen("/api/v1/keys/validate").len(), 1);
    gate.clock.advance(Duration::from_secs(1));
    gate.ask("/x", "hk_live_k").await;
    assert_eq!(fake.seen("/api/v1/keys/validate").len(), 2);
    gate.stop().await;
}

#[tokio::test]
async fn every_verdict_has_its_answer() {
    let fake = Fake::start().await;
    let gate = Gate::start(&fake, ", timeout: 200ms, debit: off").await;
    let user = |id: &str| json!({ "user_id": id, "key_id": "k", "scopes": [] });
    for (name, answer, status, detail) in [
        ("unknown", Answer::json(401, &json!({ "detail": "no" })), 401, "Invalid or expired API key"),
        ("throttled", Answer::json(429, &json!({})), 429, "Rate limit exceeded"),
        ("failed", Answer::json(500, &json!({})), 503, "Authentication service error"),
        ("odd", Answer::json(418, &json!({})), 503, "Authentication service error"),
        ("forbidden", Answer::json(403, &json!({})), 503, "Authentication service error"),
        ("not-json", Answer::text(200, "<html>"), 503, "Authentication service unavailable"),
        ("a-list", Answer::json(200, &json!([])), 503, "Authentication service error"),
        ("huge", Answer::text(200, &"x".repeat(100_000)), 503, "Authentication service unavailable"),
        ("hangs", Answer::Hang, 503, "Authentication service timeout"),
        ("drops", Answer::Drop, 503, "Authentication service unavailable"),
        ("elsewhere", Answer::Redirect, 503, "Authentication service error"),
        (
            "poor",
            Answer::json(200, &json!({ "user_id": "u", "key_id": "k", "has_sufficient_balance": false })),
            402,
            "Insufficient balance",
        ),
        ("namesake", Answer::json(200, &user("ann")), 503, "Authentication service error"),
        ("unprintable", Answer::json(200, &user("a b")), 503, "Authentication service error"),
    ] {
        fake.validate(answer);
        let (got, body) = gate.ask("/x", name).await;
        assert_eq!((got, body["detail"].as_str()), (status, Some(detail)), "{name}");
        if status == 503 {
            assert_eq!(gate.retry_after("/x", name).await.as_deref(), Some("1"), "{name}");
        }
    }
    assert!(fake.seen("/x").is_empty());
    fake.validate(Answer::json(429, &json!({})));
    assert_eq!(gate.retry_after("/x", "throttled").await.as_deref(), Some("60"));

    // What is no verdict is not remembered: the same key passes as soon as the service has one.
    fake.validate(known());
    for name in ["failed", "hangs", "poor"] {
        assert_eq!(gate.ask("/x", name).await.0, 200, "{name}");
    }
    let (status, body) = gate.ask("/scoped", "failed").await;
    assert_eq!((status, body["required_scope"].as_str()), (403, Some("model:write")));
    // Keys of the file are nobody else's business.
    let before = fake.seen("/api/v1/keys/validate").len();
    assert_eq!(gate.ask("/named", "of_the_file").await.0, 200);
    assert_eq!(fake.seen("/api/v1/keys/validate").len(), before);
    gate.stop().await;
}

#[tokio::test]
async fn a_refused_charge_refuses_the_call_and_nothing_else_does() {
    let fake = Fake::start().await;
    fake.validate(known());
    let gate = Gate::start(&fake, ", timeout: 200ms").await;
    fake.debit(Answer::json(402, &json!({ "detail": { "error": "no_funds", "message": "Top up" } })));
    let (status, body) = gate.ask("/x", "k").await;
    assert_eq!(status, 402);
    assert_eq!(
        body,
        json!({ "error": "usage_debit_rejected", "reason": "Top up", "reason_code": "no_funds" })
    );
    assert!(fake.seen("/x").is_empty());
    for answer in [Answer::json(500, &json!({})), Answer::json(404, &json!({})), Answer::Drop, Answer::Hang] {
        fake.debit(answer);
        assert_eq!(gate.ask("/x", "k").await.0, 200);
    }
    gate.stop().await;
}

/// A call that cannot be taken down is refused before anybody is charged for it.
#[tokio::test]
async fn nobody_is_charged_where_the_journal_is_full() {
    let fake = Fake::start().await;
    fake.validate(known());
    let gate = Gate::start_changed(&fake, "", "", |compiled| compiled.process.ledger.max_bytes = 0).await;
    for _ in 0..3 {
        assert_eq!(gate.ask("/x", "k").await.0, 503);
    }
    assert!(fake.seen("/x").is_empty());
    assert!(fake.seen("/api/v1/usage/k1/debit").is_empty());
    gate.stop().await;
}

/// What the service refuses, a route in shadow lets through; nobody pays for a call that would have been refused.
#[tokio::test]
async fn verdicts_are_softened_in_shadow() {
    let fake = Fake::start().await;
    let gate = Gate::start(&fake, "").await;
    let poor = json!({ "user_id": "u", "key_id": "k", "has_sufficient_balance": false });
    let user = Some("u@example.org");
    for (path, key, answer, debit, consumer, charged) in [
        ("/soft", "unknown", Answer::json(401, &json!({ "detail": "no" })), 200, None, 0),
        ("/soft", "poor", Answer::json(200, &poor), 200, None, 0),
        ("/soft", "refused", Answer::json(402, &json!({})), 200, None, 0),
        ("/softer", "scoped", known(), 200, user, 0),
        ("/soft", "paid", known(), 200, user, 1),
        ("/soft", "broke", known(), 402, user, 2),
    ] {
        fake.validate(answer);
        fake.debit(Answer::json(debit, &json!({})));
        assert_eq!(gate.ask(path, key).await.0, 200, "{key}");
        let seen = fake.seen(path);
        assert_eq!(seen.last().unwrap().consumer.as_deref(), consumer, "{key}");
        assert_eq!(fake.seen("/api/v1/usage/k1/debit").len(), charged, "{key}");
    }
    // Whom nobody can name is a stranger there, and nobody whom the service does not know is charged.
    fake.validate(Answer::json(500, &json!({})));
    assert_eq!(gate.ask("/soft", "unanswered").await.0, 200);
    assert_eq!(fake.seen("/soft").last().unwrap().consumer, None);
    assert_eq!(fake.seen("/api/v1/usage/k1/debit").len(), 2);
    gate.stop().await;
}

#[tokio::test]
async fn a_key_s_own_rate_limits_it() {
    let fake = Fake::start().await;
    let gate = Gate::start(&fake, ", debit: off, report: off").await;
    for (rate, expected) in [
        (json!(2), [200, 200, 429]),
        (json!(0), [429, 429, 429]),
        (json!(0.5), [429, 429, 429]),
        (json!(u64::MAX), [200, 200, 200]),
        (json!(1e30), [200, 200, 200]),
        (json!(-1), [503, 503, 503]),
    ] {
        // Each is a key of its own.
        let key = rate.to_string();
        let verdict = json!({ "user_id": "u", "key_id": key, "rate_limit_per_hour": rate });
        fake.validate(Answer::json(200, &verdict));
        for status in expected {
            assert_eq!(gate.ask("/x", &key).await.0, status, "{key}");
        }
    }
    assert!(fake.seen("/api/v1/usage/2/debit").is_empty());
    gate.stop().await;
}
