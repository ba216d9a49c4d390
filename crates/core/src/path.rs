//! The one canonical path that route match, access, metering and forwarding share.
//!
//! A path that two programs could read differently is refused, never repaired (CVE-2021-43557, CVE-2019-9901,
//! CVE-2021-29492, CVE-2026-73511 are all such readings). What is left differs only in percent-encoding, and that is
//! brought to one form: characters that need no encoding are decoded, the others keep theirs in upper case.

/// A path that every program reads alike. Starts with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalPath(Box<str>);

/// Why a path is refused; the text is fit for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not start with `/`.
    #[error("the path must start with `/`")]
    NotAbsolute,
    /// It has an empty segment that is not the last.
    #[error("the path has an empty segment (`//`)")]
    EmptySegment,
    /// It has a segment `.` or `..`, plain or encoded.
    #[error("the path has a `.` or `..` segment")]
    DotSegment,
    /// It holds an encoded `/`, `\`, `;`, `#`, NUL or control character.
    #[error("the path holds an encoded separator or control character")]
    EncodedSeparator,
    /// It holds a percent sign that would decode a second time.
    #[error("the path is percent-encoded twice")]
    DoubleEncoded,
    /// A percent sign without two hexadecimal digits.
    #[error("the path has an incomplete percent-encoding")]
    BadEncoding,
    /// Encoded octets that are no UTF-8.
    #[error("the path's encoded octets are not UTF-8")]
    NotUtf8,
    /// A character that may not stand in a path.
    #[error("the path holds a character that may not stand there; percent-encode it")]
    BadCharacter,
}

impl CanonicalPath {
    /// Checks and normalises the path part of a request target.
    ///
    /// Canonicalising twice changes nothing, and a path that is already canonical is copied as it is.
    ///
    /// # Errors
    /// [`PathError`] where the path could be read in two ways or is malformed.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        if raw.bytes().all(|b| CLASS[usize::from(b)] == Class::Plain) {
            check_segments(raw)?;
            return Ok(Self(raw.into()));
        }
        let text = normalise(raw)?;
        check_segments(&text)?;
        Ok(Self(text.into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments between slashes; a trailing slash gives an empty last one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0[1..].split('/')
    }
}

/// What a byte means in a raw path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Stands for itself: unreserved, `/`, and the sub-delimiters but `;`.
    Plain,
    /// Starts an encoded octet.
    Percent,
    /// May not stand in a path.
    Bad,
}

const CLASS: [Class; 256] = {
    let mut table = [Class::Bad; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() {
            table[byte] = Class::Plain;
        }
        byte += 1;
    }
    let plain = b"-._~/!$&'()*+,=:@";
    let mut index = 0;
    while index < plain.len() {
        table[plain[index] as usize] = Class::Plain;
        index += 1;
    }
    table[b'%' as usize] = Class::Percent;
    table
};

fn normalise(raw: &str) -> Result<String, PathError> {
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    // Octets of a UTF-8 sequence come encoded one by one; they are judged when the run ends.
    let mut octets = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match CLASS[usize::from(bytes[at])] {
            Class::Plain => {
                flush(&mut octets, &mut out)?;
                out.push(char::from(bytes[at]));
                at += 1;
            }
            Class::Percent => {
                let octet = octet(bytes.get(at + 1..at + 3))?;
                match octet {
                    0x00..=0x1f | 0x7f | b'/' | b'\\' | b';' | b'#' => {
                        return Err(PathError::EncodedSeparator);
                    }
                    0x80.. => octets.push(octet),
                    _ if CLASS[usize::from(octet)] == Class::Plain => {
                        flush(&mut octets, &mut out)?;
                        out.push(char::from(octet));
                    }
                    _ => {
                        flush(&mut octets, &mut out)?;
                        push_encoded(octet, &mut out);
                    }
                }
                at += 3;
            }
            Class::Bad => return Err(PathError::BadCharacter),
        }
    }
    flush(&mut octets, &mut out)?;
    if decodes_again(&out) { Err(PathError::DoubleEncoded) } else { Ok(out) }
}

fn octet(digits: Option<&[u8]>) -> Result<u8, PathError> {
    let digits = digits.ok_or(PathError::BadEncoding)?;
    let value = |digit: u8| char::from(digit).to_digit(16).ok_or(PathError::BadEncoding);
    let octet = value(digits[0])? * 16 + value(digits[1])?;
    u8::try_from(octet).map_err(|_| PathError::BadEncoding)
}

/// Whether a normalised path holds an encoded `%` and then what could be taken for the digits of another encoding,
/// themselves encoded or not. Asked of the normalised form, since decoding brings digits together: `%250%30`.
fn decodes_again(path: &str) -> bool {
    path.match_indices("%25").any(|(at, percent)| match &path.as_bytes()[at + percent.len()..] {
        [b'%', ..] => true,
        [a, b, ..] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        _ => false,
    })
}

fn flush(octets: &mut Vec<u8>, out: &mut String) -> Result<(), PathError> {
    if octets.is_empty() {
        return Ok(());
    }
    let text = std::str::from_utf8(octets).map_err(|_| PathError::NotUtf8)?;
    // U+0080 to U+009F are controls too.
    if text.chars().any(char::is_control) {
        return Err(PathError::EncodedSeparator);
    }
    for octet in octets.drain(..) {
        push_encoded(octet, out);
    }
    Ok(())
}

fn push_encoded(octet: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(octet >> 4)]));
    out.push(char::from(HEX[usize::from(octet & 15)]));
}

fn check_segments(path: &str) -> Result<(), PathError> {
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "" if segments.peek().is_some() => return Err(PathError::EmptySegment),
            "." | ".." => return Err(PathError::DotSegment),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
