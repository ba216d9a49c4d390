//! A whole body that comes packed.

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;

use super::{BROTLI_BUFFER, Coding, RATIO_FREE, RATIO_MAX, UNPACKED_MAX, window_fits};

/// Unpacks a whole body; nothing where it is packed in another way, broken, or larger than what is unpacked.
pub fn unpacked(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    match Coding::of(headers)? {
        Coding::Plain => Some(body.to_vec()),
        Coding::Gzip => within(MultiGzDecoder::new(body), body),
        Coding::Deflate => within(ZlibDecoder::new(body), body),
        Coding::Brotli if body.first().is_some_and(|first| window_fits(*first)) => {
            within(Decompressor::new(body, BROTLI_BUFFER), body)
        }
        Coding::Brotli => None,
    }
}

fn within(decoder: impl Read, packed: &[u8]) -> Option<Vec<u8>> {
    let most = UNPACKED_MAX.min(packed.len() as u64 * RATIO_MAX + RATIO_FREE);
    let mut unpacked = Vec::new();
    decoder.take(most + 1).read_to_end(&mut unpacked).ok()?;
    (unpacked.len() as u64 <= most).then_some(unpacked)
}
