//! One line in the process's log for each answer to "who calls?", by the names that model services log under.
//!
//! A line shows how a key begins and never the key. Lines about refusals are bounded in number, as strangers cause them.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tollgate_core::Head;
use tollgate_core::authn::{Accept, Identity, presented_key};
use tollgate_core::denial::Denial;
use tollgate_core::route::Route;
use tracing::Level;

/// Refusals that are told within one second; the others are in the access log all the same.
const LINES: u64 = 100;
/// The longest path in a line, in bytes.
const PATH: usize = 1024;

/// Counts the lines of the current second.
#[derive(Debug, Default)]
pub struct AuthLog {
    /// The second in the upper half, how many lines it had in the lower one.
    told: AtomicU64,
}

/// What became of the question who calls.
pub type Found<'a> = Result<Option<&'a Identity>, &'a Denial>;

impl AuthLog {
    /// Tells who was found, where somebody listens. `second` is any clock's.
    pub fn tell(&self, found: Found<'_>, route: &Route, head: &Head, request_id: &str, second: u64) {
        let path = short(head.path.as_str());
        let (method, path) = (head.method.as_str(), &*path);
        let (client, route_name) = (head.client, route.name.as_str());
        match found {
            Ok(Some(identity)) => {
                if tracing::enabled!(Level::DEBUG) {
                    let key_prefix = prefix(head, &route.accept);
                    let (consumer, credential) =
                        (identity.credential.consumer.name.as_str(), &*identity.credential.id);
                    tracing::debug!(
                        event = "auth.success",
                        key_prefix,
                        consumer,
                        credential,
                        route = route_name,
                        method,
                        path,
                        %client,
                        request_id,
                        "the caller is known"
                    );
                }
            }
            Ok(None) if route.accept.public => {}
            Ok(None) => {
                if tracing::enabled!(Level::WARN) && self.has_room(second) {
                    tracing::warn!(
                        event = "auth.missing_key",
                        route = route_name,
                        method,
                        path,
                        %client,
                        request_id,
                        "the request has no credential that the route accepts"
                    );
                }
            }
            Err(Denial::Unauthenticated { .. } | Denial::NonceLimit { .. }) => {
                if tracing::enabled!(Level::WARN) && self.has_room(second) {
                    let key_prefix = prefix(head, &route.accept);
                    tracing::warn!(
                        event = "auth.invalid_key",
                        key_prefix,
                        route = route_name,
                        method,
                        path,
                        %client,
                        request_id,
                        "the request's credential identifies nobody"
                    );
                }
            }
            // It is not the credential that is wrong with it.
            Err(_) => {}
        }
    }

    /// Whether one more line fits into the second.
    fn has_room(&self, second: u64) -> bool {
        let current = (second & 0xFFFF_FFFF) << 32;
        let counted = self.told.fetch_update(Relaxed, Relaxed, |told| match told >> 32 << 32 == current {
            true => (told & 0xFFFF_FFFF < LINES).then_some(told + 1),
            false => Some(current + 1),
        });
        counted.is_ok()
    }
}

/// How the presented API key begins, if there is one.
fn prefix(head: &Head, accept: &Accept) -> Option<String> {
    presented_key(head, accept).map(|key| shown(&key))
}

/// Enough of a key to tell which one it is, and too little to guess it: 12 characters of one of the gate's own form, 7 of
/// another long one, nothing of a short one.
fn shown(key: &[u8]) -> String {
    let most = match key.len() {
        24.. if key.starts_with(b"hk_") => 12,
        24.. => 7,
        _ => return "***".to_owned(),
    };
    let plain = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    key.iter().take(most).map(plain).collect()
}

fn short(path: &str) -> Cow<'_, str> {
    match path.len() > PATH {
        true => format!("{}…", &path[..path.floor_char_boundary(PATH)]).into(),
        false => path.into(),
    }
}

#[cfg(test)]
mod tests;
