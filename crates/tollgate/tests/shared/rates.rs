//! Rates that three nodes count together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_core::limit::{Cost, Unit};
use tollgate_core::route::Route;

use crate::fleet::{Fleet, Node, route};
use crate::server::Redis;

#[test]
fn three_nodes_under_overload_admit_what_the_limit_says() {
    const RATE: usize = 250;
    // So much that the machine may stand still for a second and nothing is lost.
    const BURST: usize = 250;
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    let route = route(&format!("{{ limit: {RATE} requests/s, burst: {BURST} }}"));
    let began = Instant::now();
    let loads: Vec<_> = fleet
        .nodes
        .iter()
        .map(|node| fleet.runtime.spawn(load(node.clone(), route.clone(), began, Duration::from_secs(5))))
        .collect();
    let loads = fleet.runtime.block_on(ended(loads));
    let calls: usize = loads.iter().map(|load| load.calls).sum();
    let admitted: usize = loads.iter().map(|load| load.admitted).sum();
    let first = loads.iter().map(|load| load.first).min().unwrap();
    let whole = |last: Instant| BURST as f64 + RATE as f64 * (last - first).as_secs_f64();
    // All of them called until the first one ended, and nobody after the last one did.
    let least = whole(loads.iter().map(|load| load.last).min().unwrap());
    let most = whole(loads.iter().map(|load| load.last).max().unwrap());
    let told = format!("{admitted} of {calls} calls admitted, {least:.0} to {most:.0} allowed");
    assert!(calls as f64 > 3.0 * most, "no overload: {told}");
    assert!(admitted as f64 <= most + 1.0, "{told}");
    assert!(admitted as f64 >= 0.99 * least, "{told}");
}

/// What one node saw.
struct Load {
    calls: usize,
    admitted: usize,
    first: Instant,
    last: Instant,
}

/// Five calls every twelve milliseconds: of three nodes together five times the rate.
async fn load(node: Node, route: Arc<Route>, began: Instant, lasts: Duration) -> Load {
    let mut turn = tokio::time::interval(Duration::from_millis(12));
    let mut load = Load { calls: 0, admitted: 0, first: Instant::now(), last: began };
    while began.elapsed() < lasts {
        turn.tick().await;
        load.admitted += node.admitted(&route, 5).await;
        load.calls += 5;
        load.last = Instant::now();
    }
    load
}

async fn ended(loads: Vec<tokio::task::JoinHandle<Load>>) -> Vec<Load> {
    let mut ended = Vec::new();
    for load in loads {
        ended.push(load.await.unwrap());
    }
    ended
}

#[test]
fn a_hot_key_asks_for_few_of_its_calls() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    let route = route("1000000 requests/day");
    let admitted = fleet.runtime.block_on(fleet.nodes[0].admitted(&route, 20_000));
    assert_eq!(admitted, 20_000);
    let questions = fleet.nodes[0].questions();
    assert!(questions < 2000, "{questions} questions for 20000 calls");
}

#[test]
fn what_one_node_used_up_is_used_up_for_all_until_it_is_given_back() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let route = route("5 requests/day");
    fleet.runtime.block_on(async {
        let held = fleet.nodes[0].call(&route).await.unwrap();
        assert_eq!(fleet.nodes[0].admitted(&route, 9).await, 4);
        let refused = fleet.nodes[1].call(&route).await.unwrap_err();
        assert_eq!(refused.standing[0].remaining(), 0);
        // It was not sent, so another call may be.
        drop(held);
        let given_back = async {
            while fleet.nodes[1].admitted(&route, 1).await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), given_back).await.unwrap();
        assert_eq!(fleet.nodes[0].admitted(&route, 3).await, 0);
    });
}

#[test]
fn what_a_call_of_one_node_used_in_truth_counts_for_all() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let route = route("1000 tokens/day");
    fleet.runtime.block_on(async {
        let other = &fleet.nodes[1];
        let left = async |most: u64| {
            let asked = async {
                loop {
                    // It asks for more than is left, so that it takes nothing and is told how much that is.
                    let probe = Cost::request().with(Unit::Tokens, 999);
                    let Err(refused) = other.call_of(&route, probe).await else { continue };
                    if refused.standing[0].remaining() == most {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap();
        };
        fleet.nodes[0].tokens(&route, 600, 100).await;
        left(900).await;
        fleet.nodes[0].tokens(&route, 100, 850).await;
        left(50).await;
        fleet.nodes[0].tokens(&route, 50, 90).await;
        left(0).await;
    });
}

#[test]
fn slots_are_divided() {
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    let route = route("7 concurrent");
    fleet.runtime.block_on(async {
        let mut held = Vec::new();
        for node in &fleet.nodes {
            for _ in 0..5 {
                held.extend(node.call(&route).await);
            }
        }
        assert_eq!(held.len(), 6);
        assert!(fleet.nodes[0].call(&route).await.is_err());
        drop(held.remove(0));
        assert!(fleet.nodes[0].call(&route).await.is_ok());
    });
}
