//! Refusals, so that any node of a fleet says why a call was refused that another one answered.
//!
//! Each is told for [`LIFE`] and no longer, authenticated under the fleet key together with its request's id, so that whoever
//! can write to Redis cannot put words into a gate's mouth; without that key none is told. No call waits for it. A flood of
//! refusals is told in part, so that it costs Redis little: the node that refused remembers its last ones in any case.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{PREFIX, Shared};
use crate::decisions::Decision;

/// How long a refusal is explained by other nodes.
pub const LIFE: Duration = Duration::from_mins(10);
/// How often refusals are told.
const TURN: Duration = Duration::from_millis(100);
/// How many are told in a turn; more than that are not told.
const MOST: usize = 10;
/// No told refusal has more bytes.
const BYTES: usize = 4096;
/// The bytes of a MAC.
const MAC: usize = 32;

/// Where refusals go in, and where they come out.
pub(super) struct Telling {
    pub told: Sender<Decision>,
}

impl Telling {
    pub fn new() -> (Self, Receiver<Decision>) {
        let (told, to_tell) = channel(MOST);
        (Self { told }, to_tell)
    }
}

impl Shared {
    /// Where this node's refusals are to go; nowhere without a fleet key.
    pub fn hears_decisions(&self) -> Option<Sender<Decision>> {
        self.key.as_ref().map(|_| self.telling.told.clone())
    }

    /// Tells refusals for ever.
    pub(super) async fn tell_decisions(self: Arc<Self>, mut to_tell: Receiver<Decision>) {
        let telling = async {
            let mut batch = Vec::with_capacity(MOST);
            while to_tell.recv_many(&mut batch, MOST).await > 0 {
                self.tell_batch(&batch).await;
                batch.clear();
                tokio::time::sleep(TURN).await;
            }
        };
        self.stop.run_until_cancelled(telling).await;
    }

    async fn tell_batch(&self, batch: &[Decision]) {
        let Some(key) = &self.key else { return };
        let mut pipeline = redis::pipe();
        for decision in batch {
            let Ok(text) = serde_json::to_vec(decision) else { continue };
            if text.len() <= BYTES {
                let value = seal(key, &decision.id, &text);
                pipeline.set_ex(name(&decision.id), value, LIFE.as_secs()).ignore();
            }
        }
        // What is not heard is known to this node alone.
        let _ =
            self.link.with(async |mut connection| pipeline.query_async::<()>(&mut connection).await).await;
    }

    /// What another node told of the request with this id; nothing where none did, or Redis is away.
    pub async fn decision(&self, id: &str) -> Option<Value> {
        let key = self.key.as_ref()?;
        // Nothing that is no id of a request becomes part of a name in Redis.
        id.parse::<ulid::Ulid>().ok()?;
        let mut command = redis::cmd("GET");
        command.arg(name(id));
        let value = self.link.ask::<Option<Vec<u8>>>(&command).await.ok()??;
        let told = open(key, id, &value);
        if told.is_none() {
            tracing::warn!("a decision in the fleet's Redis is not by a gate that has the fleet key");
        }
        told
    }

    /// Whether refusals of other nodes are known here.
    pub fn knows_decisions(&self) -> bool {
        self.key.is_some()
    }
}

fn name(id: &str) -> String {
    format!("{PREFIX}decision:{id}")
}

/// MAC and text.
fn seal(key: &hmac::Key, id: &str, text: &[u8]) -> Vec<u8> {
    [hmac::sign(key, &message(id, text)).as_ref(), text].concat()
}

fn open(key: &hmac::Key, id: &str, value: &[u8]) -> Option<Value> {
    let (mac, text) = value.split_at_checked(MAC)?;
    hmac::verify(key, &message(id, text), mac).ok()?;
    serde_json::from_slice(text).ok()
}

fn message(id: &str, text: &[u8]) -> Vec<u8> {
    [&b"tollgate decision\0"[..], id.as_bytes(), b"\0", text].concat()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
