use proptest::prelude::*;

use super::{Nonces, Seen};
use crate::fixtures::at;

const SKEW: u64 = 5;
const LIFETIME: u64 = 2 * SKEW + 1;
const MOST: usize = 4;

/// The same rules without any thought of cost.
#[derive(Default)]
struct Model {
    seen: Vec<(String, i64, String, u64)>,
}

impl Model {
    fn remember(&mut self, id: &str, ts: i64, nonce: &str, now: u64) -> Seen {
        self.seen.retain(|(_, _, _, ends)| *ends > now);
        let of_id = || self.seen.iter().filter(|(have, _, _, _)| have == id);
        if of_id().any(|(_, have_ts, have, _)| *have_ts == ts && have == nonce) {
            return Seen::Before;
        }
        if of_id().count() >= MOST {
            let oldest = of_id().map(|(_, _, _, ends)| *ends).min().unwrap_or(now);
            return Seen::TooMany {
                retry_after: oldest - now,
            };
        }
        self.seen
            .push((id.to_owned(), ts, nonce.to_owned(), now + LIFETIME));
        Seen::First
    }
}

proptest! {
    #[test]
    fn nonces_are_as_the_model(
        calls in prop::collection::vec((0u64..4, "[abc]", 0i64..3, "[xyz]{1,2}"), 0..200),
    ) {
        let nonces = Nonces::new(MOST);
        let mut model = Model::default();
        let mut now = 0;
        for (wait, id, ts, nonce) in calls {
            now += wait;
            prop_assert_eq!(nonces.remember(&id, ts, &nonce, SKEW, at(now)), model.remember(&id, ts, &nonce, now));
        }
    }
}

#[test]
fn expired_nonces_leave_no_memory() {
    let nonces = Nonces::new(MOST);
    for second in 0..100 {
        for id in 0..100 {
            nonces.remember(&format!("c{id}"), second, "n", SKEW, at(second as u64));
        }
    }
    for shard in &nonces.shards {
        let mut shard = shard.lock();
        assert!(shard.order.len() <= shard.credentials.len() * MOST);
        shard.forget_expired(at(1000).monotonic);
        assert_eq!((shard.order.len(), shard.credentials.len()), (0, 0));
    }
}

#[test]
fn no_room_at_all_is_told() {
    assert_eq!(
        Nonces::new(0).remember("a", 0, "n", SKEW, at(0)),
        Seen::TooMany {
            retry_after: LIFETIME
        }
    );
}

#[test]
fn a_huge_skew_does_not_overflow() {
    assert_eq!(
        Nonces::new(1).remember("a", i64::MIN, "n", u64::MAX, at(u64::MAX)),
        Seen::First
    );
}
