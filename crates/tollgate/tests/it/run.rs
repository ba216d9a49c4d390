//! Does what a transcript says, step by step.

mod exchange;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tollgate::server::Stopped;

use crate::answer;
use crate::certificates::Certificates;
use crate::client::{Client, Options};
use crate::credentials::{self, Presented, Signed, Signing};
use crate::gate::Gate;
use crate::invariants;
use crate::text::{self, Names};
use crate::transcript::{self, Action, Check, Step, Transcript};
use crate::upstreams::Upstreams;

/// Does one file; where and why it fails.
pub fn file(path: &Path) -> Result<(), String> {
    let place = |line: &dyn std::fmt::Display, why: &dyn std::fmt::Display| {
        format!("{}:{line}: {why}", path.display())
    };
    let text = std::fs::read_to_string(path).map_err(|error| place(&1, &error))?;
    let transcript = transcript::parse(&text).map_err(|error| format!("{}:{error:#}", path.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| place(&1, &error))?;
    runtime.block_on(async {
        let mut run = Run::start(&transcript).await.map_err(|error| place(&1, &format!("{error:#}")))?;
        let mut failure = None;
        for step in &transcript.steps {
            if let Err(error) = run.step(step).await {
                let row = step.row.as_ref().map_or_else(String::new, |row| format!(" [{row}]"));
                failure = Some(place(&step.line, &format!("{error:#}{row}")));
                break;
            }
        }
        let last = text.lines().count();
        let ended = run.end().await.map_err(|error| place(&last, &format!("{error:#}")));
        failure.map_or(ended, Err)
    })
}

/// A running test.
struct Run<'t> {
    transcript: &'t Transcript,
    certificates: Certificates,
    upstreams: Upstreams,
    gate: Gate,
    clients: BTreeMap<String, Client>,
    /// Signed requests whose answers are to come, by connection; nothing for unsigned ones.
    signed: BTreeMap<String, VecDeque<Option<Signed>>>,
    /// Signature of the request that is being made.
    signing: Option<Signed>,
    /// Credentials that no upstream may see.
    secrets: BTreeSet<String>,
    pass_credentials: bool,
    ids: BTreeSet<String>,
    /// Id of the request that the last step was about.
    last_id: Option<String>,
    usage: Vec<Expected<'t>>,
    /// Access records that a step has looked at.
    records_seen: BTreeSet<String>,
    /// What the upstreams had seen before the last request.
    mark: usize,
    /// Requests that steps have waited for, by upstream.
    arrived: BTreeMap<String, usize>,
    serial: usize,
}

/// What a step says of the usage event of a request; nothing where there is none.
struct Expected<'t> {
    line: usize,
    id: String,
    members: Option<&'t [(String, String)]>,
}

impl Names for Run<'_> {
    fn name(&self, name: &str) -> Option<String> {
        match name {
            "now" => Some(self.gate.now().to_string()),
            _ => Before(&self.certificates, &self.upstreams).name(name),
        }
    }

    fn credential(&mut self, presented: &Presented<'_>, signing: Option<&Signing<'_>>) -> Result<String> {
        self.serial += 1;
        let (text, secrets, signed) = presented.make(self.gate.now(), self.serial, signing)?;
        self.secrets.extend(secrets);
        self.signing = signed.or(self.signing.take());
        Ok(text)
    }
}

/// What has a name before there is a gate.
struct Before<'r>(&'r Certificates, &'r Upstreams);

impl Names for Before<'_> {
    fn name(&self, name: &str) -> Option<String> {
        let file = |name: &str| Some(self.0.file(name).display().to_string());
        match name {
            "consumers" => Some(credentials::consumers()),
            "cert" => file("listener.crt"),
            "key" => file("listener.key"),
            "roots" => file("secure.crt"),
            _ => self.1.address(name),
        }
    }

    fn credential(&mut self, _: &Presented<'_>, _: Option<&Signing<'_>>) -> Result<String> {
        bail!("there is no clock yet")
    }
}

impl<'t> Run<'t> {
    async fn start(transcript: &'t Transcript) -> Result<Self> {
        let certificates = Certificates::new()?;
        let upstreams = Upstreams::start(&certificates).await?;
        let config = text::config(&transcript.configs["start"], &Before(&certificates, &upstreams));
        let gate = Gate::start(&config, certificates.folder()).await?;
        Ok(Self {
            transcript,
            certificates,
            upstreams,
            gate,
            clients: BTreeMap::new(),
            signed: BTreeMap::new(),
            signing: None,
            secrets: BTreeSet::new(),
            pass_credentials: false,
            ids: BTreeSet::new(),
            last_id: None,
            usage: Vec::new(),
            records_seen: BTreeSet::new(),
            mark: 0,
            arrived: BTreeMap::new(),
            serial: 0,
        })
    }

    async fn step(&mut self, step: &'t Step) -> Result<()> {
        match &step.action {
            Action::Request { on, request } => self.request(on, request).await?,
            Action::Bytes { on, text } => {
                let bytes = text::bytes(text, self, None)?;
                let client = self.client(on).await?;
                let tunnel = client.answer.as_ref().is_some_and(|answer| answer.status == 101);
                client.bytes(bytes)?;
                if !tunnel {
                    self.begin(on);
                }
            }
            Action::Answer { on, checks } => self.answer(on, checks).await?,
            Action::Seen { upstream, method, target, checks } => {
                self.seen(upstream, method, target, checks).await?
            }
            Action::Nothing => ensure!(self.upstreams.count() == self.mark, "an upstream saw the request"),
            Action::Connections { upstream, count } => {
                let have = self.upstreams.get(upstream)?.connections();
                ensure!(have == *count, "there were {have} connections");
            }
            Action::Upstream { upstream, nth, command, rest } => {
                self.upstream(upstream, *nth, command, rest).await?
            }
            Action::Record(members) => self.record(members).await?,
            Action::Usage(members) => {
                let id = self.last_id.clone().context("no request has an id")?;
                self.usage.push(Expected { line: step.line, id, members: members.as_deref() });
            }
            Action::Decision(members) => self.decision(members.as_deref())?,
            Action::Explained { consumer, route, members } => {
                compare(&self.gate.explain(consumer, route).await?, members)?
            }
            Action::Advance(by) => self.gate.advance(*by),
            Action::Jump(by) => self.gate.jump(*by),
            Action::Reload { config, refused } => self.reload(config, *refused)?,
            Action::Certificate { broken: true } => self.certificates.spoil()?,
            Action::Certificate { broken: false } => self.certificates.renew()?,
            Action::Connect { on, options } => {
                let options = Options::parse(options)?;
                let to = self.gate.address(options.listener)?;
                let client = Client::connect(to, &options, &self.certificates).await?;
                self.clients.insert(on.clone(), client);
            }
            Action::Close(on) => drop(self.clients.remove(on).context("there is no such connection")?),
            Action::End(on) => self.client(on).await?.end(),
            Action::Held(count) => self.gate.held(*count).await?,
            Action::Stop => self.gate.stop()?,
            Action::Stopped(how) => {
                let stopped = self.gate.stopped().await?;
                let wanted = match how.as_str() {
                    "cut" => Stopped::Cut,
                    "unshipped" => Stopped::Unshipped,
                    _ => Stopped::Clean,
                };
                ensure!(stopped == wanted, "the gate ended {stopped:?}");
            }
            Action::PassCredentials => self.pass_credentials = true,
            Action::Store { command, words } => self.gate.store(command, words).await?,
        }
        Ok(())
    }

    /// The connection of this name, opened if there is none.
    async fn client(&mut self, on: &str) -> Result<&mut Client> {
        if !self.clients.contains_key(on) {
            let client =
                Client::connect(self.gate.address(0)?, &Options::default(), &self.certificates).await?;
            self.clients.insert(on.to_owned(), client);
        }
        self.clients.get_mut(on).context("there is no such connection")
    }

    async fn seen(&mut self, upstream: &str, method: &str, target: &str, checks: &[Check]) -> Result<()> {
        let needs_body = checks
            .iter()
            .any(|check| matches!(check, Check::Body(_) | Check::BodyPart(_) | Check::BodyJson(_)));
        let target = text::string(target, self, None)?;
        let seen = self.upstreams.get(upstream)?.request(method, &target, needs_body).await?;
        self.last_id = seen.fields.get("x-request-id").map(str::to_owned);
        for check in checks {
            let wanted = self.wanted(check)?;
            answer::check(check, &wanted, &seen.fields, &seen.body)?;
        }
        Ok(())
    }

    /// The text of a check, filled in.
    fn wanted(&mut self, check: &Check) -> Result<Vec<u8>> {
        match check {
            Check::Field { value: text, .. }
            | Check::Body(text)
            | Check::BodyPart(text)
            | Check::Part(text)
            | Check::Raw(text) => text::bytes(text, self, None),
            // Escapes in JSON are JSON's own.
            Check::BodyJson(text) => Ok(text.clone().into_bytes()),
            Check::Status(_)
            | Check::NoField(_)
            | Check::Head
            | Check::Broken
            | Check::Open
            | Check::Closed
            | Check::Cut => Ok(Vec::new()),
        }
    }

    async fn upstream(&mut self, name: &str, nth: Option<usize>, command: &str, rest: &str) -> Result<()> {
        let bytes = text::bytes(rest, self, None)?;
        let upstream = self.upstreams.get(name)?.clone();
        let nth = nth.unwrap_or_else(|| upstream.requests());
        match command {
            "request" => {
                let arrived = self.arrived.entry(name.to_owned()).or_default();
                *arrived += 1;
                upstream.arrived(*arrived).await?;
            }
            "send" => upstream.send(nth, bytes)?,
            "close" => upstream.close(nth)?,
            "gone" => upstream.gone(nth).await?,
            "read" => upstream.read(),
            "bytes" => upstream.bytes(nth, rest.parse()?).await?,
            "drop" => upstream.drop_all().await?,
            "health" => upstream.set_health(rest.parse()?),
            "probes" => upstream.probes(rest.parse()?).await?,
            _ => bail!("unknown command `{command}`"),
        }
        Ok(())
    }

    async fn record(&mut self, members: &[(String, String)]) -> Result<()> {
        let (wanted, seen) = (self.last_id.clone(), &self.records_seen);
        let record = self
            .gate
            .record(|record| match (&wanted, record["request_id"].as_str()) {
                (Some(wanted), Some(id)) => id == wanted,
                (None, Some(id)) => !seen.contains(id) && !self.ids.contains(id),
                (_, None) => false,
            })
            .await?;
        for (name, wanted) in members {
            let have = match &record[name.as_str()] {
                Value::Null => "-".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            ensure!(have == *wanted || (wanted == "*" && have != "-"), "`{name}` is `{have}`: {record}");
        }
        self.last_id = record["request_id"].as_str().map(str::to_owned);
        self.records_seen.extend(self.last_id.clone());
        Ok(())
    }

    fn decision(&self, members: Option<&[(String, String)]>) -> Result<()> {
        let id = self.last_id.as_deref().context("no request has an id")?;
        let (found, members) = match (self.gate.decision(id)?, members) {
            (None, None) => return Ok(()),
            (Some(found), None) => bail!("the gate remembers {found}"),
            (None, Some(_)) => bail!("the gate remembers nothing of `{id}`"),
            (Some(found), Some(members)) => (found, members),
        };
        compare(&found, members)
    }

    fn reload(&mut self, name: &str, refused: bool) -> Result<()> {
        let config = self.transcript.configs.get(name).context("there is no such config")?;
        let config = text::config(config, self);
        match (self.gate.reload(&config, self.certificates.folder()), refused) {
            (Ok(()), true) => bail!("the configuration was loaded"),
            (Err(error), false) => Err(error),
            (Ok(()), false) | (Err(_), true) => Ok(()),
        }
    }

    /// Ends the callers, then the gate, and judges the whole.
    async fn end(mut self) -> Result<()> {
        self.clients.clear();
        if !self.gate.was_stopped() {
            self.gate.stop()?;
        }
        if self.gate.is_stopping() {
            let stopped = self.gate.stopped().await?;
            ensure!(stopped == Stopped::Clean, "the gate ended {stopped:?}");
        }
        if self.pass_credentials {
            self.secrets.clear();
        }
        let (events, records) = (self.gate.events().await?, self.gate.records()?);
        for Expected { line, id, members } in &self.usage {
            let event = events.iter().find(|event| event["id"] == **id);
            let told = match (event, members) {
                (None, None) => Ok(()),
                (Some(event), Some(members)) => compare(event, members),
                (event, _) => bail!("line {line}: the event is {event:?}"),
            };
            told.with_context(|| format!("the usage event of line {line}"))?;
        }
        let seen = self.upstreams.seen();
        invariants::end(&records, &seen, &self.secrets)?;
        let metered = !self.transcript.configs.values().any(|config| config.contains("meters: off"));
        invariants::events(&events, &records, &seen, metered)
    }
}

/// Compares members of an object: `-` for an absent one, `~part` for a part of a text.
fn compare(found: &Value, members: &[(String, String)]) -> Result<()> {
    for (name, wanted) in members {
        let have = match &found[name.as_str()] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let holds = match wanted.strip_prefix('~') {
            Some(part) => have.contains(part),
            None => have == *wanted,
        };
        ensure!(holds, "`{name}` is `{have}`: {found}");
    }
    Ok(())
}
