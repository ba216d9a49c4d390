//! Consumers and their credentials.

use serde_json::Value;
use tollgate_core::authn::jwt::Algorithm;

use super::DESCRIPTION;
use crate::cli::import::members::Members;
use crate::cli::import::parts::{self, Kind};
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// One consumer: its name and its credentials.
pub fn consumer(mut members: Members<'_>, report: &mut Report) -> Option<(String, Node)> {
    members.skip(&DESCRIPTION);
    let username = members.need("username", Members::id, report)?;
    let mut credentials = Vec::new();
    if let Some(mut plugins) = members.members("plugins", report) {
        for (plugin, settings, place) in plugins.take_all() {
            credentials.extend(credential(plugin, settings, place, report));
        }
    }
    if credentials.is_empty() {
        report.note(members.place(), "a consumer without credentials");
    }
    members.finish(report);
    let mut entries = Entries::new();
    if !credentials.is_empty() {
        entries.push(("credentials".to_owned(), Node::Rows(credentials)));
    }
    Some((username, Node::Section(entries)))
}

fn credential(plugin: &str, settings: &Value, place: String, report: &mut Report) -> Option<Node> {
    if !matches!(plugin, "jwt-auth" | "key-auth") {
        report.lose(&place, "this gate has no counterpart at consumers");
        return None;
    }
    let mut settings = Members::of(settings, place, report)?;
    let node = if plugin == "jwt-auth" {
        jwt(&mut settings, report).map(|entries| Node::one("jwt", Node::Map(entries)))
    } else {
        secret(&mut settings, "key", Kind::Secret, report).map(|key| Node::one("api_key", key))
    };
    settings.finish(report);
    node
}

fn jwt(settings: &mut Members<'_>, report: &mut Report) -> Option<Entries> {
    // How long tokens live that APISIX issues; this gate verifies and issues none.
    settings.skip(&["exp"]);
    let key = settings.need("key", Members::text, report);
    let algorithm = settings.text("algorithm", report).unwrap_or("HS256");
    let algorithm: Algorithm = match algorithm.parse() {
        Ok(algorithm) => algorithm,
        Err(unknown) => {
            report.lose(&settings.place_of("algorithm"), &unknown.to_string());
            return None;
        }
    };
    if settings.flag("base64_secret", report) == Some(true) {
        report.lose(
            &settings.place_of("base64_secret"),
            "secrets are taken as text; decode it into a variable",
        );
    }
    if settings.number("lifetime_grace_period", report).unwrap_or(0) > 0 {
        let why = "the leeway belongs to routes here: `accept: [{ jwt: { leeway: … } }]`";
        report.lose(&settings.place_of("lifetime_grace_period"), why);
    }
    let (theirs, ours, kind, unused) = if algorithm.is_symmetric() {
        ("secret", "secret", Kind::Secret, ["public_key", "private_key"])
    } else {
        ("public_key", "public_key", Kind::Public, ["secret", "private_key"])
    };
    settings.skip(&unused);
    // Both are read before either is judged, so that all that is missing is said.
    let material = secret(settings, theirs, kind, report);
    let key = key?;
    if key.is_empty() {
        report.lose(&settings.place_of("key"), "it is empty");
    }
    Some(vec![
        ("key".to_owned(), Node::text(key)),
        ("algorithm".to_owned(), Node::text(algorithm.name())),
        (ours.to_owned(), material?),
    ])
}

/// A member that must be there, as a value or a reference.
fn secret(settings: &mut Members<'_>, name: &str, kind: Kind, report: &mut Report) -> Option<Node> {
    let text = settings.need(name, Members::text, report)?;
    parts::value(text, kind, &settings.place_of(name), report)
}
