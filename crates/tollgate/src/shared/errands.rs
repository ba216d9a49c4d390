//! What nobody waits for: leases are taken and given back, charges told.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_core::limit::fleet::{Settlement, Wish};

use super::Shared;

/// How long a charge waits at most.
const TURN: Duration = Duration::from_millis(20);

/// How often ended leases are looked for, in turns.
const SWEEP: u32 = 10;

/// Questions that are under way at once.
const ABREAST: usize = 64;

impl Shared {
    /// Does errands for ever.
    pub(super) async fn run_errands(self: Arc<Self>) {
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turns = 0;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.errands.notified() => {}
                _ = turn.tick() => turns += 1,
            }
            if turns >= SWEEP {
                turns = 0;
                self.fleet.sweep(self.clock.now());
            }
            self.clone().run_errands_abreast().await;
        }
    }

    /// Does what there is to do. Give-backs that are not told are lost, as the rate brings them back itself; charges are
    /// kept, and one that was told unheard is told twice: both to the cautious side.
    async fn run_errands_abreast(self: Arc<Self>) {
        let mut errands = self.fleet.errands();
        let mut tasks = JoinSet::new();
        for wish in std::mem::take(&mut errands.leases) {
            let shared = self.clone();
            room_for_one(&mut tasks).await;
            tasks.spawn(async move { shared.lease(&wish).await });
        }
        let returns = std::mem::take(&mut errands.returns).into_iter().map(|back| (back, false));
        for (settlement, owes) in errands.charges().into_iter().map(|charge| (charge, true)).chain(returns) {
            let shared = self.clone();
            room_for_one(&mut tasks).await;
            tasks.spawn(async move { shared.settle(settlement, owes).await });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The same, one after the other, for the end.
    pub(super) async fn run_errands_once(&self) {
        let mut errands = self.fleet.errands();
        for settlement in errands.charges().into_iter().chain(std::mem::take(&mut errands.returns)) {
            self.settle(settlement, false).await;
        }
    }

    async fn lease(&self, wish: &Wish) {
        Self::count(&self.counts.leases);
        let asked_at = self.clock.now();
        let answer = match wish.arguments() {
            Ok(arguments) => self.ask_rates(&[wish.key()], &arguments).await.ok(),
            Err(_) => None,
        };
        self.fleet.leased(wish, answer.as_deref(), asked_at);
    }

    async fn settle(&self, settlement: Settlement, owes: bool) {
        let Ok(arguments) = settlement.arguments() else { return };
        if self.ask_rates(&[settlement.key()], &arguments).await.is_err() && owes {
            self.fleet.retry(vec![settlement]);
        }
    }
}

async fn room_for_one(tasks: &mut JoinSet<()>) {
    if tasks.len() >= ABREAST {
        tasks.join_next().await;
    }
}
