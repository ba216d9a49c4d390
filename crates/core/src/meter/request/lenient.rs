//! What many servers read as JSON and the grammar does not allow: `NaN`, `Infinity`, numbers beyond all floats, a byte order
//! mark. Python writes the first two where values are missing, so such bodies are counted as others are.

use std::borrow::Cow;

/// The same body with a fraction in the place of those, which is no count of anything; each byte stays where it was.
/// Nothing where there is none.
pub(super) fn numbers(body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Cow::Borrowed(body);
    let mut write = |range: std::ops::Range<usize>, with: &[u8]| {
        let place = &mut plain.to_mut()[range];
        place.fill(b' ');
        place[..with.len()].copy_from_slice(with);
    };
    let mut at = 0;
    if body.starts_with(b"\xef\xbb\xbf") {
        write(0..3, b"");
        at = 3;
    }
    while let Some(&byte) = body.get(at) {
        let rest = &body[at..];
        at += match byte {
            b'"' => rest.len() - behind_text(&rest[1..]).len(),
            b'N' if rest.starts_with(b"NaN") => {
                write(at..at + 3, b"0.5");
                3
            }
            b'I' if rest.starts_with(b"Infinity") => {
                write(at..at + 8, b"0.5");
                8
            }
            b'0'..=b'9' => {
                let length = rest
                    .iter()
                    .take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
                let length = length.count();
                let is_beyond = std::str::from_utf8(&rest[..length]).ok();
                let is_beyond =
                    is_beyond.and_then(|number| number.parse::<f64>().ok()).is_some_and(f64::is_infinite);
                if is_beyond {
                    write(at..at + length, b"0.5");
                }
                length
            }
            _ => 1,
        };
    }
    match plain {
        Cow::Owned(plain) => Some(plain),
        Cow::Borrowed(_) => None,
    }
}

/// What follows a text whose opening quote was passed.
pub(super) fn behind_text(mut json: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', json) {
        let is_end = json[at] == b'"';
        json = json.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return json;
        }
    }
    &[]
}
