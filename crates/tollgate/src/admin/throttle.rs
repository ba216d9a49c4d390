//! How often one address may fail, and how often it may ask.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::Now;
use tollgate_core::consumer::Name;
use tollgate_core::limit::{Cost, Limit, Limiter, Limits, Owner, Per, Rate, Refusal, Rule, Unit};

/// Addresses that are remembered; all beyond share one count.
const ADDRESSES: usize = 16_384;

/// A rate per address, in bounded memory.
#[derive(Debug)]
pub struct Throttle {
    limiter: Arc<Limiter>,
    limits: Limits,
}

impl Throttle {
    /// So many per minute in the long run, and so many at once. `name` tells two of them apart.
    pub fn new(name: &str, per_minute: u64, burst: u64) -> Self {
        let rate = Rate::new(Unit::Requests, per_minute, Duration::from_secs(60), Some(burst));
        // The numbers are constants that make a rate, so nothing is ever left out.
        let rates = rate.ok().map(|rate| (Limit::Rate(rate), Per::Address));
        let limits = match Name::new(name) {
            Ok(name) => Limits::new(Owner::Route(&name), rates),
            Err(_) => Limits::default(),
        };
        Self { limiter: Arc::new(Limiter::new(ADDRESSES)), limits }
    }

    /// Whether the address has used up what it has, and for how many seconds.
    pub fn exhausted(&self, address: IpAddr, now: Now) -> Option<u64> {
        let rule = self.rule()?;
        let standing = self.limiter.standing(&[(rule.limit(), rule.key(None, address))], now).ok()?;
        // Everything comes back in `reset`; one of them in that time's share.
        let standing = standing.first().filter(|standing| standing.remaining() == 0)?;
        Some((standing.reset_seconds() / standing.limit().max(1)).max(1))
    }

    /// Takes one.
    ///
    /// # Errors
    /// The seconds until there is one again; nothing was taken then.
    pub fn take(&self, address: IpAddr, now: Now) -> Result<(), u64> {
        let Some(rule) = self.rule() else { return Ok(()) };
        match self.limiter.reserve(&[(rule.limit(), rule.key(None, address))], &Cost::request(), now) {
            Ok(mut reservation) => {
                reservation.commit();
                Ok(())
            }
            Err(Refusal::Limited { ends, .. }) => Err(ends.retry_after().unwrap_or(1)),
            Err(Refusal::Unloaded { .. }) => Ok(()),
        }
    }

    /// Addresses that are remembered now.
    pub fn entries(&self) -> usize {
        self.limiter.len()
    }

    fn rule(&self) -> Option<&Rule> {
        self.limits.iter().next()
    }
}
