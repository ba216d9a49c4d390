//! Values that several foreign formats spell alike.

use http::Uri;
use tollgate_core::path::CanonicalPath;

use super::draft::Names;
use super::report::Report;
use super::yaml::Node;

/// How a value is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A shared secret: literal ones are worth a note.
    Secret,
    /// A public key: it may stand in the file.
    Public,
}

/// A value that may come from elsewhere: `$env://NAME` and `${{NAME}}` become `{ env: NAME }`.
pub fn value(text: &str, kind: Kind, place: &str, report: &mut Report) -> Option<Node> {
    let scheme = |scheme: &str| {
        text.get(..scheme.len())
            .filter(|start| start.eq_ignore_ascii_case(scheme))
            .map(|_| &text[scheme.len()..])
    };
    let template = || text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    if let Some(name) = scheme("$env://").or_else(template) {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if plain && name.starts_with(|first: char| !first.is_ascii_digit()) {
            return Some(Node::one("env", Node::text(name)));
        }
        report.lose(place, "only whole environment variables can be referred to");
        return None;
    }
    if scheme("$secret://").is_some() {
        report.lose(
            place,
            "secret managers are referred to as `{ vault: PATH#FIELD }`, `{ aws: … }`, `{ azure: … }`",
        );
        return None;
    }
    if text.is_empty() {
        report.lose(place, "it is empty");
        return None;
    }
    if kind == Kind::Secret {
        report.note(place, "the secret stands in the file itself; `{ env: NAME }` would keep it out");
    }
    Some(Node::text(text))
}

/// The address of an upstream's node.
pub fn target(
    secure: bool,
    host: &str,
    port: Option<u64>,
    place: &str,
    report: &mut Report,
) -> Option<String> {
    let scheme = if secure { "https" } else { "http" };
    let host =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let url = match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    // A port of 70000, a host with a slash, a path after it: the address must say again what went into it.
    let parsed = url.parse::<Uri>().ok().filter(|uri| {
        !host.is_empty()
            && uri.host() == Some(&*host)
            && uri.port_u16().map(u64::from) == port
            && port != Some(0)
            && uri.path() == "/"
    });
    if parsed.is_none() {
        report.lose(place, &format!("{:?} is no address of a host", url));
    }
    parsed.map(|_| url)
}

/// A path pattern: exact paths stay, `/x/*` becomes `/x/**`.
pub fn pattern(uri: &str, place: &str, report: &mut Report) -> Option<String> {
    if uri.split('/').any(|segment| segment.starts_with(':')) {
        report.lose(place, &format!("{uri:?}: paths with named parameters have no counterpart"));
        return None;
    }
    match uri.strip_suffix("/*") {
        Some("") => Some("/**".to_owned()),
        Some(above) => path(above, place, report).map(|above| format!("{above}/**")),
        None => path(uri, place, report),
    }
}

/// One path in the canonical form in which this gate matches and forwards.
pub fn path(text: &str, place: &str, report: &mut Report) -> Option<String> {
    if text.contains('*') {
        let why = "`*` is carried over only as a last segment of its own: `/x*` would also match `/xyz`";
        report.lose(place, &format!("{text:?}: {why}"));
        return None;
    }
    match CanonicalPath::parse(text) {
        Ok(path) => {
            if path.as_str() != text {
                report.note(place, &format!("{text:?} is written `{}` here", path.as_str()));
            }
            Some(path.as_str().to_owned())
        }
        Err(error) => {
            report.lose(place, &format!("{text:?}: {error}"));
            None
        }
    }
}

/// The consumers that a route names, as they are called here. One that was not carried over can never call, so it is
/// left out; its own loss is reported where it stands.
pub fn consumers(names: &[&str], known: &Names, place: &str, report: &mut Report) -> Vec<String> {
    let mut found = Vec::new();
    for name in names {
        match known.find(name) {
            Some(name) => found.push(name.to_owned()),
            None => {
                report.note(place, &format!("{name:?} is no consumer that was carried over, and left out"))
            }
        }
    }
    found
}

/// The consumers that a route allows: at least one, because a route for nobody is no route here, and leaving it out
/// would give its requests to a wider one.
pub fn allowed(names: &[&str], known: &Names, place: &str, report: &mut Report) -> Option<Vec<String>> {
    let found = consumers(names, known, place, report);
    if found.is_empty() {
        report.lose(place, "nobody that was carried over may pass");
        return None;
    }
    Some(found)
}

/// Request methods, in capital letters.
pub fn methods(methods: &[&str], place: &str, report: &mut Report) -> Option<Node> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PURGE"];
    if methods.is_empty() {
        report.lose(place, "no method is named, so nothing could match");
        return None;
    }
    let upper: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    match upper.iter().find(|method| !known.contains(&method.as_str())) {
        Some(other) => {
            report.lose(place, &format!("{other:?} is no request method"));
            None
        }
        None => Some(Node::texts(upper)),
    }
}

#[cfg(test)]
mod tests;
