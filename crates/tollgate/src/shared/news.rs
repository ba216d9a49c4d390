//! The word that something changed: whoever hears it looks into the store at once, and else every second.

use std::sync::Arc;

use tokio::sync::watch;

use super::{PREFIX, Shared};

impl Shared {
    /// Tells the fleet, this node among it, that the store has something new. Call it after the change is committed; many
    /// in a row may go out as one.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Hears of changes, and of times in which one may have been missed. What a change is about it does not tell.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Tells changes for ever. One that cannot be told is found by looking.
    pub(super) async fn tell(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.changed.notified() => {}
            }
            let mut command = redis::cmd("PUBLISH");
            command.arg(format!("{PREFIX}changes")).arg(&*self.node);
            let _ = self.link.ask::<()>(&command).await;
        }
    }
}
