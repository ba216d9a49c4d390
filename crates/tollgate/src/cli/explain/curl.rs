//! Reads a `curl` command as the request that it makes. Nothing of it is run.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

use crate::explain::Request;
use crate::explain::request::Values;

/// Options with a value that change nothing of the request.
const ASIDE: [&str; 17] = [
    "-o",
    "--output",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "-w",
    "--write-out",
    "--cacert",
    "-E",
    "--cert",
    "--key",
    "-x",
    "--proxy",
    "--resolve",
    "-D",
    "--dump-header",
];
/// Options without a value that change nothing of the request.
const FLAGS: [&str; 24] = [
    "-s",
    "--silent",
    "-S",
    "--show-error",
    "-v",
    "--verbose",
    "-i",
    "--include",
    "-k",
    "--insecure",
    "-L",
    "--location",
    "-f",
    "--fail",
    "-N",
    "--no-buffer",
    "--compressed",
    "--http1.1",
    "--http2",
    "-g",
    "--globoff",
    "-4",
    "-6",
    "--fail-with-body",
];

/// The request of a command.
///
/// # Errors
/// What cannot be read, or would have to be run to be known.
pub(super) fn request(command: &str) -> anyhow::Result<Request> {
    let mut words = words(command)?.into_iter().peekable();
    words.next_if(|word| word == "curl");
    let mut draft = Draft::default();
    while let Some(word) = words.next() {
        let (option, joined) = split(&word);
        if FLAGS.contains(&option.as_str()) {
            // `-sS` is `-s -S`.
            if let Some(rest) = joined {
                words = std::iter::once(format!("-{rest}"))
                    .chain(words)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .peekable();
            }
            continue;
        }
        if !option.starts_with('-') {
            draft.url(word)?;
            continue;
        }
        if !draft.flag(&option) {
            let value =
                joined.or_else(|| words.next()).with_context(|| format!("`{option}` has no value"))?;
            draft.option(&option, value)?;
        }
    }
    draft.finish()
}

/// What was read so far.
#[derive(Debug, Default)]
struct Draft {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    in_query: bool,
}

impl Draft {
    fn flag(&mut self, option: &str) -> bool {
        match option {
            "-G" | "--get" => self.in_query = true,
            "-I" | "--head" => self.method = Some("HEAD".to_owned()),
            _ => return false,
        }
        true
    }

    fn option(&mut self, option: &str, value: String) -> anyhow::Result<()> {
        match option {
            "-X" | "--request" => self.method = Some(value),
            "-H" | "--header" => {
                let (name, value) = value.split_once(':').context("a header is `Name: value`")?;
                self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            "-d" | "--data" | "--data-ascii" | "--data-binary" | "--json" if value.starts_with('@') => {
                bail!("`{value}` is not read; write the data itself")
            }
            "--json" => {
                self.headers.push(("content-type".to_owned(), "application/json".to_owned()));
                self.data.push(value);
            }
            "-d" | "--data" | "--data-ascii" | "--data-raw" | "--data-binary" => self.data.push(value),
            "-u" | "--user" => self.authorization(format!("Basic {}", STANDARD.encode(value))),
            "--oauth2-bearer" => self.authorization(format!("Bearer {value}")),
            "-b" | "--cookie" => self.headers.push(("cookie".to_owned(), value)),
            "-A" | "--user-agent" => self.headers.push(("user-agent".to_owned(), value)),
            "-e" | "--referer" => self.headers.push(("referer".to_owned(), value)),
            "--url" => self.url(value)?,
            aside if ASIDE.contains(&aside) => {}
            unknown => bail!("the option `{unknown}` is not understood; leave it out if it does not matter"),
        }
        Ok(())
    }

    fn authorization(&mut self, value: String) {
        self.headers.push(("authorization".to_owned(), value));
    }

    fn url(&mut self, url: String) -> anyhow::Result<()> {
        match self.url.replace(url) {
            None => Ok(()),
            Some(first) => bail!("there are two URLs, the first one is `{first}`"),
        }
    }

    fn finish(self) -> anyhow::Result<Request> {
        let url = self.url.context("there is no URL")?;
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        let mut path = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let data = (!self.data.is_empty()).then(|| self.data.join("&"));
        let body = if self.in_query { None } else { data.clone() };
        if let Some(data) = data.filter(|_| self.in_query) {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&data);
        }
        let mut headers: BTreeMap<String, Values> = BTreeMap::new();
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            headers.insert("host".to_owned(), Values::One(host));
        }
        for (name, value) in self.headers {
            let values = headers.entry(name.to_ascii_lowercase()).or_insert(Values::Many(Vec::new()));
            if let Values::Many(values) = values {
                values.push(value);
            }
        }
        let form = || Values::One("application/x-www-form-urlencoded".to_owned());
        if body.is_some() {
            headers.entry("content-type".to_owned()).or_insert_with(form);
        }
        let method = self.method.or_else(|| body.is_some().then(|| "POST".to_owned()));
        Ok(Request { method, path, headers, body, client: None })
    }
}

/// An option and a value that is joined to it: `-XPOST`, `--request=POST`.
fn split(word: &str) -> (String, Option<String>) {
    if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return (option.to_owned(), Some(value.to_owned()));
    }
    let is_short = word.starts_with('-') && !word.starts_with("--");
    match word.char_indices().nth(2) {
        Some((end, _)) if is_short => (word[..end].to_owned(), Some(word[end..].to_owned())),
        _ => (word.to_owned(), None),
    }
}

/// The words of a command as a POSIX shell would give them, without running or looking up anything.
fn words(command: &str) -> anyhow::Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = command.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let names = |next: &char| "({_".contains(*next) || next.is_ascii_alphabetic();
        let runs = character == '`' || (character == '$' && characters.peek().is_some_and(names));
        if runs && quote != Some('\'') {
            bail!("`$(…)` and variables are not run; put what they give in their place");
        }
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some('"'), '\\') if characters.peek().is_some_and(|next| "\"\\$`\n".contains(*next)) => {
                word.get_or_insert_default().extend(characters.next().filter(|next| *next != '\n'));
            }
            (Some(_), inside) => word.get_or_insert_default().push(inside),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            // A backslash at a line's end goes on with the command.
            (None, '\\') => match characters.next() {
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (None, '|' | '>' | '<' | ';' | '&') if word.is_none() => break,
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    if quote.is_some() {
        bail!("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
