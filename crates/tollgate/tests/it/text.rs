//! Texts of transcripts: escapes, and placeholders for what is known only while a test runs.
//!
//! `{echo}` and the other upstreams are their addresses, `{cert}` and `{key}` the listener's files, `{roots}` what
//! verifies the upstream `secure`, `{consumers}` the three consumers of every test. `{x*9000}` is a repetition. What
//! presents a credential is described in [`crate::credentials`].

use anyhow::{Context, Result, bail};

use crate::credentials::{Presented, Signing};

/// What placeholders stand for.
pub trait Names {
    /// The text of a plain name.
    fn name(&self, name: &str) -> Option<String>;
    /// A credential; `signing` is the request that carries it.
    fn credential(&mut self, presented: &Presented<'_>, signing: Option<&Signing<'_>>) -> Result<String>;
}

/// Fills in the placeholders of a configuration; braces of YAML stay.
pub fn config(text: &str, names: &impl Names) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        let known = rest
            .find('}')
            .and_then(|close| Some((close, names.name(&rest[1..close])?)));
        match known {
            Some((close, value)) => {
                filled.push_str(&value);
                rest = &rest[close + 1..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled + rest
}

/// Fills in placeholders and escapes.
pub fn bytes(text: &str, names: &mut impl Names, signing: Option<&Signing<'_>>) -> Result<Vec<u8>> {
    let mut filled = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'\\' => escape(after, &mut filled)?,
            b'{' => match placeholder(after) {
                Some((name, after)) => {
                    fill(name, names, signing, &mut filled)?;
                    after
                }
                None => {
                    filled.push(byte);
                    after
                }
            },
            _ => {
                filled.push(byte);
                after
            }
        };
    }
    Ok(filled)
}

/// As [`bytes`], for what must be text.
pub fn string(text: &str, names: &mut impl Names, signing: Option<&Signing<'_>>) -> Result<String> {
    String::from_utf8(bytes(text, names, signing)?).context("not UTF-8")
}

fn escape<'t>(after: &'t [u8], filled: &mut Vec<u8>) -> Result<&'t [u8]> {
    let (letter, rest) = after.split_first().context("a text ends in `\\`")?;
    filled.push(match letter {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => {
            let digits = std::str::from_utf8(rest.get(..2).context("`\\x` needs two digits")?)?;
            filled.push(u8::from_str_radix(digits, 16)?);
            return Ok(&rest[2..]);
        }
        other => bail!("unknown escape `\\{}`", char::from(*other)),
    });
    Ok(rest)
}

/// A name begins with a lower-case letter, a repetition is `{x*9}`; any other brace is just a brace.
fn placeholder(after: &[u8]) -> Option<(&str, &[u8])> {
    let close = after.iter().position(|byte| *byte == b'}')?;
    let name = std::str::from_utf8(&after[..close]).ok()?;
    let named = name.starts_with(|c: char| c.is_ascii_lowercase());
    (named || name.contains('*')).then_some((name, &after[close + 1..]))
}

fn fill(
    name: &str,
    names: &mut impl Names,
    signing: Option<&Signing<'_>>,
    filled: &mut Vec<u8>,
) -> Result<()> {
    if let Some((unit, count)) = name.rsplit_once('*') {
        let unit = bytes(unit, names, None)?;
        filled.extend_from_slice(&unit.repeat(count.parse()?));
        return Ok(());
    }
    let value = match Presented::parse(name) {
        Some(presented) => names.credential(&presented, signing)?,
        None => names
            .name(name)
            .with_context(|| format!("unknown placeholder `{{{name}}}`"))?,
    };
    filled.extend_from_slice(value.as_bytes());
    Ok(())
}
