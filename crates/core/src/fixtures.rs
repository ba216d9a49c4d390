//! Heads, consumers and credentials for tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::authn::{Accept, hawk, jwt};
use crate::consumer::{Consumer, Name, Scopes};
use crate::credential::{Credential, Credentials, Digest, Proof};
use crate::denial::Dialect;
use crate::directory::Known;
use crate::head::{Head, Host};
use crate::limit::{Limits, Subject};
use crate::meter::Meters;
use crate::mode::Mode;
use crate::path::CanonicalPath;
use crate::route::{Access, Matching, PathPattern, Rewrite, Route};
use crate::time::Now;
use crate::upstream::{HostSent, Timeouts, TlsClient, Upstream};

/// The secret of every HMAC and Hawk credential here.
pub const SECRET: &[u8] = b"werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn";

/// A request for `example.com` without a body: `METHOD TARGET`, and its header fields.
pub fn head(line: &str, headers: &[(&str, &str)]) -> Head {
    let (method, target) = line.split_once(' ').unwrap();
    let target: PathAndQuery = target.parse().unwrap();
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        fields.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    Head {
        method: method.parse().unwrap(),
        path: CanonicalPath::parse(target.path()).unwrap(),
        target,
        host: Host { name: "example.com".into(), port: None },
        headers: fields,
        has_body: false,
        secure: false,
        client: core::net::IpAddr::from([127, 0, 0, 1]),
    }
}

/// Both clocks at these seconds.
pub fn at(seconds: u64) -> Now {
    Now { wall: Duration::from_secs(seconds), monotonic: Duration::from_secs(seconds) }
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn consumer(text: &str, scopes: &[&str]) -> Arc<Consumer> {
    Arc::new(Consumer {
        name: name(text),
        account: name(text),
        tier: None,
        scopes: scopes.iter().copied().collect(),
        limits: Limits::default(),
        subject: Subject::consumer(&name(text)),
    })
}

/// A credential of a consumer; its id is `CONSUMER-KIND`.
pub fn credential(consumer: &Arc<Consumer>, proof: Proof, scopes: Option<Scopes>) -> Arc<Credential> {
    let id = format!("{}-{}", consumer.name, proof.kind());
    Arc::new(Credential::new(id, consumer.clone(), scopes, proof).unwrap())
}

/// `ann` with the API key `hk_live_ann`, `joe` with the JWT key `joe` (HS256), `dh` with the Hawk id `dh`.
pub fn credentials() -> Credentials {
    let jwt = jwt::Key::new("joe", jwt::Algorithm::Hs256, jwt::Material::Secret(SECRET)).unwrap();
    let hawk = hawk::Key::new("dh", hawk::Algorithm::Sha256, SECRET).unwrap();
    let mut credentials = Credentials::default();
    for (name, proof) in [
        ("ann", Proof::ApiKey(Digest::of(b"hk_live_ann"))),
        ("old", Proof::ApiKey(Digest::of(b"legacy"))),
        ("joe", Proof::Jwt(Box::new(jwt))),
        ("dh", Proof::Hawk(hawk)),
    ] {
        credentials.insert(credential(&consumer(name, &["model:read"]), proof, None)).unwrap();
    }
    credentials
}

/// A public route for any method and host; a path that ends in `/**` is all below.
pub fn route(text: &str, path: &str) -> Route {
    let path = match path.strip_suffix("/**") {
        Some(prefix) => PathPattern::Below(prefix.into()),
        None => PathPattern::Exact(path.into()),
    };
    Route {
        name: name(text),
        matching: Matching { path, methods: None, hosts: Vec::new() },
        upstream: Arc::new(upstream()),
        rewrite: Rewrite::Keep,
        accept: Accept { public: true, ..Accept::default() }.into(),
        access: Access::default(),
        limits: Limits::default(),
        meters: Meters::default(),
        mode: Mode::Enforce,
        body_max: None,
        websocket: false,
        errors: Dialect::Problem,
        cors: None,
    }
}

fn upstream() -> Upstream {
    Upstream {
        name: name("u"),
        targets: Vec::new(),
        health: None,
        timeout: Timeouts::default(),
        tls: TlsClient::default(),
        host: HostSent::Target,
        credential: None,
    }
}

/// A token signed with [`SECRET`].
pub fn token(claims: serde_json::Value) -> String {
    jwt::sign(jwt::Algorithm::Hs256, SECRET, &claims).unwrap()
}

/// What these credentials say to a caller from anywhere, at any time, without a directory.
pub fn known(credentials: &Credentials) -> Known<'_> {
    Known::new(credentials, None, [192, 0, 2, 1].into(), at(0))
}
