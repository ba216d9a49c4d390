//! What one node grants alone.

use std::borrow::Cow;
use std::time::Duration;

use crate::limit::{Concurrent, Limit, Rate};

/// One of `nodes` equal shares of a limit: of a rate while the store is away, of slots always. All shares together are the
/// limit, but that each is at least one: of a limit that is smaller than the fleet every node grants one.
///
/// A quota stays whole; what is counted of it is shared by other means.
pub fn share_of(limit: &Limit, nodes: u32) -> Cow<'_, Limit> {
    match limit {
        _ if nodes <= 1 => Cow::Borrowed(limit),
        Limit::Rate(rate) => Cow::Owned(Limit::Rate(share_of_rate(rate, nodes))),
        Limit::Concurrent(Concurrent(most)) => {
            // A limit of zero grants nothing, and neither do its shares.
            let share = (most / nodes).max(u32::from(*most > 0));
            Cow::Owned(Limit::Concurrent(Concurrent(share)))
        }
        Limit::Quota(_) => Cow::Borrowed(limit),
    }
}

/// The same amount in a longer time, so that nothing is rounded. Where that window is too long, a smaller amount.
fn share_of_rate(rate: &Rate, nodes: u32) -> Rate {
    let burst = Some((rate.burst() / u64::from(nodes)).max(1));
    let window = rate.window().checked_mul(nodes).unwrap_or(Duration::MAX);
    let longer = Rate::new(rate.unit(), rate.amount(), window, burst);
    let smaller = || {
        let amount = (rate.amount() / u64::from(nodes)).max(1);
        Rate::new(rate.unit(), amount, rate.window(), burst)
    };
    longer.or_else(|_| smaller()).unwrap_or(*rate)
}
