//! `tollgate import chapkit-env`: the API keys of a chapkit or servicekit service, which are a list in its environment
//! or one a line in a file.
//!
//! The gate takes over the check, so one consumer stands for each key. A list cannot be referred to by the names of its
//! items; the configuration has the digests of those.

mod dotenv;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use tollgate_core::credential::Digest;

use super::Imported;
use super::draft::Draft;
use super::loader;
use super::report::Report;
use super::yaml::{Entries, Node};

#[derive(Debug, Args)]
pub struct ChapkitEnv {
    /// The service's `.env`; without it, this process's environment is read
    file: Option<PathBuf>,
    /// The header that the service reads keys from
    #[arg(long, value_name = "NAME", default_value = "X-API-Key", value_parser = header)]
    header: String,
    /// Print what can be carried over even where something cannot, and exit 1 all the same
    #[arg(long)]
    pub partial: bool,
}

/// The two names of the library.
const PREFIXES: [&str; 2] = ["CHAPKIT", "SERVICEKIT"];

/// Paths that the service answers without a key, matched exactly, and what their routes are called.
const PUBLIC: [(&str, &str); 5] = [
    ("home", "/"),
    ("health", "/health"),
    ("docs", "/docs"),
    ("redoc", "/redoc"),
    ("openapi", "/openapi.json"),
];

/// Keys below this length can be found from their digest by trying.
const SHORT: usize = 16;

/// Where the keys stand, and what they are.
struct Found {
    /// The variable, for messages.
    variable: String,
    keys: Vec<String>,
    /// What the configuration can say in place of the one key, where there is one and nothing around it.
    reference: Option<Node>,
}

impl ChapkitEnv {
    /// Reads the keys and writes the configuration.
    ///
    /// # Errors
    /// There are no keys, or two lists of them; a file cannot be read.
    pub fn import(&self) -> anyhow::Result<Imported> {
        match &self.file {
            None => self.convert(&|name| std::env::var(name).ok(), Path::new(""), None),
            Some(path) => {
                let variables = dotenv::parse(&loader::text(path)?)
                    .with_context(|| format!("`{}` is no file of variables", path.display()))?;
                let base = path.parent().unwrap_or(Path::new(""));
                self.convert(&|name| variables.get(name).cloned(), base, Some(&variables))
            }
        }
    }

    fn convert(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
        base: &Path,
        file: Option<&BTreeMap<String, String>>,
    ) -> anyhow::Result<Imported> {
        let found = find(env, base)?;
        let mut report = Report::default();
        let consumers = consumers(&found, &mut report);
        let (target, guessed) = target(file);
        if guessed {
            let note =
                format!("the service is expected at `{target}`; correct the upstream's target if it is not");
            report.notes.push(note);
        }
        report.notes.push(
            "the service no longer sees keys: start it without its own check, or give its upstream a `credential`"
                .to_owned(),
        );
        let service = Node::Section(vec![("targets".to_owned(), Node::texts([target]))]);
        let mut routes: Entries =
            PUBLIC.iter().map(|(name, path)| route(name, path, Node::text("public"))).collect();
        let from = Node::one("from", Node::texts([format!("header:{}", self.header)]));
        routes.push(route("service", "/**", Node::one("api_key", from)));
        let upstreams = vec![("service".to_owned(), service)];
        let draft = Draft { upstreams, consumers, routes, ..Draft::default() };
        Ok(Imported { config: draft.write("127.0.0.1:8080", "problem"), report })
    }
}

/// The keys, from a file if one is named, else from the list, as the library itself looks.
fn find(env: &dyn Fn(&str) -> Option<String>, base: &Path) -> anyhow::Result<Found> {
    let variables = PREFIXES.map(|prefix| (format!("{prefix}_API_KEY_FILE"), format!("{prefix}_API_KEYS")));
    let set = |name: &String| env(name).is_some_and(|value| !value.trim().is_empty());
    let mut lists = Vec::new();
    for (file, list) in &variables {
        lists.extend([file, list].into_iter().find(|name| set(name)));
    }
    let variable = match lists.as_slice() {
        [one] => (*one).clone(),
        [] => bail!(
            "none of {} has keys; the service itself would not start",
            variables.map(|(file, list)| format!("`{list}`, `{file}`")).join(", ")
        ),
        several => bail!(
            "both {} have keys; unset the one that is not the service's",
            several.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
        ),
    };
    let value = env(&variable).unwrap_or_default();
    let (mut keys, reference): (Vec<String>, _) = if variable.ends_with("_FILE") {
        let path = base.join(value.trim());
        let text = loader::text(&path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let whole = text.strip_suffix('\n').unwrap_or(&text).to_owned();
        (lines.map(str::to_owned).collect(), (whole, Node::one("file", Node::text(path.to_string_lossy()))))
    } else {
        let items = value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned);
        (items.collect(), (value, Node::one("env", Node::text(&variable))))
    };
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    ensure!(!keys.is_empty(), "`{variable}` has no keys; the service itself would not start");
    let (whole, node) = reference;
    let reference = matches!(keys.as_slice(), [only] if *only == whole).then_some(node);
    Ok(Found { variable, keys, reference })
}

/// One consumer for each key, in the order of the list.
fn consumers(found: &Found, report: &mut Report) -> Entries {
    let mut consumers = Entries::new();
    for (at, key) in found.keys.iter().enumerate() {
        let name = format!("key-{}", at + 1);
        let place = format!("{}[{at}]", found.variable);
        if !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            report
                .lose(&place, "a key with other characters than printable ASCII cannot be sent in a header");
            continue;
        }
        // The library's own logs show as much of a key; of a short one that would be most.
        let shown = key.get(..7).filter(|_| key.len() >= SHORT).unwrap_or("***");
        report.note(
            &place,
            &format!("the key that begins `{shown}` is the consumer `{name}`; give it a better name"),
        );
        let kept = match &found.reference {
            Some(reference) => reference.clone(),
            None => {
                if key.len() < SHORT {
                    let characters = key.len();
                    report.note(
                        &place,
                        &format!(
                            "with {characters} characters it can be guessed, from its digest too; replace it"
                        ),
                    );
                }
                Node::one("sha256", Node::text(hex::encode(Digest::of(key.as_bytes()).0)))
            }
        };
        let credentials = Node::Rows(vec![Node::one("api_key", kept)]);
        consumers.push((name, Node::Section(vec![("credentials".to_owned(), credentials)])));
    }
    consumers
}

/// Where the service listens, and whether nobody said so. `HOST` and `PORT` of a shell are often something else's.
fn target(file: Option<&BTreeMap<String, String>>) -> (String, bool) {
    let get = |name: &str| file.and_then(|file| file.get(name)).map(String::as_str);
    let host = match get("HOST") {
        None | Some("0.0.0.0" | "::" | "") => "127.0.0.1",
        Some(host) => host,
    };
    let port = get("PORT").filter(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    (format!("http://{host}:{}", port.unwrap_or("8000")), port.is_none())
}

fn route(name: &str, path: &str, accept: Node) -> (String, Node) {
    let entries = vec![
        ("match".to_owned(), Node::one("path", Node::text(path))),
        ("upstream".to_owned(), Node::text("service")),
        ("accept".to_owned(), Node::List(vec![accept])),
    ];
    (name.to_owned(), Node::Section(entries))
}

fn header(text: &str) -> Result<String, String> {
    http::HeaderName::try_from(text)
        .map(|_| text.to_owned())
        .map_err(|_| format!("`{text}` is no header's name"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
