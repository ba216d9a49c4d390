//! Requests and their answers.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use super::Run;
use crate::answer::{self, Answer, End, shown};
use crate::credentials::{self, Signed, Signing};
use crate::invariants;
use crate::text;
use crate::transcript::{Check, Request};

/// Refused for its path alone, so that it shows whether a connection is still served and reaches no upstream.
const STILL_OPEN: &str = "/.";

impl Run<'_> {
    /// Notes that something is sent now.
    pub(super) fn begin(&mut self, on: &str) {
        self.mark = self.upstreams.count();
        self.last_id = None;
        let signed = self.signing.take();
        self.signed.entry(on.to_owned()).or_default().push_back(signed);
    }

    pub(super) async fn request(&mut self, on: &str, request: &Request) -> Result<()> {
        let body = request.body.as_ref().map(|body| text::bytes(body, self, None)).transpose()?;
        let target = text::string(&request.target, self, None)?;
        let own = |name: &str| {
            let mut fields = request.fields.iter();
            fields.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        let host = own("host").unwrap_or("gate.test").to_owned();
        let content_type = own("content-type").unwrap_or("application/json").to_owned();

        let mut fields = Vec::new();
        let signing = Signing {
            method: &request.method,
            target: &target,
            host: &host,
            content_type: &content_type,
            body: body.as_deref().unwrap_or_default(),
        };
        if own("host").is_none() {
            fields.push(("Host".to_owned(), host.clone().into_bytes()));
        }
        for (name, value) in request.fields.iter().filter(|(_, value)| !value.is_empty()) {
            fields.push((name.clone(), text::bytes(value, self, Some(&signing))?));
        }
        if let Some(body) = &body {
            if own("content-type").is_none() {
                fields.push(("Content-Type".to_owned(), content_type.clone().into_bytes()));
            }
            if own("content-length").is_none() && own("transfer-encoding").is_none() {
                fields.push(("Content-Length".to_owned(), body.len().to_string().into_bytes()));
            }
        }
        self.begin(on);
        self.client(on).await?.request(&request.method, &target, &fields, body)
    }

    pub(super) async fn answer(&mut self, on: &str, checks: &[Check]) -> Result<()> {
        if let Some(Check::Status(status)) = checks.first() {
            self.head(on, *status, checks).await?;
        }
        for check in checks {
            let wanted = self.wanted(check)?;
            match check {
                Check::Part(_) => self.part(on, &wanted).await?,
                Check::Raw(_) => {
                    let bytes = self.client(on).await?.raw(wanted.len()).await?;
                    ensure!(bytes == wanted, "the bytes are {}", shown(&bytes));
                }
                Check::Open => self.still_open(on).await?,
                Check::Closed => {
                    let rest = self.client(on).await?.closed().await?;
                    ensure!(rest.is_empty(), "before its end the connection carried {}", shown(&rest));
                }
                Check::Cut => drop(self.client(on).await?.closed().await?),
                Check::Broken => {
                    let answer = self.client(on).await?.body(|_| false).await?;
                    ensure!(answer.end == End::Broken, "the body ended well: {}", shown(&answer.body));
                    self.last_id = answer.fields.get("x-request-id").map(str::to_owned);
                }
                Check::Status(_) | Check::Head => {}
                Check::Field { .. } | Check::NoField(_) => {
                    let answer = self.client(on).await?.answer.as_ref().context("no answer has begun")?;
                    answer::check(check, &wanted, &answer.fields, &answer.body)?;
                }
                Check::Body(_) | Check::BodyPart(_) | Check::BodyJson(_) => {
                    let answer = self.client(on).await?.body(|_| false).await?;
                    ensure!(answer.end == End::Whole, "the body broke off: {}", shown(&answer.body));
                    answer::check(check, &wanted, &answer.fields, &answer.body)?;
                }
            }
            if let (Check::Status(_), false) = (check, goes_on(checks)) {
                let answer = self.client(on).await?.body(|_| false).await?;
                ensure!(answer.end == End::Whole, "the body broke off: {}", shown(&answer.body));
            }
        }
        Ok(())
    }

    async fn head(&mut self, on: &str, status: u16, checks: &[Check]) -> Result<()> {
        let client = self.client(on).await?;
        if let Some(before) = &client.answer {
            ensure!(before.end != End::Going, "the answer before this one has not been read");
        }
        let answer = client.head().await?;
        let (have, fields) = (answer.status, answer.fields.clone());
        if have != status {
            let answer = client.body(|_| false).await?;
            anyhow::bail!("the status is {have}: {}", shown(&answer.body));
        }
        if (100..200).contains(&status) && status != 101 {
            return Ok(());
        }
        let named: BTreeSet<&str> = checks
            .iter()
            .filter_map(|check| match check {
                Check::Field { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let signed = self.signed.get_mut(on).and_then(|queue| queue.pop_front()).flatten();
        let client = self.clients.get_mut(on).context("there is no such connection")?;
        let answer = client.answer.as_ref().context("no answer has begun")?;
        invariants::head(answer, &named, &mut self.ids)?;
        self.last_id = fields.get("x-request-id").map(str::to_owned);
        if let Some(signed) = signed {
            prove(&signed, client.body_if_small().await?)?;
        }
        Ok(())
    }

    async fn part(&mut self, on: &str, wanted: &[u8]) -> Result<()> {
        let count = wanted.len();
        let client = self.client(on).await?;
        let answer = client.body(|answer| answer.body.len() >= answer.looked_at + count).await?;
        let part = &answer.body[answer.looked_at..answer.body.len().min(answer.looked_at + count)];
        ensure!(part == wanted, "the next part is {}", shown(part));
        answer.looked_at += count;
        Ok(())
    }

    async fn still_open(&mut self, on: &str) -> Result<()> {
        let fields = [("Host".to_owned(), b"gate.test".to_vec())];
        let client = self.client(on).await?;
        client.request("GET", STILL_OPEN, &fields, None)?;
        let answer = client.head().await.context("the connection is not open")?;
        ensure!(answer.status == 400, "the connection answers with {}", answer.status);
        client.body(|_| false).await?;
        Ok(())
    }
}

/// Whether the body is left for a later step.
fn goes_on(checks: &[Check]) -> bool {
    checks.iter().any(|check| matches!(check, Check::Part(_) | Check::Head | Check::Broken | Check::Raw(_)))
}

/// Proves what the gate signed: the answer itself, or the clock that it tells.
fn prove(signed: &Signed, answer: &Answer) -> Result<()> {
    for challenge in answer.fields.all("www-authenticate") {
        credentials::prove_clock(signed, challenge)?;
    }
    match answer.fields.get("server-authorization") {
        Some(value) => {
            let content_type = answer.fields.get("content-type").unwrap_or_default();
            credentials::prove_answer(signed, value, content_type, &answer.body)
        }
        None => {
            ensure!(answer.status >= 400, "the answer to a signed request is not signed");
            Ok(())
        }
    }
}
