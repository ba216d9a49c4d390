//! Nonces, news and answers.

use std::time::{Duration, Instant};

use tollgate::decisions::{Decision, Decisions, Mode, Outcome};
use tollgate_core::authn::hawk::Claim;
use tollgate_core::credential::Digest;

use crate::fleet::Fleet;
use crate::server::Redis;

#[test]
fn a_nonce_is_claimed_by_one_node() {
    let mut redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let claim = |text: &[u8]| Claim { digest: Digest::of(text), life: Duration::from_secs(121) };
    let [one, other] = [&fleet.nodes[0].shared, &fleet.nodes[1].shared];
    fleet.runtime.block_on(async {
        assert!(one.claim(&claim(b"a")).await);
        assert!(!other.claim(&claim(b"a")).await);
        assert!(other.claim(&claim(b"b")).await);
        let mut connection = redis.connection();
        let keys: Vec<String> = redis::cmd("KEYS").arg("tollgate:nonce:*").query(&mut connection).unwrap();
        assert_eq!(keys.len(), 2);
        let left: i64 = redis::cmd("TTL").arg(&keys[0]).query(&mut connection).unwrap();
        assert!((100..=121).contains(&left));
    });
    redis.end();
    fleet.runtime.block_on(async {
        assert!(other.claim(&claim(b"a")).await, "each node remembers its own");
        assert_eq!(other.counts().nonces_alone.load(std::sync::atomic::Ordering::Relaxed), 1);
    });
}

#[test]
fn a_change_is_heard_at_once_and_after_an_outage() {
    let mut redis = Redis::start();
    let fleet = Fleet::start(&redis, 2);
    let mut news = fleet.nodes[1].shared.news();
    fleet.runtime.block_on(async {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            news.mark_unchanged();
            let told = Instant::now();
            fleet.nodes[0].shared.changed();
            tokio::time::timeout(Duration::from_secs(5), news.changed()).await.unwrap().unwrap();
            slowest = slowest.max(told.elapsed());
        }
        assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    });
    redis.end();
    fleet.wait_until(|node| !node.shared.is_up());
    news.mark_unchanged();
    redis.start_again();
    fleet.runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(10), news.changed()).await.unwrap().unwrap();
    });
}

#[test]
fn answers_are_shared_by_those_who_have_the_fleet_key() {
    let redis = Redis::start();
    let fleet = Fleet::start_alone(&redis, 4, &[Some([7; 32]), Some([7; 32]), Some([8; 32]), None]);
    fleet.wait_until(|node| node.shared.is_up());
    let [one, same, other, none] = [0, 1, 2, 3].map(|nth: usize| fleet.nodes[nth].shared.clone());
    let (lookup, life) = (Digest::of(b"hk_live_secret"), Duration::from_secs(300));
    fleet.runtime.block_on(async {
        one.put(&lookup, b"ann", life).await;
        none.put(&Digest::of(b"x"), b"nobody", life).await;
        let (answer, left) = same.get(&lookup).await.unwrap();
        assert_eq!(answer, b"ann");
        assert!((Duration::from_secs(290)..=life).contains(&left), "{left:?}");
        assert_eq!(other.get(&lookup).await, None);
        assert_eq!(none.get(&lookup).await, None);
        let mut connection = redis.connection();
        let keys: Vec<String> = redis::cmd("KEYS").arg("tollgate:answer:*").query(&mut connection).unwrap();
        assert_eq!(keys.len(), 1);
        assert!(!keys[0].contains(&hex::encode(lookup.0)), "a lookup's digest is not shown");
        let () = redis::cmd("APPEND").arg(&keys[0]).arg("!").query(&mut connection).unwrap();
        assert_eq!(same.get(&lookup).await, None, "what was changed by others is not believed");
        assert_eq!(same.counts().verdicts_forged.load(std::sync::atomic::Ordering::Relaxed), 1);
        let left: Vec<String> = redis::cmd("KEYS").arg("tollgate:answer:*").query(&mut connection).unwrap();
        assert!(left.is_empty(), "nor kept");
        one.put(&lookup, b"ann", life).await;
        same.forget(&lookup).await;
        assert_eq!(one.get(&lookup).await, None);
    });
    redis.freeze();
    fleet.runtime.block_on(async { assert_eq!(one.get(&lookup).await, None) });
    redis.thaw();
}

#[test]
fn a_refusal_is_explained_by_every_node_with_the_key() {
    let mut redis = Redis::start();
    let fleet = Fleet::start_alone(&redis, 3, &[Some([7; 32]), Some([7; 32]), Some([8; 32])]);
    fleet.wait_until(|node| node.shared.is_up());
    let [one, other, stranger] = [0, 1, 2].map(|at| &fleet.nodes[at].shared);
    let decision = |id: &str, detail: String| Decision {
        id: id.into(),
        time: Duration::ZERO,
        outcome: Outcome::Denied,
        mode: Mode::Enforce,
        would: Outcome::Denied,
        denial: "rate_limited",
        status: 429,
        detail,
        rule: None,
        counters: Vec::new(),
        retry_after: Some(7),
        route: None,
        consumer: Some("ann".into()),
        credential: None,
        method: None,
        path: None,
        client: [192, 0, 2, 7].into(),
    };
    let (id, long) = ("01KB7V5Q9Z3T8M2N4P6R8S0TVW", "01KB7V5Q9Z3T8M2N4P6R8S0TVX");
    let decisions = Decisions::telling(one.hears_decisions());
    decisions.record(decision(long, "x".repeat(5000)));
    fleet.runtime.block_on(async {
        let told = async {
            loop {
                // What is told while a busy machine keeps Redis waiting is lost, by design.
                decisions.record(decision(id, "used up".to_owned()));
                tokio::time::sleep(Duration::from_millis(20)).await;
                if let Some(told) = other.decision(id).await {
                    return told;
                }
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
        assert_eq!((&told["denial"], &told["consumer"]), (&"rate_limited".into(), &"ann".into()));
        assert_eq!(other.decision(long).await, None, "it is too long");
        assert_eq!(stranger.decision(id).await, None, "it has another key");
        assert_eq!(other.decision("nodes").await, None, "that is no id");
    });
    let mut connection = redis.connection();
    let left: i64 = redis::cmd("TTL").arg(format!("tollgate:decision:{id}")).query(&mut connection).unwrap();
    assert!((590..=600).contains(&left), "{left}");
    redis.end();
    assert_eq!(fleet.runtime.block_on(other.decision(id)), None);
}
