//! Rates: asks the script where no lease pays.
//!
//! Redis away: the node judges by its own share, see [`tollgate_core::limit::fleet`].

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use redis::Script;
use tollgate_core::Now;
use tollgate_core::access::Permit;
use tollgate_core::admission::shared::{Asking, Progress, begin};
use tollgate_core::admission::{Admission, Refused};
use tollgate_core::limit::script::{self, Share};
use tollgate_core::limit::{Cost, Key, Limiter, Rate, Standing};

use super::link::Away;
use super::{PREFIX, Shared};

static RATES: LazyLock<Script> = LazyLock::new(|| Script::new(script::SCRIPT));

impl Shared {
    /// Takes what a permitted call needs of its limits, as far as that goes without waiting.
    ///
    /// # Errors
    /// [`Refused`] where a limit is used up.
    pub fn begin(
        &self,
        limiter: &Arc<Limiter>,
        permit: Permit,
        client: IpAddr,
        cost: Cost,
        now: Now,
    ) -> Result<Progress, Box<Refused>> {
        begin(limiter, &self.fleet, permit, client, cost, now)
    }

    /// Asks what [`begin`](Self::begin) left open.
    ///
    /// # Errors
    /// [`Refused`] where a limit is used up.
    pub async fn reserve(&self, asking: Asking) -> Result<Admission, Box<Refused>> {
        Self::count(&self.counts.questions);
        let keys: Vec<Key> = asking.keys().collect();
        let answer = match asking.arguments() {
            Some(arguments) => self.ask_rates(&keys, &arguments).await.ok(),
            None => None,
        };
        if answer.is_none() {
            Self::count(&self.counts.limited_alone);
        }
        let admitted = asking.answer(answer.as_deref(), self.clock.now());
        self.errands.notify_one();
        admitted
    }

    /// What the fleet counts of these rates, without taking anything of them; what gates hold on lease is taken. Nothing
    /// where Redis is away, or a rate is too fine to be shared.
    pub async fn look(&self, rates: &[(Rate, Key)]) -> Option<Vec<Standing>> {
        let shares: Vec<Share<'_>> = rates.iter().map(|(rate, _)| Share { rate, units: 0 }).collect();
        let arguments = script::reserve_arguments(&shares, None).ok()?;
        let keys: Vec<Key> = rates.iter().map(|(_, key)| *key).collect();
        let answer = self.ask_rates(&keys, &arguments).await.ok()?;
        Some(script::read_answer(&shares, &answer).ok()?.standing)
    }

    pub(super) async fn ask_rates(&self, keys: &[Key], arguments: &[String]) -> Result<Vec<i64>, Away> {
        let mut call = RATES.prepare_invoke();
        for key in keys {
            call.key(format!("{PREFIX}rate:{key}"));
        }
        for argument in arguments {
            call.arg(argument);
        }
        self.link.with(async |mut connection| call.invoke_async(&mut connection).await).await
    }
}
