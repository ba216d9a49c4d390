//! Reads transcripts. The whole grammar:
//!
//! ```text
//! # A comment. The first ones say what the file shows.
//!
//! config:                       What the gate starts with; `config NAME:` is one to reload. Indented YAML follows.
//!   upstreams: …                `listen`, `workers` and `drain` have defaults that suit tests.
//!
//! > POST /x                     A request; `>b` is one on connection b. Connections open when first used.
//! > Name: value                 Its fields. `Host` and, with a body, `Content-Length` and `Content-Type` are
//! > body text                   added unless given; `Name:` without a value leaves an added field out.
//! >> GET /x HTTP/1.1\r\n        Exactly these bytes.
//!
//! < 200                         The next answer on the connection (`<b 200`), or its status alone.
//! < Name: value                 A field that must be there, `*` for any value, `~part` for a part of one.
//! < !Name                       A field that must not be there.
//! < body = text                 The whole body; `body ~ part`; `body {json}`, all members of which must be there.
//! < part text                   The body's next bytes, while it goes on.
//! < head                        Leaves the body for later.
//! < broken                      The body ends before it is whole.
//! < raw text                    Bytes after a change of protocol.
//! < open                        The connection serves another request.
//! < closed                      The connection ends; all by itself, nothing is answered at all.
//! < cut                         It ends, whatever it carries before that.
//!
//! ^ echo POST /x                What an upstream saw, fields and body as in `<`.
//! ^ nothing                     No upstream saw anything of what was sent last.
//! ^ echo connections 1          So many connections carried requests to it.
//!
//! ! slow request                Waits for the head of a request that has no answer yet.
//! ! slow send HTTP/1.1 200 …    Answers with these bytes; `! slow/2 send` on the second request's connection.
//! ! slow close | gone | bytes N Closes; waits until the gate closes; waits for N body bytes of the request.
//! ! stuck read                  Reads bodies from now on.
//! ! echo drop                   Closes all connections of an upstream.
//! ! echo health 503 | probes 2  What health checks get from now on; waits for two more of them.
//!
//! = outcome=served route=x      The access record of the last request; `-` for an absent member.
//! $ tokens_in=9 quality=counted The usage event of the last request, once the gate has ended; `$ nothing` for none.
//!
//! ? service_a x outcome=allowed  What the gate says to a question about a consumer and a route.
//! % mode=shadow denial=x        What the gate remembers of the last request; `% nothing`, `~part` for a part of a text.
//!
//! advance 61s | jump 61s        Moves both clocks, or only the wall clock (`-` moves it back).
//! reload NAME [refused]         Loads another configuration.
//! certificate [broken]          Writes another certificate, or none at all, over the listener's files.
//! connect b [tls] [h2] [old] [listener=1] [from=127.0.0.2] [window=4096] [abrupt]
//! close b | end b               Drops the connection, or ends only its sending side.
//! store add service_a tier=free scopes=a,b rate=5 ends=60 from=10.0.0.0/8
//!                               Keeps a consumer with an API key, a JWT and a Hawk credential; all options are optional.
//! store disable service_a       Changes its credentials: disable, enable, revoke, `tier=x`, `scopes=…`; `remove` ends it.
//! store away                    Ends the store's connections.
//! held 2                        Waits until the gate holds so many connections of callers.
//! stop | stopped clean|cut      Begins to stop the gate; waits for how it ended.
//! pass credentials              Credentials may reach the upstreams in this transcript.
//!
//! each A | B                    Does the steps up to `end` once for each row; `{A}` and `{B}` stand for its cells.
//!   x | y
//! > GET /{A}
//! end
//! ```
//!
//! Texts know the escapes `\r \n \t \0 \\ \xHH` and the placeholders of [`crate::text`].

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// One file, read.
#[derive(Debug, Default)]
pub struct Transcript {
    /// Texts of configurations by name; the first is called `start`.
    pub configs: BTreeMap<String, String>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One step and where it stands.
#[derive(Debug)]
pub struct Step {
    /// Line number, from 1.
    pub line: usize,
    /// The row of an `each`, as it is written.
    pub row: Option<String>,
    /// What happens.
    pub action: Action,
}

/// What happens in one step.
#[derive(Debug)]
pub enum Action {
    Request {
        on: String,
        request: Request,
    },
    Bytes {
        on: String,
        text: String,
    },
    Answer {
        on: String,
        checks: Vec<Check>,
    },
    Seen {
        upstream: String,
        method: String,
        target: String,
        checks: Vec<Check>,
    },
    Nothing,
    Held(usize),
    Connections {
        upstream: String,
        count: usize,
    },
    Upstream {
        upstream: String,
        nth: Option<usize>,
        command: String,
        rest: String,
    },
    Record(Vec<(String, String)>),
    /// There is none where it is absent.
    Usage(Option<Vec<(String, String)>>),
    /// Nothing is remembered where it is absent.
    Decision(Option<Vec<(String, String)>>),
    Explained {
        consumer: String,
        route: String,
        members: Vec<(String, String)>,
    },
    Advance(Duration),
    /// Milliseconds, forward or back.
    Jump(i64),
    Reload {
        config: String,
        refused: bool,
    },
    Certificate {
        broken: bool,
    },
    Connect {
        on: String,
        options: Vec<String>,
    },
    Close(String),
    End(String),
    Stop,
    Stopped(String),
    PassCredentials,
    Store {
        command: String,
        words: Vec<String>,
    },
}

/// A request in its short form.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: Option<String>,
}

/// One thing that must hold of an answer or of what an upstream saw.
#[derive(Debug)]
pub enum Check {
    Status(u16),
    Field { name: String, value: String },
    NoField(String),
    Body(String),
    BodyPart(String),
    BodyJson(String),
    Part(String),
    Head,
    Broken,
    Raw(String),
    Open,
    Closed,
    Cut,
}

/// A line with its number and, inside `each`, its row.
#[derive(Debug, Clone)]
struct Line {
    number: usize,
    row: Option<String>,
    text: String,
}

/// Reads a file; errors begin with the line's number.
pub fn parse(text: &str) -> Result<Transcript> {
    let mut transcript = Transcript::default();
    let lines = configs(text, &mut transcript.configs)?;
    for line in expand(lines)? {
        step(&line, &mut transcript.steps).with_context(|| format!("{}", line.number))?;
    }
    ensure!(transcript.configs.contains_key("start"), "1: there is no `config:`");
    Ok(transcript)
}

/// Takes the configurations out; gives the other lines without comments.
fn configs(text: &str, configs: &mut BTreeMap<String, String>) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut current: Option<String> = None;
    for (index, text) in text.lines().enumerate() {
        if let Some(name) = &current {
            if text.is_empty() || text.starts_with("  ") {
                let config = configs.entry(name.clone()).or_default();
                config.push_str(text.strip_prefix("  ").unwrap_or(text));
                config.push('\n');
                continue;
            }
            current = None;
        }
        if let Some(name) = text.strip_prefix("config").and_then(|rest| rest.strip_suffix(':')) {
            let name = if name.is_empty() { "start" } else { name.trim() };
            ensure!(!configs.contains_key(name), "{}: the config `{name}` is there twice", index + 1);
            configs.insert(name.to_owned(), String::new());
            current = Some(name.to_owned());
        } else if !text.trim().is_empty() && !text.starts_with('#') {
            lines.push(Line { number: index + 1, row: None, text: text.to_owned() });
        }
    }
    Ok(lines)
}

/// Writes out every `each`.
fn expand(lines: Vec<Line>) -> Result<Vec<Line>> {
    let mut expanded = Vec::new();
    let mut lines = lines.into_iter().peekable();
    while let Some(line) = lines.next() {
        let Some(names) = line.text.strip_prefix("each ") else {
            expanded.push(line);
            continue;
        };
        let names: Vec<&str> = names.split('|').map(str::trim).collect();
        let mut rows = Vec::new();
        while let Some(row) = lines.next_if(|next| next.text.starts_with("  ")) {
            rows.push(row);
        }
        let mut body = Vec::new();
        loop {
            match lines.next() {
                Some(line) if line.text == "end" => break,
                Some(line) => body.push(line),
                None => bail!("{}: `each` without `end`", line.number),
            }
        }
        for row in rows {
            let cells: Vec<&str> = row.text.split(" | ").map(str::trim).collect();
            ensure!(
                cells.len() == names.len(),
                "{}: the row has {} cells, not {}",
                row.number,
                cells.len(),
                names.len()
            );
            for line in &body {
                let mut text = line.text.clone();
                for (name, cell) in names.iter().zip(&cells) {
                    text = text.replace(&format!("{{{name}}}"), cell);
                }
                expanded.push(Line {
                    number: line.number,
                    row: Some(format!("line {}: {}", row.number, row.text.trim())),
                    text,
                });
            }
        }
    }
    Ok(expanded)
}

fn step(line: &Line, steps: &mut Vec<Step>) -> Result<()> {
    let text = line.text.trim_end();
    let mark = text.split(' ').next().unwrap_or_default();
    let rest = text[mark.len()..].trim_start();
    let action = match mark.as_bytes() {
        [b'>', b'>', on @ ..] => Action::Bytes { on: connection(on)?, text: rest.to_owned() },
        [b'>', on @ ..] => match request(rest, steps)? {
            None => return Ok(()),
            Some(request) => Action::Request { on: connection(on)?, request },
        },
        [b'<', on @ ..] => {
            let on = connection(on)?;
            let check = check(rest)?;
            let fresh = matches!(check, Check::Status(_));
            match steps.last_mut().map(|step| &mut step.action) {
                Some(Action::Answer { on: before, checks }) if *before == on && !fresh => {
                    checks.push(check);
                    return Ok(());
                }
                _ => Action::Answer { on, checks: vec![check] },
            }
        }
        b"^" => match seen(rest, steps)? {
            None => return Ok(()),
            Some(action) => action,
        },
        b"!" => upstream(rest)?,
        b"=" => Action::Record(members(rest)?),
        b"$" if rest == "nothing" => Action::Usage(None),
        b"$" => Action::Usage(Some(members(rest)?)),
        b"?" => {
            let mut words = rest.splitn(3, ' ').map(str::to_owned);
            let (consumer, route, rest) = (words.next(), words.next(), words.next());
            let (consumer, route) =
                consumer.zip(route).context("expected `? CONSUMER ROUTE member=value`")?;
            Action::Explained { consumer, route, members: members(&rest.unwrap_or_default())? }
        }
        b"%" if rest == "nothing" => Action::Decision(None),
        b"%" => Action::Decision(Some(members(rest)?)),
        _ => command(mark, rest)?,
    };
    steps.push(Step { line: line.number, row: line.row.clone(), action });
    Ok(())
}

fn members(text: &str) -> Result<Vec<(String, String)>> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split(' ').map(pair).collect::<Option<_>>().context("expected `member=value`")
}

fn connection(name: &[u8]) -> Result<String> {
    Ok(match name {
        b"" => "a".to_owned(),
        name => std::str::from_utf8(name)?.to_owned(),
    })
}

/// A new request, or nothing where the line goes on with the last one.
fn request(rest: &str, steps: &mut [Step]) -> Result<Option<Request>> {
    if let Some((method, target)) = rest.split_once(' ')
        && !method.ends_with(':')
        && method != "body"
    {
        return Ok(Some(Request {
            method: method.to_owned(),
            target: target.to_owned(),
            ..Request::default()
        }));
    }
    let Some(Action::Request { request, .. }) = steps.last_mut().map(|step| &mut step.action) else {
        bail!("no request begins here");
    };
    match rest.strip_prefix("body ") {
        Some(body) => request.body = Some(body.to_owned()),
        None => {
            let (name, value) = rest.split_once(':').context("expected `Name: value`")?;
            request.fields.push((name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
        }
    }
    Ok(None)
}

fn check(text: &str) -> Result<Check> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match word {
        "open" => Check::Open,
        "closed" => Check::Closed,
        "cut" => Check::Cut,
        "broken" => Check::Broken,
        "head" => Check::Head,
        "part" => Check::Part(rest.to_owned()),
        "raw" => Check::Raw(rest.to_owned()),
        "body" if rest == "=" => Check::Body(String::new()),
        "body" if rest.starts_with("= ") => Check::Body(rest[2..].to_owned()),
        "body" if rest.starts_with("~ ") => Check::BodyPart(rest[2..].to_owned()),
        "body" if rest.starts_with('{') => Check::BodyJson(rest.to_owned()),
        _ if word.parse::<u16>().is_ok() => Check::Status(word.parse()?),
        _ if word.starts_with('!') => Check::NoField(word[1..].to_ascii_lowercase()),
        _ => {
            let (name, value) = text.split_once(':').with_context(|| format!("unknown check `{text}`"))?;
            Check::Field { name: name.to_ascii_lowercase(), value: value.trim().to_owned() }
        }
    })
}

/// What an upstream saw, or nothing where the line goes on with the last one.
fn seen(rest: &str, steps: &mut [Step]) -> Result<Option<Action>> {
    let words: Vec<&str> = rest.split(' ').collect();
    Ok(match words.as_slice() {
        ["nothing"] => Some(Action::Nothing),
        [upstream, "connections", count] => {
            Some(Action::Connections { upstream: (*upstream).to_owned(), count: count.parse()? })
        }
        [upstream, method, target]
            if !upstream.ends_with(':') && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') =>
        {
            Some(Action::Seen {
                upstream: (*upstream).to_owned(),
                method: (*method).to_owned(),
                target: (*target).to_owned(),
                checks: Vec::new(),
            })
        }
        _ => {
            let Some(Action::Seen { checks, .. }) = steps.last_mut().map(|step| &mut step.action) else {
                bail!("expected `UPSTREAM METHOD TARGET`");
            };
            checks.push(check(rest)?);
            None
        }
    })
}

fn upstream(rest: &str) -> Result<Action> {
    let (name, rest) = rest.split_once(' ').context("expected `UPSTREAM COMMAND`")?;
    let (upstream, nth) = match name.split_once('/') {
        Some((upstream, nth)) => (upstream, Some(nth.parse()?)),
        None => (name, None),
    };
    let (command, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    Ok(Action::Upstream {
        upstream: upstream.to_owned(),
        nth,
        command: command.to_owned(),
        rest: rest.to_owned(),
    })
}

fn command(word: &str, rest: &str) -> Result<Action> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    Ok(match word {
        "advance" => Action::Advance(Duration::from_millis(u64::try_from(millis(&first)?)?)),
        "jump" => Action::Jump(millis(&first)?),
        "reload" => Action::Reload { config: first, refused: words.next() == Some("refused") },
        "certificate" => Action::Certificate { broken: first == "broken" },
        "connect" => Action::Connect { on: first, options: words.map(str::to_owned).collect() },
        "close" => Action::Close(first),
        "end" => Action::End(first),
        "held" => Action::Held(first.parse()?),
        "stop" => Action::Stop,
        "stopped" => Action::Stopped(first),
        "pass" => Action::PassCredentials,
        "store" => Action::Store { command: first, words: words.map(str::to_owned).collect() },
        _ => bail!("unknown step `{word}`"),
    })
}

fn millis(text: &str) -> Result<i64> {
    let unit = text.trim_start_matches('-').trim_start_matches(|c: char| c.is_ascii_digit());
    let number: i64 = text.strip_suffix(unit).unwrap_or(text).parse()?;
    Ok(match unit {
        "ms" => number,
        "s" => number * 1000,
        "m" => number * 60_000,
        "h" => number * 3_600_000,
        _ => bail!("`{text}` is no time span"),
    })
}
