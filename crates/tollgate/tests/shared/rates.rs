//! Rates that three nodes count together.

use std::time::{Duration, Instant};

use crate::fleet::{Fleet, route};
use crate::server::Redis;

#[test]
fn three_nodes_under_overload_admit_what_the_limit_says() {
    const RATE: usize = 2000;
    const BURST: usize = 200;
    let redis = Redis::start();
    let fleet = Fleet::start(&redis, 3);
    let route = route(&format!("{{ limit: {RATE} requests/s, burst: {BURST} }}"));
    // Five times the rate in all: ten calls of each node every three milliseconds.
    let (started, ended) = fleet.runtime.block_on(async {
        let before = Instant::now();
        let loads = fleet.nodes.iter().map(|node| {
            let (node, route) = (node.clone(), route.clone());
            fleet.runtime.spawn(async move {
                let mut turn = tokio::time::interval(Duration::from_millis(3));
                let (mut admitted, mut first) = (0, None);
                while before.elapsed() < Duration::from_secs(3) {
                    turn.tick().await;
                    let calls = (0..10).map(|_| {
                        let (node, route) = (node.clone(), route.clone());
                        async move { node.admitted(&route, 1).await }
                    });
                    first.get_or_insert_with(Instant::now);
                    for call in calls {
                        admitted += call.await;
                    }
                }
                (admitted, first.unwrap(), Instant::now())
            })
        });
        let mut all = Vec::new();
        for load in loads.collect::<Vec<_>>() {
            all.push(load.await.unwrap());
        }
        (all.clone(), all)
    });
    let admitted: usize = started.iter().map(|(admitted, ..)| admitted).sum();
    let first = ended.iter().map(|(_, first, _)| *first).min().unwrap();
    let last = ended.iter().map(|(.., last)| *last).max().unwrap();
    let expected = BURST as f64 + RATE as f64 * (last - first).as_secs_f64();
    let admitted = admitted as f64;
    assert!(admitted <= expected + 1.0, "{admitted} admitted, {expected} at most");
    assert!(admitted >= 0.99 * expected, "{admitted} admitted of {expected}");
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
