//! `tollgate ledger reconcile`: what is booked against what a model server has counted itself.

mod counters;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::{Method, Uri};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::counters::{Counts, Sample};
use crate::cli::client::{Access, Client};
use crate::cli::moment::Moment;
use crate::cli::output::Output;
use crate::cli::usage::all;
use crate::cli::{Outcome, offline, table};
use crate::probe::trust::own_or_system;
use crate::probe::{Listening, Question, answer};

/// Compare the tokens that are booked for a model with the counters of its server, and name where they differ; exit 1 if
/// they do
///
/// It reads the Prometheus page of llama-server (`--metrics`) or vLLM. Counters tell sums alone, so their state is
/// kept in a file: run the command every full hour with the same `--samples`, and each hour is compared by itself. A call that
/// is under way at a sample is booked in one hour and counted in the next; `--tolerance` says how many tokens that may be.
#[derive(Debug, Args)]
pub struct Reconcile {
    /// The server's Prometheus page, such as `http://127.0.0.1:8080/metrics`
    #[arg(long, value_name = "URL")]
    metrics: String,
    /// The model as it is booked; of a server that tells models apart, its counters of that name
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// From when: since the server began where there is no sample yet, else which samples are compared
    #[arg(long, value_name = "WHEN", required_unless_present = "samples")]
    since: Option<Moment>,
    /// Where the states of the counters are kept, one line of JSON each; made where it is missing
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Tokens that may differ in each row
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    tolerance: u64,
    #[command(flatten)]
    access: Access,
}

/// A stretch of time, and what each side says of it.
#[derive(Debug)]
struct Compared {
    from: Timestamp,
    to: Timestamp,
    /// Whether the server began anew within it: what it counted before that is lost.
    restarted: bool,
    counted: Counts,
    booked: Counts,
}

impl Reconcile {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let client = self.access.client()?;
        let now = Timestamp::now();
        let page = fetch(&self.metrics)?;
        let counts = counters::read(&page, &self.model)
            .with_context(|| format!("`{}` has no counters of tokens", self.metrics))?;
        let sample = Sample { at: now.as_second(), model: self.model.clone(), counts };
        let samples = self.all_samples(sample, now)?;
        let mut rows = Vec::new();
        let mut as_of = Value::Null;
        for (place, pair) in samples.windows(2).enumerate() {
            // Nothing is booked behind the latest sample, so that its minute counts whole; others are in the middle of calls.
            let to = if place + 2 == samples.len() { minute_after(pair[1].at) } else { minute(pair[1].at) };
            let (compared, latest) = self.compare(&client, &pair[0], &pair[1], to)?;
            rows.push(compared);
            as_of = latest;
        }
        if rows.is_empty() {
            output.note("this is the first sample; run it again to compare");
        }
        self.tell(&rows, &as_of, output)
    }

    /// The samples in their order, this one last; it is kept in the file.
    fn all_samples(&self, sample: Sample, now: Timestamp) -> anyhow::Result<Vec<Sample>> {
        let mut samples = match &self.samples {
            Some(path) => kept(path, &self.model)?,
            None => Vec::new(),
        };
        if let Some(path) = &self.samples {
            keep(path, &sample).with_context(|| format!("`{}`", path.display()))?;
        }
        if let Some(since) = self.since {
            let since = since.floor(now).as_second();
            if samples.is_empty() {
                // Nothing was counted before, so that the minute counts whole.
                let at = since - since.rem_euclid(60);
                samples.push(Sample { at, model: self.model.clone(), counts: Counts::default() });
            } else {
                samples.retain(|sample| sample.at >= since);
            }
        }
        samples.push(sample);
        Ok(samples)
    }

    /// Holds what was counted between two samples against what is booked from the minute of the first until `end`.
    fn compare(
        &self,
        client: &Client,
        from: &Sample,
        to: &Sample,
        end: Timestamp,
    ) -> anyhow::Result<(Compared, Value)> {
        let start = minute(from.at);
        let query = [("model", self.model.clone()), ("from", start.to_string()), ("to", end.to_string())];
        let (sums, as_of) = all(client, "/usage", &query)?;
        let measure = |name: &str| sums.first().and_then(|sum| sum["measures"][name].as_u64()).unwrap_or(0);
        let cached = if to.counts.without_cached { measure("tokens_cached") } else { 0 };
        let booked = Counts {
            tokens_in: measure("tokens_in").saturating_sub(cached),
            tokens_out: measure("tokens_out"),
            without_cached: to.counts.without_cached,
        };
        let (counted, restarted) = to.counts.since(&from.counts);
        Ok((Compared { from: start, to: end, restarted, counted, booked }, as_of))
    }

    fn tell(&self, rows: &[Compared], as_of: &Value, output: &Output) -> anyhow::Result<Outcome> {
        let drifts = rows.iter().filter(|row| row.drift() > self.tolerance).count();
        let described: Vec<Value> = rows.iter().map(|row| row.described(&self.model)).collect();
        let value = json!({ "ok": drifts == 0, "model": self.model, "items": described, "as_of": as_of });
        let headings = [
            "model",
            "from",
            "to",
            "in counted",
            "in booked",
            "drift",
            "out counted",
            "out booked",
            "drift",
            "",
        ];
        let lines: Vec<Vec<String>> = rows.iter().map(|row| row.line(&self.model, self.tolerance)).collect();
        output.result(&value, &table::aligned(&headings, 3, &lines))?;
        let last = rows.last().map(|row| row.to.to_string());
        if let (Some(as_of), Some(last)) = (as_of.as_str(), last)
            && drifts > 0
        {
            output.note(&format!("events up to {as_of} are booked; the last row ends at {last}"));
        }
        Ok(if drifts == 0 { Outcome::Done } else { Outcome::Refused })
    }
}

impl Compared {
    /// The larger of both differences.
    fn drift(&self) -> u64 {
        let Self { counted, booked, .. } = self;
        booked.tokens_in.abs_diff(counted.tokens_in).max(booked.tokens_out.abs_diff(counted.tokens_out))
    }

    fn described(&self, model: &str) -> Value {
        let Self { from, to, restarted, counted, booked } = self;
        json!({
            "model": model,
            "from": from.to_string(),
            "to": to.to_string(),
            "restarted": restarted,
            "counted": { "tokens_in": counted.tokens_in, "tokens_out": counted.tokens_out },
            "booked": { "tokens_in": booked.tokens_in, "tokens_out": booked.tokens_out },
            "drift": {
                "tokens_in": difference(booked.tokens_in, counted.tokens_in),
                "tokens_out": difference(booked.tokens_out, counted.tokens_out),
            },
        })
    }

    fn line(&self, model: &str, tolerance: u64) -> Vec<String> {
        let Self { from, to, restarted, counted, booked } = self;
        let mark = match (restarted, self.drift() > tolerance) {
            (true, _) => "server restarted",
            (false, true) => "differs",
            (false, false) => "",
        };
        vec![
            model.to_owned(),
            from.to_string(),
            to.to_string(),
            counted.tokens_in.to_string(),
            booked.tokens_in.to_string(),
            format!("{:+}", difference(booked.tokens_in, counted.tokens_in)),
            counted.tokens_out.to_string(),
            booked.tokens_out.to_string(),
            format!("{:+}", difference(booked.tokens_out, counted.tokens_out)),
            mark.to_owned(),
        ]
    }
}

/// How much more is booked than counted.
fn difference(booked: u64, counted: u64) -> i64 {
    booked.cast_signed().saturating_sub(counted.cast_signed())
}

/// The nearest whole minute, as roll-ups tell no shorter times.
fn minute(second: i64) -> Timestamp {
    let second = second.saturating_add(30);
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or_default()
}

/// The next whole minute, or this one.
fn minute_after(second: i64) -> Timestamp {
    Timestamp::from_second(second + (-second).rem_euclid(60)).unwrap_or_default()
}

/// The samples of a model that a file has.
fn kept(path: &Path, model: &str) -> anyhow::Result<Vec<Sample>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
    };
    let mut samples = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let sample: Sample = serde_json::from_str(line)
            .with_context(|| format!("line {} of `{}` is no sample", number + 1, path.display()))?;
        if sample.model == model {
            samples.push(sample);
        }
    }
    Ok(samples)
}

fn keep(path: &Path, sample: &Sample) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{}\n", serde_json::to_string(sample)?).as_bytes())?;
    Ok(())
}

/// The Prometheus page of a server.
fn fetch(url: &str) -> anyhow::Result<String> {
    let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    let authority = uri.authority().with_context(|| format!("`{url}` names no host"))?.clone();
    let at = match uri.scheme_str() {
        Some("http") => Listening::plain(authority),
        Some("https") => Listening::tls(authority, own_or_system(Vec::new())?),
        _ => bail!("`{url}` is neither `http` nor `https`"),
    };
    let question = Question { at, url: uri, method: Method::GET, headers: Vec::new(), body: Bytes::new() };
    let answer = offline::runtime()?.block_on(answer(question)).with_context(|| format!("`{url}`"))?;
    ensure!(answer.status.is_success(), "`{url}` answers {}", answer.status);
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}
