//! Who is in the fleet: each node notes every second, on Redis's clock, that it is there.

use std::sync::LazyLock;

use redis::Script;

use super::link::Away;
use super::{PREFIX, Shared};

/// A node that was not heard for so long, in milliseconds, has left.
const SILENT: u64 = 3000;

/// Notes this node and counts those that were heard lately.
static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         redis.call('ZADD', KEYS[1], now, ARGV[1])
         redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now - ARGV[2]))
         redis.call('PEXPIRE', KEYS[1], ARGV[2] * 10)
         return redis.call('ZCARD', KEYS[1])",
    )
});

impl Shared {
    /// Tells that this node is there and hears how many are.
    ///
    /// A Redis that has lost its memory counts too few until all have told. So `settled` is whether there was time for
    /// that; before, the number does not fall.
    pub(super) async fn beat(&self, settled: bool) -> Result<(), Away> {
        let mut beat = BEAT.key(nodes_key());
        beat.arg(&*self.node).arg(SILENT);
        let nodes =
            self.link.with(async |mut connection| beat.invoke_async::<u32>(&mut connection).await).await?;
        self.fleet.set_nodes(if settled { nodes } else { nodes.max(self.nodes()) });
        Ok(())
    }

    /// Tells that this node has left.
    pub(super) async fn sign_off(&self) {
        let mut command = redis::cmd("ZREM");
        command.arg(nodes_key()).arg(&*self.node);
        // Where it is not heard, the silence says it in a few seconds.
        let _ = self.link.ask::<()>(&command).await;
    }
}

fn nodes_key() -> String {
    format!("{PREFIX}nodes")
}
