use tollgate_core::admission;
use tollgate_core::limit::{Cost, Limiter};

use super::*;
use crate::config::{self, source::Source};
use crate::explain::request::Values;
use crate::state::clock::Clock;

const CONFIG: &str = "
upstreams:
  model: { targets: [http://127.0.0.1:9001] }
  lent: { targets: [http://127.0.0.1:9001], credential: { bearer: own } }
tiers:
  one: { limits: [1 requests/h], scopes: [model:read] }
  month: { quota: 7 requests/month }
routes:
  keys: { match: { path: /keys, methods: [POST] }, upstream: model, accept: [api_key], deny: [bob], limits: [5 requests/s] }
  scoped: { match: { path: /scoped/** }, upstream: model, accept: [api_key], scopes: [model:predict] }
  listed: { match: { path: /listed }, upstream: model, accept: [api_key], allow: [bob] }
  signed: { match: { path: /signed }, upstream: model, accept: [hawk] }
  open: { match: { path: /open }, upstream: model, accept: [public] }
  shadowed: { match: { path: /shadowed }, upstream: model, accept: [api_key], deny: [ann], mode: shadow }
  lent: { match: { path: /lent }, upstream: lent, accept: [api_key], deny: [ann], mode: shadow }
  none: { match: { path: /none }, upstream: model, accept: [api_key], deny: [ann], mode: { percent: 0 } }
  all: { match: { path: /all }, upstream: model, accept: [api_key], deny: [ann], mode: { percent: 100 } }
consumers:
  ann: { tier: one, credentials: [{ api_key: ann-key-of-enough-characters-012345 }] }
  dan: { tier: month, credentials: [{ api_key: dan-key-of-enough-characters-012345 }] }
  bob: { credentials: [{ api_key: bob-key-of-enough-characters-012345 }, { hawk: { id: bob, key: bob-hawk-key-of-enough-characters } }] }
";

struct Ground {
    snapshot: Snapshot,
    limiter: Arc<Limiter>,
    now: Now,
}

impl Ground {
    fn new() -> Self {
        let source = Source::new("tollgate.yaml", CONFIG.to_owned(), ".");
        let snapshot = config::compile(&source, &|_| None).unwrap().snapshot;
        Self { snapshot, limiter: Arc::new(Limiter::new(64)), now: Clock::system().now() }
    }

    fn scene(&self) -> Scene<'_> {
        Scene { snapshot: &self.snapshot, directory: None, limiter: &self.limiter, now: self.now }
    }

    fn request(&self, line: &str, key: Option<&str>) -> Explanation {
        let (method, path) = line.split_once(' ').unwrap();
        let headers = key.map(|key| ("X-API-Key".to_owned(), Values::One(key.to_owned())));
        let (method, path) = (Some(method.to_owned()), path.to_owned());
        let asked = Request { method, path, headers: headers.into_iter().collect(), ..Request::default() };
        match request(&self.scene(), &asked, None).unwrap() {
            Explained::Done(explanation) => *explanation,
            Explained::Ask(_) => panic!("asks the store"),
        }
    }
}

/// Outcome, what enforcement says, the refusal's word and its rule.
type Told<'a> = (Outcome, Outcome, Option<&'a str>, Option<&'a str>);

fn told(explanation: &Explanation) -> Told<'_> {
    let Explanation { outcome, would, denial, rule, .. } = explanation;
    (*outcome, *would, *denial, rule.as_deref())
}

const ALLOWED: Told<'static> = (Outcome::Allowed, Outcome::Allowed, None, None);

fn denied(denial: &'static str, rule: &'static str) -> Told<'static> {
    (Outcome::Denied, Outcome::Denied, Some(denial), Some(rule))
}

fn softened(denial: &'static str, rule: &'static str) -> Told<'static> {
    (Outcome::Allowed, Outcome::Denied, Some(denial), Some(rule))
}

#[test]
fn pairs_are_explained() {
    let ground = Ground::new();
    for (consumer, route, expected) in [
        ("ann", "keys", ALLOWED),
        ("bob", "keys", denied("consumer_forbidden", "routes.keys.deny")),
        ("ann", "scoped", denied("scope_missing", "routes.scoped.scopes")),
        ("ann", "listed", denied("consumer_forbidden", "routes.listed.allow")),
        ("bob", "listed", ALLOWED),
        ("ann", "signed", denied("credential_missing", "routes.signed.accept")),
        ("bob", "signed", ALLOWED),
        ("ann", "open", ALLOWED),
        ("ann", "shadowed", softened("consumer_forbidden", "routes.shadowed.deny")),
        ("ann", "lent", softened("consumer_forbidden", "routes.lent.deny")),
        ("ann", "none", softened("consumer_forbidden", "routes.none.deny")),
        ("ann", "all", denied("consumer_forbidden", "routes.all.deny")),
    ] {
        let explanation = declared(&ground.scene(), consumer, route).unwrap();
        assert_eq!(told(&explanation), expected, "{consumer} on {route}: {explanation:#?}");
    }
    let unknown = |consumer, route| declared(&ground.scene(), consumer, route).unwrap_err().to_string();
    assert_eq!(unknown("eve", "keys"), "there is no consumer `eve`");
    assert_eq!(unknown("ann", "kees"), "there is no route `kees`");
}

#[test]
fn requests_are_explained() {
    let ground = Ground::new();
    let ann = Some("ann-key-of-enough-characters-012345");
    for (line, key, expected) in [
        ("POST /keys?x=1", ann, ALLOWED),
        ("GET /keys", ann, (Outcome::Denied, Outcome::Denied, Some("method_not_allowed"), None)),
        ("GET /nowhere", ann, (Outcome::Denied, Outcome::Denied, Some("route_not_found"), None)),
        ("GET /a/%2e%2e/b", ann, (Outcome::Denied, Outcome::Denied, Some("path_refused"), None)),
        ("POST /keys", None, denied("credential_missing", "routes.keys.accept")),
        ("POST /keys", Some("wrong"), denied("credential_invalid", "routes.keys.accept")),
        ("POST /shadowed", Some("wrong"), softened("credential_invalid", "routes.shadowed.accept")),
        ("POST /shadowed", None, softened("credential_missing", "routes.shadowed.accept")),
        ("POST /lent", None, denied("credential_missing", "routes.lent.accept")),
        ("POST /none", None, denied("credential_missing", "routes.none.accept")),
        ("POST /open", None, ALLOWED),
    ] {
        let explanation = ground.request(line, key);
        assert_eq!(told(&explanation), expected, "{line}: {explanation:#?}");
        let is_softened = explanation.outcome != explanation.would;
        assert!(!is_softened || explanation.mode == Mode::Shadow, "{line}");
        assert!(!format!("{explanation:?}").contains("of-enough-characters"), "{line}");
    }
}

#[test]
fn limits_are_looked_at_and_not_used() {
    let ground = Ground::new();
    let ann = || declared(&ground.scene(), "ann", "keys").unwrap();
    for _ in 0..3 {
        let left: Vec<_> = ann().counters.iter().map(|counter| counter.remaining).collect();
        assert_eq!(left, [5, 1]);
    }
    let keys = route_named(&ground.snapshot, "keys").unwrap();
    let credential = credentials_of(&ground.snapshot, &ground.snapshot.consumers["ann"].name).remove(0);
    let permit = access::decide(keys, Some(Identity { credential, hawk: None })).unwrap();
    let client = Ipv4Addr::LOCALHOST.into();
    let _held = admission::reserve(&ground.limiter, permit, client, &Cost::request(), ground.now).unwrap();

    let explanation = ann();
    assert_eq!(told(&explanation), denied("rate_limited", "tier:requests/h"), "{explanation:#?}");
    assert_eq!((explanation.retry_after, explanation.counters[1].remaining), (Some(3600), 0));
    let steps: Vec<_> = explanation.steps.iter().map(|step| (step.step, step.outcome)).collect();
    let (allowed, denied) = (Outcome::Allowed, Outcome::Denied);
    assert_eq!(steps, [("route", allowed), ("identity", allowed), ("access", allowed), ("limits", denied)]);
}

#[test]
fn what_could_not_be_sent_is_told_by_member() {
    let ground = Ground::new();
    for (body, expected) in [
        (r#"{"path": "keys"}"#, "path"),
        (r#"{"path": "/k eys"}"#, "path"),
        (r#"{"path": "/keys", "method": "G T"}"#, "method"),
        (r#"{"path": "/keys", "headers": {"a b": "c"}}"#, "headers"),
        (r#"{"path": "/keys", "headers": {"a": ["b", "c\n"]}}"#, "headers"),
    ] {
        let asked: Request = serde_json::from_str(body).unwrap();
        assert_eq!(request(&ground.scene(), &asked, None).unwrap_err().member, expected, "{body}");
    }
    assert!(serde_json::from_str::<Request>(r#"{"path": "/keys", "cookies": {}}"#).is_err());
}

#[test]
fn a_quota_of_which_nothing_is_known_is_unused() {
    let ground = Ground::new();
    let explanation = declared(&ground.scene(), "dan", "open").unwrap();
    assert!(explanation.counters.is_empty(), "a stranger has no tier");
    let explanation = declared(&ground.scene(), "dan", "keys").unwrap();
    assert_eq!(explanation.outcome, Outcome::Allowed);
    assert_eq!(explanation.counters.iter().map(|one| one.remaining).collect::<Vec<_>>(), [5, 7]);
}
