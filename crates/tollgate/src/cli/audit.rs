//! `tollgate audit`: who changed what.

use anyhow::Context;
use clap::{Args, Subcommand};
use http::StatusCode;
use serde_json::{Value, json};
use tollgate_store::{AuditHead, Verdict};

use super::Outcome;
use super::check::ConfigFile;
use super::client::Refusal;
use super::offline::{self, Offline};
use super::output::Output;
use super::resource::{Column, Part, Speak, list, print_list};

/// List and verify the record of who changed what
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List changes, the oldest first
    List {
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        speak: Speak,
    },
    /// Walk the chain and name the first row that was touched; exit 1 if there is one
    ///
    /// It reads the store itself where no gate runs on the data directory, and else asks the gate.
    Verify {
        #[command(flatten)]
        file: ConfigFile,
        /// An end of the chain that was kept elsewhere, as an earlier run printed it
        #[arg(long, value_name = "SEQ:HASH", value_parser = known)]
        known: Option<AuditHead>,
        #[command(flatten)]
        speak: Speak,
    },
}

const COLUMNS: [Column; 6] = [
    ("seq", "seq"),
    ("at", "at"),
    ("actor", "actor"),
    ("action", "action"),
    ("object", "object"),
    ("account", "account"),
];

impl Audit {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self.action {
            Action::List { part, speak } => {
                let list = list(&speak.access.client()?, "/audit", &[], &part)?;
                print_list(output, speak.quiet, &list, &COLUMNS, "seq")?;
                Ok(Outcome::Done)
            }
            Action::Verify { file, known, speak } => {
                let compiled = match offline::load(&file.path, output) {
                    Ok(compiled) => compiled,
                    Err(outcome) => return Ok(outcome),
                };
                match Offline::lock(&compiled.process) {
                    Ok(offline) => verify(&offline, &compiled.process.store.url(), known, output),
                    // Its words say that another process has the directory; the gate is asked then.
                    Err(locked) => ask(&speak, known, output).context(locked),
                }
            }
        }
    }
}

fn verify(
    offline: &Offline,
    url: &str,
    known: Option<AuditHead>,
    output: &Output,
) -> anyhow::Result<Outcome> {
    let store = offline.open(url)?;
    output.progress("walking the chain …");
    let verdict = offline.run(store.verify_audit(known));
    output.progress("");
    offline.run(store.close());
    match verdict? {
        Verdict::Whole(AuditHead { seq, hash }) => {
            let hash = hex::encode(hash);
            tell(&json!({ "ok": true, "seq": seq, "hash": hash }), output)
        }
        Verdict::Broken { seq, why } => tell(&json!({ "ok": false, "seq": seq, "why": why }), output),
    }
}

/// Asks the gate that has the store.
fn ask(speak: &Speak, known: Option<AuditHead>, output: &Output) -> anyhow::Result<Outcome> {
    let client = speak.access.client()?;
    let query = known.map(|known| format!("?known={}:{}", known.seq, hex::encode(known.hash)));
    match client.get(&format!("/audit/verify{}", query.unwrap_or_default())) {
        Ok(verdict) => tell(&verdict, output),
        Err(error) => match error.downcast_ref::<Refusal>() {
            Some(refusal) if refusal.status() == StatusCode::NOT_FOUND => {
                anyhow::bail!("this gate does not verify; stop it and run the command again")
            }
            _ => Err(error),
        },
    }
}

fn tell(verdict: &Value, output: &Output) -> anyhow::Result<Outcome> {
    let seq = &verdict["seq"];
    if verdict["ok"] == true {
        let hash = verdict["hash"].as_str().unwrap_or_default();
        let text = format!("{seq} rows, each as it was written; keep `{seq}:{hash}` elsewhere for `--known`");
        output.result(verdict, &text)?;
        return Ok(Outcome::Done);
    }
    let why = verdict["why"].as_str().unwrap_or("it is not as it was written");
    output.result(verdict, &format!("row {seq} is broken: {why}"))?;
    Ok(Outcome::Refused)
}

fn known(text: &str) -> Result<AuditHead, String> {
    let parsed = text.split_once(':').and_then(|(seq, hash)| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(hash, &mut bytes).ok()?;
        Some(AuditHead { seq: seq.parse().ok()?, hash: bytes })
    });
    parsed.ok_or_else(|| {
        "write it as an earlier run printed it: a number, `:` and 64 hexadecimal digits".to_owned()
    })
}
