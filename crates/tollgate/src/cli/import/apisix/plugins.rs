//! What the plugins of a route do to its requests.

use serde_json::Value;

use crate::cli::import::draft::Names;
use crate::cli::import::members::Members;
use crate::cli::import::parts;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};

/// Plugins by name, with their settings and where these stand.
pub type Plugins<'a> = Vec<(&'a str, &'a Value, String)>;

/// The plugins of one route in our words.
#[derive(Debug, Default)]
pub struct Treatment {
    pub accept: Vec<Node>,
    pub allow: Option<Vec<String>>,
    pub deny: Option<Vec<String>>,
    pub rewrite: Option<String>,
    pub cors: Option<Node>,
}

/// Translates the plugins of the route at `place`.
pub fn treat(
    plugins: &Plugins<'_>,
    place: &str,
    consumers: &Names,
    report: &mut Report,
) -> Option<Treatment> {
    let mut treatment = Treatment::default();
    for (name, settings, place) in plugins {
        let mut settings = Members::of(settings, place.clone(), report)?;
        if switched_off(&mut settings, report) {
            report.note(place, "the plugin is switched off (`_meta.disable`) and left out");
            continue;
        }
        match *name {
            "jwt-auth" | "key-auth" | "multi-auth" if !treatment.accept.is_empty() => {
                report.lose(
                    place,
                    "APISIX asks for several credentials at once here; this gate asks for one of them",
                );
            }
            "jwt-auth" => treatment.accept.push(jwt(&mut settings, report)),
            "key-auth" => treatment.accept.push(key(&mut settings, report)),
            "multi-auth" => treatment.accept.extend(multi(&mut settings, report)),
            "consumer-restriction" => restrict(&mut settings, &mut treatment, consumers, report),
            "proxy-rewrite" => treatment.rewrite = rewrite(&mut settings, report),
            "cors" => treatment.cors = cors(&mut settings, report),
            "limit-count" | "limit-req" | "limit-conn" => {
                report.lose(
                    place,
                    "limits are not carried over; state them as `limits` of the route or of a tier",
                );
                continue;
            }
            _ => {
                report.lose(place, "this gate has no counterpart");
                continue;
            }
        }
        settings.finish(report);
    }
    if treatment.accept.is_empty() {
        if treatment.allow.is_some() || treatment.deny.is_some() {
            report.lose(
                place,
                "`consumer-restriction` without a plugin that identifies consumers lets nobody pass",
            );
            return None;
        }
        report.note(place, "the route asks for no credential, and stays public");
        treatment.accept.push(Node::text("public"));
    }
    Some(treatment)
}

fn switched_off(settings: &mut Members<'_>, report: &mut Report) -> bool {
    let Some(mut meta) = settings.members("_meta", report) else {
        return false;
    };
    let off = meta.flag("disable", report) == Some(true);
    meta.finish(report);
    off
}

fn jwt(settings: &mut Members<'_>, report: &mut Report) -> Node {
    // Tokens are always hidden; the challenge names this gate.
    settings.skip(&["hide_credentials", "realm"]);
    if settings.texts("claims_to_verify", report).is_some_and(|claims| !claims.is_empty()) {
        let why = "`exp` and `nbf` are checked where they are present; they cannot be demanded";
        report.lose(&settings.place_of("claims_to_verify"), why);
    }
    if settings.text("header", report).is_some_and(|header| !header.eq_ignore_ascii_case("authorization")) {
        report.lose(
            &settings.place_of("header"),
            "tokens are read from `Authorization`, a query parameter or a cookie",
        );
    }
    let (query, cookie) = (settings.text("query", report), settings.text("cookie", report));
    let mut options: Entries = Vec::new();
    if query.is_some_and(|name| name != "jwt") || cookie.is_some_and(|name| name != "jwt") {
        let (query, cookie) = (query.unwrap_or("jwt"), cookie.unwrap_or("jwt"));
        let places = ["authorization".to_owned(), format!("query:{query}"), format!("cookie:{cookie}")];
        options.push(("from".to_owned(), Node::texts(places)));
    }
    if let Some(claim) = settings.text("key_claim_name", report).filter(|claim| *claim != "key") {
        options.push(("claim".to_owned(), Node::text(claim)));
    }
    if options.is_empty() { Node::text("jwt") } else { Node::one("jwt", Node::Map(options)) }
}

fn key(settings: &mut Members<'_>, report: &mut Report) -> Node {
    settings.skip(&["hide_credentials", "realm"]);
    let header = settings.text("header", report).unwrap_or("apikey");
    let query = settings.text("query", report).unwrap_or("apikey");
    let places = [format!("header:{header}"), format!("query:{query}")];
    Node::one("api_key", Node::one("from", Node::texts(places)))
}

/// `auth_plugins`: the first that succeeds decides, as the schemes of `accept` do.
fn multi(settings: &mut Members<'_>, report: &mut Report) -> Vec<Node> {
    let mut schemes = Vec::new();
    for (item, place) in settings.list("auth_plugins", report) {
        let Some(mut one) = Members::of(item, place, report) else {
            continue;
        };
        for (name, value, place) in one.take_all() {
            let Some(mut settings) = Members::of(value, place.clone(), report) else {
                continue;
            };
            match name {
                "jwt-auth" => schemes.push(jwt(&mut settings, report)),
                "key-auth" => schemes.push(key(&mut settings, report)),
                _ => {
                    report.lose(&place, "this gate has no counterpart");
                    continue;
                }
            }
            settings.finish(report);
        }
    }
    schemes
}

fn restrict(settings: &mut Members<'_>, treatment: &mut Treatment, consumers: &Names, report: &mut Report) {
    let by = settings.text("type", report).unwrap_or("consumer_name");
    if by != "consumer_name" {
        report.lose(&settings.place_of("type"), &format!("{by:?}: access is decided by consumer"));
    }
    if settings.number("rejected_code", report).is_some_and(|code| code != 403) {
        report.note(&settings.place_of("rejected_code"), "refused consumers get 403");
    }
    if settings.text("rejected_msg", report).is_some() {
        report.note(&settings.place_of("rejected_msg"), "refused consumers get the usual text");
    }
    let (allow, deny) = (settings.texts("whitelist", report), settings.texts("blacklist", report));
    if allow.is_none() && deny.is_none() {
        report.lose(settings.place(), "neither `whitelist` nor `blacklist` says whom it restricts");
    }
    let place = settings.place_of("whitelist");
    treatment.allow = allow.and_then(|names| parts::allowed(&names, consumers, &place, report));
    let place = settings.place_of("blacklist");
    treatment.deny = deny.map(|names| parts::consumers(&names, consumers, &place, report));
}

fn rewrite(settings: &mut Members<'_>, report: &mut Report) -> Option<String> {
    let uri = settings.text("uri", report)?;
    if uri.contains('$') {
        report.lose(&settings.place_of("uri"), "only plain paths are carried over, without variables");
        return None;
    }
    parts::path(uri, &settings.place_of("uri"), report)
}

fn cors(settings: &mut Members<'_>, report: &mut Report) -> Option<Node> {
    // Preflight answers name the methods of the route.
    settings.skip(&["allow_methods"]);
    let credentials = settings.flag("allow_credential", report) == Some(true);
    let lists = [
        ("allow_origins", "origins", "*"),
        ("allow_headers", "headers", "*"),
        ("expose_headers", "expose", ""),
    ];
    let mut options: Entries = Vec::new();
    for (theirs, ours, default) in lists {
        let text = settings.text(theirs, report).unwrap_or(default);
        let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        if items.contains(&"**") || (credentials && items.contains(&"*")) {
            report.lose(
                &settings.place_of(theirs),
                "every value, credentials included, has no counterpart; name them",
            );
        }
        if !items.is_empty() {
            options.push((ours.to_owned(), Node::texts(items)));
        }
    }
    if credentials {
        options.push(("credentials".to_owned(), Node::Plain("true".to_owned())));
    }
    let age = settings.number("max_age", report).unwrap_or(5);
    options.push(("max_age".to_owned(), Node::Plain(format!("{age}s"))));
    Some(Node::Map(options))
}
