//! `tollgate models predict`: a model's answers for a table in a file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use csv::{ByteRecord, Writer};
use serde_json::{Value, json};
use tollgate_models::learn::onnx::OnnxModel;
use tollgate_models::learn::{BadModel, CsvChunk, CsvRows, Frame, Model, read_csv};

use super::bar::Bar;
use crate::cli::Outcome;
use crate::cli::files::{self, Existing};
use crate::cli::output::{self, Output};

/// Rows that are predicted together.
const CHUNK_ROWS: usize = 8_192;

/// Predict with a model that was trained, or with an ONNX file
///
/// Every row comes out as it went in, with the predictions behind: `sample_0`, and the probability of each class.
#[derive(Debug, Args)]
pub struct Predict {
    /// The model
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The table, comma-separated, with the columns that the model needs among others
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Where the predictions go, comma-separated [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is already there
    #[arg(long, requires = "out")]
    force: bool,
}

/// Either kind of model file.
enum Loaded {
    Trained(Box<Model>),
    Onnx(OnnxModel),
}

impl Predict {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        if let Some(out) = self.out.as_ref().filter(|out| self.is_input(out)) {
            bail!("`{}` is the table itself; write the predictions to another file", out.display());
        }
        let model = self.load()?;
        let existing = if self.force { Existing::Replace } else { Existing::Keep };
        match &self.out {
            Some(out) => {
                let rows = files::write_streamed(out, existing, |file| self.write(&model, file, output))?;
                let facts = json!({ "rows": rows, "out": out.display().to_string() });
                output.result(&facts, &format!("{rows} rows written to `{}`", out.display()))?;
            }
            None if output.is_json() => output.result(&self.collect(&model)?, "")?,
            None => match self.write(&model, &mut output::lines().lock(), output) {
                // `tollgate … | head` has read what it wanted.
                Err(error) if is_broken_pipe(&error) => {}
                other => drop(other?),
            },
        }
        Ok(Outcome::Done)
    }

    /// Whether a path leads to the table.
    fn is_input(&self, path: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        real(path).is_some_and(|path| real(&self.csv) == Some(path))
    }

    fn load(&self) -> anyhow::Result<Loaded> {
        let name = self.model.display();
        let bytes = std::fs::read(&self.model).with_context(|| format!("`{name}` cannot be read"))?;
        match Model::from_bytes(&bytes) {
            Ok(model) => Ok(Loaded::Trained(Box::new(model))),
            Err(BadModel::NotAModel) => {
                let model = OnnxModel::from_bytes(&bytes);
                Ok(Loaded::Onnx(model.with_context(|| format!("`{name}` is no model"))?))
            }
            Err(error) => Err(error).with_context(|| format!("`{name}` is no model")),
        }
    }

    /// Writes every row with its predictions; how many there were. One chunk of rows is in memory.
    fn write(&self, model: &Loaded, to: &mut dyn Write, output: &Output) -> anyhow::Result<u64> {
        let (file, size) = self.open()?;
        let mut rows = CsvRows::new(file).with_context(|| self.no_table())?;
        let mut chunk = CsvChunk::new(&rows, model.features()).with_context(|| self.no_table())?;
        let mut answers = Answers::new(rows.names().to_vec(), to);
        let mut bar = Bar::new(output, "predicting");
        let mut written = 0;
        loop {
            let mut records = Vec::new();
            while records.len() < CHUNK_ROWS && rows.advance().with_context(|| self.no_table())? {
                chunk.keep(&rows).with_context(|| self.no_table())?;
                records.push(rows.cells().collect());
            }
            let full = records.len() == CHUNK_ROWS;
            let predicted = model.answer(&chunk.take()?, written).with_context(|| self.no_table())?;
            answers.write(&records, &predicted).with_context(|| self.no_table())?;
            written += records.len();
            bar.show(rows.bytes() as f32 / size.max(1) as f32);
            if !full {
                break;
            }
        }
        answers.to.flush()?;
        Ok(written as u64)
    }

    /// All rows with their predictions, as the model service's bodies have them.
    fn collect(&self, model: &Loaded) -> anyhow::Result<Value> {
        let mut frame = read_csv(|| File::open(&self.csv).map(BufReader::new), None, |_| {})
            .with_context(|| self.no_table())?;
        let names: Vec<String> = frame.columns().iter().map(|column| column.name.clone()).collect();
        let predicted = model.answer(&frame, 0).with_context(|| self.no_table())?;
        apart(&names, &predicted).with_context(|| self.no_table())?;
        for column in predicted.into_columns() {
            frame = frame.with(column)?;
        }
        let (columns, data) = frame.to_rows();
        Ok(json!({ "columns": columns, "data": data }))
    }

    fn open(&self) -> anyhow::Result<(BufReader<File>, u64)> {
        let open = || -> io::Result<_> {
            let file = File::open(&self.csv)?;
            let size = file.metadata()?.len();
            Ok((BufReader::new(file), size))
        };
        open().with_context(|| format!("`{}` cannot be read", self.csv.display()))
    }

    fn no_table(&self) -> String {
        format!("`{}` cannot be predicted", self.csv.display())
    }
}

impl Loaded {
    /// The columns that it needs; nothing for all.
    fn features(&self) -> Option<&[String]> {
        match self {
            Self::Trained(model) => Some(model.features()),
            Self::Onnx(_) => None,
        }
    }

    /// The predictions alone; `before` rows of the file stand before the table.
    fn answer(&self, frame: &Frame, before: usize) -> anyhow::Result<Frame> {
        match self {
            Self::Trained(model) => Ok(model.answer(frame).map_err(|error| error.behind(before))?),
            Self::Onnx(model) => Ok(model.answer(frame)?),
        }
    }
}

/// Rows and their predictions, being written.
struct Answers<'a> {
    to: Writer<BufWriter<&'a mut dyn Write>>,
    /// Of the table; gone once they are written.
    names: Option<Vec<String>>,
}

impl<'a> Answers<'a> {
    fn new(names: Vec<String>, to: &'a mut dyn Write) -> Self {
        Self { to: Writer::from_writer(BufWriter::new(to)), names: Some(names) }
    }

    fn write(&mut self, records: &[ByteRecord], predicted: &Frame) -> anyhow::Result<()> {
        let (columns, answers) = predicted.to_rows();
        if let Some(names) = self.names.take() {
            apart(&names, predicted)?;
            self.to.write_record(names.iter().chain(&columns))?;
        }
        for (record, answers) in records.iter().zip(answers) {
            let answers: Vec<String> = answers.iter().map(cell).collect();
            self.to.write_record(record.iter().chain(answers.iter().map(String::as_bytes)))?;
        }
        Ok(())
    }
}

/// Refuses a table that has a column of the predictions' name: one of the two would be lost.
fn apart(names: &[String], predicted: &Frame) -> anyhow::Result<()> {
    match names.iter().find(|name| predicted.column(name).is_some()) {
        Some(name) => bail!("its column `{name}` has the name of the predictions; give it another one"),
        None => Ok(()),
    }
}

/// A prediction as a cell.
fn cell(answer: &Value) -> String {
    match answer {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| match (cause.downcast_ref::<io::Error>(), cause.downcast_ref::<csv::Error>()) {
        (Some(error), _) => broken(error),
        (None, Some(error)) => matches!(error.kind(), csv::ErrorKind::Io(error) if broken(error)),
        (None, None) => false,
    })
}
