//! The configuration that an import builds up, and the names in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::members::Members;
use super::report::Report;
use super::yaml::{self, Entries, Node};

/// A `tollgate.yaml` in the making.
#[derive(Debug, Default)]
pub struct Draft {
    pub upstreams: Entries,
    pub tiers: Entries,
    pub consumers: Entries,
    pub routes: Entries,
}

impl Draft {
    /// The whole file. `errors` stands at the top too: paths without a route answer in the old gateway's words as well.
    pub fn write(self, listen: &str, errors: &str) -> String {
        let mut config: Entries = vec![
            ("listen".to_owned(), Node::Plain(listen.to_owned())),
            ("errors".to_owned(), Node::text(errors)),
            ("upstreams".to_owned(), Node::Section(self.upstreams)),
        ];
        if !self.tiers.is_empty() {
            config.push(("tiers".to_owned(), Node::Section(self.tiers)));
        }
        config.push(("routes".to_owned(), Node::Section(self.routes)));
        if !self.consumers.is_empty() {
            config.push(("consumers".to_owned(), Node::Section(self.consumers)));
        }
        yaml::document(&config)
    }
}

/// Reads a list of things that others refer to by name. `read` gives the foreign name and the body; a thing that lost
/// anything gets no name, so that nothing refers to it.
pub fn named(
    list: Vec<(&Value, String)>,
    names: &mut Names,
    report: &mut Report,
    read: fn(Members<'_>, &mut Report) -> Option<(String, Node)>,
) -> Entries {
    let mut entries = Entries::new();
    for (item, place) in list {
        let whole = report.whole(|report| read(Members::of(item, place.clone(), report)?, report));
        let Some((foreign, body)) = whole else { continue };
        entries.extend(names.give(&foreign, &place, report).map(|name| (name, body)));
    }
    entries
}

/// Foreign names of one kind and what they are called here: 1 to 64 of `[A-Za-z0-9_.-]`, each once.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Gives the thing called `foreign` a name. A name that had to be changed is noted.
    ///
    /// Nothing where something else is already called so: the two could not be told apart in the foreign file either.
    pub fn give(&mut self, foreign: &str, place: &str, report: &mut Report) -> Option<String> {
        if self.0.contains_key(foreign) {
            report.lose(place, &format!("{foreign:?} is named twice"));
            return None;
        }
        let name = self.free(foreign);
        if name != foreign {
            report.note(place, &format!("{foreign:?} is called `{name}` here"));
        }
        self.0.insert(foreign.to_owned(), name.clone());
        Some(name)
    }

    /// Gives a name to a thing that has none, made from a hint such as its path.
    pub fn invent(&mut self, hint: &str) -> String {
        let name = self.free(hint);
        // No foreign reference can hold a character that ends lines, so nothing refers to this entry.
        self.0.insert(format!("{name}\n"), name.clone());
        name
    }

    /// What a foreign name is called here.
    pub fn find(&self, foreign: &str) -> Option<&str> {
        self.0.get(foreign).map(String::as_str)
    }

    fn free(&self, text: &str) -> String {
        let valid = valid(text);
        let taken = |name: &str| self.0.values().any(|have| have == name);
        let numbered = (2_u64..).map(|number| {
            let suffix = format!("-{number}");
            format!("{}{suffix}", &valid[..valid.len().min(64 - suffix.len())])
        });
        std::iter::once(valid.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(valid)
    }
}

/// The text as a name by itself, whatever else is called so.
pub fn as_name(text: &str) -> String {
    valid(text)
}

/// The text as a name: runs of other characters become one `-`, the ends are trimmed of it.
fn valid(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "_.-".contains(c) {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(64);
    let trimmed = if name == text { &name } else { name.trim_matches('-') };
    if trimmed.is_empty() { "unnamed".to_owned() } else { trimmed.to_owned() }
}
