//! Cookies of a request (RFC 6265 §4.2), as octets: one reading for finding a credential and for hiding it.

use http::{HeaderMap, header};

use super::Compat;
use crate::denial::Denial;

/// The only value of a cookie that may carry a credential. HTTP/2 may send cookies in several fields (RFC 9113
/// §8.2.3); they count as one list.
///
/// # Errors
/// [`Denial::Ambiguous`] where the cookie is repeated, unless compatibility says that the first value counts.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &str,
    compat: Compat,
) -> Result<Option<&'h [u8]>, Denial> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut values = lines.flat_map(|line| pairs(line.as_bytes())).filter_map(|pair| value_of(pair, name));
    let first = values.next();
    if values.next().is_some() && compat == Compat::None {
        return Err(Denial::Ambiguous);
    }
    Ok(first)
}

/// The pairs of one field, without the blanks around them.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// The value of a pair, if it is the cookie of this name.
pub(super) fn value_of<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (have, value) = (&pair[..equals], &pair[equals + 1..]);
    (have.trim_ascii() == name.as_bytes()).then(|| value.trim_ascii())
}
