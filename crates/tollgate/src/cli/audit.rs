//! `tollgate audit`: who changed what.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tollgate_store::{AuditHead, AuditRow, Verdict};

use super::Outcome;
use super::check::ConfigFile;
use super::offline::{self, Offline};
use super::output::Output;
use super::resource::{Column, Listing, Speak};

/// List and verify the record of who changed what
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List changes, the oldest first
    List(Listing),
    /// Walk the chain and name the first row that was touched; exit 1 if there is one
    ///
    /// It reads the store itself where no gate runs on the data directory, and else asks the gate. In the store it finds
    /// besides accounts, consumers and credentials of which no row tells, and triggers that are missing.
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
            Action::List(listing) => {
                listing.print(output, "seq", "/audit", &[], &COLUMNS)?;
                Ok(Outcome::Done)
            }
            Action::Verify { file, known, speak } => {
                let compiled = match offline::load(&file.path, output) {
                    Ok(compiled) => compiled,
                    Err(outcome) => return Ok(outcome),
                };
                match Offline::lock(&compiled.process) {
                    Ok(offline) => verify(&offline, &compiled.process.store.url(), known, output),
                    // Another process has the directory, and that can be asked.
                    Err(locked) => ask(&speak, known, output).with_context(|| format!("{locked:#}")),
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
        Verdict::Unaudited { kind, id, count } => {
            let why = format!("rows were taken away: none tells of the {kind} `{id}`, one of {count}");
            output.result(&json!({ "ok": false, "why": why }), &why)?;
            Ok(Outcome::Refused)
        }
        Verdict::Unguarded { missing } => {
            let why = format!(
                "every row is as it was written, but nothing keeps it so: the table `audit` lacks `{}`",
                missing.join("`, `")
            );
            output.result(&json!({ "ok": false, "why": why, "missing": missing }), &why)?;
            Ok(Outcome::Refused)
        }
    }
}

/// Walks the rows that the gate gives. The hashes are computed here, so the gate need not be trusted with the verdict.
fn ask(speak: &Speak, known: Option<AuditHead>, output: &Output) -> anyhow::Result<Outcome> {
    let client = speak.access.client()?;
    let mut last = AuditHead { seq: 0, hash: [0; 32] };
    loop {
        // The cursor of this list is the number of the last row that was seen.
        let page = client.get(&format!("/audit?limit=1000&cursor={}", last.seq))?;
        let rows = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        for value in rows {
            let row =
                row(value).with_context(|| format!("the gate answers no row of audit after {}", last.seq))?;
            let expected = row.hash_after(last.hash);
            let why = match known {
                _ if row.seq != last.seq + 1 => {
                    "it is missing, or this admin key lacks the scope `admin` to see it"
                }
                _ if row.hash != expected => "it is not as it was written",
                Some(known) if known.seq == row.seq && known.hash != row.hash => {
                    "another end of the chain was kept"
                }
                _ => {
                    last = AuditHead { seq: row.seq, hash: row.hash };
                    continue;
                }
            };
            return tell(&json!({ "ok": false, "seq": last.seq + 1, "why": why }), output);
        }
        output.progress(&format!("{} rows …", last.seq));
        if rows.is_empty() || page["next"].is_null() {
            break;
        }
    }
    output.progress("");
    if known.is_some_and(|known| known.seq > last.seq) {
        let why = "it is missing, and so is all that follows";
        return tell(&json!({ "ok": false, "seq": last.seq + 1, "why": why }), output);
    }
    tell(&json!({ "ok": true, "seq": last.seq, "hash": hex::encode(last.hash) }), output)
}

/// A row as the API tells it.
fn row(value: &Value) -> Option<AuditRow> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let mut hash = [0; 32];
    hex::decode_to_slice(value["hash"].as_str()?, &mut hash).ok()?;
    let account = match &value["account"] {
        Value::Null => None,
        account => Some(account.as_str()?.parse().ok()?),
    };
    Some(AuditRow {
        seq: value["seq"].as_i64()?,
        at: value["at"].as_str()?.parse().ok()?,
        actor: text("actor")?,
        action: text("action")?,
        object: text("object")?,
        account,
        before: Some(value["before"].clone()).filter(|json| !json.is_null()),
        after: Some(value["after"].clone()).filter(|json| !json.is_null()),
        hash,
    })
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
