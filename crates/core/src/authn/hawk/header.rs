//! The grammar of a Hawk header.

use super::MAX_LENGTH;

/// The attributes of an `Authorization: Hawk` header; values are never empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes<'a> {
    pub(super) id: &'a str,
    /// Unix seconds.
    pub(super) ts: i64,
    /// As it was signed.
    pub(super) ts_text: &'a str,
    pub(super) nonce: &'a str,
    pub(super) mac: &'a str,
    pub(super) hash: Option<&'a str>,
    pub(super) ext: Option<&'a str>,
    pub(super) app: Option<&'a str>,
    pub(super) dlg: Option<&'a str>,
}

/// The attributes that a request may carry, in the order of the slots below.
const NAMES: [&str; 8] = ["id", "ts", "nonce", "mac", "hash", "ext", "app", "dlg"];

impl<'a> Attributes<'a> {
    /// Reads the whole value of `Authorization`: the scheme, then `name="value"` pairs with commas between them.
    ///
    /// # Errors
    /// What is wrong, fit for the caller.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, &'static str> {
        if value.len() > MAX_LENGTH {
            return Err("it is longer than 4096 bytes");
        }
        let text = std::str::from_utf8(value).map_err(|_| "it holds a character that may not stand there")?;
        let (_scheme, mut rest) = text
            .trim_ascii_end()
            .split_once([' ', '\t'])
            .ok_or("it has no attributes")?;
        let mut slots = [None; NAMES.len()];
        loop {
            let (name, value, after) = attribute(rest.trim_ascii_start())?;
            let slot = NAMES
                .iter()
                .position(|known| *known == name)
                .ok_or("it has an unknown attribute")?;
            if slots[slot].replace(value).is_some() {
                return Err("it has an attribute twice");
            }
            match after.trim_ascii_start().strip_prefix(',') {
                Some(more) => rest = more,
                None if after.trim_ascii().is_empty() => break,
                None => return Err("there is text between its attributes"),
            }
        }
        let [id, ts, nonce, mac, hash, ext, app, dlg] = slots;
        let ts_text = ts.ok_or("`ts` is missing")?;
        Ok(Self {
            id: id.ok_or("`id` is missing")?,
            ts: seconds(ts_text).ok_or("`ts` is no number of seconds")?,
            ts_text,
            nonce: nonce.ok_or("`nonce` is missing")?,
            mac: mac.ok_or("`mac` is missing")?,
            hash,
            ext,
            app,
            dlg,
        })
    }
}

/// Whether a text may be an attribute's value: printable ASCII without `"` and `\`, and not empty.
pub(super) fn is_value(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// A plain decimal number of seconds; the original lets text through, as its comparison with no number is false.
pub(super) fn seconds(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

fn attribute(text: &str) -> Result<(&str, &str, &str), &'static str> {
    const NO_PAIR: &str = "an attribute is not of the form `name=\"value\"`";
    let (name, rest) = text.split_once("=\"").ok_or(NO_PAIR)?;
    let (value, after) = rest.split_once('"').ok_or(NO_PAIR)?;
    if value.is_empty() {
        return Err("it has an empty attribute");
    }
    if !is_value(value) {
        return Err("it holds a character that may not stand there");
    }
    Ok((name, value, after))
}
