//! Counts requests that were sent ahead of their turn.

use bytes::BytesMut;

use crate::config::process::Bounds;
use crate::gateway::wire::decoder::Decoder;
use crate::gateway::wire::{Lookout, request};

/// Whether `input` holds, behind the `body` of the request to be served now, as many whole heads as may wait in all.
/// Only callers who send ahead pay for the look.
pub fn is_flood(input: &[u8], body: &Decoder, bounds: &Bounds) -> bool {
    let behind = match body.remaining() {
        None => Some(input),
        Some(size) => usize::try_from(size).ok().and_then(|size| input.get(size..)),
    };
    let Some(behind) = behind.filter(|behind| !behind.is_empty()) else {
        return false;
    };
    let mut rest = BytesMut::from(behind);
    if body.remaining().is_none() && !passes(&mut body.clone(), &mut rest) {
        return false;
    }
    for _ in 0..bounds.pipeline {
        let Ok(Some(head)) = request::next(&mut rest, &mut Lookout::default(), bounds) else {
            return false;
        };
        if !passes(&mut Decoder::from(head.framing), &mut rest) {
            return false;
        }
    }
    true
}

/// Whether a body is there whole; it is taken out.
fn passes(body: &mut Decoder, input: &mut BytesMut) -> bool {
    while let Ok(Some(_)) = body.decode(input) {}
    body.has_ended()
}
