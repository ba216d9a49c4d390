//! `tollgate openapi`: what the admin listener answers, for programs that make clients.

use clap::Args;

use super::Outcome;
use super::output::Output;
use crate::admin;

/// Print the OpenAPI document of the admin API
#[derive(Debug, Args)]
pub struct OpenApi {}

impl OpenApi {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let document = admin::openapi();
        // A document is JSON with and without `--json`.
        output.result(&document, &format!("{document:#}"))?;
        Ok(Outcome::Done)
    }
}
