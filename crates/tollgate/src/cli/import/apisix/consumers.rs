//! Consumers and their credentials.

use serde_json::Value;
use tollgate_core::authn::jwt::Algorithm;

use super::{DESCRIPTION, Import};
use crate::cli::import::members::Members;
use crate::cli::import::parts::{self, Kind};
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// Adds one consumer, if it arrives whole.
pub fn consumer(import: &mut Import<'_>, value: &Value, place: String) {
    let Import {
        report, consumers, ..
    } = import;
    let entry = report.whole(|report| {
        let mut members = Members::of(value, place, report)?;
        members.skip(&DESCRIPTION);
        let Some(username) = members.id("username", report) else {
            report.lose(&members.place_of("username"), "a consumer needs a name");
            return None;
        };
        let name = consumers.give(&username, &members.place_of("username"), report)?;
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
        let entries: Entries = vec![("credentials".to_owned(), Node::Rows(credentials))];
        Some((name, Node::Section(entries)))
    });
    import.draft.consumers.extend(entry);
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
    let key = settings.text("key", report);
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
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        report.lose(&settings.place_of("key"), "the claim's value is missing");
        return None;
    };
    let (theirs, ours, kind, unused) = if algorithm.is_symmetric() {
        ("secret", "secret", Kind::Secret, ["public_key", "private_key"])
    } else {
        (
            "public_key",
            "public_key",
            Kind::Public,
            ["secret", "private_key"],
        )
    };
    settings.skip(&unused);
    let material = secret(settings, theirs, kind, report)?;
    Some(vec![
        ("key".to_owned(), Node::text(key)),
        ("algorithm".to_owned(), Node::text(algorithm.name())),
        (ours.to_owned(), material),
    ])
}

/// A member that must be there, as a value or a reference.
fn secret(settings: &mut Members<'_>, name: &str, kind: Kind, report: &mut Report) -> Option<Node> {
    let place = settings.place_of(name);
    let before = report.lost.len();
    match settings.text(name, report) {
        Some(text) => parts::value(text, kind, &place, report),
        None if report.lost.len() == before => {
            report.lose(&place, "it is missing");
            None
        }
        None => None,
    }
}
