//! Redis hangs, is gone, and comes back without its memory.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, route};
use crate::server::Redis;

/// An answer may take 200 ms; the rest is for a busy machine.
const ONE_WAIT: Duration = Duration::from_millis(600);

#[test]
fn a_frozen_redis_costs_one_wait_and_each_node_grants_its_share() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    let route = route("90 requests/day");
    fleet.runtime.block_on(async { assert_eq!(fleet.nodes[0].admitted(&route, 1).await, 1) });
    redis.freeze();
    for node in &fleet.nodes {
        let began = Instant::now();
        let admitted = fleet.runtime.block_on(node.admitted(&route, 100));
        assert_eq!(admitted, 30);
        assert!(began.elapsed() < ONE_WAIT, "100 calls took {:?}", began.elapsed());
        assert!(!node.shared.is_up());
        assert!(node.shared.counts().limited_alone.load(Relaxed) >= 30);
    }
    redis.thaw();
    fleet.wait_until(|node| node.shared.is_up());
    // What a node granted alone is on no other's account, so an outage costs one burst at most.
    let rest: usize = fleet.nodes.iter().map(|node| fleet.runtime.block_on(node.admitted(&route, 100))).sum();
    assert!((1..=89).contains(&rest), "{rest}");
}

#[test]
fn a_redis_that_is_gone_is_noticed_and_found_again_empty() {
    let mut redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let route = route("40 requests/day");
    // For longer than a refusal is believed.
    let all = || -> usize {
        let began = Instant::now();
        let mut admitted = 0;
        while began.elapsed() < Duration::from_millis(150) {
            for node in &fleet.nodes {
                admitted += fleet.runtime.block_on(node.admitted(&route, 10));
            }
        }
        admitted
    };
    assert_eq!(all(), 40);
    redis.end();
    assert_eq!(all(), 40, "each node grants its share, once");
    assert_eq!(all(), 0);
    redis.start_again();
    fleet.wait_until(|node| node.shared.is_up());
    assert_eq!(all(), 40, "a store that lost its memory costs a burst");
    fleet.wait_until(|node| node.shared.nodes() == 2);
    assert!(fleet.nodes.iter().all(|node| node.shared.counts().lost.load(Relaxed) == 1));
}

#[test]
fn a_node_starts_without_redis() {
    let mut redis = Redis::start();
    redis.end();
    let fleet = Fleet::start_alone(&redis, 1, &[None]);
    let route = route("4 requests/day");
    assert_eq!(fleet.runtime.block_on(fleet.nodes[0].admitted(&route, 9)), 4);
    redis.start_again();
    fleet.wait_until(|node| node.shared.is_up());
    assert_eq!(fleet.runtime.block_on(fleet.nodes[0].admitted(&route, 9)), 4);
}

#[test]
fn a_node_that_leaves_says_so_and_gives_up_its_leases() {
    // A machine that stalls for the time of an answer is an outage to the node, which may lose a lease by it.
    let rest = (0..5).find_map(|_| admitted_after_another_left());
    assert_eq!(rest, Some(900));
}

/// What a node admits after another has used 100 of 1,000 and left; none where Redis was away meanwhile.
fn admitted_after_another_left() -> Option<usize> {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let route = route("1000 requests/day");
    fleet.runtime.block_on(async {
        assert_eq!(fleet.nodes[0].admitted(&route, 100).await, 100);
        fleet.nodes[0].shared.leave().await;
    });
    fleet.wait_until(|node| node.shared.nodes() == 1 || std::ptr::eq(node, &fleet.nodes[0]));
    let rest = fleet.runtime.block_on(fleet.nodes[1].admitted(&route, 2000));
    let alone: u64 = fleet.nodes.iter().map(|node| node.shared.counts().limited_alone.load(Relaxed)).sum();
    (alone == 0).then_some(rest)
}
