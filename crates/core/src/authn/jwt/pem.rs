//! PEM as RFC 7468 has it: one label, one base64 text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One PEM block.
pub(super) struct Block<'p> {
    /// What stands between `BEGIN ` and the dashes.
    pub(super) label: &'p str,
    /// The decoded octets.
    pub(super) der: Vec<u8>,
}

/// Whether a value is PEM text, whatever stands before it.
pub(super) fn looks_like_pem(value: &[u8]) -> bool {
    value.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes())
}

/// The blocks of a text in order; nothing where one is broken. What stands between blocks is ignored, as tools write
/// attributes there.
pub(super) fn blocks(text: &[u8]) -> Option<Vec<Block<'_>>> {
    let mut rest = std::str::from_utf8(text).ok()?;
    let mut blocks = Vec::new();
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once(DASHES)?;
        let (body, after) = after.split_once(END)?;
        rest = after.strip_prefix(label)?.strip_prefix(DASHES)?;
        let body: String = body.split_ascii_whitespace().collect();
        blocks.push(Block { label, der: STANDARD.decode(body).ok()? });
    }
    Some(blocks)
}
