//! Every operation of the document against every kind of caller: no key reaches what is another account's.
//!
//! The operations come from the document itself, so one that is added without a row here fails the test.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_core::credential::api_key_text::Environment;
use tollgate_store::{CredentialId, NewConsumer, NewCredential, NewProof, Scope};

use super::plane::{Answer, BOOTSTRAP, NONE, Plane, empty, name, on_each_store};
use crate::admin::{SCOPES, credential, openapi};

const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];
/// Outside of the networks that need no key.
const ELSEWHERE: &str = "203.0.113.9";

/// Who calls, in the order of a row's statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Nobody: no key.
    Stranger,
    /// With a key that nobody has.
    Wrong,
    /// Another account's key with the scope.
    Other,
    /// The own account's key with every scope but this one.
    Lacking,
    /// The own account's key with this scope alone.
    Own,
    /// With the scope `admin`.
    Admin,
    /// With the bootstrap key.
    Bootstrap,
}

const ROLES: [Role; 7] =
    [Role::Stranger, Role::Wrong, Role::Other, Role::Lacking, Role::Own, Role::Admin, Role::Bootstrap];

/// Everybody may.
const OPEN: fn(u16) -> [u16; 7] = |status| [status; 7];
/// One object, which others do not find.
const OBJECT: fn(u16) -> [u16; 7] = |status| [401, 401, 404, 403, status, status, status];
/// What is there for every account by itself.
const EACH: fn(u16) -> [u16; 7] = |status| [401, 401, status, 403, status, status, status];
/// Made with a reference to something of the account, which others do not have.
const WITHIN: fn(u16) -> [u16; 7] = |status| [401, 401, 422, 403, status, status, status];
/// For the scope `admin` alone.
const ADMIN_ONLY: fn(u16) -> [u16; 7] = |status| [401, 401, 403, 403, 403, status, status];

/// What is sent to an operation, and what each role is answered.
fn expectation(operation: &str, owned: &Owned) -> Option<(Value, [u16; 7])> {
    let named = |prefix: &str| json!({ "name": format!("{prefix}-{}", owned.consumer) });
    Some(match operation {
        "GET /" => (NONE, OPEN(307)),
        "GET /health" | "GET /ready" | "GET /metrics" | "GET /openapi.json" | "GET /docs"
        | "GET /docs/page.js" | "GET /docs/page.css" => (NONE, OPEN(200)),
        "GET /api/v1/accounts"
        | "GET /api/v1/consumers"
        | "GET /api/v1/keys"
        | "GET /api/v1/audit"
        | "GET /api/v1/usage"
        | "GET /api/v1/usage/events"
        | "GET /api/v1/tiers"
        | "GET /api/v1/routes"
        | "GET /api/v1/matrix" => (NONE, EACH(200)),
        "GET /api/v1/decisions/{decision}" | "GET /api/v1/usage/events/{event}" => (NONE, EACH(404)),
        "GET /api/v1/shadow" | "GET /api/v1/usage/alarms" => (NONE, ADMIN_ONLY(200)),
        "POST /api/v1/explain" => (json!({ "consumer": owned.consumer, "route": "predict" }), OBJECT(200)),
        "POST /api/v1/accounts" => (named("new"), ADMIN_ONLY(201)),
        "GET /api/v1/accounts/{account}" => (NONE, OBJECT(200)),
        "PATCH /api/v1/accounts/{account}" => (named("renamed"), OBJECT(200)),
        // One with consumers stays.
        "DELETE /api/v1/accounts/{account}" => (NONE, ADMIN_ONLY(409)),
        "POST /api/v1/consumers" => {
            let mut body = named("new");
            body["account"] = owned.account.clone().into();
            (body, WITHIN(201))
        }
        "GET /api/v1/consumers/{name}" => (NONE, OBJECT(200)),
        "PATCH /api/v1/consumers/{name}" => (json!({ "enabled": false }), OBJECT(200)),
        "DELETE /api/v1/consumers/{name}" => (NONE, OBJECT(204)),
        "GET /api/v1/consumers/{name}/quota" => (NONE, OBJECT(200)),
        // It has none, which those are told who might set it.
        "PATCH /api/v1/consumers/{name}/quota" => (json!({ "used": 1 }), ADMIN_ONLY(422)),
        "GET /api/v1/consumers/{name}/credentials" => (NONE, OBJECT(200)),
        "POST /api/v1/consumers/{name}/credentials" => (json!({ "kind": "hawk" }), OBJECT(201)),
        "POST /api/v1/keys" => (json!({ "name": "new", "consumer": owned.consumer }), WITHIN(201)),
        "GET /api/v1/keys/{key_id}" | "GET /api/v1/consumers/{name}/credentials/{key_id}" => {
            (NONE, OBJECT(200))
        }
        "PATCH /api/v1/keys/{key_id}" | "PATCH /api/v1/consumers/{name}/credentials/{key_id}" => {
            (json!({ "name": "renamed" }), OBJECT(200))
        }
        "DELETE /api/v1/keys/{key_id}" | "DELETE /api/v1/consumers/{name}/credentials/{key_id}" => {
            (NONE, OBJECT(204))
        }
        "POST /api/v1/keys/{key_id}/rotate" | "POST /api/v1/consumers/{name}/credentials/{key_id}/rotate" => {
            (json!({ "grace": "1h" }), OBJECT(200))
        }
        "GET /api/v1/usage/{key_id}" => (NONE, OBJECT(200)),
        "POST /api/v1/usage/{key_id}" | "POST /api/v1/usage/{key_id}/debit" => (empty(), OBJECT(200)),
        // Asked about the caller's own key, so that a stranger asks about none.
        "POST /api/v1/keys/validate" => (empty(), [401, 401, 200, 200, 200, 200, 401]),
        _ => return None,
    })
}

/// What is at stake: an account, its consumer and that one's key.
struct Owned {
    account: String,
    consumer: String,
    key: CredentialId,
}

#[test]
fn no_key_reaches_what_is_anothers() {
    on_each_store(async |plane| {
        let document = openapi();
        let keys = Keys::make(plane).await;
        let mut count = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in METHODS.iter().filter(|method| item.get(*method).is_some()) {
                let operation = format!("{} {path}", method.to_uppercase());
                for (role, at) in ROLES.into_iter().zip(0..) {
                    count += 1;
                    let owned = Owned::make(plane, count).await;
                    let expectation = expectation(&operation, &owned);
                    let (body, statuses) =
                        expectation.unwrap_or_else(|| panic!("no expectation of {operation}"));
                    let key = keys.of(role, needed(&item[*method]));
                    let answer = owned.call(plane, method, path, key.as_deref(), &body).await;
                    assert_eq!(answer.status, statuses[at], "{operation} as {role:?}: {}", answer.text);
                    owned.is_untouched(plane, &operation, role, &answer).await;
                }
            }
        }
    });
}

#[test]
fn routes_come_with_their_entry_in_the_document() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(folder.with_extension("rs"));
    for file in files.iter().filter(|file| file.is_file()) {
        let text = std::fs::read_to_string(file).unwrap();
        for call in [".route(", ".nest(", ".route_service("] {
            assert!(!text.contains(call), "{}: use `routes!`, not `{call}`", file.display());
        }
    }
    assert_eq!(openapi()["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
}

/// The scope that an operation needs; `admin` stands for none.
fn needed(operation: &Value) -> String {
    let security = operation["security"].as_array().unwrap();
    let scope = security.iter().find_map(|one| one["admin_key"][0].as_str());
    scope.unwrap_or("admin").to_owned()
}

/// Keys by account and scopes.
struct Keys {
    own: BTreeMap<String, String>,
    lacking: BTreeMap<String, String>,
    other: BTreeMap<String, String>,
    admin: String,
}

impl Keys {
    async fn make(plane: &Plane) -> Self {
        let (mut own, mut lacking, mut other) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for scope in SCOPES {
            // For what needs `admin`, the next best is everything else.
            let all_but: Vec<&str> =
                SCOPES.iter().copied().filter(|one| *one != "admin" && !includes(one, scope)).collect();
            let granted = if *scope == "admin" { all_but.clone() } else { vec![*scope] };
            own.insert((*scope).to_owned(), plane.owner("one", &granted).await);
            lacking.insert((*scope).to_owned(), plane.owner("one", &all_but).await);
            other.insert((*scope).to_owned(), plane.owner("two", &granted).await);
        }
        Self { own, lacking, other, admin: plane.owner("operators", &["admin"]).await }
    }

    fn of(&self, role: Role, scope: String) -> Option<String> {
        match role {
            Role::Stranger => None,
            Role::Wrong => Some(wrong()),
            Role::Other => self.other.get(&scope).cloned(),
            Role::Lacking => self.lacking.get(&scope).cloned(),
            Role::Own => self.own.get(&scope).cloned(),
            Role::Admin => Some(self.admin.clone()),
            Role::Bootstrap => Some(BOOTSTRAP.to_owned()),
        }
    }
}

/// Whether one scope grants the other.
fn includes(one: &str, other: &str) -> bool {
    one == other || one.strip_suffix(":write") == other.strip_suffix(":read") && one.ends_with(":write")
}

/// A key of ours that nobody has.
fn wrong() -> String {
    credential::api_key(Environment::Live).unwrap().secret.unwrap().1
}

impl Owned {
    /// Everything anew for each call, because calls change it.
    async fn make(plane: &Plane, count: usize) -> Self {
        plane
            .change(async |change| {
                let account = change.account_named(Scope::All, &name("one")).await?;
                let new = NewConsumer {
                    account: account.id,
                    name: name(&format!("owned-{count}")),
                    tier: None,
                    scopes: None,
                };
                let consumer = change.create_consumer(Scope::All, new).await?;
                let new = NewCredential::new(consumer.id, "owned", NewProof::api_key(&wrong()));
                let key = change.create_credential(Scope::All, new).await?.id;
                Ok(Self { account: account.id.to_string(), consumer: consumer.name.to_string(), key })
            })
            .await
    }

    async fn call(&self, plane: &Plane, method: &str, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let path = path
            .replace("{account}", &self.account)
            .replace("{name}", &self.consumer)
            .replace("{key_id}", &self.key.to_string());
        let method = method.to_uppercase();
        let call = plane.call(&method, path).from(ELSEWHERE).json(body);
        match key {
            Some(key) => call.key(key).await_answer().await,
            None => call.await_answer().await,
        }
    }

    /// Whoever must not reach it sees nothing of it and changes nothing; a rename is undone for the next one.
    async fn is_untouched(&self, plane: &Plane, operation: &str, role: Role, answer: &Answer) {
        if matches!(role, Role::Own | Role::Admin | Role::Bootstrap) {
            if operation == "PATCH /api/v1/accounts/{account}" && answer.status == 200 {
                let id = self.account.parse().unwrap();
                plane.change(async |change| change.rename_account(Scope::All, id, name("one")).await).await;
            }
            return;
        }
        for secret in [&self.account, &self.consumer, &self.key.to_string()] {
            assert!(
                !answer.text.contains(secret.as_str()),
                "{operation} shows {secret} to {role:?}: {}",
                answer.text
            );
        }
        let store = plane.store();
        let key = store.credential(Scope::All, self.key).await.unwrap();
        let now = (key.name.as_str(), key.revoked_at, key.disabled_at, key.rotated_to);
        assert_eq!(now, ("owned", None, None, None), "{operation} as {role:?}");
        let consumer = store.consumer_named(Scope::All, &name(&self.consumer)).await.unwrap();
        assert_eq!(consumer.disabled_at, None, "{operation} as {role:?}");
        let account = store.account(Scope::All, self.account.parse().unwrap()).await.unwrap();
        assert_eq!(account.name, name("one"), "{operation} as {role:?}");
        let postings = store.usage_postings(Scope::All, self.key, &Default::default()).await.unwrap();
        assert!(postings.items.is_empty(), "{operation} as {role:?}");
    }
}
