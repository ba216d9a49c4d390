//! Upstreams and their nodes.

use serde_json::Value;

use super::{DESCRIPTION, Import};
use crate::cli::import::members::{Members, id_of};
use crate::cli::import::parts;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// APISIX waits this long for each step where the file says nothing, in seconds.
const DEFAULT_TIMEOUT: f64 = 60.0;

/// An upstream of the list: its id and its body.
pub fn named(mut members: Members<'_>, report: &mut Report) -> Option<(String, Node)> {
    let id = members.need("id", Members::id, report)?;
    Some((id, upstream(members, report)?))
}

/// Adds an upstream that stands inside a route or service, under its owner's name.
pub fn inline(import: &mut Import<'_>, members: Members<'_>, owner: &str) -> Option<String> {
    let body = import.report.whole(|report| upstream(members, report))?;
    let name = import.upstreams.invent(owner);
    import.draft.upstreams.push((name.clone(), body));
    Some(name)
}

fn upstream(mut members: Members<'_>, report: &mut Report) -> Option<Node> {
    members.skip(&DESCRIPTION);
    // How APISIX keeps connections open and where it hashes; without effect on where a request may go.
    members.skip(&["id", "keepalive_pool", "hash_on", "key"]);
    let secure = match members.text("scheme", report).unwrap_or("http") {
        "http" => false,
        "https" => true,
        other => {
            report
                .lose(&members.place_of("scheme"), &format!("{other:?}: only `http` and `https` are spoken"));
            return None;
        }
    };
    let mut entries: Entries = vec![("targets".to_owned(), targets(&mut members, secure, report)?)];
    entries.extend(timeout(&mut members, report).map(|node| ("timeout".to_owned(), node)));
    entries.extend(host(&mut members, report).map(|node| ("host".to_owned(), node)));
    if secure {
        report.note(
            members.place(),
            "certificates of `https` targets are verified here, which APISIX does not do",
        );
    }
    if members.number("retries", report).is_some() || members.take("retry_timeout").is_some() {
        report.note(members.place(), "only requests that were never sent are tried again");
    }
    members.finish(report);
    Some(Node::Section(entries))
}

/// One node as found, before its weight is compared with the others'.
struct Found {
    url: String,
    weight: u64,
}

fn targets(members: &mut Members<'_>, secure: bool, report: &mut Report) -> Option<Node> {
    let place = members.place_of("nodes");
    let balance = members.text("type", report).unwrap_or("roundrobin");
    let nodes = members.take("nodes");
    let mut found = match nodes {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(address, weight)| {
                by_address(address, weight, secure, &format!("{place}.{address}"), report)
            })
            .collect::<Option<Vec<Found>>>()?,
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .map(|(at, node)| by_members(node, secure, format!("{place}[{at}]"), report))
            .collect::<Option<Vec<Found>>>()?,
        _ => {
            report.lose(&place, "an upstream needs a list or a mapping of nodes");
            return None;
        }
    };
    if found.iter().any(|node| node.weight == 0) {
        report.note(&place, "nodes of weight 0 get no requests and are left out");
        found.retain(|node| node.weight > 0);
    }
    if found.is_empty() {
        report.lose(&place, "no node gets requests");
        return None;
    }
    if found.len() > 1 {
        match balance {
            "roundrobin" | "least_conn" | "ewma" => {
                report.note(&place, "requests go to the node with the fewest open ones, by weight");
            }
            other => report.lose(&members.place_of("type"), &format!("{other:?} has no counterpart")),
        }
    }
    let even = found.iter().all(|node| node.weight == found[0].weight);
    Some(Node::List(found.into_iter().map(|node| target(node, even)).collect()))
}

fn target(node: Found, even: bool) -> Node {
    if even {
        return Node::text(node.url);
    }
    let weight = Node::Plain(node.weight.to_string());
    Node::Map(vec![("url".to_owned(), Node::text(node.url)), ("weight".to_owned(), weight)])
}

/// `"host:port": weight`
fn by_address(
    address: &str,
    weight: &Value,
    secure: bool,
    place: &str,
    report: &mut Report,
) -> Option<Found> {
    let Some(weight) = weight.as_u64() else {
        report.lose(place, "a weight is a whole number");
        return None;
    };
    // The last colon parts host and port, unless it belongs to an IPv6 address.
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (address, None),
        },
        _ => (address, None),
    };
    let url = parts::target(secure, host, port, place, report)?;
    Some(Found { url, weight })
}

/// `{ host, port, weight }`
fn by_members(node: &Value, secure: bool, place: String, report: &mut Report) -> Option<Found> {
    let mut node = Members::of(node, place, report)?;
    let host = node.text("host", report).unwrap_or_default();
    let port = node.number("port", report);
    let weight = node.number("weight", report).unwrap_or(1);
    if node.take("priority").and_then(id_of).is_some_and(|priority| priority != "0") {
        report.lose(&node.place_of("priority"), "spare nodes have no counterpart");
    }
    node.skip(&["metadata"]);
    let url = parts::target(secure, host, port, node.place(), report)?;
    node.finish(report);
    Some(Found { url, weight })
}

/// `read` bounds the wait for the first byte and between two; what APISIX allows by habit stays allowed.
fn timeout(members: &mut Members<'_>, report: &mut Report) -> Option<Node> {
    let mut stated = members.members("timeout", report);
    let mut seconds = |name: &str| {
        let stated = stated.as_mut()?;
        let value = stated.take(name)?.as_f64().filter(|seconds| *seconds > 0.0 && *seconds < 1e6);
        if value.is_none() {
            report.lose(&stated.place_of(name), "a positive number of seconds was expected");
        }
        value
    };
    let (connect, send, read) = (seconds("connect"), seconds("send"), seconds("read"));
    let first_byte = read.unwrap_or(DEFAULT_TIMEOUT);
    let mut entries: Entries = Vec::new();
    let mut add = |name: &str, seconds: f64| entries.push((name.to_owned(), Node::Plain(duration(seconds))));
    if let Some(connect) = connect {
        add("connect", connect);
    }
    add("first_byte", first_byte);
    let total = connect.unwrap_or(DEFAULT_TIMEOUT) + send.unwrap_or(DEFAULT_TIMEOUT) + first_byte;
    if read.is_some() || send.is_some() || connect.is_some() {
        add("total", total);
    }
    if let Some(read) = read {
        add("idle", read);
    }
    if let Some(stated) = stated {
        stated.finish(report);
    }
    Some(Node::Map(entries))
}

/// Whole seconds where they are, else milliseconds.
fn duration(seconds: f64) -> String {
    if seconds.fract() == 0.0 {
        format!("{seconds:.0}s")
    } else {
        format!("{:.0}ms", (seconds * 1000.0).max(1.0))
    }
}

fn host(members: &mut Members<'_>, report: &mut Report) -> Option<Node> {
    match members.text("pass_host", report).unwrap_or("pass") {
        "pass" => Some(Node::text("preserve")),
        "node" => None,
        other => {
            report.lose(
                &members.place_of("pass_host"),
                &format!("{other:?}: `Host` is the caller's or the target's"),
            );
            None
        }
    }
}
