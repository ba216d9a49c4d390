use std::time::{Duration, Instant};

use tollgate_store::{Kind, NewCredential, NewProof, Scope, Store};

use crate::credentials::lookup;
use crate::harness::{Place, actor, at, block_on, consumer, for_each_store};

/// Makes this many keys of one consumer, in changes of 10,000.
async fn fill(store: &Store, keys: u32) {
    let c = consumer(store, "many").await;
    for first in (0..keys).step_by(10_000) {
        let key = |n: u32| NewCredential::new(c.id, "k", NewProof::api_key(&format!("key {n}")));
        let mut change = store.change(&actor(), at(0)).await.unwrap();
        let new = (first..keys.min(first + 10_000)).map(key).collect();
        change.create_credentials(Scope::All, new).await.unwrap();
        change.commit().await.unwrap();
    }
}

/// The slowest but one in a hundred of many lookups all over the keys.
async fn lookup_time(store: &Store, keys: u32) -> Duration {
    let mut times = Vec::new();
    for n in 0..500_u32 {
        let key = lookup(&format!("key {}", n.wrapping_mul(2_654_435_761) % keys));
        let begin = Instant::now();
        store.find_credential(Scope::All, Kind::ApiKey, &key).await.unwrap().unwrap();
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[test]
fn a_lookup_takes_a_few_milliseconds() {
    for_each_store(async |store, _| {
        fill(&store, 10_000).await;
        let time = lookup_time(&store, 10_000).await;
        assert!(time < Duration::from_millis(50), "{time:?}");
    });
}

#[test]
#[ignore = "takes minutes; run it alone"]
fn a_lookup_among_a_million_keys_takes_five_milliseconds() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open().await;
        fill(&store, 1_000_000).await;
        let time = lookup_time(&store, 1_000_000).await;
        assert!(time < Duration::from_millis(5), "{time:?}");
    });
}
