//! Answers of an external auth service, so that a fleet asks it once.
//!
//! Whoever can write to Redis must not be able to say who a key belongs to. So each entry is authenticated under the fleet
//! key together with what it answers and how long it holds, and without that key nothing is shared. Entries are found by
//! a keyed digest of the lookup's digest: Redis holds nothing that a key could be guessed from.
//!
//! An entry says when it ends, and whoever takes it over remembers it until then at most. So an answer is never older than
//! it may be, through however many gates it came, as far as their clocks agree.

use std::time::Duration;

use aws_lc_rs::hmac;
use tollgate_core::credential::Digest;

use super::{PREFIX, Shared};

/// Bytes of the MAC and of the end of an entry's life.
const MAC: usize = 32;
const ENDS: usize = 8;

/// No answer is longer.
const MOST: usize = 64 * 1024;

/// Why an entry is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unusable {
    /// It was written by somebody who has not the fleet key, or for another lookup.
    Forged,
    /// Its time is over.
    Over,
}

impl Shared {
    /// What the fleet knows of a lookup, and how long that still holds; nothing where it knows none, Redis is away, or
    /// there is no fleet key.
    pub async fn get(&self, lookup: &Digest) -> Option<(Vec<u8>, Duration)> {
        let key = self.key.as_ref()?;
        Self::count(&self.counts.verdicts);
        let mut command = redis::cmd("GET");
        command.arg(name(key, lookup));
        let entry = self.link.ask::<Option<Vec<u8>>>(&command).await.ok()??;
        match open(key, lookup, &entry, self.clock.now().wall) {
            Ok((answer, life)) => {
                Self::count(&self.counts.verdicts_found);
                Some((answer.to_vec(), life))
            }
            Err(Unusable::Over) => None,
            Err(Unusable::Forged) => {
                Self::count(&self.counts.verdicts_forged);
                tracing::warn!(
                    "an entry of the fleet's Redis is not by a gate that has the fleet key; it is removed"
                );
                self.forget(lookup).await;
                None
            }
        }
    }

    /// Tells the fleet an answer that holds for `life`.
    pub async fn put(&self, lookup: &Digest, answer: &[u8], life: Duration) {
        let Some(key) = self.key.as_ref().filter(|_| answer.len() <= MOST && life >= Duration::from_secs(1))
        else {
            return;
        };
        let ends = self.clock.now().wall.saturating_add(life).as_secs();
        let mut command = redis::cmd("SET");
        command.arg(name(key, lookup)).arg(seal(key, lookup, answer, ends)).arg("EX").arg(life.as_secs());
        // The next one asks the service where this one is not heard.
        let _ = self.link.ask::<()>(&command).await;
    }

    /// Makes the fleet forget an answer.
    pub async fn forget(&self, lookup: &Digest) {
        let Some(key) = &self.key else { return };
        let mut command = redis::cmd("DEL");
        command.arg(name(key, lookup));
        let _ = self.link.ask::<()>(&command).await;
    }
}

fn name(key: &hmac::Key, lookup: &Digest) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(b"tollgate answer name\0");
    context.update(&lookup.0);
    format!("{PREFIX}answer:{}", hex::encode(context.sign()))
}

/// MAC, the second in which it ends, and the answer.
fn seal(key: &hmac::Key, lookup: &Digest, answer: &[u8], ends: u64) -> Vec<u8> {
    let ends = ends.to_be_bytes();
    let mut context = hmac::Context::with_key(key);
    [&b"tollgate answer\0"[..], &lookup.0, &ends, answer].iter().for_each(|part| context.update(part));
    [context.sign().as_ref(), &ends, answer].concat()
}

/// The answer of an entry, and how long it still holds.
fn open<'e>(
    key: &hmac::Key,
    lookup: &Digest,
    entry: &'e [u8],
    now: Duration,
) -> Result<(&'e [u8], Duration), Unusable> {
    let (mac, sealed) = entry.split_at_checked(MAC).ok_or(Unusable::Forged)?;
    let (ends, answer) = sealed.split_first_chunk::<ENDS>().ok_or(Unusable::Forged)?;
    let message = [&b"tollgate answer\0"[..], &lookup.0, sealed].concat();
    hmac::verify(key, &message, mac).map_err(|_| Unusable::Forged)?;
    let ends = Duration::from_secs(u64::from_be_bytes(*ends));
    match ends.checked_sub(now) {
        Some(life) if !life.is_zero() => Ok((answer, life)),
        Some(_) | None => Err(Unusable::Over),
    }
}

#[cfg(test)]
mod tests;
