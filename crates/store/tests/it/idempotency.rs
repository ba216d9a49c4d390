use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tollgate_core::credential::Digest;
use tollgate_store::{Actor, Answer, IdempotencyKey, Scope, Store};

use crate::harness::{actor, at, for_each_store, name};

fn key(caller: &str, key: &str, request: &str) -> IdempotencyKey {
    IdempotencyKey::new(&Actor::new(caller).unwrap(), key, Digest::of(request.as_bytes())).unwrap()
}

/// Makes an account unless the request came before; the answer, or why there is none.
async fn make(store: &Store, key: &IdempotencyKey, text: &str, now: Timestamp) -> String {
    let mut change = store.change(&actor(), now).await.unwrap();
    match change.replayed(key).await {
        Err(error) => return error.to_string(),
        Ok(Some(answer)) => return format!("again {} {}", answer.status, answer.body),
        Ok(None) => {}
    }
    let made = change.create_account(Scope::All, name(text)).await.unwrap();
    let answer = Answer { status: 201, body: json!({ "name": made.name.as_str() }) };
    change.remember(key, &answer).await.unwrap();
    change.commit().await.unwrap();
    "made".to_owned()
}

#[test]
fn a_request_that_comes_twice_is_done_once() {
    for_each_store(async |store, _| {
        let once = key("anna", "k1", "request a");
        assert_eq!(make(&store, &once, "a", at(0)).await, "made");
        assert_eq!(make(&store, &once, "a", at(5)).await, r#"again 201 {"name":"a"}"#);
        let other = key("anna", "k1", "request b");
        assert_eq!(
            make(&store, &other, "b", at(5)).await,
            "this idempotency key was used with another request"
        );
        // Another caller's key is another key.
        assert_eq!(make(&store, &key("bert", "k1", "request b"), "b", at(5)).await, "made");
        let next_day = at(0) + SignedDuration::from_hours(24);
        assert_eq!(make(&store, &key("anna", "k1", "request c"), "c", next_day).await, "made");
        assert_eq!(store.prune_idempotency(next_day + SignedDuration::from_hours(1)).await.unwrap(), 1);
        assert_eq!(
            make(&store, &key("anna", "k1", "request c"), "c", next_day).await,
            r#"again 201 {"name":"c"}"#
        );
    });
}

#[test]
fn parallel_copies_of_a_request_do_one_thing() {
    for_each_store(async |store, _| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            tasks.spawn(async move { make(&store, &key("anna", "k", "r"), "a", at(0)).await });
        }
        let results = tasks.join_all().await;
        assert_eq!(results.iter().filter(|result| *result == "made").count(), 1, "{results:?}");
        assert_eq!(results.iter().filter(|result| result.starts_with("again 201")).count(), 7, "{results:?}");
    });
}

#[test]
fn keys_and_answers_have_bounds() {
    for_each_store(async |store, _| {
        let check = |text: &str, expected: bool| {
            assert_eq!(IdempotencyKey::new(&actor(), text, Digest::of(b"")).is_ok(), expected, "{text}");
        };
        check(&"x".repeat(255), true);
        check(&"x".repeat(256), false);
        check("", false);
        check("a\0b", false);
        let mut change = store.change(&actor(), at(0)).await.unwrap();
        let secret = tollgate_core::credential::api_key_text::make(
            tollgate_core::credential::api_key_text::Environment::Live,
            [1; 32],
        );
        let answer = Answer { status: 201, body: json!({ "api_key": secret }) };
        let why = change.remember(&key("a", "k", "r"), &answer).await.unwrap_err().to_string();
        assert_eq!(why, "`answer` still has the API key");
    });
}
