use std::sync::Arc;

use http::Method;

use super::{HostPattern, PathPattern, Rewrite, Route, Routes};
use crate::denial::Denial;
use crate::fixtures::{head, route};
use crate::head::Host;

const CORS: super::Cors = super::Cors {
    origins: None,
    headers: Vec::new(),
    expose: Vec::new(),
    credentials: false,
    max_age: std::time::Duration::ZERO,
};

fn exact(name: &str) -> Route {
    route("any", name)
}

/// Routes by `NAME PATH [METHOD,…] [HOST,…]`; a path that ends in `/**` is all below, `-` stands for any.
fn routes(lines: &[&str]) -> Routes {
    let parse = |line: &&str| {
        let mut words = line.split(' ').map(|word| if word == "-" { "" } else { word });
        let mut route = route(words.next().unwrap(), words.next().unwrap());
        let list = |word: &str| {
            word.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let methods = list(words.next().unwrap_or_default());
        if !methods.is_empty() {
            route.matching.methods = Some(methods.iter().map(|method| method.parse().unwrap()).collect());
        }
        let host = |text: String| match text.strip_prefix('*') {
            Some(suffix) => HostPattern::Below(suffix.into()),
            None => HostPattern::Exact(text.into()),
        };
        route.matching.hosts = list(words.next().unwrap_or_default()).into_iter().map(host).collect();
        Arc::new(route)
    };
    Routes::new(lines.iter().map(parse).collect())
}

/// The route of `METHOD TARGET` at a host, or `404`, or `405` with what is allowed.
fn find(routes: &Routes, line: &str, host: &str) -> String {
    let mut head = head(line, &[]);
    head.host = Host { name: host.into(), port: None };
    match routes.find(&head) {
        Ok(route) => route.name.to_string(),
        Err(Denial::NoRoute) => "404".into(),
        Err(Denial::MethodNotAllowed { allow, .. }) => {
            format!("405 {}", allow.iter().map(Method::as_str).collect::<Vec<_>>().join(","))
        }
        Err(denial) => format!("{denial:?}"),
    }
}

#[track_caller]
fn check(lines: &[&str], cases: &[(&str, &str)]) {
    let routes = routes(lines);
    for (line, expected) in cases {
        assert_eq!(find(&routes, line, "example.com"), *expected, "{line}");
    }
}

#[test]
fn whole_segments_match() {
    check(
        &["exact /health", "below /v1/**", "slash /v2/"],
        &[
            ("GET /health", "exact"),
            ("GET /health?x=1", "exact"),
            ("GET /health/", "404"),
            ("GET /healthfoo", "404"),
            ("GET /Health", "404"),
            ("GET /%68ealth", "exact"),
            ("GET /v1/", "below"),
            ("GET /v1/a", "below"),
            ("GET /v1/a/b/", "below"),
            ("GET /v1", "404"),
            ("GET /v12/a", "404"),
            ("GET /v2/", "slash"),
            ("GET /v2", "404"),
            ("GET /", "404"),
        ],
    );
}

#[test]
fn the_longest_path_decides_alone() {
    check(
        &["all /**", "v1 /v1/**", "admin /v1/admin/**", "one /v1/admin/keys POST"],
        &[
            ("GET /", "all"),
            ("GET /x", "all"),
            ("GET /v1", "all"),
            ("GET /v1/x", "v1"),
            ("GET /v1/admin", "v1"),
            ("GET /v1/admin/", "admin"),
            ("GET /v1/admin/x/y", "admin"),
            ("POST /v1/admin/keys", "one"),
            // A wider route would take the method, and perhaps anybody.
            ("GET /v1/admin/keys", "405 POST"),
        ],
    );
}

#[test]
fn methods_choose_among_routes_of_one_path() {
    check(
        &["read /m GET,HEAD", "write /m POST", "read-below /b/** GET", "first /f", "second /f"],
        &[
            ("GET /m", "read"),
            ("HEAD /m", "read"),
            ("POST /m", "write"),
            ("DELETE /m", "405 GET,HEAD,POST"),
            ("OPTIONS /m", "405 GET,HEAD,POST"),
            ("POST /b/x", "405 GET"),
            ("GET /f", "first"),
        ],
    );
}

#[test]
fn hosts_choose_and_do_not_hide_wider_paths() {
    let routes = routes(&[
        "any /m",
        "named /m - a.example.com",
        "below /m - *.example.net",
        "only /o - a.example.com",
        "wide /**",
        "strict /s GET a.example.com",
        "loose /s POST",
    ]);
    for (line, host, expected) in [
        ("GET /m", "a.example.com", "named"),
        ("GET /m", "b.example.com", "any"),
        ("GET /m", "x.example.net", "below"),
        ("GET /m", "x.y.example.net", "below"),
        ("GET /m", "example.net", "any"),
        ("GET /m", "badexample.net", "any"),
        ("GET /o", "a.example.com", "only"),
        ("GET /o", "b.example.com", "wide"),
        ("GET /s", "a.example.com", "strict"),
        ("POST /s", "a.example.com", "loose"),
        ("GET /s", "b.example.com", "405 POST"),
        ("PUT /s", "a.example.com", "405 GET,POST"),
    ] {
        assert_eq!(find(&routes, line, host), expected, "{line} {host}");
    }
}

#[test]
fn a_preflight_finds_the_route_of_its_method() {
    let mut with_cors = exact("/m");
    with_cors.matching.methods = Some(vec![Method::POST]);
    with_cors.cors = Some(CORS);
    let routes = Routes::new(vec![Arc::new(with_cors)]);
    for (headers, found) in [
        (&[("origin", "https://a"), ("access-control-request-method", "POST")][..], true),
        (&[("origin", "https://a"), ("access-control-request-method", "PUT")], false),
        (&[("access-control-request-method", "POST")], false),
        (&[("origin", "https://a")], false),
    ] {
        assert_eq!(routes.find(&head("OPTIONS /m", headers)).is_ok(), found, "{headers:?}");
    }
}

#[test]
fn the_upstream_sees_the_rewritten_path() {
    let prefix = |text: &str| Rewrite::Prefix(text.into());
    for (pattern, rewrite, target, expected) in [
        ("/predict/a", Rewrite::Keep, "/predict/%61?x=1", "/predict/a"),
        ("/predict/a", Rewrite::Whole("/predict".into()), "/predict/a", "/predict"),
        ("/v1/**", Rewrite::Whole("/".into()), "/v1/x/y", "/"),
        ("/v1/**", prefix(""), "/v1/x/y", "/x/y"),
        ("/v1/**", prefix("/v2"), "/v1/", "/v2/"),
        ("/**", prefix("/base"), "/x", "/base/x"),
        ("/a", prefix("/b"), "/a", "/b"),
    ] {
        let mut route = exact(pattern);
        route.rewrite = rewrite;
        assert_eq!(route.upstream_path(&head(&format!("GET {target}"), &[])), expected, "{pattern} {target}");
    }
}

#[test]
fn routes_keep_the_order_of_the_file() {
    let routes = routes(&["b /b", "a /a - h", "c /**"]);
    assert_eq!(routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
    assert!(
        matches!(&routes.iter().last().unwrap().matching.path, PathPattern::Below(prefix) if prefix.is_empty())
    );
}
