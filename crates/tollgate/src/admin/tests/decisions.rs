use std::time::Duration;

use serde_json::json;

use super::plane::{BOOTSTRAP, Plane, on_each_store};
use crate::decisions::{Decision, Mode, Outcome};

fn refuse(plane: &Plane, id: &str, consumer: Option<&str>) {
    plane.control.gate.decisions.record(Decision {
        id: id.into(),
        time: Duration::ZERO,
        outcome: Outcome::Denied,
        mode: Mode::Enforce,
        would: Outcome::Denied,
        denial: "scope_missing",
        status: 403,
        detail: "the credential lacks a scope".to_owned(),
        rule: None,
        counters: Vec::new(),
        retry_after: None,
        route: None,
        consumer: consumer.map(Into::into),
        credential: None,
        method: None,
        path: None,
        client: [192, 0, 2, 7].into(),
    });
}

#[test]
fn a_refusal_is_explained_to_whose_consumer_it_was() {
    on_each_store(async |plane| {
        plane.does("POST", "/api/v1/consumers", json!({ "name": "shop" }), 201).await;
        plane.unreserve().await;
        let scope = ["config:read"];
        let (shop, filed, other) = (
            plane.owner("shop", &scope).await,
            plane.owner("filed", &scope).await,
            plane.owner("other", &scope).await,
        );
        let cases = [
            ("01A", Some("shop"), [200, 200, 404, 404]),
            ("01B", Some("declared"), [200, 404, 200, 404]),
            ("01C", Some("user of a service"), [200, 404, 404, 404]),
            ("01D", None, [200, 404, 404, 404]),
        ];
        for (id, consumer, statuses) in cases {
            refuse(plane, id, consumer);
            for (key, status) in [BOOTSTRAP, &shop, &filed, &other].into_iter().zip(statuses) {
                let answer =
                    plane.call("GET", format!("/api/v1/decisions/{id}")).key(key).answers(status).await;
                match status {
                    200 => assert_eq!(answer.body()["denial"], "scope_missing"),
                    _ => {
                        let unknown = plane.call("GET", "/api/v1/decisions/01X").key(key).answers(404).await;
                        assert_eq!(answer.body()["detail"], unknown.body()["detail"]);
                    }
                }
            }
        }
    });
}
