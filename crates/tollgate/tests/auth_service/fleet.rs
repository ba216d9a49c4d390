//! Gates of one fleet before one auth service: what one was told, the others know.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate::shared::Shared;
use tollgate_core::credential::Digest;

use super::server::Redis;
use super::service::{Answer, Fake};
use super::{Gate, known};

const KEY: &str = "hk_live_0123456789abcdef";

/// A gate that has found Redis.
async fn gate(fake: &Fake, redis: &Redis, settings: &str) -> Gate {
    let (url, key) = (redis.url(), "k".repeat(32));
    let more = format!("shared: {{ url: \"{url}\", key: {key} }}\nadmin: {{ listen: 127.0.0.1:0 }}\n");
    let gate = Gate::start_with(fake, settings, &more).await;
    let found = async {
        while !shared(&gate).is_up() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
    gate
}

fn shared(gate: &Gate) -> &Shared {
    gate.server.as_ref().unwrap().gate().shared.as_ref().unwrap()
}

/// A number that the gate tells Prometheus.
async fn metric(gate: &Gate, name: &str) -> u64 {
    let address = gate.server.as_ref().unwrap().control_addresses().admin.unwrap();
    let answer = gate.client.get(format!("http://{address}/metrics")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn asked(fake: &Fake) -> usize {
    fake.seen("/api/v1/keys/validate").len()
}

/// Keys and values of the gates' shared answers.
fn answers(redis: &Redis) -> Vec<(String, Vec<u8>)> {
    let mut connection = redis.connection();
    let names: Vec<String> = redis::cmd("KEYS").arg("tollgate:answer:*").query(&mut connection).unwrap();
    let value = |name: String| {
        let value = redis::cmd("GET").arg(&name).query(&mut connection).unwrap();
        (name, value)
    };
    names.into_iter().map(value).collect()
}

#[tokio::test]
async fn a_verdict_is_asked_for_once_and_grows_no_older_on_its_way() {
    let (fake, redis) = (Fake::start().await, Redis::start());
    fake.validate(known());
    let [one, other] = [gate(&fake, &redis, "").await, gate(&fake, &redis, "").await];
    let after = |seconds| {
        for gate in [&one, &other] {
            gate.clock.advance(Duration::from_secs(seconds));
        }
    };
    assert_eq!(one.ask("/x", KEY).await.0, 200);
    assert_eq!(asked(&fake), 1);
    after(200);
    assert_eq!(other.ask("/x", KEY).await.0, 200);
    assert_eq!(other.ask("/scoped", KEY).await.0, 403, "scopes came with it");
    assert_eq!(asked(&fake), 1, "the other gate asks nobody");
    for (name, count) in [
        ("tollgate_shared_up", 1),
        ("tollgate_shared_questions_total{what=\"verdicts\"}", 1),
        ("tollgate_shared_verdicts_found_total", 1),
        ("tollgate_shared_verdicts_forged_total", 0),
        ("tollgate_shared_alone_total{what=\"rates\"}", 0),
        ("tollgate_shared_lost_total", 0),
    ] {
        assert_eq!(metric(&other, name).await, count, "{name}");
    }
    assert_eq!(fake.seen("/x")[1].consumer.as_deref(), Some("u@example.org"));
    after(99);
    assert_eq!(other.ask("/x", KEY).await.0, 200);
    assert_eq!(asked(&fake), 1);
    // Five minutes after the service gave it, not after the other gate heard it.
    after(1);
    assert_eq!(other.ask("/x", KEY).await.0, 200);
    assert_eq!(asked(&fake), 2);
    assert_eq!(one.ask("/x", KEY).await.0, 200);
    assert_eq!(asked(&fake), 2, "and back");

    // What the service refuses is each gate's own to ask: a new key is kept out by nobody else's memory.
    fake.validate(Answer::json(401, &json!({})));
    assert_eq!(one.ask("/x", "hk_live_new").await.0, 401);
    fake.validate(known());
    assert_eq!(other.ask("/x", "hk_live_new").await.0, 200);
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn redis_holds_no_key_and_nothing_to_find_one_by() {
    let (fake, redis) = (Fake::start().await, Redis::start());
    fake.validate(known());
    let gate = gate(&fake, &redis, "").await;
    assert_eq!(gate.ask("/x", KEY).await.0, 200);
    let mut connection = redis.connection();
    let names: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    let mut all = names.concat();
    for name in &names {
        // Every kind of value.
        all.extend(redis::cmd("DUMP").arg(name).query::<Vec<u8>>(&mut connection).unwrap());
    }
    for (_, value) in answers(&redis) {
        // As it is: a dump may have it compressed.
        all.extend(value);
    }
    let digest = Digest::of(KEY.as_bytes()).0;
    assert!(all.windows(13).any(|part| part == b"u@example.org"), "the verdict itself is there");
    for secret in [KEY.as_bytes(), &digest[..], hex::encode(digest).as_bytes()] {
        assert!(!all.windows(secret.len()).any(|part| part == secret));
    }
    gate.stop().await;
}

#[tokio::test]
async fn who_writes_to_redis_becomes_nobody() {
    let (fake, redis) = (Fake::start().await, Redis::start());
    fake.validate(known());
    let [one, other] = [gate(&fake, &redis, "").await, gate(&fake, &redis, "").await];
    assert_eq!(one.ask("/x", KEY).await.0, 200);
    let [(name, good)] = &answers(&redis)[..] else { panic!("one answer is shared") };
    let write = |name: &str, value: &[u8]| {
        redis::cmd("SET").arg(name).arg(value).exec(&mut redis.connection()).unwrap();
    };
    let forged = |gate: &Gate| shared(gate).counts().verdicts_forged.load(Relaxed);

    let text = String::from_utf8_lossy(good).replace("u@example.org", "v@example.org");
    write(name, text.as_bytes());
    assert_eq!(other.ask("/x", KEY).await.0, 200);
    assert_eq!((asked(&fake), forged(&other)), (2, 1));
    assert_eq!(fake.seen("/x")[1].consumer.as_deref(), Some("u@example.org"));

    // One key's verdict in the place of another's, which the service does not know.
    assert_eq!(one.ask("/x", "hk_live_second").await.0, 200);
    let second = answers(&redis).into_iter().find(|(other, _)| other != name).unwrap().0;
    write(&second, good);
    fake.validate(Answer::json(401, &json!({})));
    assert_eq!(other.ask("/x", "hk_live_second").await.0, 401);
    assert_eq!((asked(&fake), forged(&other)), (4, 2));
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_frozen_redis_is_passed_by() {
    let (fake, redis) = (Fake::start().await, Redis::start());
    fake.validate(known());
    let gate = gate(&fake, &redis, ", debit: off, report: off").await;
    redis.freeze();
    let began = Instant::now();
    for name in ["one", "two", "three", "four", "five", "six", "seven", "eight"] {
        assert_eq!(gate.ask("/x", name).await.0, 200, "{name}");
    }
    // One answer of Redis is waited for, for 200 ms; the rest is for a busy machine.
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(asked(&fake), 8);
    redis.thaw();
    gate.stop().await;
}

#[tokio::test]
async fn a_refused_charge_takes_the_verdict_back() {
    let (fake, redis) = (Fake::start().await, Redis::start());
    fake.validate(known());
    let [one, other] = [gate(&fake, &redis, "").await, gate(&fake, &redis, "").await];
    assert_eq!(one.ask("/x", KEY).await.0, 200);
    fake.debit(Answer::json(402, &json!({})));
    assert_eq!(other.ask("/x", KEY).await.0, 402);
    assert!(answers(&redis).is_empty());
    fake.validate(Answer::json(401, &json!({})));
    assert_eq!(other.ask("/x", KEY).await.0, 401, "the service is asked anew");
    assert_eq!(asked(&fake), 2);
    one.stop().await;
    other.stop().await;
}
