//! Whether a body is JSON to a server, which may take it for UTF-8, UTF-16 or UTF-32 (as Python and Java do) whatever the
//! head says, and may read more than the grammar allows.

/// An encoding: how many bytes a character of ASCII has, and which of them is not 0.
type Encoding = (usize, usize);

const UTF_8: Encoding = (1, 0);
const WIDE: [Encoding; 4] = [(2, 0), (2, 1), (4, 0), (4, 3)];
/// The byte order mark in each of them.
const MARKS: [(Encoding, &[u8]); 5] = [
    (UTF_8, b"\xef\xbb\xbf"),
    ((2, 0), b"\xff\xfe"),
    ((2, 1), b"\xfe\xff"),
    ((4, 0), b"\xff\xfe\0\0"),
    ((4, 3), b"\0\0\xfe\xff"),
];

/// Whether a body is meant as an object or a list: in UTF-8 it begins as one, or with a comment; in other encodings, which
/// binary data could look like, it is one.
pub(super) fn begins_as_json(body: &[u8]) -> bool {
    let mut text = behind_blanks(body, UTF_8);
    match (text.next(), text.next()) {
        (Some(b'{' | b'['), next) if next != Some(0) => true,
        (Some(b'/'), Some(b'/' | b'*')) => true,
        _ => WIDE.iter().any(|encoding| is_whole(body, *encoding)),
    }
}

/// Whether a body that may as well be binary data begins with a whole object or list in any encoding.
pub(super) fn could_be_json(body: &[u8]) -> bool {
    [UTF_8].iter().chain(&WIDE).any(|encoding| is_whole(body, *encoding))
}

/// Whether brackets open at the beginning and all of them close, between what stands between brackets. Whoever reads JSON
/// asks for more.
fn is_whole(body: &[u8], encoding: Encoding) -> bool {
    let mut levels = 0_usize;
    let mut text = behind_blanks(body, encoding);
    while let Some(character) = text.next() {
        match character {
            b'{' | b'[' => levels += 1,
            _ if levels == 0 => return false,
            b'}' | b']' if levels == 1 => return true,
            b'}' | b']' => levels -= 1,
            quote @ (b'"' | b'\'') => loop {
                match text.next() {
                    None | Some(0..b' ') => return false,
                    Some(b'\\') => drop(text.next()),
                    Some(character) if character == quote => break,
                    Some(_) => {}
                }
            },
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b',' | b':' | 1..=b' ' => {}
            _ => return false,
        }
    }
    false
}

fn behind_blanks(body: &[u8], encoding: Encoding) -> impl Iterator<Item = u8> {
    characters(body, encoding).skip_while(|character| (1..=b' ').contains(character))
}

/// The characters of a text, with 0xFF in the place of all that are none of ASCII.
fn characters(body: &[u8], encoding: Encoding) -> impl Iterator<Item = u8> {
    let mark = MARKS.iter().find(|(marked, mark)| *marked == encoding && body.starts_with(mark));
    let body = &body[mark.map_or(0, |(_, mark)| mark.len())..];
    let (width, place) = encoding;
    body.chunks_exact(width).map(move |bytes| {
        let is_ascii =
            bytes.iter().enumerate().all(|(at, byte)| if at == place { byte.is_ascii() } else { *byte == 0 });
        if is_ascii { bytes[place] } else { 0xFF }
    })
}

#[cfg(test)]
mod tests;
