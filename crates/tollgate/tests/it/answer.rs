//! An answer as it comes in, and what must hold of a message.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::transcript::Check;

/// An answer whose body may still be coming.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in order.
    pub fields: Fields,
    /// What has come so far.
    pub body: Vec<u8>,
    /// How much of the body `part` checks have looked at.
    pub looked_at: usize,
    pub end: End,
}

/// Where a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    #[default]
    Going,
    Whole,
    Broken,
}

/// Header fields with lower-case names.
#[derive(Debug, Clone, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// All values of a name.
    pub fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// Checks fields and body of a message; the other checks are not its business.
pub fn check(check: &Check, wanted: &[u8], fields: &Fields, body: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(wanted);
    match check {
        Check::Field { name, value } => {
            let values: Vec<&str> = fields.all(name).collect();
            let found = match value.as_str() {
                "*" => !values.is_empty(),
                _ if value.starts_with('~') => values.iter().any(|have| have.contains(&text[1..])),
                _ => values.contains(&&*text),
            };
            ensure!(found, "`{name}` is {values:?}, not `{text}`");
        }
        Check::NoField(name) => {
            let value = fields.get(name);
            ensure!(value.is_none(), "`{name}` is there: {value:?}");
        }
        Check::Body(_) => ensure!(body == wanted, "the body is {}", shown(body)),
        Check::BodyPart(_) => ensure!(
            body.windows(wanted.len().max(1)).any(|part| part == wanted),
            "the body is {}",
            shown(body)
        ),
        Check::BodyJson(_) => {
            let have: Value =
                serde_json::from_slice(body).with_context(|| format!("the body is {}", shown(body)))?;
            let wanted: Value = serde_json::from_slice(wanted).context("the expected body is no JSON")?;
            holds(&have, &wanted, "").with_context(|| format!("the body is {}", shown(body)))?;
        }
        Check::Status(_)
        | Check::Part(_)
        | Check::Raw(_)
        | Check::Head
        | Check::Broken
        | Check::Open
        | Check::Closed
        | Check::Cut => {}
    }
    Ok(())
}

/// Whether every member of `wanted` is in `have`.
fn holds(have: &Value, wanted: &Value, at: &str) -> Result<()> {
    if let (Value::Object(have), Value::Object(wanted)) = (have, wanted) {
        for (name, wanted) in wanted {
            let at = format!("{at}/{name}");
            match have.get(name) {
                Some(have) => holds(have, wanted, &at)?,
                None => bail!("`{at}` is missing"),
            }
        }
        return Ok(());
    }
    ensure!(have == wanted, "`{at}` is {have}, not {wanted}");
    Ok(())
}

/// Bytes for people, cut to what fits a line.
pub fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(300)];
    let more = if bytes.len() > 300 { format!("… ({} bytes)", bytes.len()) } else { String::new() };
    format!("{:?}{more}", String::from_utf8_lossy(start))
}
