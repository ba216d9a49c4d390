//! The store: is it there, is it ours, does it fit this program?

use jiff::Timestamp;
use tollgate_store::{Error, Inspection, inspect};

use super::Findings;
use crate::cli::offline::runtime;
use crate::config::process::{Process, StorePlace};
use crate::data_dir::SEALING_KEYS;

const WHAT: &str = "store";

/// Looks at the store and gives its database's time, where it has one of its own. The file of a running gate is left
/// alone: that gate tells how its store is.
pub fn look(process: &Process, running: bool, findings: &mut Findings) -> anyhow::Result<Option<Timestamp>> {
    if running && matches!(process.store, StorePlace::Sqlite(_)) {
        findings.fine(WHAT, "in use by the running gate, which tells of it by `/ready`");
        return Ok(None);
    }
    match runtime()?.block_on(inspect(&process.store.url())) {
        Ok(found) => {
            tell(&found, process, findings);
            Ok(found.clock)
        }
        Err(error) => {
            findings.fail(WHAT, error.to_string(), mend(&error));
            Ok(None)
        }
    }
}

fn tell(found: &Inspection, process: &Process, findings: &mut Findings) {
    let Inspection { migration, known, audit, sealed, .. } = *found;
    match migration {
        0 => findings.warn(WHAT, "there is none yet", "`tollgate init` makes it, and so does `serve`"),
        newer if newer > known => {
            let detail = format!("it is at migration {newer}, and this program knows {known}");
            findings.fail(WHAT, detail, "run the newer program");
        }
        older if older < known => {
            let detail = format!("it is at migration {older} of {known}");
            findings.warn(WHAT, detail, "`tollgate store migrate` brings it up to date, and so does `serve`");
        }
        current => {
            let rows = audit.map_or(0, |head| head.seq);
            findings.fine(WHAT, format!("at migration {current}, with {rows} rows of audit"));
        }
    }
    let keys = process.data_dir.join(SEALING_KEYS);
    if sealed && !keys.exists() {
        let detail = format!("it has sealed secrets, and `{}` is missing", keys.display());
        findings.fail(WHAT, detail, "bring the file back; a new one could not open them");
    }
}

fn mend(error: &Error) -> &'static str {
    match error {
        Error::Unavailable(_) => {
            "start the database, and see that `store` has its address, user and password"
        }
        Error::Locked(_) => "wait for whoever uses it, and look again",
        Error::Full(_) => "make space on its disk",
        Error::Newer { .. } => "run the newer program",
        Error::NotOurs(_) => "set `store` to another file or database",
        Error::Corrupt(_) => "restore a backup",
        _ => "see `docs/concepts/store.md`",
    }
}
