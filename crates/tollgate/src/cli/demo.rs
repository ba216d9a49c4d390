//! `tollgate demo`: everything at once, ready to try.

mod screen;

use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tollgate_models::demo::Model;

use super::Outcome;
use super::output::Output;
use super::stop::StopSignals;
use crate::demo::{Demo, Ports};
use crate::probe::{self, Listening, Question};
use crate::telemetry::logging;

/// Guard three real models and a model service with fresh keys and show who may call what
#[derive(Debug, Args)]
pub struct DemoCommand {
    /// The gate's port; a taken one falls to a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The admin listener's port; a taken one falls to a free one
    #[arg(long, default_value_t = 8081)]
    admin_port: u16,
}

/// What one consumer met at one model.
#[derive(Debug)]
struct Met {
    consumer: &'static str,
    model: Model,
    status: StatusCode,
}

impl DemoCommand {
    /// Why these arguments cannot be meant together. Two ports of 0 are two free ones.
    pub fn contradiction(&self) -> Option<String> {
        (self.port == self.admin_port && self.port != 0).then(|| {
            format!(
                "the gate and the admin listener cannot share port {}: give '--port' and '--admin-port' different \
                 numbers, or 0 for a free one",
                self.port
            )
        })
    }

    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        logging::start(std::env::var("TOLLGATE_LOG").ok().as_deref(), "warn")?;
        let stop = StopSignals::watch()?;
        let demo = Demo::start(Ports { gate: self.port, admin: self.admin_port })?;
        let met = demo.server().control().block_on(ask_everything(&demo))?;
        output.result(&screen::json(&demo, &met), &screen::text(&demo, &met, output.colors_results()))?;
        stop.wait();
        output.note("stopping");
        demo.stop();
        Ok(Outcome::Done)
    }
}

/// Calls every model as every consumer, through the gate.
async fn ask_everything(demo: &Demo) -> anyhow::Result<Vec<Met>> {
    let mut met = Vec::new();
    let at = Listening::plain(demo.gate().to_string().parse()?);
    for keys in &demo.keys {
        for model in Model::all() {
            let question = Question {
                at: at.clone(),
                url: format!("http://{}/predict/{}", demo.gate(), model.name()).parse()?,
                method: Method::POST,
                headers: vec![(HeaderName::from_static("x-api-key"), HeaderValue::from_str(&keys.api_key)?)],
                body: Bytes::from_static(screen::sample(model).as_bytes()),
            };
            met.push(Met { consumer: keys.name, model, status: probe::ask(question).await? });
        }
    }
    Ok(met)
}
