//! Answers of an external auth service, so that a fleet asks it once.
//!
//! Whoever can write to Redis must not be able to say who a key belongs to. So each entry is authenticated under the fleet
//! key together with what it answers and how long it holds, and without that key nothing is shared. Entries are found by
//! a keyed digest of the lookup's digest: Redis holds nothing that a key could be guessed from.

use std::time::Duration;

use aws_lc_rs::hmac;
use tollgate_core::credential::Digest;

use super::{PREFIX, Shared};

/// Bytes of the MAC and of the end of an entry's life.
const MAC: usize = 32;
const ENDS: usize = 8;

/// No answer is longer.
const MOST: usize = 64 * 1024;

impl Shared {
    /// What the fleet knows of a lookup; nothing where it knows none, Redis is away, or there is no fleet key.
    pub async fn get(&self, lookup: &Digest) -> Option<Vec<u8>> {
        let key = self.key.as_ref()?;
        let mut command = redis::cmd("GET");
        command.arg(name(key, lookup));
        let entry = self.link.ask::<Option<Vec<u8>>>(&command).await.ok()??;
        open(key, lookup, &entry, self.clock.now().wall).map(<[u8]>::to_vec)
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

fn open<'e>(key: &hmac::Key, lookup: &Digest, entry: &'e [u8], now: Duration) -> Option<&'e [u8]> {
    let (mac, sealed) = entry.split_at_checked(MAC)?;
    let (ends, answer) = sealed.split_first_chunk::<ENDS>()?;
    let message = [&b"tollgate answer\0"[..], &lookup.0, sealed].concat();
    hmac::verify(key, &message, mac).ok()?;
    (now.as_secs() < u64::from_be_bytes(*ends)).then_some(answer)
}

#[cfg(test)]
mod tests;
