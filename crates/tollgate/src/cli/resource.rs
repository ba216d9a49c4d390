//! What the commands over the admin API's objects have in common: pages, tables, secrets that are shown once.

use clap::Args;
use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Access, Client, encoded};
use super::output::Output;
use super::table;

/// How a command speaks to the gate and about it.
#[derive(Debug, Args)]
pub struct Speak {
    #[command(flatten)]
    pub access: Access,
    /// Print only what a script goes on with: identifiers, or the new secret alone
    #[arg(short, long)]
    pub quiet: bool,
}

/// Which part of a list is wanted.
#[derive(Debug, Args)]
struct Part {
    /// Items at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Where to go on: `next` of the list before
    #[arg(long, value_name = "CURSOR", conflicts_with = "all")]
    cursor: Option<String>,
    /// Every item there is
    #[arg(long)]
    all: bool,
}

/// Which part of a list is wanted, and how to speak about it.
#[derive(Debug, Args)]
pub struct Listing {
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    speak: Speak,
}

/// Turns something on or off.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Enabled {
    /// Accept it again
    #[arg(long)]
    enable: bool,
    /// Accept it no longer, until it is enabled again
    #[arg(long)]
    disable: bool,
}

/// A column of a table: its heading, and the member of the items that it shows.
pub type Column = (&'static str, &'static str);

impl Enabled {
    /// What the gate is to be told; nothing where it stays as it is.
    pub fn wanted(&self) -> Option<bool> {
        match (self.enable, self.disable) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        }
    }
}

impl Speak {
    /// Asks for one object and prints it, or its member `id` alone.
    ///
    /// # Errors
    /// As [`Client::call`], or standard output could not be written.
    pub fn show(&self, output: &Output, id: &str, path: &str) -> anyhow::Result<()> {
        print_object(output, self.quiet, &self.access.client()?.get(path)?, id)
    }

    /// Makes something and prints it. Where it has a secret, that is shown for the first and last time.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn make(&self, output: &Output, id: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let made = self.access.client()?.call(Method::POST, path, Some(body))?;
        print_secret(output, self.quiet, &made, id)
    }

    /// Changes something and prints what it is now.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn change(&self, output: &Output, id: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let changed = self.access.client()?.call(Method::PATCH, path, Some(body))?;
        print_object(output, self.quiet, &changed, id)
    }

    /// Ends something and says so: `did` what.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn end(&self, output: &Output, path: &str, did: &str, what: &str) -> anyhow::Result<()> {
        self.access.client()?.call(Method::DELETE, path, None)?;
        if !self.quiet || output.is_json() {
            output.result(&json!({ did: what }), &format!("{did} {what}"))?;
        }
        Ok(())
    }
}

impl Listing {
    /// Asks for the list and prints it: the API's object, a table, or the members `id` alone. `query` is what it is
    /// narrowed to.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn print(
        &self,
        output: &Output,
        id: &str,
        path: &str,
        query: &[(&str, &str)],
        columns: &[Column],
    ) -> anyhow::Result<()> {
        let list = list(&self.speak.access.client()?, path, query, &self.part)?;
        print_list(output, self.speak.quiet, &list, columns, id)
    }
}

/// The items of a list, as the API's object `{ items, next }`.
fn list(client: &Client, path: &str, query: &[(&str, &str)], part: &Part) -> anyhow::Result<Value> {
    let mut cursor = part.cursor.clone();
    let mut items = Vec::new();
    loop {
        let limit = if part.all { 1000 } else { part.limit }.to_string();
        let mut query: Vec<(&str, &str)> = query.to_vec();
        query.push(("limit", &limit));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut page = client.get(&format!("{path}?{}", query.join("&")))?;
        if let Value::Array(more) = page["items"].take() {
            items.extend(more);
        }
        let next = page["next"].as_str().map(str::to_owned);
        // A gate that gives the same cursor again would keep this going for ever.
        if !part.all || next.is_none() || next == cursor {
            return Ok(json!({ "items": items, "next": next }));
        }
        cursor = next;
    }
}

fn print_list(
    output: &Output,
    quiet: bool,
    list: &Value,
    columns: &[Column],
    id: &str,
) -> anyhow::Result<()> {
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    if quiet && !output.is_json() {
        let ids: Vec<String> = items.iter().map(|item| table::cell(&item[id])).collect();
        if !ids.is_empty() {
            output.result(list, &ids.join("\n"))?;
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| columns.iter().map(|(_, member)| table::cell(&item[*member])).collect())
        .collect();
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    output.result(list, &table::table(&headings, &rows))?;
    if let Some(next) = list["next"].as_str()
        && !output.is_json()
    {
        output.note(&format!("there are more: `--cursor {next}`, or `--all`"));
    }
    Ok(())
}

/// Prints one object, or its member `id` alone.
///
/// # Errors
/// Standard output could not be written.
pub fn print_object(output: &Output, quiet: bool, object: &Value, id: &str) -> anyhow::Result<()> {
    let text = if quiet { table::cell(&object[id]) } else { table::object(object) };
    output.result(object, &text)?;
    Ok(())
}

/// Prints an object that may have a secret, or the secret alone.
fn print_secret(output: &Output, quiet: bool, object: &Value, id: &str) -> anyhow::Result<()> {
    let Some(secret) = SECRETS.iter().find(|name| object[**name].is_string()) else {
        return print_object(output, quiet, object, id);
    };
    print_object(output, quiet, object, secret)?;
    output.warning(&format!("`{secret}` is shown this once; keep it where secrets are kept"));
    Ok(())
}

/// Members that have a secret in the answer of a call that makes one.
const SECRETS: [&str; 2] = ["api_key", "secret"];

/// A body of the members that were given.
pub fn body(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

/// Nothing for an empty list, which was not given then.
pub fn given(list: &[String]) -> Option<Value> {
    (!list.is_empty()).then(|| json!(list))
}
