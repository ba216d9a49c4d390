//! `tollgate models train`: a model from a table in a file.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use tollgate_models::learn::{self, Algorithm, Frame, Learner, Metrics, Model};

use super::bar::Bar;
use crate::cli::Outcome;
use crate::cli::files::{self, Existing};
use crate::cli::output::Output;

/// Train a model on a table
///
/// The first line of the table names its columns. Names and defaults of the parameters are scikit-learn's.
#[derive(Debug, Args)]
pub struct Train {
    /// The table, comma-separated
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,
    /// The columns to predict from [default: all others]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// What learns
    #[arg(long, value_name = "MODEL", default_value = "ols", value_parser = Algorithm::NAMES)]
    model: String,
    /// The model's parameters as a JSON object, such as `{"n_estimators": 50}`
    #[arg(long, value_name = "JSON", value_parser = object)]
    parameters: Option<Object>,
    /// Numbers or classes [default: classes where the target is texts or truth values]
    #[arg(long, value_name = "TASK", value_parser = ["regression", "classification"])]
    task: Option<String>,
    /// Where chance begins; the same seed and table make the same file
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where the model goes; without it, only its measures are told
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is already there
    #[arg(long, requires = "out")]
    force: bool,
}

/// A JSON object of the command line.
type Object = Map<String, Value>;

impl Train {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let learner = self.learner()?;
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        if let Some(out) = &self.out {
            // Better told before hours of training than after.
            files::check_free(out, existing)?;
        }
        let begin = Instant::now();
        let frame = self.read(&learner, output)?;
        let read_time = begin.elapsed();
        let mut bar = Bar::new(output, "training");
        let model = learn::train(&learner, &frame, &mut |share| {
            bar.show(share);
            ControlFlow::Continue(())
        });
        drop(bar);
        let model = model.with_context(|| format!("`{}` trains no model", self.csv.display()))?;
        if let Some(out) = &self.out {
            files::write_streamed(out, existing, |file| Ok(file.write_all(&model.to_bytes())?))?;
        }
        output.result(&self.facts(&model, read_time), &self.summary(&model))?;
        Ok(Outcome::Done)
    }

    fn learner(&self) -> anyhow::Result<Learner> {
        let data = json!({
            "model": self.model,
            "target": self.target,
            "features": self.features,
            "parameters": self.parameters,
            "task": self.task,
            "seed": self.seed,
        });
        let Value::Object(data) = data else { bail!("the arguments make no configuration") };
        Ok(Learner::from_json(&data)?)
    }

    /// Reads the columns that the learner needs.
    fn read(&self, learner: &Learner, output: &Output) -> anyhow::Result<Frame> {
        let context = || format!("`{}` makes no table", self.csv.display());
        let size = std::fs::metadata(&self.csv).with_context(context)?.len();
        let wanted = learner.features.as_ref().map(|features| {
            let target = std::iter::once(&learner.target);
            features.iter().chain(target).cloned().collect::<Vec<String>>()
        });
        let mut bar = Bar::new(output, "reading");
        let open = || File::open(&self.csv).map(BufReader::new);
        let show = |bytes: u64| bar.show(bytes as f32 / size.max(1) as f32);
        learn::read_csv(open, wanted.as_deref(), show).with_context(context)
    }

    fn facts(&self, model: &Model, read_time: Duration) -> Value {
        let mut facts = model.description();
        facts["fit_ms"] = milliseconds(model.fit_time()).into();
        facts["read_ms"] = milliseconds(read_time).into();
        facts["bytes"] = model.size().into();
        facts["out"] = self.out.as_ref().map(|out| out.display().to_string()).into();
        facts
    }

    fn summary(&self, model: &Model) -> String {
        let rows = model.rows();
        let features = model.features().join(", ");
        let mut lines = vec![
            format!("{} predicts `{}` from {features}", self.model, self.target),
            format!("learned from {rows} rows in {:.0} ms; on these rows:", milliseconds(model.fit_time())),
        ];
        lines.extend(measures(model.metrics()).iter().map(|(name, value)| format!("  {name:<24}{value:.6}")));
        match &self.out {
            Some(out) => lines.push(format!("written to `{}`, {} bytes", out.display(), model.size())),
            None => lines.push("not kept: `--out FILE` writes it".to_owned()),
        }
        lines.join("\n")
    }
}

/// The measures that a model has, with their names.
fn measures(metrics: &Metrics) -> Vec<(&'static str, f64)> {
    let all = [
        ("R²", metrics.r2),
        ("mean absolute error", metrics.mean_absolute_error),
        ("root mean squared error", metrics.root_mean_squared_error),
        ("accuracy", metrics.accuracy),
        ("log loss", metrics.log_loss),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn object(text: &str) -> Result<Object, String> {
    serde_json::from_str(text).map_err(|error| format!("this is no JSON object: {error}"))
}
