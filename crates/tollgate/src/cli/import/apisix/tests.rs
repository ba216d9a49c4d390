use super::*;
use crate::cli::import::loader;

fn import(text: &str) -> Imported {
    convert(text, &loader::parse(text).unwrap()).unwrap()
}

/// The file gives this configuration, and this is said about it.
#[track_caller]
fn check(text: &str, config: &str, notes: &[&str]) {
    let imported = import(text);
    assert_eq!(imported.config, config);
    assert_eq!(imported.report.lost, [""; 0]);
    assert_eq!(imported.report.notes, [notes, &DIFFERENCES].concat());
}

#[test]
fn the_demo_of_seed_000_is_carried_over_whole() {
    check(
        include_str!("../../../../tests/cli/import/apisix-demo.yaml"),
        include_str!("../../../../tests/cli/import/apisix-demo.tollgate.yaml"),
        &[],
    );
}

#[test]
fn every_spelling_is_carried_over() {
    check(
        include_str!("../../../../tests/cli/import/apisix-wide.yaml"),
        include_str!("../../../../tests/cli/import/apisix-wide.tollgate.yaml"),
        &[
            "there is no line `#END`, so APISIX itself would not have loaded this file",
            "`upstreams[0].nodes`: nodes of weight 0 get no requests and are left out",
            "`upstreams[0].nodes`: requests go to the node with the fewest open ones, by weight",
            "`upstreams[0]`: certificates of `https` targets are verified here, which APISIX does not do",
            "`upstreams[0]`: only requests that were never sent are tried again",
            "`upstreams[1].nodes`: requests go to the node with the fewest open ones, by weight",
            "`upstreams[1]`: \"local models\" is called `local-models` here",
            "`consumers[1].plugins.jwt-auth.secret`: the secret stands in the file itself; `{ env: NAME }` would keep it out",
            "`consumers[1]`: \"both kinds\" is called `both-kinds` here",
            "`routes[1].plugins.consumer-restriction.rejected_code`: refused consumers get 403",
            "`routes[1].plugins.consumer-restriction.blacklist`: \"gone\" is no consumer that was carried over, and left out",
            "`routes[2].plugins.limit-count`: the plugin is switched off (`_meta.disable`) and left out",
            "`routes[2]`: the route asks for no credential, and stays public",
            "`routes[3]`: the route is switched off (`status: 0`) and left out",
        ],
    );
}

/// One small file; each line of what is lost must begin as expected.
#[track_caller]
fn check_lost(text: &str, expected: &[&str]) {
    let Imported { config, report } = import(text);
    let begins = report.lost.iter().zip(expected).all(|(line, begin)| line.starts_with(begin));
    assert!(begins && report.lost.len() == expected.len(), "{:#?}", report.lost);
    loader::parse(&config).unwrap();
}

/// A file with one sound upstream and consumer, and this route.
fn with_route(route: &str) -> String {
    format!(
        "upstreams: [{{ id: u, nodes: {{ 'h:1': 1 }} }}]\n\
         consumers: [{{ username: c, plugins: {{ key-auth: {{ key: $env://K }} }} }}]\n\
         routes: [{{ id: r, {route} }}]\n"
    )
}

#[track_caller]
fn check_route(route: &str, expected: &[&str]) {
    let text = with_route(route);
    check_lost(&text, expected);
    let config = import(&text).config;
    assert_eq!(
        config.contains("routes: {}"),
        !expected.is_empty(),
        "a route that lost something is left out: {config}"
    );
}

#[test]
fn routes_that_cannot_be_carried_over() {
    let whole = "uri: /x, upstream_id: u";
    check_route(whole, &[]);
    check_route(
        "uri: /x, upstream_id: missing",
        &["`routes[0].upstream_id`: there is no upstream \"missing\""],
    );
    check_route("uri: /x, service_id: missing", &["`routes[0].service_id`: there is no service \"missing\""]);
    check_route("uri: /x", &["`routes[0]`: the route leads to no upstream"]);
    check_route("upstream_id: u", &["`routes[0]`: a route needs `uri` or `uris`"]);
    check_route("uri: /x*, upstream_id: u", &["`routes[0].uri`: \"/x*\""]);
    check_route(
        "uri: 7, upstream_id: u",
        &["`routes[0].uri`: text was expected, not a number", "`routes[0]`: a route"],
    );
    check_route("uri: /x, upstream_id: [u]", &["`routes[0].upstream_id`: text or a number was expected"]);
    check_route(
        &format!("{whole}, methods: GET"),
        &["`routes[0].methods`: a list of texts was expected, not text"],
    );
    check_route(&format!("{whole}, methods: [BREW]"), &["`routes[0].methods`: \"BREW\""]);
    check_route(
        &format!("{whole}, vars: [[arg_a, ==, b]]"),
        &["`routes[0].vars`: this gate has no counterpart"],
    );
    check_route(&format!("{whole}, priority: 10"), &["`routes[0].priority`"]);
    check_route(&format!("{whole}, plugins: [jwt-auth]"), &["`routes[0].plugins`: a mapping was expected"]);
}

#[test]
fn plugins_that_cannot_be_carried_over() {
    let check = |plugins: &str, expected: &[&str]| {
        check_route(&format!("uri: /x, upstream_id: u, plugins: {{ {plugins} }}"), expected);
    };
    check("jwt-auth: {}", &[]);
    check("basic-auth: {}", &["`routes[0].plugins.basic-auth`: this gate has no counterpart"]);
    check("limit-count: { count: 1 }", &["`routes[0].plugins.limit-count`: limits are not carried over"]);
    check("jwt-auth: {}, key-auth: {}", &["`routes[0].plugins.key-auth`: APISIX asks for several"]);
    check("jwt-auth: { header: X-Token }", &["`routes[0].plugins.jwt-auth.header`"]);
    check("jwt-auth: { claims_to_verify: [exp] }", &["`routes[0].plugins.jwt-auth.claims_to_verify`"]);
    check("jwt-auth: { anonymous_consumer: c }", &["`routes[0].plugins.jwt-auth.anonymous_consumer`"]);
    check("consumer-restriction: { whitelist: [c] }", &["`routes[0]`: `consumer-restriction` without"]);
    check("jwt-auth: {}, consumer-restriction: {}", &["`routes[0].plugins.consumer-restriction`: neither"]);
    check(
        "jwt-auth: {}, consumer-restriction: { type: route_id, whitelist: [c] }",
        &["`routes[0].plugins.consumer-restriction.type`"],
    );
    check("jwt-auth: {}, proxy-rewrite: { uri: /$arg_a }", &["`routes[0].plugins.proxy-rewrite.uri`"]);
    check("jwt-auth: {}, proxy-rewrite: { headers: {} }", &["`routes[0].plugins.proxy-rewrite.headers`"]);
}

#[test]
fn upstreams_that_cannot_be_carried_over() {
    let check =
        |upstream: &str, expected: &[&str]| check_lost(&format!("upstreams: [{{ {upstream} }}]"), expected);
    check("id: u, nodes: { 'h:1': 1 }", &[]);
    check("nodes: { 'h:1': 1 }", &["`upstreams[0].id`: it is missing"]);
    check("id: u", &["`upstreams[0].nodes`"]);
    check("id: u, nodes: []", &["`upstreams[0].nodes`: no node"]);
    check("id: u, nodes: { 'h:1': 0 }", &["`upstreams[0].nodes`: no node"]);
    check("id: u, nodes: { 'h:1': x }", &["`upstreams[0].nodes.h:1`: a weight"]);
    check("id: u, nodes: [h]", &["`upstreams[0].nodes[0]`: a mapping was expected, not text"]);
    check("id: u, nodes: [{ host: h, port: 99999 }]", &["`upstreams[0].nodes[0]`: \"http://h:99999\""]);
    check("id: u, scheme: grpc, nodes: { h: 1 }", &["`upstreams[0].scheme`"]);
    check("id: u, pass_host: rewrite, nodes: { h: 1 }", &["`upstreams[0].pass_host`"]);
    check("id: u, type: chash, nodes: { 'a:1': 1, 'b:1': 1 }", &["`upstreams[0].type`"]);
    check("id: u, timeout: { read: soon }, nodes: { h: 1 }", &["`upstreams[0].timeout.read`"]);
    check("id: u, checks: {}, nodes: { h: 1 }", &["`upstreams[0].checks`"]);
}

#[test]
fn consumers_that_cannot_be_carried_over() {
    let check = |plugins: &str, expected: &[&str]| {
        check_lost(&format!("consumers: [{{ username: c, plugins: {{ {plugins} }} }}]"), expected);
    };
    check("key-auth: { key: $env://K }", &[]);
    check("key-auth: {}", &["`consumers[0].plugins.key-auth.key`: it is missing"]);
    check("key-auth: { key: 12 }", &["`consumers[0].plugins.key-auth.key`: text was expected, not a number"]);
    check("key-auth: { key: '' }", &["`consumers[0].plugins.key-auth.key`: it is empty"]);
    check("basic-auth: {}", &["`consumers[0].plugins.basic-auth`"]);
    check("jwt-auth: { key: k }", &["`consumers[0].plugins.jwt-auth.secret`: it is missing"]);
    check("jwt-auth: { key: k, algorithm: none }", &["`consumers[0].plugins.jwt-auth.algorithm`"]);
    check("jwt-auth: { secret: s }", &["`consumers[0].plugins.jwt-auth.key`"]);
    check(
        "jwt-auth: { key: k, secret: s, base64_secret: true }",
        &["`consumers[0].plugins.jwt-auth.base64_secret`"],
    );
    // A route that allowed only a consumer which was left out has nobody to allow.
    let text = "consumers: [{ username: c, plugins: { basic-auth: {} } }]\n\
                upstreams: [{ id: u, nodes: { h: 1 } }]\n\
                routes: [{ id: r, uri: /x, upstream_id: u, \
                plugins: { jwt-auth: {}, consumer-restriction: { whitelist: [c] } } }]";
    check_lost(
        text,
        &["`consumers[0].plugins.basic-auth`", "`routes[0].plugins.consumer-restriction.whitelist`: nobody"],
    );
    check_lost("consumers: [{}, 3]", &["`consumers[0].username`", "`consumers[1]`: a mapping"]);
    check_lost("consumers: [{ username: c }, { username: c }]", &["`consumers[1]`: \"c\" is named twice"]);
}

#[test]
fn the_rest_of_the_file() {
    check_lost("ssls: [{ id: 1 }]", &["`ssls`: this gate has no counterpart"]);
    check_lost("routes: {}", &["`routes`: a list was expected"]);
    let refused = |text: &str| convert(text, &loader::parse(text).unwrap()).unwrap_err().to_string();
    assert!(refused("global_rules: [{ id: 1, plugins: {} }]").contains("`global_rules`"));
    assert!(refused("deployment: { role: data_plane }").contains("`config.yaml`"));
}
