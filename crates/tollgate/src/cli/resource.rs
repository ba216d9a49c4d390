//! What the commands over the admin API's objects have in common: pages, tables, secrets that are shown once.

use anyhow::Context;
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

/// What bounds something new: how often it may call, when it ends, where it may come from.
#[derive(Debug, Args)]
pub struct NewBounds {
    /// Calls in an hour in place of its tier's
    #[arg(long, value_name = "CALLS")]
    rate_limit_per_hour: Option<i64>,
    /// When it ends: `30d`, or a time such as `2027-01-31T12:00:00Z`
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// An address or network that it may come from. May be repeated
    #[arg(long = "allow-ip", value_name = "NETWORK")]
    networks: Vec<String>,
}

impl NewBounds {
    /// The members of what is to be made.
    pub fn members(self) -> [(&'static str, Option<Value>); 4] {
        let days = self.expires.as_deref().and_then(|text| text.strip_suffix('d')?.parse::<i64>().ok());
        let at = self.expires.filter(|_| days.is_none());
        [
            ("rate_limit_per_hour", self.rate_limit_per_hour.map(Into::into)),
            ("expires_in_days", days.map(Into::into)),
            ("expires_at", at.map(Into::into)),
            ("allowed_ips", given(&self.networks)),
        ]
    }
}

/// When something ends, how often it may call and where it may come from; or that nothing of that bounds it any more.
#[derive(Debug, Args)]
pub struct Bounds {
    /// Calls in an hour in place of its tier's
    #[arg(long, value_name = "CALLS", conflicts_with = "no_rate_limit")]
    rate_limit_per_hour: Option<i64>,
    /// No hourly rate of its own any more
    #[arg(long)]
    no_rate_limit: bool,
    /// When it ends: `30d`, or a time such as `2027-01-31T12:00:00Z`
    #[arg(long, value_name = "WHEN", conflicts_with = "no_expiry")]
    expires: Option<String>,
    /// No end of its own any more
    #[arg(long)]
    no_expiry: bool,
    /// An address or network in place of those that it may come from. May be repeated
    #[arg(long = "allow-ip", value_name = "NETWORK", conflicts_with = "any_ip")]
    networks: Vec<String>,
    /// From everywhere
    #[arg(long)]
    any_ip: bool,
}

impl Bounds {
    /// The members of a change.
    ///
    /// # Errors
    /// An end that is too far away.
    pub fn members(self) -> anyhow::Result<[(&'static str, Option<Value>); 3]> {
        let or_null = |none: bool, value: Option<Value>| if none { Some(Value::Null) } else { value };
        let end = self.expires.map(|text| end(&text)).transpose()?;
        Ok([
            ("rate_limit_per_hour", or_null(self.no_rate_limit, self.rate_limit_per_hour.map(Into::into))),
            ("expires_at", or_null(self.no_expiry, end.map(Into::into))),
            ("allowed_ips", or_null(self.any_ip, given(&self.networks))),
        ])
    }
}

/// A time, also where so many days from now are given: a change knows times alone.
fn end(text: &str) -> anyhow::Result<String> {
    let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) else {
        return Ok(text.to_owned());
    };
    let hours = days.checked_mul(24).context("the end is too far away")?;
    let at = jiff::Timestamp::now()
        .checked_add(jiff::SignedDuration::try_from_hours(hours).context("the end is too far away")?);
    let at = at.context("the end is too far away")?;
    Ok(jiff::Timestamp::from_second(at.as_second())?.to_string())
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

    /// Makes something and prints it, and what the gate warns of. Where it has a secret, that is shown for the first and last
    /// time.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn make(&self, output: &Output, id: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let made = self.access.client()?.call(Method::POST, path, Some(body))?;
        print_secret(output, self.quiet, &made, id)?;
        for warning in made["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            output.warning(warning);
        }
        Ok(())
    }

    /// Changes something and prints what it is now.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn change(&self, output: &Output, id: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let changed = self.access.client()?.call(Method::PATCH, path, Some(body))?;
        print_object(output, self.quiet, &changed, id)
    }

    /// Asks for a list of one page and prints it, or changes something of it first.
    ///
    /// # Errors
    /// As [`Speak::show`].
    pub fn list(
        &self,
        output: &Output,
        id: &str,
        path: &str,
        change: Option<&Value>,
        columns: &[Column],
    ) -> anyhow::Result<()> {
        let method = if change.is_some() { Method::PATCH } else { Method::GET };
        print_list(output, self.quiet, &self.access.client()?.call(method, path, change)?, columns, id)
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
