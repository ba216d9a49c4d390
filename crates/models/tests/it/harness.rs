//! Services on empty places, and short words for what most tests ask.

mod postgres;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_models::service::{Dialect, Service, Settings};
use tollgate_models::store::Place;
use tower::ServiceExt as _;

/// The guide's identifier of a configuration.
pub const CONFIG: &str = "01K7CXYHJ7BR4E87VVTG8FNBMA";
/// An identifier of nothing.
pub const NOTHING: &str = "01K7CXYHJ7BR4E87VVTG8FNBMZ";
/// What the guide's model predicts from the guide's rows, as scikit-learn computes it.
pub const PREDICTIONS: [f64; 4] =
    [13.046377018145837, 8.628929113083778, 16.5667324976221, 6.420205160552749];

/// A running service and whoever asks it.
pub struct Client {
    router: Router,
    headers: Vec<(&'static str, String)>,
}

/// An answer that came whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A place that is empty, and what keeps it.
pub struct Ground {
    pub place: Place,
    _folder: TempDir,
}

impl Ground {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { place: Place::Folder(folder.path().join("models")), _folder: folder }
    }

    pub fn postgres() -> Self {
        Self { place: Place::Postgres(postgres::database()), _folder: tempfile::tempdir().unwrap() }
    }

    pub fn settings(&self) -> Settings {
        Settings::new(self.place.clone())
    }
}

/// Runs a test with a service of these settings.
pub fn with(settings: Settings, test: impl AsyncFnOnce(Client)) {
    block_on(async {
        let service = Service::open(settings).await.unwrap();
        test(Client { router: service.router(), headers: Vec::new() }).await;
        service.stop().await;
    });
}

/// Runs a test with a service of the older dialect on a new SQLite file.
pub fn serve(test: impl AsyncFnOnce(Client)) {
    let ground = Ground::sqlite();
    with(ground.settings(), test);
}

/// Runs a test with a service of the newer dialect on a new SQLite file.
pub fn serve_newer(test: impl AsyncFnOnce(Client)) {
    let ground = Ground::sqlite();
    with(Settings { dialect: Dialect::Servicekit, ..ground.settings() }, test);
}

/// Runs a test on each database.
pub fn on_each(test: impl AsyncFn(Client)) {
    for ground in [Ground::sqlite(), Ground::postgres()] {
        with(ground.settings(), &test);
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(future)
}

impl Client {
    /// The same service, asked with one more header.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let headers = [self.headers.clone(), vec![(name, value.to_owned())]].concat();
        Self { router: self.router.clone(), headers }
    }

    /// Sends a request, and gives the answer as it begins.
    pub async fn send(&self, method: &str, path: &str, media_type: &str, body: impl Into<Body>) -> Response {
        let mut request = Request::builder().method(method).uri(path).header("host", "models.test");
        if !media_type.is_empty() {
            request = request.header("content-type", media_type);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    pub async fn raw(&self, method: &str, path: &str, media_type: &str, body: impl Into<Body>) -> Reply {
        let (head, body) = self.send(method, path, media_type, body).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.raw("GET", path, "", Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.raw("DELETE", path, "", Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.raw("POST", path, "application/json", body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.raw("PUT", path, "application/json", body.to_string()).await
    }

    /// Makes the guide's configuration, or another one.
    pub async fn config(&self, data: Value) {
        let body = json!({ "id": CONFIG, "name": "secure_disease_model", "data": data });
        assert_eq!(self.post("/api/v1/configs", body).await.status, 201);
    }

    /// Follows a job to its end.
    pub async fn ended(&self, accepted: &Value) -> Value {
        let id = accepted["job_id"].as_str().unwrap();
        // The stream ends with the job.
        let events = self.get(&format!("/api/v1/jobs/{id}/$stream")).await;
        assert_eq!(events.status, 200, "{events:?}");
        self.get(&format!("/api/v1/jobs/{id}")).await.json()
    }

    /// Trains by the configuration on a table, and follows the job to its end.
    pub async fn trained_on(&self, data: Value) -> Value {
        let reply = self.post("/api/v1/ml/$train", json!({ "config_id": CONFIG, "data": data })).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        self.ended(&reply.json()).await
    }

    /// Trains the guide's model; gives the identifier of its artifact.
    pub async fn model(&self) -> String {
        self.config(json!({})).await;
        let job = self.trained_on(table()).await;
        assert_eq!(job["status"], "completed", "{job}");
        job["artifact_id"].as_str().unwrap().to_owned()
    }

    /// Predicts by a job, and follows it to its end.
    pub async fn predicted(&self, model: &str, future: Value) -> Value {
        let reply = self.post("/api/v1/ml/$predict", request(model, future)).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        self.ended(&reply.json()).await
    }
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The guide's table.
pub fn table() -> Value {
    json!({
        "columns": ["rainfall", "mean_temperature", "disease_cases"],
        "data": [
            [100.5, 25.3, 12], [85.2, 27.1, 8], [120.8, 24.5, 15], [95.3, 26.2, 10],
            [110.0, 26.0, 13], [75.5, 28.0, 6], [130.2, 23.8, 18], [88.9, 27.5, 9],
        ],
    })
}

/// The guide's rows to predict from.
pub fn rows() -> Value {
    json!({
        "columns": ["rainfall", "mean_temperature"],
        "data": [[110.0, 26.0], [90.0, 28.0], [125.0, 24.0], [80.0, 29.0]],
    })
}

/// The guide's request to predict.
pub fn request(model: &str, future: Value) -> Value {
    let historic = json!({ "columns": ["rainfall", "mean_temperature"], "data": [] });
    json!({ "model_artifact_id": model, "historic": historic, "future": future })
}

/// Whether the numbers are the guide's predictions.
#[track_caller]
pub fn same(found: &[f64]) {
    assert_eq!(found.len(), PREDICTIONS.len());
    for (found, expected) in found.iter().zip(PREDICTIONS) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
}

/// The last column of a table.
pub fn last_column(table: &Value) -> Vec<f64> {
    let rows = table["data"].as_array().unwrap();
    rows.iter().map(|row| row.as_array().unwrap().last().unwrap().as_f64().unwrap()).collect()
}
