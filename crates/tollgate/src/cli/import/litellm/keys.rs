//! Virtual keys: consumers with the digests that LiteLLM stores, tiers for their limits.

mod limits;
mod row;

use jiff::Timestamp;
use serde_json::Value;

use super::models::{Models, covers};
use super::routes::Allowed;
use crate::cli::import::draft::{Draft, Names, as_name};
use crate::cli::import::members::Members;
use crate::cli::import::report::Report;
use crate::cli::import::yaml::{Entries, Node};
use row::Row;

/// Adds a consumer for each key, and a tier for each set of limits. Gives who may use which upstream, where not
/// everybody may use all of them.
pub fn read(
    rows: &[Value],
    models: &Models,
    now: Timestamp,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<Allowed> {
    let mut names = Names::default();
    let mut allowed = Allowed::new();
    let mut restricted = false;
    for (at, value) in rows.iter().enumerate() {
        let read = |report: &mut Report| {
            let members = Members::of(value, format!("keys[{at}]"), report)?;
            let row = Row::read(members, now, report)?;
            let upstreams = upstreams(&row, models, report)?;
            let tier = limits::tier(&row, report);
            Some((row, upstreams, tier))
        };
        let Some((row, upstreams, tier)) = report.whole(read) else { continue };
        let name = names.invent(row.alias.as_deref().unwrap_or("key"));
        if row.alias.as_deref() != Some(&name) {
            report.note(&row.place, &format!("the key is the consumer `{name}` here"));
        }
        let mut consumer = Entries::new();
        consumer.extend(row.account.as_deref().map(|name| ("account".to_owned(), Node::text(as_name(name)))));
        if let Some((tier, body)) = tier {
            if !draft.tiers.iter().any(|(have, _)| *have == tier) {
                draft.tiers.push((tier.clone(), body));
            }
            consumer.push(("tier".to_owned(), Node::text(tier)));
        }
        let digest = Node::one("api_key", Node::one("sha256", Node::text(row.digest)));
        consumer.push(("credentials".to_owned(), Node::Rows(vec![digest])));
        draft.consumers.push((name.clone(), Node::Section(consumer)));
        restricted |= upstreams.len() < models.upstreams.len();
        for upstream in upstreams {
            allowed.entry(upstream.to_owned()).or_default().push(name.clone());
        }
    }
    restricted.then_some(allowed)
}

/// The upstreams that the key may use: those of which it may use every model.
fn upstreams<'a>(row: &Row, models: &'a Models, report: &mut Report) -> Option<Vec<&'a str>> {
    let Some(granted) = &row.models else {
        return Some(models.upstreams.iter().map(|upstream| &*upstream.name).collect());
    };
    for unknown in granted.iter().filter(|model| !models.know(model)) {
        report.note(&row.place, &format!("{unknown:?} is no model that was carried over"));
    }
    let mut upstreams = Vec::new();
    for upstream in &models.upstreams {
        let may = |model: &&String| granted.iter().any(|granted| covers(granted, model));
        let some: Vec<&String> = upstream.models.iter().filter(may).collect();
        if some.len() == upstream.models.len() {
            upstreams.push(&*upstream.name);
        } else if !some.is_empty() {
            let why = format!(
                "the key may use {} of the {} models of the upstream `{}`; this gate does not judge the model in a \
                 body, so it could use all of them",
                some.len(),
                upstream.models.len(),
                upstream.name
            );
            report.lose(&row.place, &why);
        }
    }
    if upstreams.is_empty() {
        report.lose(&row.place, "it may use no model that was carried over");
    }
    Some(upstreams)
}
