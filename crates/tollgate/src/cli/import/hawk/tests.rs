use super::*;
use crate::cli::import::loader;

fn import(text: &str) -> Imported {
    convert(text, &loader::parse(text).unwrap()).unwrap()
}

#[test]
fn the_demo_of_seed_000_is_carried_over_whole() {
    let imported = import(include_str!("../../../../tests/cli/import/hawk-demo.yaml"));
    assert_eq!(imported.config, include_str!("../../../../tests/cli/import/hawk-demo.tollgate.yaml"));
    assert_eq!((imported.report.lost.len(), imported.report.notes.len()), (0, 1));
}

/// A file whose last list has this item, after a sound upstream and consumer.
#[track_caller]
fn check(list: &str, item: &str, expected: &[&str]) {
    let sound = [
        ("upstreams", "{ id: u, nodes: [{ host: h, port: 1 }] }"),
        ("consumers", "{ name: c, hawk_id: c_id, hawk_key: $env://K }"),
        ("routes", "{ uri: /x, upstream: u, allowed_consumers: [c] }"),
    ];
    let text: String = sound
        .iter()
        .map(|(name, sound)| format!("{name}: [{}]\n", if *name == list { item } else { sound }))
        .collect();
    let Imported { report, .. } = import(&text);
    let begins = expected.iter().all(|begin| report.lost.iter().any(|line| line.starts_with(begin)));
    assert!(begins && report.lost.is_empty() == expected.is_empty(), "{:#?}", report.lost);
}

#[test]
fn what_cannot_be_carried_over() {
    check("", "", &[]);
    check("upstreams", "{ id: u }", &["`upstreams[0].nodes`", "`routes[0].upstream`"]);
    check("upstreams", "{ nodes: [] }", &["`upstreams[0].id`: it is missing"]);
    check("upstreams", "{ id: u, nodes: [{ host: h, port: x }] }", &["`upstreams[0].nodes[0].port`"]);
    check("consumers", "{ name: c, hawk_id: i }", &["`consumers[0].hawk_key`: it is missing"]);
    check(
        "consumers",
        "{ name: c, hawk_id: i, hawk_key: 77 }",
        &["`consumers[0].hawk_key`: text was expected"],
    );
    check("consumers", "{ name: c, hawk_id: i, hawk_key: k, algorithm: md5 }", &["`consumers[0].algorithm`"]);
    check("routes", "{ uri: /x, upstream: u }", &["`routes[0].allowed_consumers`: it is missing"]);
    check(
        "routes",
        "{ uri: /x, upstream: v, allowed_consumers: [] }",
        &["`routes[0].upstream`: there is no"],
    );
    check("routes", "{ uri: /x, upstream: u, allowed_consumers: [c], cache: 1 }", &["`routes[0].cache`"]);
    check("routes", "nothing", &["`routes[0]`: a mapping was expected, not text"]);
}
