//! A control plane over an empty store, and short words for calling it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;
use tollgate_core::consumer::Name;
use tollgate_store::{Actor, Change, NewConsumer, NewCredential, NewProof, Reservations, Scope, Store};
use tower::ServiceExt as _;

use crate::admin::{Bootstrap, Control, Peer, Settings, admin, auth_api};
use crate::auth_service::AuthService;
use crate::config::{self, Compiled, source::Source};
use crate::data_dir::DataDir;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::state::Gate;
use crate::state::clock::{Clock, Manual};
use crate::telemetry::Telemetry;

pub const BOOTSTRAP: &str = "bootstrap-key-of-the-tests";
pub const START: u64 = 1_800_000_000;

const CONFIG: &str = "
upstreams: { model: { targets: [http://127.0.0.1:1] } }
tiers:
  free: { limits: [100 requests/h], scopes: [model:read] }
  premium: { limits: [10000 requests/h], scopes: [model:read, model:predict] }
  metered: { quota: 100 requests/month }
routes:
  predict: { match: { path: /predict, methods: [POST] }, upstream: model, accept: [api_key], allow: [declared, { store: promised }] }
  open: { match: { path: /open/** }, upstream: model, accept: [public] }
consumers:
  declared: { account: filed, tier: free, credentials: [{ api_key: a-key-of-the-configuration-file }] }
  second: { account: filed, credentials: [{ api_key: { env: SECOND } }] }
";

/// A control plane. Its callers come from loopback unless they say otherwise.
pub struct Plane {
    pub control: Arc<Control>,
    pub clock: Arc<Manual>,
    router: Router,
    auth_api: Router,
    _folder: TempDir,
}

/// What a call was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// A call that is about to be made.
pub struct Call<'p> {
    plane: &'p Plane,
    router: &'p Router,
    method: &'p str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    address: IpAddr,
}

/// Runs a test on each database that there is.
pub fn on_each_store(test: impl AsyncFn(&Plane)) {
    for postgres in [false, true] {
        let shared = std::env::var("TOLLGATE_TEST_POSTGRES").ok();
        if postgres && shared.is_none() {
            continue;
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let url = match shared.filter(|_| postgres) {
                Some(url) => database(&url).await,
                None => format!("sqlite:{}", folder.path().join("store.db").display()),
            };
            let plane = Plane::start(folder, &url).await;
            test(&plane).await;
            plane.store().close().await;
        });
    }
}

/// Runs a test before an external auth service, which is never there.
pub fn before_a_service(test: impl AsyncFn(&Plane)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let settings = config::process::AuthService {
            url: "http://127.0.0.1:1".to_owned(),
            timeout: Duration::from_secs(1),
            cache: Duration::from_secs(1),
            debit: false,
            report: false,
            service_id: "platform".to_owned(),
        };
        let service = AuthService::new(&settings).unwrap();
        let plane = Plane::start_with(folder, &url, Some(service)).await;
        test(&plane).await;
        plane.store().close().await;
    });
}

impl Plane {
    async fn start(folder: TempDir, url: &str) -> Self {
        Self::start_with(folder, url, None).await
    }

    async fn start_with(folder: TempDir, url: &str, service: Option<AuthService>) -> Self {
        let clock = Manual::at(Duration::from_secs(START));
        let store = Store::open(url).await.unwrap();
        let actor = Actor::new("test").unwrap();
        store.open_sealing_keys(&folder.path().join("sealing.key"), &actor, start()).await.unwrap();
        let gate = gate(folder.path(), store, service, Clock::Manual(clock.clone())).await;
        gate.directory.look().await;
        let settings = Settings {
            bootstrap: Some(Bootstrap::new(BOOTSTRAP).unwrap()),
            hosts: vec!["gate.example.com".to_owned()],
            ..Settings::default()
        };
        let control = Control::new(gate, settings);
        let (router, auth_api) = (admin(&control), auth_api(&control));
        Self { control, clock, router, auth_api, _folder: folder }
    }

    pub fn store(&self) -> &Store {
        self.control.store().unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.control.now()
    }

    /// A call to the admin listener.
    pub fn call<'p>(&'p self, method: &'p str, path: impl Into<String>) -> Call<'p> {
        let address = IpAddr::from([127, 0, 0, 1]);
        let headers = vec![("host", "127.0.0.1:8081".to_owned())];
        Call { plane: self, router: &self.router, method, path: path.into(), headers, body: None, address }
    }

    /// A call to the listener of the auth-service contract.
    pub fn ask<'p>(&'p self, method: &'p str, path: impl Into<String>) -> Call<'p> {
        Call { router: &self.auth_api, ..self.call(method, path) }
    }

    /// A call with the bootstrap key that is answered as expected; its body.
    pub async fn does(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.call(method, path).key(BOOTSTRAP).json(&body).await_answer().await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text);
        answer.body()
    }

    /// Changes the store behind the control plane's back.
    pub async fn change<T>(
        &self,
        steps: impl AsyncFnOnce(&mut Change<'_>) -> tollgate_store::Result<T>,
    ) -> T {
        let mut change = self.store().change(&Actor::new("test").unwrap(), self.now()).await.unwrap();
        let made = steps(&mut change).await.unwrap();
        change.commit().await.unwrap();
        made
    }

    /// As if the accounts of the file had been in the store before the file.
    pub async fn unreserve(&self) {
        self.store().reserve("test", &Reservations::default()).await.unwrap();
    }

    /// Makes an account with a consumer of the same name, and a key of it with these scopes; the key's text.
    pub async fn owner(&self, account: &str, scopes: &[&str]) -> String {
        let text =
            crate::admin::credential::api_key(tollgate_core::credential::api_key_text::Environment::Test);
        let (_, text) = text.unwrap().secret.unwrap();
        self.owns(account, &text, scopes).await;
        text
    }

    /// The same with a key of this text; its id.
    pub async fn owns(&self, account: &str, text: &str, scopes: &[&str]) -> String {
        self.change(async |change| {
            let account = match change.account_named(Scope::All, &name(account)).await {
                Ok(account) => account,
                Err(_) => change.create_account(Scope::All, name(account)).await?,
            };
            let consumer = match change.consumer_named(Scope::All, &account.name).await {
                Ok(consumer) => consumer,
                Err(_) => {
                    let new = NewConsumer {
                        account: account.id,
                        name: account.name.clone(),
                        tier: None,
                        scopes: None,
                    };
                    change.create_consumer(Scope::All, new).await?
                }
            };
            let mut new = NewCredential::new(consumer.id, "admin key", NewProof::api_key(text));
            new.scopes = Some(scopes.iter().copied().collect());
            Ok(change.create_credential(Scope::All, new).await?.id.to_string())
        })
        .await
    }
}

impl Call<'_> {
    pub fn key(self, key: &str) -> Self {
        self.field("authorization", format!("Bearer {key}"))
    }

    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    pub fn from(mut self, address: &str) -> Self {
        self.address = address.parse().unwrap();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        if body.is_null() { self } else { self.text("application/json", body.to_string()) }
    }

    pub fn text(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut this = self.field("content-type", media_type);
        this.body = Some(body.into());
        this
    }

    pub async fn await_answer(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(Body::from(self.body.unwrap_or_default())).unwrap();
        request.extensions_mut().insert(Peer { address: self.address, local: IpAddr::from([127, 0, 0, 1]) });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        answer.holds_for_all(self.plane);
        answer
    }

    /// The answer, which has this status.
    pub async fn answers(self, status: u16) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        let answer = self.await_answer().await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        answer
    }
}

impl Answer {
    pub fn body(&self) -> Value {
        if self.text.is_empty() { Value::Null } else { serde_json::from_str(&self.text).unwrap() }
    }

    /// The problem's code and field.
    pub fn problem(&self) -> (String, String) {
        let body = self.body();
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        (text("code"), text("field"))
    }

    /// What is true of every answer.
    fn holds_for_all(&self, _: &Plane) {
        let id = self.headers["x-request-id"].to_str().unwrap();
        assert_eq!(id.len(), 26);
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        let status = self.status.as_u16();
        assert_ne!(status, 500, "{}", self.text);
        let media_type = self.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap());
        if status >= 400 && media_type == Some("application/problem+json") {
            let body = self.body();
            assert_eq!(body["status"], status);
            assert_eq!(body["request_id"], id);
            assert_eq!(body["type"], format!("urn:tollgate:error:{}", body["code"].as_str().unwrap()));
        } else if status >= 400 && status != 503 {
            assert_eq!(self.body().as_object().unwrap().keys().collect::<Vec<_>>(), ["detail"]);
        }
        if status == 401 && media_type == Some("application/problem+json") {
            assert!(self.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer realm="));
        }
        if status == 429 {
            assert!(self.headers.contains_key(header::RETRY_AFTER));
        }
    }
}

async fn gate(folder: &Path, store: Store, service: Option<AuthService>, clock: Clock) -> Arc<Gate> {
    let source = Source::new("tollgate.yaml", CONFIG.to_owned(), folder);
    let env = |name: &str| (name == "SECOND").then(|| "another-key-of-the-configuration-file".to_owned());
    let compiled =
        config::compile(&source, &env).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let handle = tokio::runtime::Handle::current();
    let directory = Arc::new(Directory::new(compiled.process.directory, service, handle));
    directory.open(store).await.unwrap();
    directory.reserve("test", &compiled.snapshot).await.unwrap();
    let data_dir = DataDir::lock(&folder.join("data")).unwrap();
    let ledger = Ledger::open(&compiled.process, &data_dir).unwrap();
    let Compiled { process, snapshot, .. } = compiled;
    Gate::new(process, snapshot, directory, None, ledger, clock, Telemetry::default()).unwrap()
}

/// A new database of a running server.
async fn database(server: &str) -> String {
    let name = format!("t{}", hex::encode(crate::keys::random::<8>().unwrap()));
    let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
    let create = format!("CREATE DATABASE {name} STRATEGY file_copy");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn start() -> Timestamp {
    Timestamp::from_second(i64::try_from(START).unwrap()).unwrap()
}

/// Nothing to send.
pub const NONE: Value = Value::Null;

/// An empty object.
pub fn empty() -> Value {
    json!({})
}
