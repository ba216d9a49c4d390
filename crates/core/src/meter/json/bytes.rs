//! What JSON is made of, in bytes.

use memchr::memchr2;

/// How many levels a JSON text has, as far as its brackets tell.
pub(in crate::meter) fn levels(text: &[u8]) -> usize {
    let (mut at, mut open, mut most) = (0, 0_usize, 0);
    'texts: while at < text.len() {
        for (index, byte) in marks(&text[at..]) {
            match byte {
                b'"' => {
                    at += index + 1;
                    at += rest_of_text(&text[at..], false).0;
                    continue 'texts;
                }
                b'{' | b'[' => open += 1,
                _ => open = open.saturating_sub(1),
            }
            most = most.max(open);
        }
        break;
    }
    most
}

/// How much of `bytes` belongs to a text that is open, its closing quote included; and, where it stays open, whether the
/// next byte is escaped.
pub(super) fn rest_of_text(bytes: &[u8], escaped: bool) -> (usize, Option<bool>) {
    let mut at = usize::from(escaped);
    while let Some(next) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += next + 1;
        if bytes[at - 1] == b'"' {
            return (at, None);
        }
        if at == bytes.len() {
            return (at, Some(true));
        }
        at += 1;
    }
    (bytes.len(), Some(false))
}

/// Quotes and brackets, and where they stand.
pub(super) fn marks(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let is_mark = |byte: u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
    // Folding a block without a branch lets the compiler look at many bytes at a time: lists of numbers are long.
    let blocks = bytes.chunks(64).zip((0..).step_by(64));
    let marked = blocks.filter(move |(block, _)| block.iter().fold(false, |any, byte| any | is_mark(*byte)));
    let all = marked.flat_map(|(block, at)| (at..).zip(block.iter().copied()));
    all.filter(move |(_, byte)| is_mark(*byte))
}

/// Bytes of numbers and literals, `NaN` and `Infinity` among them, which some servers write.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// A whole number; `12.0` is one (RFC 8259 knows no other kind).
pub(super) fn number(word: &[u8]) -> Option<u64> {
    let word = str::from_utf8(word).ok()?;
    let whole = match word.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => word,
    };
    // `parse` would take a sign.
    whole.bytes().all(|byte| byte.is_ascii_digit()).then(|| whole.parse().ok()).flatten()
}
