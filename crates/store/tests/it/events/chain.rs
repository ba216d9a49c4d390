//! Events as a gate would make them.

use jiff::Timestamp;
use tollgate_core::usage::chain::{Head, Linked, Seal, SealKey};
use tollgate_core::usage::{Closing, Intent, Measure, Measures, Outcome, Quality, StreamId, UsageEvent};
use ulid::Ulid;

use crate::harness::at;

/// One stream and how far its chain goes.
pub struct Chain {
    pub stream: StreamId,
    pub head: Head,
}

pub fn key() -> SealKey {
    SealKey::new(&[7; 32])
}

/// What a call of this consumer is known by before it begins.
pub fn intent(id: u128, time: Timestamp, consumer: &str) -> Intent<&str> {
    Intent {
        id: Ulid(id),
        time_micros: time.as_microsecond() as u64,
        node: "gate-1",
        account: Some("acme"),
        account_id: None,
        consumer: Some(consumer),
        credential: Some("key"),
        route: "chat",
        model: Some("small"),
        method: "POST",
        path: "/v1/chat/completions",
        client_request_id: None,
        tier: None,
    }
}

/// The end of a call that took so long and so many tokens.
pub fn closing(duration_ms: u64, tokens: u64) -> Closing {
    Closing {
        outcome: Outcome::Served,
        status: Some(200),
        duration_ms,
        upstream_ms: duration_ms / 2,
        queue_ms: 0,
        request_bytes: 10,
        response_bytes: 20,
        measures: Measures::request().with(Measure::TokensOut, tokens),
        quality: Quality::Reported,
    }
}

impl Chain {
    pub fn new(number: u16) -> Self {
        Self { stream: StreamId { boot: Ulid(1), number }, head: Head::default() }
    }

    /// The next event of the stream.
    pub fn next(&mut self, intent: &Intent<&str>, closing: &Closing) -> Linked {
        let linked = self.head.followed_by(&UsageEvent::of(self.stream, self.head.seq + 1, intent, closing));
        self.head = linked.head();
        linked
    }

    /// The next event of a consumer, some minutes after the fixed moment.
    pub fn call(&mut self, consumer: &str, minutes: i64) -> Linked {
        let number = u128::from(self.stream.number) << 64 | u128::from(self.head.seq + 1);
        let tokens = self.head.seq % 7;
        self.next(&intent(number, at(minutes), consumer), &closing(tokens * 13, tokens))
    }

    /// So many of them, a minute apart.
    pub fn calls(&mut self, count: usize) -> Vec<Linked> {
        (0..count).map(|n| self.call(["a", "b", "c"][n % 3], n as i64)).collect()
    }

    /// A seal at the head.
    pub fn seal(&self) -> Seal {
        key().seal(self.stream, self.head)
    }
}

/// Changes an event and leaves it the hash that it had.
pub fn change(linked: &mut Linked, how: impl FnOnce(&mut UsageEvent)) {
    let mut event = UsageEvent::from(linked.event().unwrap());
    how(&mut event);
    *linked = Linked::new(&event, linked.hash());
}
