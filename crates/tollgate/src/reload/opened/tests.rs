use super::by;
use crate::config::{self, source::Source};

fn snapshot(routes: &str) -> tollgate_core::snapshot::Snapshot {
    let text = format!(
        "upstreams: {{ m: {{ targets: [http://127.0.0.1:9] }} }}\n\
         consumers: {{ a: {{ credentials: [{{ api_key: {{ env: A }} }}] }} }}\n\
         routes:\n{routes}"
    );
    config::compile(&Source::new("t.yaml", text, "."), &|_| Some("a-long-enough-key".into()))
        .unwrap()
        .snapshot
}

#[track_caller]
fn check(before: &str, after: &str, expected: &[&str]) {
    assert_eq!(by(&snapshot(before), &snapshot(after)), expected);
}

const KEPT: &str = "  kept: { match: { path: /kept }, upstream: m, accept: [public] }\n";

#[test]
fn what_opens_is_said() {
    let closed =
        "  r: { match: { path: /r }, upstream: m, accept: [api_key], deny: [a], scopes: [model:predict] }\n";
    let open = "  r: { match: { path: /r }, upstream: m, accept: [api_key] }\n";
    let listed = "  r: { match: { path: /r }, upstream: m, accept: [api_key], allow: [a] }\n";
    let public = "  r: { match: { path: /r }, upstream: m, accept: [public] }\n";
    check(closed, closed, &[]);
    check(open, closed, &[]);
    check(
        closed,
        open,
        &["no longer denies a on the route `r`", "no longer needs model:predict on the route `r`"],
    );
    check(listed, open, &["allows every consumer on the route `r`"]);
    check(open, public, &["makes the route `r` public"]);
    check(&format!("{KEPT}{open}"), KEPT, &["removes the route `r`"]);
}
