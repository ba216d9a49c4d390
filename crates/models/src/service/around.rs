//! What every call goes through: its path made plain, its key, its id, its lines in the log.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use tower_service::Service as _;
use ulid::Ulid;

use super::app::App;
use super::keys::Presented;
use super::problem::{Place, Problem};
use super::{answer, artifacts, configs, counters, docs, health, invocations, jobs, ml, models, v2};
use crate::caught::{Broke, caught};

/// Who calls, as far as the service knows: for turns in the queue, and to be told in answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// For turns in the queue; empty for nobody in particular.
    pub(crate) name: String,
    /// The consumer that a gate in front has found.
    pub(crate) consumer: Option<String>,
    /// The credential that it has found.
    pub(crate) credential: Option<String>,
}

/// Paths that need no key, each exactly.
const PUBLIC: [&str; 5] = ["/docs", "/redoc", "/openapi.json", "/health", "/"];
/// Who calls, as a gate in front says it; nobody else is believed.
const CONSUMER: HeaderName = HeaderName::from_static("x-consumer-username");
/// By what, as a gate in front says it.
const CREDENTIAL: HeaderName = HeaderName::from_static("x-credential-identifier");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything that the service answers.
pub(super) fn router(app: &Arc<App>) -> Router {
    let inner = routes().with_state(Arc::clone(app));
    // A fallback, because what it does comes before the choice of a route.
    Router::new().fallback(around).with_state((Arc::clone(app), inner))
}

/// The routes, by what they are about.
fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for (path, route) in table() {
        router = router.route(path, route);
    }
    router
        .fallback(async || Problem::plain(StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(async || Problem::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        // Bodies are bounded where they are read.
        .layer(axum::extract::DefaultBodyLimit::disable())
}

/// Path by path; `docs` has a line for each.
pub(super) fn table() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let mut all = vec![
        ("/", get(docs::landing)),
        ("/docs", get(docs::page)),
        ("/redoc", get(docs::page)),
        ("/openapi.json", get(docs::document)),
        ("/health", get(health::health)),
        ("/health/$stream", get(health::stream)),
        ("/metrics", get(counters::metrics)),
        ("/api/v1/info", get(health::info)),
        ("/api/v1/system", get(health::system)),
        ("/api/v1/system/apps", get(health::apps)),
        ("/api/v1/system/apps/$schema", get(health::apps_schema)),
        ("/api/v1/configs", get(configs::list).post(configs::create)),
        ("/api/v1/configs/$schema", get(configs::schema)),
        ("/api/v1/configs/$stats", get(configs::stats)),
        ("/api/v1/configs/{id}", get(configs::show).put(configs::replace).delete(configs::remove)),
        ("/api/v1/configs/{id}/$artifacts", get(configs::artifacts)),
        ("/api/v1/configs/{id}/$link-artifact", post(configs::link)),
        ("/api/v1/configs/{id}/$unlink-artifact", post(configs::unlink)),
        ("/api/v1/jobs", get(jobs::list)),
        ("/api/v1/jobs/$schema", get(jobs::schema)),
        ("/api/v1/jobs/{id}", get(jobs::show).delete(jobs::remove)),
        ("/api/v1/jobs/{id}/$cancel", post(jobs::cancel)),
        ("/api/v1/jobs/{id}/$stream", get(jobs::stream)),
        ("/api/v1/ml/$train", post(ml::train)),
        ("/api/v1/ml/$predict", post(ml::predict)),
        ("/api/v1/ml/$validate", post(ml::validate)),
        ("/api/v1/ml/$generate-sample-data", get(ml::sample)),
    ];
    all.extend(artifacts::table());
    all.extend(models_table());
    all
}

/// One model, three ways to ask it at once.
fn models_table() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/api/v1/models", get(models::list)),
        ("/api/v1/models/{name}", get(models::info).put(models::name).delete(models::unname)),
        ("/api/v1/models/{name}/predict", post(models::predict)),
        ("/api/v1/models/{name}/info", get(models::info)),
        ("/api/v1/models/{name}/health", get(models::health)),
        ("/v2", get(v2::server)),
        ("/v2/health/live", get(v2::live)),
        ("/v2/health/ready", get(v2::ready)),
        ("/v2/models/{name}", get(v2::model)),
        ("/v2/models/{name}/ready", get(v2::model_ready)),
        ("/v2/models/{name}/infer", post(v2::infer)),
        ("/v2/models/{name}/versions/{version}", get(v2::version)),
        ("/v2/models/{name}/versions/{version}/ready", get(v2::version_ready)),
        ("/v2/models/{name}/versions/{version}/infer", post(v2::version_infer)),
        ("/invocations", post(invocations::invoke)),
        ("/ping", get(invocations::ping)),
        ("/version", get(invocations::version)),
    ]
}

async fn around(State((app, mut inner)): State<(Arc<App>, Router)>, mut request: Request) -> Response {
    let path = decoded(request.uri().path());
    let base = answer::base(&app, request.headers(), request.uri());
    let url = format!("{base}{path}{}", query(request.uri()));
    let caller = match caller(&app, &request, &path) {
        Ok(caller) => caller,
        // Without an id, as the original has it: nobody's request was begun.
        Err(problem) => {
            app.counters.answered(problem.status.as_u16(), 0);
            return problem.render(app.settings.dialect, Place { path: &path, url: &url, request_id: "" });
        }
    };
    let (started, id, method): (_, String, _) =
        (Instant::now(), Ulid::generate().to_string(), request.method().clone());
    let host = client_host(&request);
    let (client_host, query_params) = (host.as_deref(), query_params(request.uri()));
    tracing::info!(
        event = "http.request.start", request_id = %id, %method, path, client_host, query_params, "a request"
    );
    if let Some(uri) = plain(request.uri(), &path) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(caller);
    let mut response = match redirected(&app, &path, &base) {
        Some(response) => response,
        None => called(inner.call(request)).await.unwrap_or_else(|broke| {
            tracing::error!(event = "service.broken", request_id = %id, %broke, "a call broke; this is a fault of the program");
            Problem::broken().into_response()
        }),
    };
    let mut fault = None;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if problem.status == StatusCode::INTERNAL_SERVER_ERROR {
            fault = Some(problem.text());
        } else {
            tell(&app, &problem, &path);
        }
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.render(app.settings.dialect, Place { path: &path, url: &url, request_id: &id });
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let (status, taken) = (response.status().as_u16(), started.elapsed());
    let duration_ms = taken.as_secs_f64() * 1000.0;
    match fault {
        Some(error) => tracing::error!(
            event = "http.request.error", request_id = %id, %method, path, client_host, error, duration_ms,
            "the service failed"
        ),
        None => tracing::info!(
            event = "http.request.complete", request_id = %id, %method, path, client_host, status_code = status,
            duration_ms, "answered"
        ),
    }
    app.counters.answered(status, u64::try_from(taken.as_micros()).unwrap_or(u64::MAX));
    if let Ok(id) = HeaderValue::try_from(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// What a router answers, or how it broke.
async fn called(call: impl Future<Output = Result<Response, Infallible>>) -> Result<Response, Broke> {
    let mut call = pin!(call);
    let answered = poll_fn(|context| match caught(|| call.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(broke) => Poll::Ready(Err(broke)),
    });
    answered.await.map(|Ok(response)| response)
}

impl Caller {
    fn of_gate(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let said = |name| text(name).map(|text| text.chars().take(256).collect::<String>());
        let consumer = said(CONSUMER);
        Self { name: consumer.clone().unwrap_or_default(), consumer, credential: said(CREDENTIAL) }
    }
}

/// Who calls; a refusal where nobody may be told apart from somebody.
fn caller(app: &App, request: &Request, path: &str) -> Result<Caller, Problem> {
    let Some(keys) = &app.settings.keys else { return Ok(Caller::of_gate(request.headers())) };
    if PUBLIC.contains(&path) {
        return Ok(Caller::default());
    }
    let (header, method) = (&app.settings.header, request.method());
    match keys.check(request.headers(), header) {
        Presented::Known { prefix, at } => {
            tracing::info!(event = "auth.success", key_prefix = prefix, path, "the key is known");
            Ok(Caller { name: format!("key {at}"), ..Caller::default() })
        }
        Presented::Unknown { prefix } => {
            tracing::warn!(event = "auth.invalid_key", key_prefix = prefix, path, %method, "the key is unknown");
            Err(Problem::unauthorized("Invalid API key".to_owned()))
        }
        Presented::Missing => {
            tracing::warn!(event = "auth.missing_key", path, %method, "there is no key");
            Err(Problem::unauthorized(format!("Missing authentication header: {}", spelt(header))))
        }
    }
}

/// The header's name as people write it: `X-API-Key`.
fn spelt(header: &HeaderName) -> String {
    let part = |part: &str| match part {
        "api" => "API".to_owned(),
        part => {
            part.chars().take(1).map(|first| first.to_ascii_uppercase()).chain(part.chars().skip(1)).collect()
        }
    };
    header.as_str().split('-').map(part).collect::<Vec<String>>().join("-")
}

fn tell(app: &App, problem: &Problem, path: &str) {
    let (status, detail, error_type) = (problem.status.as_u16(), problem.text(), problem.kind());
    let detail: String = detail.chars().take(500).collect();
    let dialect = app.settings.dialect;
    match (problem.is_invalid(), dialect.is_new()) {
        (true, _) => tracing::warn!(event = "validation.error", status, detail, path, "refused"),
        (false, false) => {
            tracing::warn!(event = "chapkit.error", error_type, status, detail, path, "refused")
        }
        (false, true) => {
            tracing::warn!(event = "servicekit.error", error_type, status, detail, path, "refused")
        }
    }
}

/// Collections with a slash too many, in the older dialect: its clients are sent on.
fn redirected(app: &App, path: &str, base: &str) -> Option<Response> {
    let trimmed = path.strip_suffix('/').filter(|trimmed| !trimmed.is_empty())?;
    let known = ["/api/v1/configs", "/api/v1/artifacts", "/api/v1/jobs", "/api/v1/system", "/api/v1/info"];
    if app.settings.dialect.is_new() || !known.contains(&trimmed) {
        return None;
    }
    let location = HeaderValue::try_from(format!("{base}{trimmed}")).ok()?;
    Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}

/// Who has the other end of the connection; nobody where there is none.
fn client_host(request: &Request) -> Option<String> {
    let ConnectInfo(address) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_string())
}

/// The query for the log. Only the values of parameters that the service reads are there: another may be a secret.
fn query_params(uri: &Uri) -> String {
    const OPEN: [&str; 6] = ["page", "size", "status_filter", "poll_interval", "model", "name"];
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let shown = pairs.map(|pair| match pair.split_once('=') {
        Some((name, _)) if !OPEN.contains(&name) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

fn query(uri: &Uri) -> String {
    uri.query().map(|query| format!("?{query}")).unwrap_or_default()
}

/// The address with its path decoded, where that is another one and still a path: so `%24train` is `$train`.
fn plain(uri: &Uri, path: &str) -> Option<Uri> {
    (path != uri.path()).then(|| format!("{path}{}", query(uri)).parse().ok()).flatten()
}

/// Text with its percent signs resolved; a broken escape stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
