use proptest::prelude::*;

use super::*;
use crate::fixtures::at;

#[test]
fn a_lease_is_half_of_an_even_share() {
    let check = |remaining, nodes, expected| assert_eq!(lease_size(remaining, nodes), expected);
    check(1000, 5, 100);
    check(1000, 1, 500);
    check(9, 5, 0);
    check(10, 5, 1);
    check(0, 3, 0);
    check(7, 0, 3);
    check(u64::MAX, u32::MAX, u64::MAX / (2 * u64::from(u32::MAX)));
}

#[test]
fn a_lease_is_spent_while_it_lives() {
    let life = Duration::from_millis(1);
    let mut lease = Lease::new(10, at_ns(5), life);
    assert!(lease.spend(7, at_ns(1_000_004)));
    assert!(!lease.spend(4, at_ns(1_000_004)));
    assert!(!lease.spend(1, at_ns(1_000_005)));
    assert_eq!(lease.unspent(), 3);
    let long = Lease::new(1, at(0), Duration::from_secs(60));
    assert!(long.is_live(at_ns(999_999_999)) && !long.is_live(at(1)));
}

#[test]
fn a_lease_settles_what_it_can_and_tells_what_it_owes() {
    let check = |reserved, actual, expected| {
        let mut lease = Lease::new(10, at(0), LEASE_MOST);
        assert!(lease.spend(2, at(0)) && lease.spend(reserved, at(0)));
        assert_eq!((lease.settle(reserved, actual), lease.unspent()), expected);
    };
    check(5, 5, (0, 3));
    check(5, 1, (0, 7));
    check(5, 8, (0, 0));
    check(5, 9, (1, 0));
    check(5, 0, (0, 8));
}

proptest! {
    /// Nodes lease one after the other from one counter, spend, and give back: never more than there was.
    #[test]
    fn a_fleet_never_spends_more_than_there_is(
        amount in 0u64..5000,
        nodes in 1u32..8,
        calls in prop::collection::vec((0usize..8, 1u64..40, 0u64..400), 0..300),
    ) {
        let mut remaining = amount;
        let mut leases: Vec<Option<Lease>> = vec![None; 8];
        let (mut spent, mut ms) = (0, 0);
        for (node, units, wait) in calls {
            ms += wait;
            let now = at_ns(ms * 1_000_000);
            let node = node % nodes as usize;
            if leases[node].as_ref().is_none_or(|lease| !lease.is_live(now)) {
                remaining += leases[node].take().map_or(0, |lease| lease.unspent());
                let size = lease_size(remaining, nodes);
                prop_assert!(size <= remaining / (2 * u64::from(nodes)));
                remaining -= size;
                leases[node] = Some(Lease::new(size, now, LEASE_MOST));
            }
            if leases[node].as_mut().is_some_and(|lease| lease.spend(units, now)) {
                spent += units;
            } else if units <= remaining {
                // The shared counter itself, where the lease does not reach.
                remaining -= units;
                spent += units;
            }
            prop_assert!(spent <= amount);
        }
        let unspent: u64 = leases.iter().flatten().map(Lease::unspent).sum();
        prop_assert_eq!(spent + remaining + unspent, amount);
    }
}
