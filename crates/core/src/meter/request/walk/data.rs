//! Counts what a list holds, however deep, by its text alone.

use crate::meter::request::lenient::behind_text;

/// What the list of a tensor's numbers holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::meter::request) struct Data {
    /// Its items.
    pub(super) items: u64,
    /// Whether the first of them is a list.
    pub(super) nested: bool,
    /// What it holds that is no list, at any depth: servers flatten it.
    pub(super) numbers: u64,
}

impl Data {
    /// What a JSON text holds that is a list.
    pub(super) fn of(json: &str) -> Option<Self> {
        let mut rest = json.trim_ascii_start().strip_prefix('[')?.as_bytes();
        let nested = rest.trim_ascii_start().first() == Some(&b'[');
        let (mut commas, mut numbers, mut depth) = (0, 0, 1_usize);
        let (mut is_empty, mut within) = (true, false);
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            let is_more = !matches!(byte, b'[' | b']' | b',' | b' ' | b'\t' | b'\n' | b'\r');
            is_empty &= !(depth == 1 && (is_more || byte == b'['));
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                b',' => commas += u64::from(depth == 1),
                b'"' => rest = behind_text(rest),
                b'{' => rest = behind_object(rest),
                _ => {}
            }
            numbers += u64::from(is_more && !within);
            within = is_more && !matches!(byte, b'"' | b'{');
            if depth == 0 {
                break;
            }
        }
        Some(Self { items: if is_empty { 0 } else { commas + 1 }, nested, numbers })
    }
}

/// What follows an object whose opening brace was passed.
fn behind_object(mut json: &[u8]) -> &[u8] {
    let mut depth = 1_usize;
    while let Some((&byte, behind)) = json.split_first() {
        json = behind;
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b'"' => json = behind_text(json),
            _ => {}
        }
        if depth == 0 {
            return json;
        }
    }
    &[]
}
