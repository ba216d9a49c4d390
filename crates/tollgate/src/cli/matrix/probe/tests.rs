use std::path::Path;

use super::{own_url, url_of};
use crate::config::{Compiled, compile, source::Source};

/// Compiles a file with this `listen` and this `match`.
fn compiled(listen: &str, matching: &str) -> Compiled {
    let text = format!(
        "listen: {listen}\nupstreams: {{ m: {{ targets: [http://127.0.0.1:9001] }} }}\n\
         routes: {{ r: {{ match: {{ {matching} }}, upstream: m, accept: [api_key] }} }}\n"
    );
    compile(&Source::new("tollgate.yaml", text, Path::new("")), &|_| None).unwrap()
}

/// Where a gate with this `listen` is asked, if not told otherwise.
#[track_caller]
fn check_gate(listen: &str, expected: &str) {
    assert_eq!(own_url(&compiled(listen, "path: /x").process), expected, "{listen}");
}

#[test]
fn a_gate_is_asked_where_it_can_be_reached() {
    check_gate("127.0.0.1:8080", "http://127.0.0.1:8080");
    check_gate("[127.0.0.2:8080, 127.0.0.1:8081]", "http://127.0.0.2:8080");
    check_gate("0.0.0.0:8080", "http://127.0.0.1:8080");
    check_gate("'[::]:8080'", "http://[::1]:8080");
}

/// What is asked at a gate of this address to reach a route with this `match`.
#[track_caller]
fn check_url(base: &str, matching: &str, expected: &str) {
    let compiled = compiled("127.0.0.1:8080", matching);
    let route = compiled.snapshot.routes.iter().next().unwrap();
    assert_eq!(url_of(&base.parse().unwrap(), &route.matching).unwrap().to_string(), expected, "{matching}");
}

#[test]
fn a_route_is_asked_by_a_url_that_it_takes() {
    check_url("http://127.0.0.1:8080", "path: /x", "http://127.0.0.1:8080/x");
    check_url("https://gate.example.com/base/", "path: /x/**", "https://gate.example.com/base/x/");
    let hosts = "path: /x, hosts: [a.example.com, '*.b.example.com']";
    check_url("https://[::1]:8443", hosts, "https://a.example.com:8443/x");
    check_url("https://one.b.example.com", hosts, "https://one.b.example.com/x");
    check_url("https://[::1]", "path: /x, hosts: ['*.b.example.com']", "https://probe.b.example.com/x");
}
