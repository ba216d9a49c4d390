//! `tollgate tier` and `tollgate route`: what the configuration file says of them, as it says it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Outcome;
use super::check::ConfigFile;
use super::import::read_yaml;
use super::output::Output;
use super::table;
use crate::config::near::nearest;

/// List and show tiers, from the configuration file alone
#[derive(Debug, Args)]
pub struct Tier {
    #[command(subcommand)]
    action: Action,
}

/// List and show routes, from the configuration file alone
#[derive(Debug, Args)]
pub struct Route {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List them
    List {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Show one
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        file: ConfigFile,
    },
}

/// A section of the file, and what a list shows of its items: headings with the pointers of the values.
struct Section {
    name: &'static str,
    one: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const TIERS: Section = Section {
    name: "tiers",
    one: "tier",
    columns: &[
        ("limits", "/limits"),
        ("quota", "/quota"),
        ("budget", "/budget"),
        ("weight", "/weight"),
        ("scopes", "/scopes"),
    ],
};

const ROUTES: Section = Section {
    name: "routes",
    one: "route",
    columns: &[
        ("path", "/match/path"),
        ("methods", "/match/methods"),
        ("upstream", "/upstream"),
        ("accept", "/accept"),
        ("allow", "/allow"),
        ("mode", "/mode"),
    ],
};

impl Tier {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        self.action.run(&TIERS, output)
    }
}

impl Route {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        self.action.run(&ROUTES, output)
    }
}

impl Action {
    fn run(self, section: &Section, output: &Output) -> anyhow::Result<Outcome> {
        let (Self::List { file } | Self::Show { file, .. }) = &self;
        let (_, mut root) = read_yaml(&file.path)?;
        let items = match root[section.name].take() {
            Value::Object(items) => items,
            _ => serde_json::Map::new(),
        };
        match self {
            Self::List { .. } => {
                let row = |(name, item): (&String, &Value)| {
                    let cells = section.columns.iter().map(|(_, at)| shown(item.pointer(at)));
                    std::iter::once(name.clone()).chain(cells).collect()
                };
                let rows: Vec<Vec<String>> = items.iter().map(row).collect();
                let mut headings = vec!["name"];
                headings.extend(section.columns.iter().map(|(heading, _)| *heading));
                let text = table::table(&headings, &rows);
                let items: Vec<Value> = items.into_iter().map(|(name, item)| named(&name, item)).collect();
                output.result(&json!({ "items": items, "next": null }), &text)?;
            }
            Self::Show { name, .. } => match items.get(&name) {
                Some(item) => {
                    let item = named(&name, item.clone());
                    output.result(&item, &table::object(&item))?;
                }
                None => {
                    let near = nearest(&name, items.keys().map(String::as_str));
                    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    output.refusal(&format!("there is no {} `{name}`{near}", section.one));
                    return Ok(Outcome::Refused);
                }
            },
        }
        Ok(Outcome::Done)
    }
}

/// The item with its name before its members.
fn named(name: &str, item: Value) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("name".to_owned(), name.into());
    if let Value::Object(members) = item {
        object.extend(members);
    }
    Value::Object(object)
}

/// A value of a list; a variant with options is shown by its word.
fn shown(value: Option<&Value>) -> String {
    let word = |value: &Value| match value {
        Value::Object(members) if members.len() == 1 => members.keys().next().cloned().unwrap_or_default(),
        other => table::cell(other),
    };
    match value {
        None => "-".to_owned(),
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(word).collect::<Vec<_>>().join(", ")
        }
        Some(value) => table::cell(value),
    }
}
