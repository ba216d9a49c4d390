use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::usage::chain::Head;
use tollgate_core::usage::{Closing, Intent, Measure, Outcome, StreamId, UsageEvent};
use tollgate_store::Scope;
use ulid::Ulid;

use super::plane::{BOOTSTRAP, NONE, Plane, name, on_each_store};

/// Books calls: so many minutes ago, of which account, by which consumer, of which model, with how many tokens.
async fn book(plane: &Plane, calls: &[(i64, &str, &str, Option<&str>, u64)]) {
    let stream = StreamId { boot: Ulid(1), number: 0 };
    let (mut head, mut linked) = (Head::default(), Vec::new());
    for (number, (ago, account, consumer, model, tokens)) in calls.iter().enumerate() {
        let time = plane.now().as_microsecond() - ago * 60_000_000;
        let id = plane.store().account_named(Scope::All, &name(account)).await.unwrap().id.to_string();
        let intent = Intent {
            id: Ulid::from_parts(u64::try_from(time / 1000).unwrap(), number as u128),
            time_micros: u64::try_from(time).unwrap(),
            node: "gate-1",
            account: Some(*account),
            account_id: Some(&*id),
            consumer: Some(*consumer),
            credential: Some("key-1"),
            route: "chat",
            model: *model,
            method: "POST",
            path: "/chat",
            client_request_id: None,
            tier: None,
        };
        let closing = Closing::unknown(Outcome::Served);
        let measures = closing.measures.with(Measure::TokensOut, *tokens);
        let closing = Closing { status: Some(200), duration_ms: 10, measures, ..closing };
        let event = UsageEvent::of(stream, head.seq + 1, &intent, &closing);
        let next = head.followed_by(&event);
        head = next.head();
        linked.push(next);
    }
    plane.store().book(&linked, &[], plane.now()).await.unwrap();
}

/// Two accounts, four calls; the key of the first account.
async fn two_accounts(plane: &Plane) -> String {
    let key = plane.owner("one", &["usage:read"]).await;
    plane.owner("two", &[]).await;
    plane.clock.advance(Duration::from_secs(30));
    let calls = [
        (1500, "one", "a", Some("small"), 1),
        (90, "one", "a", Some("small"), 2),
        (80, "one", "b", None, 4),
        (0, "two", "c", Some("large"), 8),
    ];
    book(plane, &calls).await;
    key
}

/// The groups of an answer: the members that `by` names, and the tokens.
fn groups(answer: &Value, by: &[&str]) -> Vec<Value> {
    let group = |item: &Value| {
        let mut group: Vec<Value> = by.iter().map(|member| item[*member].clone()).collect();
        group.push(item["measures"]["tokens_out"].clone());
        Value::Array(group)
    };
    answer["items"].as_array().unwrap().iter().map(group).collect()
}

#[test]
fn sums_are_told_apart_as_asked() {
    on_each_store(async |plane| {
        two_accounts(plane).await;
        let check = async |query: &str, by: &[&str], expected: Value| {
            let answer = plane.does("GET", &format!("/api/v1/usage?{query}"), NONE, 200).await;
            assert_eq!(Value::Array(groups(&answer, by)), expected, "{query}");
            answer
        };
        // The last 24 hours, unless told otherwise.
        let answer = check("", &[], json!([[14]])).await;
        assert_eq!(answer["as_of"], plane.now().to_string());
        assert_eq!((&answer["next"], &answer["items"][0]["events"]), (&NONE, &json!(3)));
        assert_eq!(answer["items"][0]["duration_ms"], json!({ "sum": 30, "p50": 10, "p95": 10, "p99": 10 }));
        assert_eq!(answer["items"][0]["quality"], json!({ "reported": 3, "counted": 0, "estimated": 0 }));
        assert!(answer["items"][0].get("consumer").is_none());
        check("by=consumer", &["consumer"], json!([["a", 2], ["b", 4], ["c", 8]])).await;
        check(
            "by=model,status",
            &["model", "status"],
            json!([[null, 200, 4], ["large", 200, 8], ["small", 200, 2]]),
        )
        .await;
        check("by=key,outcome&model=small", &["credential", "outcome"], json!([["key-1", "served", 2]]))
            .await;
        check("by=day&from=2027-01-14T00:00:00Z", &["day"], json!([["2027-01-14", 1], ["2027-01-15", 14]]))
            .await;
        check(
            "by=day&zone=Asia/Tokyo&from=2027-01-14T00:00:00Z&to=2027-01-16T00:00:00Z",
            &["day"],
            json!([["2027-01-14", 1], ["2027-01-15", 14]]),
        )
        .await;
        check("by=hour&consumer=b", &["hour"], json!([["2027-01-15T06:00:00Z", 4]])).await;
        check("by=account", &["account"], json!([["one", 6], ["two", 8]])).await;
        check("key=key-1", &[], json!([[14]])).await;
        check("key=key-2", &[], json!([])).await;
        check("outcome=cancelled", &[], json!([])).await;
    });
}

#[test]
fn pages_of_sums_are_walked() {
    on_each_store(async |plane| {
        two_accounts(plane).await;
        for by in ["consumer", "minute,consumer", "hour,consumer", "consumer,day"] {
            let path = format!("/api/v1/usage?by={by}&from=2027-01-13T00:00:00Z");
            let whole = plane.does("GET", &path, NONE, 200).await;
            let (mut walked, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = plane.does("GET", &format!("{path}&limit=1{cursor}"), NONE, 200).await;
                walked.extend(page["items"].as_array().unwrap().clone());
                match page["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(json!(walked), whole["items"], "{by}");
        }
    });
}

#[test]
fn an_account_sees_its_own_usage_alone() {
    on_each_store(async |plane| {
        let key = two_accounts(plane).await;
        let answer = plane.call("GET", "/api/v1/usage?by=account").key(&key).answers(200).await.body();
        assert_eq!(groups(&answer, &["account"]), [json!(["one", 6])]);
        let other = plane.call("GET", "/api/v1/usage?account=two").key(&key).answers(200).await.body();
        assert_eq!(other["items"], json!([]));
        let events = plane.call("GET", "/api/v1/usage/events").key(&key).answers(200).await.body();
        let consumers: Vec<&Value> =
            events["items"].as_array().unwrap().iter().map(|event| &event["consumer"]).collect();
        assert_eq!(consumers, ["a", "b"]);
        let all = plane.does("GET", "/api/v1/usage/events", NONE, 200).await;
        for event in all["items"].as_array().unwrap() {
            let path = format!("/api/v1/usage/events/{}", event["id"].as_str().unwrap());
            assert_eq!(plane.does("GET", &path, NONE, 200).await, *event);
            let own = event["account"] == "one";
            plane.call("GET", path).key(&key).answers(if own { 200 } else { 404 }).await;
        }
        for none in ["01BX5ZZKBKACTAV9WEVGEMMVRZ", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "none"] {
            plane.does("GET", &format!("/api/v1/usage/events/{none}"), NONE, 404).await;
        }
    });
}

#[test]
fn events_are_listed_in_pages() {
    on_each_store(async |plane| {
        two_accounts(plane).await;
        let path = "/api/v1/usage/events?from=2027-01-13T00:00:00Z&limit=3";
        let first = plane.does("GET", path, NONE, 200).await;
        assert_eq!(first["items"].as_array().unwrap().len(), 3);
        let next = first["next"].as_str().unwrap();
        let second = plane.does("GET", &format!("{path}&cursor={next}"), NONE, 200).await;
        assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &NONE));
        let event = &second["items"][0];
        assert_eq!(
            (&event["account"], &event["model"], &event["seq"]),
            (&json!("two"), &json!("large"), &json!(4))
        );
        // The document knows every member.
        let document = crate::admin::openapi();
        let known = &document["components"]["schemas"]["UsageEvent"];
        for member in event.as_object().unwrap().keys() {
            assert!(known["properties"].get(member).is_some(), "{member}");
        }
        for member in known["required"].as_array().unwrap() {
            assert!(event.get(member.as_str().unwrap()).is_some(), "{member}");
        }
        let few =
            plane.does("GET", "/api/v1/usage/events?consumer=b&status=200&outcome=served", NONE, 200).await;
        assert_eq!(few["items"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn an_event_that_comes_with_other_content_is_an_alarm_for_admins() {
    on_each_store(async |plane| {
        two_accounts(plane).await;
        assert_eq!(plane.does("GET", "/api/v1/usage/alarms", NONE, 200).await["items"], json!([]));
        book(plane, &[(5, "one", "a", None, 99), (4, "one", "a", None, 99)]).await;
        let alarms = plane.does("GET", "/api/v1/usage/alarms?limit=1", NONE, 200).await;
        let alarm = &alarms["items"][0];
        assert_eq!(
            (&alarm["kind"], &alarm["seq"], &alarm["last"]),
            (&json!("changed"), &json!(1), &json!(1))
        );
        assert_eq!(alarm["at"], plane.now().to_string());
        let message = format!(
            "event 1 of `{}` (`{}`) came with other content",
            alarm["stream"].as_str().unwrap(),
            alarm["event"].as_str().unwrap()
        );
        assert_eq!(alarm["message"], message);
        let next = alarms["next"].as_str().unwrap();
        let rest = plane.does("GET", &format!("/api/v1/usage/alarms?cursor={next}"), NONE, 200).await;
        assert_eq!((&rest["items"][0]["seq"], &rest["next"]), (&json!(2), &NONE));
    });
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    on_each_store(async |plane| {
        for (query, field) in [
            ("usage?by=color", "by"),
            ("usage?by=day,hour", "by"),
            ("usage?by=model,model", "by"),
            ("usage?by=key,credential", "by"),
            ("usage?from=yesterday", "from"),
            ("usage?from=2027-01-01T00:00:01Z", "from"),
            ("usage?from=2999-01-02T00:00:00Z", "from"),
            ("usage?from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z", "to"),
            ("usage?zone=Moon/Sea", "zone"),
            ("usage?by=day&zone=Asia/Kolkata&from=0001-01-01T00:00:00Z", "from"),
            ("usage?outcome=lost", "outcome"),
            ("usage?status=x", "status"),
            ("usage?limit=0", "limit"),
            ("usage?limit=1001", "limit"),
            ("usage?cursor=x", "cursor"),
            ("usage?colour=red", "colour"),
            ("usage/events?from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z", "to"),
            ("usage/events?by=day", "by"),
            ("usage/events?cursor=x", "cursor"),
            ("usage/events?limit=0", "limit"),
            ("usage/alarms?cursor=x", "cursor"),
            ("usage/alarms?limit=0", "limit"),
        ] {
            let path = format!("/api/v1/{query}");
            let answer = plane.call("GET", path).key(BOOTSTRAP).answers(422).await;
            assert_eq!(answer.problem().1, field, "{query}: {}", answer.text);
        }
    });
}

#[test]
fn quotas_take_up_what_is_booked() {
    on_each_store(async |plane| {
        for (consumer, tier) in [("c", "metered"), ("d", "metered"), ("e", "free")] {
            plane.does("POST", "/api/v1/consumers", json!({ "name": consumer, "tier": tier }), 201).await;
            let key = json!({ "name": consumer, "consumer": consumer });
            let key = plane.does("POST", "/api/v1/keys", key, 201).await["key_id"].clone();
            // Calls of other gateways count towards no quota.
            let path = format!("/api/v1/usage/{}", key.as_str().unwrap());
            let call = json!({ "endpoint": "/x", "response_time_ms": 1, "status_code": 200 });
            plane.does("POST", &path, call, 200).await;
        }
        let (minute, day) = (1, 1440);
        // The month is 14 days old.
        book(
            plane,
            &[
                (20 * day, "c", "c", None, 1),
                (13 * day, "c", "c", Some("small"), 1),
                (minute, "c", "c", None, 1),
                (minute, "d", "d", None, 1),
            ],
        )
        .await;
        let taken_up = async |consumer: &str| {
            let path = format!("/api/v1/consumers/{consumer}/quota");
            let shown = plane.does("PATCH", &path, json!({ "booked": true }), 200).await;
            shown["items"].as_array().unwrap().iter().map(|item| item["used"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(taken_up("c").await, [2]);
        assert_eq!(taken_up("d").await, [1]);
        assert!(taken_up("e").await.is_empty());
        // What is counted already and not booked yet stays counted.
        plane.does("PATCH", "/api/v1/consumers/c/quota", json!({ "used": 7 }), 200).await;
        assert_eq!(taken_up("c").await, [7]);
    });
}
