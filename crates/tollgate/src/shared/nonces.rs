//! Hawk nonces: a request that one node has let pass is a replay for all of them.
//!
//! Redis away: each node remembers its own, so that a request can be replayed once to every other node within the time
//! that its `ts` holds.

use tollgate_core::authn::hawk::Claim;

use super::{PREFIX, Shared};

impl Shared {
    /// Remembers a nonce. True where no other node has seen it, or none can be asked.
    pub async fn claim(&self, claim: &Claim) -> bool {
        Self::count(&self.counts.nonces);
        let mut command = redis::cmd("SET");
        let key = format!("{PREFIX}nonce:{}", hex::encode(claim.digest.0));
        command.arg(key).arg(1).arg("NX").arg("EX").arg(claim.life.as_secs().max(1));
        match self.link.ask::<Option<String>>(&command).await {
            Ok(set) => set.is_some(),
            Err(_) => {
                Self::count(&self.counts.nonces_alone);
                true
            }
        }
    }
}
