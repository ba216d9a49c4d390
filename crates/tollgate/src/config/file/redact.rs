//! Masks inline secrets, so that the excerpts of problems do not show them.

use super::node::{Node, Value};

/// Keys whose scalar value is a secret.
const SECRET_KEYS: [&str; 9] =
    ["api_key", "secret", "bearer", "value", "password", "password_hash", "token", "auth_key", "secret_key"];

/// A text of the same length with every inline secret of its tree starred out.
pub(super) fn tree(text: &str, root: &Node) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mark(root, "", "", &mut bytes);
    urls(&mut bytes);
    into_text(bytes)
}

/// The same for a text that could not be read as a tree: whatever follows a secret's key on its line.
pub(in crate::config) fn lines(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for key in SECRET_KEYS.iter().chain(&["key", "sha256"]) {
        let marked = format!("{key}:");
        for (at, _) in text.match_indices(&marked) {
            let value = at + marked.len();
            let rest = text[value..].split('\n').next().unwrap_or_default();
            if !rest.trim_start().starts_with(['{', '[']) {
                star(&mut bytes[value..value + rest.len()]);
            }
        }
    }
    urls(&mut bytes);
    into_text(bytes)
}

fn mark(node: &Node, key: &str, parent: &str, bytes: &mut [u8]) {
    match &node.value {
        Value::Null | Value::Pruned => {}
        Value::Scalar(text) => {
            let shown = &mut bytes[node.span.start..node.span.end];
            // `key` is public for `jwt` and a path for `tls`; for `hawk` and a fleet it is the secret. A digest of a weak API
            // key could be guessed from; that of a certificate is public.
            let by_parent = matches!((key, parent), ("key", "hawk" | "shared") | ("sha256", "api_key"));
            if SECRET_KEYS.contains(&key) || by_parent {
                star(shown);
            } else if let Some((user, _)) = text.rsplit_once('@')
                && user.contains(':')
                && !user.contains("://")
            {
                // An address with a password whose scheme was forgotten.
                star(shown);
            }
        }
        // Items of a list stand for the value of the list's key.
        Value::List(items) => items.iter().for_each(|item| mark(item, key, parent, bytes)),
        Value::Mapping(entries) => {
            for entry in entries {
                mark(&entry.value, entry.name(), key, bytes);
            }
        }
    }
}

/// Stars out `user:password` of `scheme://user:password@host`.
fn urls(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(3).position(|window| window == b"://") {
        let start = at + found + 3;
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/,}]\"'?#".contains(byte);
        let end = bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length);
        if let Some(sign) = bytes[start..end].iter().rposition(|byte| *byte == b'@') {
            star(&mut bytes[start..start + sign]);
        }
        at = start;
    }
}

/// Stars keep the length in bytes, so that places stay valid.
fn star(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| !byte.is_ascii_whitespace()) {
        *byte = b'*';
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    // Whole characters were replaced, so this is UTF-8 still.
    String::from_utf8(bytes).unwrap_or_default()
}
