//! Counts requests that were sent ahead of their turn.

use bytes::BytesMut;

use crate::config::process::Bounds;
use crate::gateway::wire::decoder::Decoder;
use crate::gateway::wire::{Lookout, request};

/// Whether `input` holds, behind the `body` of the request to be served now, as many whole heads as may wait in all.
/// Only callers who send ahead pay for the look.
pub fn is_flood(input: &[u8], body: &Decoder, bounds: &Bounds) -> bool {
    let behind = body.remaining().and_then(|size| input.get(usize::try_from(size).ok()?..));
    let Some(behind) = behind.filter(|behind| !behind.is_empty()) else {
        return false;
    };
    let mut rest = BytesMut::from(behind);
    for _ in 0..bounds.pipeline {
        let Ok(Some(head)) = request::next(&mut rest, &mut Lookout::default(), bounds) else {
            return false;
        };
        let mut body = Decoder::from(head.framing);
        while let Ok(Some(_)) = body.decode(&mut rest) {}
        if !body.has_ended() {
            return false;
        }
    }
    true
}
