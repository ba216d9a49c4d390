//! `tollgate import litellm`: the `config.yaml` of a LiteLLM proxy, and the virtual keys of its database.
//!
//! LiteLLM translates between providers and chooses one by the model that a body names. This gate sends requests on as
//! they are, to the upstream of their path. So what speaks the API of OpenAI or of Anthropic is carried over. Where one
//! upstream has an API alone, its callers' paths stay; several get a path each, which callers put into their base URL. A
//! model that the path names is chosen by it, as before.

mod deployments;
mod keys;
mod models;
mod providers;
mod routes;
mod settings;
mod table;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::draft::Draft;
use super::members::Members;
use super::report::Report;
use super::{Imported, Source, loader};
use models::Models;

#[derive(Debug, Args)]
pub struct Litellm {
    #[command(flatten)]
    pub source: Source,
    /// The keys, as JSON or CSV: an export of `LiteLLM_VerificationTokenView`, or of the table below it
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

/// What the file is read with, so that tests need no environment and no clock.
struct Around<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    now: Timestamp,
}

/// Where LiteLLM listens unless it is told otherwise, on every address; a gate begins on loopback.
const LISTEN: &str = "127.0.0.1:4000";

impl Litellm {
    /// Reads the files and writes the configuration.
    ///
    /// # Errors
    /// A file cannot be read, or is of another kind.
    pub fn import(&self) -> anyhow::Result<Imported> {
        let (_, config) = loader::load(&self.source.file)?;
        let keys = match &self.keys {
            Some(path) => Some(table::parse(&loader::text(path)?, &path.display().to_string())?),
            None => None,
        };
        let around = Around { env: &|name| std::env::var(name).ok(), now: Timestamp::now() };
        convert(&config, keys.as_deref(), &around)
    }
}

fn convert(root: &Value, keys: Option<&[Value]>, around: &Around<'_>) -> anyhow::Result<Imported> {
    let mut report = Report::default();
    let Some(mut members) = Members::of(root, String::new(), &mut report) else {
        anyhow::bail!("a mapping was expected at the top");
    };
    let list = members.list("model_list", &mut report);
    anyhow::ensure!(!list.is_empty(), "there is no `model_list`, so this is no configuration of LiteLLM");
    let timeout = settings::read(&mut members, &mut report);
    members.finish(&mut report);
    let deployments = deployments::read(list, around, &mut report);
    let models = Models::of(deployments, &mut report);
    let mut draft = Draft { upstreams: models.upstreams(timeout), ..Draft::default() };
    let allowed = match keys {
        Some(rows) => keys::read(rows, &models, around.now, &mut draft, &mut report),
        None => {
            let note = "no keys are carried over without `--keys FILE`; how to export them: `docs/guides`";
            report.notes.push(note.to_owned());
            None
        }
    };
    draft.routes = routes::of(&models, allowed.as_ref(), &mut report);
    report.notes.push(
        "models that a provider has beside those of `model_list` can be called too, with the gate's own key there"
            .to_owned(),
    );
    Ok(Imported { config: draft.write(LISTEN, "openai"), report })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
