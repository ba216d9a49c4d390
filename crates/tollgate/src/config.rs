//! The configuration file, from text to what the gate runs on.
//!
//! Three steps, each of which reports everything that it finds: `file::yaml` makes a tree that knows places, `file` reads
//! the tree into plain structs, `compile` turns those into the types of the core. Checking has no side effects; only
//! files that the configuration names are read.

mod compile;
mod file;
pub(crate) mod near;
pub mod presentable;
pub mod problem;
pub mod process;
pub mod source;
mod watched;

use std::path::Path;
use std::sync::Arc;

use tollgate_core::snapshot::Snapshot;

use file::read::{Outcome, read};
use problem::{Finding, Problem, Problems, Severity};
use source::{Sheet, Source};
pub use watched::Watched;

/// A configuration file that may be served.
#[derive(Debug)]
pub struct Compiled {
    /// What a reload does not change.
    pub process: process::Process,
    /// What requests are served from.
    pub snapshot: Snapshot,
    /// What deserves a look, in the order of the file.
    pub warnings: Vec<Problem>,
    /// The configuration file, where it was read from one, and every file that it names.
    pub watched: Vec<Watched>,
}

/// Reads and compiles a file, with the environment of this process.
///
/// # Errors
/// [`Problems`] with everything for which the file is refused.
pub fn load(path: &Path) -> Result<Compiled, Problems> {
    let watched = Watched::look(path.to_owned());
    let source = Source::read(path).map_err(|refusal| {
        let (sheet, finding) = *refusal;
        Problems::new(vec![Problem::new(Arc::new(sheet), Severity::Error, finding)])
    })?;
    let mut compiled = compile(&source, &|name| std::env::var(name).ok())?;
    compiled.watched.insert(0, watched);
    Ok(compiled)
}

/// Compiles a text; `env` answers for the process environment, and only files that the text names are read.
///
/// # Errors
/// [`Problems`] with everything for which the text is refused.
pub fn compile(source: &Source, env: &dyn Fn(&str) -> Option<String>) -> Result<Compiled, Problems> {
    let Outcome { shown, findings, file } = read(&source.text);
    let sheet = Arc::new(Sheet::new(source.name.clone(), shown));
    let placed = |severity, findings: Vec<Finding>| -> Vec<Problem> {
        findings.into_iter().map(|finding| Problem::new(sheet.clone(), severity, finding)).collect()
    };
    let Some(file) = file else {
        return Err(Problems::new(placed(Severity::Error, findings)));
    };
    let mut context = compile::Context::new(&source.base, env, findings);
    let parts = compile::compile(&mut context, &file);
    let compile::Notes { errors, warnings, watched } = context.finish();
    match parts {
        Some((process, snapshot)) if errors.is_empty() => {
            let warnings = Problems::new(placed(Severity::Warning, warnings)).into_vec();
            Ok(Compiled { process, snapshot, warnings, watched })
        }
        _ => Err(Problems::new(placed(Severity::Error, errors))),
    }
}

/// The JSON Schema (draft 2020-12) of the configuration file.
pub fn schema() -> serde_json::Value {
    file::schema()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
mod tests;
