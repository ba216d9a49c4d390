//! The reference pages, made from what the program says of itself.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::later::{Fate, SETTINGS};
use crate::markdown::anchor;

const CONFIGURATION: &str = "\
# Configuration

Everything that may stand in `tollgate.yaml`. This page is made from the JSON Schema that `tollgate schema` prints; in an
editor, a first line `# yaml-language-server: $schema=PATH` gives the same while you write. Where the words are not
enough: [guides](../guides/first-gate.md), [identity](../concepts/identity.md),
[limits](../concepts/limits.md), [upstreams](../concepts/upstreams.md), [bounds](bounds.md).

Rules of the whole file: unknown keys are errors; relative paths start at the file's own directory; names hold 1 to 64
letters, digits, `_`, `.` and `-`; a variant with options is written `{ word: { options } }`, one without is the bare
word. `tollgate check` reports all problems at once, each with its place.

*Not in force yet* marks what is read, checked and warned of, and has no effect in this version. *Refused by this
version* marks what would be unsafe to ignore.

";

const COMMAND_LINE: &str = "\
# Command line

What each command says of itself with `--help`. Results go to standard output, notes and problems to standard error;
colours are for terminals only. Exit codes: 0 done, 1 refused or failed, 2 arguments that make no sense.

With `--json` each error is one object on one line of standard error, `{\"error\": \"…\"}`, arguments that make no sense
included.

| Variable | Means |
|---|---|
| `TOLLGATE_CONFIG` | the configuration file, where `-c` does not name one |
| `TOLLGATE_URL` | where the admin listener is, for the commands that speak to the running gate; `http://127.0.0.1:8081` without it |
| `TOLLGATE_ADMIN_KEY` | the admin key that those commands present; `--admin-key-file FILE` in place of it |
| `TOLLGATE_LOG` | what `serve` and `demo` log on standard error: `info`, `debug`, `tollgate=debug`; `json:` before it for one JSON object a line |
| `NO_COLOR` | no colours |
";

/// Parts that stand in several places, and what the page calls them.
const SHARED: [(&str, &str); 2] = [("Place", "SECRET"), ("DetailedLimit", "LIMIT")];

/// What the schema cannot say: how much of a setting this version has.
const NOTES: [(&str, &str); 2] =
    [("admin", "In this version without a dashboard."), ("consumers.NAME.account", "Nothing is billed yet.")];

/// `docs/reference/config.md` of a schema.
pub fn configuration(schema: &Value) -> String {
    let mut writer = Writer { schema, titles: BTreeMap::new(), text: CONFIGURATION.to_owned(), used: 0 };
    writer.section("", "tollgate.yaml", schema);
    writer.kinds();
    assert_eq!(writer.used, SETTINGS.len(), "a setting of `later.rs` is not in the schema");
    writer.text
}

/// `docs/reference/cli.md`; `help` gives what the command of these words says of itself.
pub fn command_line(help: &dyn Fn(&[&str]) -> String) -> String {
    let mut text = COMMAND_LINE.to_owned();
    command(&mut text, &mut Vec::new(), help);
    text
}

fn command<'a>(text: &mut String, words: &mut Vec<&'a str>, help: &dyn Fn(&[&str]) -> String) {
    let said = help(words);
    let mut name = vec!["tollgate"];
    name.extend(words.iter());
    let _ = write!(text, "\n## `{}`\n\n```text\n{}\n```\n", name.join(" "), trimmed(&said));
    let list = said.split_once("Commands:\n").map(|(_, rest)| rest).unwrap_or_default();
    for line in list.lines().take_while(|line| !line.is_empty()) {
        let name = line.strip_prefix("  ").and_then(|line| line.split(' ').next()).unwrap_or_default();
        if !name.is_empty() && name != "help" {
            // A command's name outlives the walk below it.
            let mut longer: Vec<&str> = words.clone();
            longer.push(name);
            command(text, &mut longer, help);
        }
    }
}

fn trimmed(text: &str) -> String {
    text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

struct Writer<'a> {
    schema: &'a Value,
    /// Definitions that have a section, and its title.
    titles: BTreeMap<&'a str, String>,
    text: String,
    /// Settings that were marked.
    used: usize,
}

/// A part of the file that gets a section of its own.
struct Child<'a> {
    path: String,
    schema: &'a Value,
}

impl<'a> Writer<'a> {
    /// Writes the section of a mapping or of a choice, then those of its parts.
    fn section(&mut self, path: &str, title: &str, schema: &'a Value) {
        let _ = write!(self.text, "## `{title}`\n\n{}\n\n", said(schema));
        let mut children = Vec::new();
        match variants(schema) {
            Some(variants) => self.choice(path, &variants, &mut children),
            None => self.mapping(path, schema, &mut children),
        }
        self.text.push('\n');
        for child in children {
            self.section(&child.path, &child.path, child.schema);
        }
    }

    fn mapping(&mut self, path: &str, schema: &'a Value, children: &mut Vec<Child<'a>>) {
        self.text.push_str("| Key | Value | Meaning |\n|---|---|---|\n");
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let kind = self.kind(&path, value, children);
            let needed = if required.contains(&key.as_str()) { " *(needed)*" } else { "" };
            let fate = self.fate(&path);
            let note = NOTES.iter().find(|(noted, _)| *noted == path).map(|(_, note)| format!(" *{note}*"));
            let note = note.unwrap_or_default();
            let _ = writeln!(
                self.text,
                "| `{key}`{needed} | {} | {}{fate}{note} |",
                escaped(&kind),
                escaped(said(value))
            );
        }
    }

    fn choice(&mut self, path: &str, variants: &[&'a Value], children: &mut Vec<Child<'a>>) {
        self.text.push_str("| Write | Value | Meaning |\n|---|---|---|\n");
        for variant in variants {
            if let Some(word) = variant["const"].as_str() {
                let fate = self.fate(&format!("{path}.{word}"));
                let _ = writeln!(self.text, "| `{word}` | | {}{fate} |", escaped(said(variant)));
            }
            for (key, value) in variant["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}.{key}");
                let kind = self.kind(&path, value, children);
                let fate = self.fate(&path);
                let _ = writeln!(
                    self.text,
                    "| `{{ {key}: … }}` | {} | {}{fate} |",
                    escaped(&kind),
                    escaped(said(variant))
                );
            }
        }
    }

    fn fate(&mut self, path: &str) -> &'static str {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.path == path) else { return "" };
        self.used += 1;
        match setting.fate {
            Fate::Warned => " *Not in force yet.*",
            Fate::Refused => " *Refused by this version.*",
        }
    }

    /// What a value is, in words; parts that need a section are added to the list.
    fn kind(&mut self, path: &str, schema: &'a Value, children: &mut Vec<Child<'a>>) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|at| at.strip_prefix("#/$defs/")) {
            return self.definition(path, name, children);
        }
        if let Some(parts) = schema["anyOf"].as_array() {
            let parts = parts.iter().filter(|part| part["type"] != "null");
            let mut kinds: Vec<String> = parts.map(|part| self.kind(path, part, children)).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
        if let Some(words) = schema["enum"].as_array() {
            return words
                .iter()
                .filter_map(Value::as_str)
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ");
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`{word}`");
        }
        let is = |name: &str| {
            schema["type"] == name
                || schema["type"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        };
        match () {
            () if is("array") => format!("list of {}", self.kind(path, &schema["items"], children)),
            () if is("object") && schema["additionalProperties"] == false => {
                match schema["properties"].as_object().and_then(|only| only.keys().next()) {
                    Some(key) => format!("`{{ {key}: … }}`"),
                    None => "no options".to_owned(),
                }
            }
            () if is("object") => {
                let path = format!("{path}.NAME");
                format!("by name: {}", self.kind(&path, &schema["additionalProperties"], children))
            }
            () if is("boolean") => "`true` or `false`".to_owned(),
            () if is("integer") => "number".to_owned(),
            () => "text".to_owned(),
        }
    }

    fn definition(&mut self, path: &str, name: &'a str, children: &mut Vec<Child<'a>>) -> String {
        let schema = &self.schema["$defs"][name];
        if schema["pattern"].is_string() {
            let title = words(name);
            return format!("[{}](#{})", title.to_lowercase(), anchor(&title));
        }
        if let [only] = variants(schema).unwrap_or_default().as_slice() {
            return self.kind(path, only, children);
        }
        if schema["properties"].is_object() || variants(schema).is_some() {
            let path = match self.titles.get(name) {
                Some(title) => title.clone(),
                None => {
                    let shared = SHARED.iter().find(|(shared, _)| *shared == name);
                    let path = shared.map_or(path, |(_, called)| called).to_owned();
                    self.titles.insert(name, path.clone());
                    children.push(Child { path: path.clone(), schema });
                    path
                }
            };
            let what = if variants(schema).is_some() { "one of" } else { "mapping" };
            return format!("[{what} `{path}`](#{})", anchor(&path));
        }
        self.kind(path, schema, children)
    }

    /// The sections of texts with a rule of their own.
    fn kinds(&mut self) {
        self.text.push_str("# Kinds of values\n");
        for (name, schema) in self.schema["$defs"].as_object().into_iter().flatten() {
            if schema["pattern"].is_string() {
                let _ = write!(self.text, "\n## {}\n\n{}", words(name), said(schema));
                self.ways(name);
                self.text.push('\n');
            }
        }
    }

    /// Marks the ways to write a kind of text that this version does not take.
    fn ways(&mut self, kind: &str) {
        for setting in SETTINGS {
            let Some((_, way)) = setting.path.split_once('.').filter(|(of, _)| *of == kind) else { continue };
            let fate = self.fate(setting.path);
            let _ = write!(self.text, " `{way}`:{fate}");
        }
    }
}

/// The alternatives of a choice; bare words that stand for a variant without options are among the variants already.
fn variants(schema: &Value) -> Option<Vec<&Value>> {
    let choice =
        schema["anyOf"].as_array().and_then(|parts| parts.iter().find(|part| part["oneOf"].is_array()));
    Some(choice.unwrap_or(schema)["oneOf"].as_array()?.iter().collect())
}

fn said(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// A cell of a table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// `TimeSpan` as `Time span`; a number that tells two types of one name apart is left out.
fn words(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.trim_end_matches(|c: char| c.is_ascii_digit()).char_indices() {
        if c.is_uppercase() && at > 0 {
            out.push(' ');
        }
        out.extend(if at > 0 { c.to_lowercase().next() } else { Some(c) });
    }
    out
}
