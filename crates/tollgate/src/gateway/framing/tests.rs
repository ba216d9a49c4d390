use std::sync::Arc;

use http::Request;
use tollgate_core::denial::{Bound, Denial, Malformed};
use tollgate_core::path::PathError;

use super::fate::Fate;
use super::{Checked, check};
use crate::config::process;
use crate::gateway::listener::{Listener, Peer};

fn peer(address: &str, trusted: &[&str]) -> Peer {
    let settings = process::Listener {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
        connections: process::Connections::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let (listener, _socket) = Listener::bind(settings, None).unwrap();
    let address = address.parse().unwrap();
    let trusted = listener.trusts(address);
    let address_header = address.to_string().parse().unwrap();
    Peer { address, address_header, secure: false, trusted, listener: Arc::clone(&listener) }
}

fn checked(target: &str, fields: &[(&str, &str)]) -> Result<Checked, Denial> {
    checked_from(&peer("192.0.2.1", &[]), target, fields)
}

fn checked_from(peer: &Peer, target: &str, fields: &[(&str, &str)]) -> Result<Checked, Denial> {
    let mut request = Request::builder().uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    check(request.body(()).unwrap().into_parts().0.into(), false, peer, &process::Bounds::default())
}

#[track_caller]
fn refused(target: &str, fields: &[(&str, &str)], expected: impl Into<Denial>) {
    assert_eq!(checked(target, fields).map(drop), Err(expected.into()), "{target} {fields:?}");
}

#[test]
fn one_host_that_agrees_with_the_target() {
    refused("/", &[], Malformed::Host);
    refused("/", &[("host", "a"), ("host", "a")], Malformed::Host);
    for bad in ["", "a b", "a/b", "user@a", "a:x", "a:+1", "a:99999", "[::1", "a,b", "a:80:80"] {
        refused("/", &[("host", bad)], Malformed::Host);
    }
    refused("http://b/", &[("host", "a")], Malformed::HostMismatch);
    let host = checked("/", &[("host", "Example.COM.:8080")]).unwrap().head.host;
    assert_eq!((&*host.name, host.port), ("example.com", Some(8080)));
    let host = checked("/", &[("host", "[::1]:80")]).unwrap().head.host;
    assert_eq!((&*host.name, host.port), ("[::1]", Some(80)));
    assert!(checked("http://a/", &[("host", "A")]).is_ok());
}

#[test]
fn targets_and_expectations() {
    refused("*", &[("host", "a")], Malformed::Target);
    refused("/a/../b", &[("host", "a")], Denial::Path(PathError::DotSegment));
    refused("/", &[("host", "a"), ("expect", "200-ok")], Denial::ExpectationFailed);
    assert!(checked("/", &[("host", "a"), ("expect", "100-Continue")]).is_ok());
}

#[test]
fn reserved_fields_are_dropped_in_any_spelling() {
    for name in [
        "X-Consumer-Username",
        "x_consumer_username",
        "X.Consumer-Username",
        "X-Consumer_Anything",
        "X-Credential-Identifier",
        "X-Tollgate-Tier",
        "X-Forwarded-For",
        "X-Real-IP",
        "Forwarded",
        "Client-Cert",
        "X-Forwarded-Client-Cert",
        "Cf-Access-Jwt-Assertion",
        "X-MLFSA-Retried",
        "Keep-Alive",
        "TE",
        "Proxy-Authorization",
    ] {
        let checked = checked("/", &[("host", "a"), (name, "v")]).unwrap();
        assert_eq!(checked.head.headers.len(), 1, "{name} must not go on");
    }
    for name in ["Authorization", "X-API-Key", "My_Field", "Accept", "X-Consumers"] {
        assert_eq!(Fate::of(&name.to_ascii_lowercase()), Fate::Keep, "{name}");
    }
}

#[test]
fn connection_names_fields_of_this_hop() {
    let checked =
        checked("/", &[("host", "a"), ("connection", "x-mine, keep-alive"), ("x-mine", "v")]).unwrap();
    assert!(!checked.head.headers.contains_key("x-mine"));
    assert!(!checked.head.headers.contains_key("connection"));
    for name in ["Host", "content-length", "Transfer-Encoding"] {
        refused("/", &[("host", "a"), ("connection", name)], Malformed::Connection);
    }
}

#[test]
fn only_trusted_proxies_are_believed() {
    let fields = [
        ("host", "a"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
    ];
    let stranger = checked_from(&peer("192.0.2.1", &["10.0.0.0/8"]), "/", &fields).unwrap();
    assert_eq!(stranger.head.client.to_string(), "192.0.2.1");
    assert!(!stranger.head.secure);
    assert_eq!(stranger.forwarded_for, "192.0.2.1");

    let proxy = checked_from(&peer("10.0.0.1", &["10.0.0.0/8"]), "/", &fields).unwrap();
    assert_eq!(
        proxy.head.client.to_string(),
        "198.51.100.7",
        "the first hop from the right that is no proxy"
    );
    assert!(proxy.head.secure);
    assert_eq!(proxy.forwarded_for, "203.0.113.9, 198.51.100.7, 10.0.0.2, 10.0.0.1");
}

#[test]
fn an_upgrade_counts_only_with_connection() {
    assert!(checked("/", &[("host", "a"), ("upgrade", "websocket")]).unwrap().upgrade.is_none());
    let both = checked("/", &[("host", "a"), ("upgrade", "websocket"), ("connection", "Upgrade")]).unwrap();
    assert_eq!(both.upgrade.unwrap(), "websocket");
}

#[test]
fn a_decoded_head_is_held_to_the_same_bounds() {
    let with = |target: &str, fields: Vec<(String, String)>| {
        let mut request = Request::builder().version(http::Version::HTTP_2).uri(format!("http://a{target}"));
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        check(parts.into(), false, &peer("192.0.2.1", &[]), &process::Bounds::default())
    };
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let refused = |target: &str, fields| with(target, fields).map(drop).unwrap_err();
    assert_eq!(refused(&format!("/{}", "a".repeat(9000)), vec![]), Denial::Bound(Bound::Target));
    assert_eq!(refused("/", vec![field("x", &"a".repeat(17 * 1024))]), Denial::Bound(Bound::Headers));
    let many = (0..101).map(|number| field(&format!("x-{number}"), "a")).collect();
    assert_eq!(refused("/", many), Denial::Bound(Bound::Headers));
    let twice = vec![field("content-length", "3"), field("content-length", "3")];
    assert_eq!(refused("/", twice), Malformed::ContentLength.into());
    assert_eq!(refused("/", vec![field("content-length", "03")]), Malformed::ContentLength.into());
    let crumbs = vec![field("cookie", "a=1"), field("cookie", "b=2")];
    assert_eq!(with("/", crumbs).unwrap().head.headers["cookie"], "a=1; b=2");
}
