//! `tollgate explain`: why a call was or would be allowed or refused.

mod curl;
mod text;

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::{ArgGroup, Args};
use http::Method;
use serde_json::{Value, json};
use tollgate_core::limit::Limiter;

use super::Outcome;
use super::check::ConfigFile;
use super::client::Access;
use super::output::Output;
use crate::config;
use crate::explain::{self, Explained, Explanation, Request, Scene};
use crate::state::clock::Clock;

/// Say why a call was or would be allowed or refused: the rule, the counters, when it ends
///
/// A request that was made is asked of the running gate by its id. Any other question is answered from the configuration
/// file alone, or by the running gate where `--url` is given.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("question").required(true).args(["decision", "consumer", "curl", "shadow"])))]
pub struct Explain {
    #[command(flatten)]
    file: ConfigFile,
    /// The id of a request, which its answer tells in `X-Request-ID`
    #[arg(value_name = "DECISION_ID")]
    decision: Option<String>,
    /// A consumer, on the route of `--route`
    #[arg(long, value_name = "NAME", requires = "route")]
    consumer: Option<String>,
    /// The route that the consumer would call
    #[arg(long, value_name = "NAME", requires = "consumer", conflicts_with_all = ["decision", "curl", "shadow"])]
    route: Option<String>,
    /// A request, as the `curl` command that makes it; it is not made
    #[arg(long, value_name = "COMMAND")]
    curl: Option<String>,
    /// Who would have been refused on routes in shadow since the gate started
    #[arg(long)]
    shadow: bool,
    /// The admin listener of the running gate, which is shown the key in TOLLGATE_ADMIN_KEY
    #[arg(long, value_name = "URL", env = "TOLLGATE_URL")]
    url: Option<String>,
}

impl Explain {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let url = self.url.as_deref();
        let own = || Access::of_url(url).client();
        if let Some(id) = &self.decision {
            if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                bail!("`{id}` is no id of a request: that is what `X-Request-ID` says in an answer");
            }
            let decision = own()?.get(&format!("/decisions/{id}"))?;
            output.result(&decision, &text::decision(&decision))?;
        } else if self.shadow {
            let report = own()?.get("/shadow")?;
            output.result(&report, &text::report(&report))?;
        } else {
            let question = self.question()?;
            let answer = match url {
                Some(_) => own()?.call(Method::POST, "/explain", Some(&question.body()))?,
                None => match self.compiled(output) {
                    Some(snapshot) => serde_json::to_value(question.answer(&snapshot)?)?,
                    None => return Ok(Outcome::Refused),
                },
            };
            output.result(&answer, &text::explanation(&answer))?;
        }
        Ok(Outcome::Done)
    }

    fn question(&self) -> anyhow::Result<Question> {
        if let Some(command) = &self.curl {
            return Ok(Question::Request(curl::request(command).context("`--curl`")?));
        }
        let (consumer, route) = self.consumer.clone().zip(self.route.clone()).context("nothing is asked")?;
        Ok(Question::Pair { consumer, route })
    }

    fn compiled(&self, output: &Output) -> Option<tollgate_core::snapshot::Snapshot> {
        match config::load(&self.file.path) {
            Ok(compiled) => Some(compiled.snapshot),
            Err(problems) => {
                output.refusal(&problems.render(false));
                None
            }
        }
    }
}

/// What can be answered without a running gate.
enum Question {
    Pair { consumer: String, route: String },
    Request(Request),
}

impl Question {
    fn body(&self) -> Value {
        match self {
            Self::Pair { consumer, route } => json!({ "consumer": consumer, "route": route }),
            Self::Request(Request { method, path, headers, body, client: _ }) => {
                let mut asked = json!({ "method": method, "path": path, "headers": headers });
                if let Some(body) = body {
                    asked["body"] = json!(body);
                }
                json!({ "request": asked })
            }
        }
    }

    /// The answer of the configuration alone, as if nothing had been used of any limit.
    fn answer(&self, snapshot: &tollgate_core::snapshot::Snapshot) -> anyhow::Result<Explanation> {
        let limiter = Arc::new(Limiter::new(64));
        let scene = Scene { snapshot, directory: None, limiter: &limiter, now: Clock::system().now() };
        match self {
            Self::Pair { consumer, route } => Ok(explain::declared(&scene, consumer, route)?),
            Self::Request(request) => match explain::request(&scene, request, None)? {
                Explained::Done(explanation) => Ok(*explanation),
                Explained::Ask(_) => Err(anyhow!("only the running gate knows; give `--url`")),
            },
        }
    }
}
