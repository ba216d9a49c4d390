use serde_json::json;

use crate::harness::{CONFIG, NOTHING, on_each, serve};

#[test]
fn configurations_are_made_shown_replaced_and_removed() {
    on_each(async |client| {
        let body = json!({ "id": CONFIG, "name": "", "data": { "own": [1.50, null] }, "more": 1 });
        let reply = client.post("/api/v1/configs", body).await;
        assert_eq!(reply.status, 201);
        let path = format!("/api/v1/configs/{CONFIG}");
        assert_eq!(reply.header("location"), format!("http://models.test{path}"));
        let made = reply.json();
        let members: Vec<&String> = made.as_object().unwrap().keys().collect();
        assert_eq!(members, ["id", "created_at", "updated_at", "name", "data"]);
        // No zone, whole seconds.
        assert_eq!(made["created_at"].as_str().unwrap().len(), "2025-10-12T16:00:00".len());
        assert_eq!(client.get(&path).await.json(), made);
        // The same identifier again is written over.
        let again = client.post("/api/v1/configs", json!({ "id": CONFIG, "name": "b", "data": {} })).await;
        assert_eq!((again.status.as_u16(), again.json()["name"].as_str()), (201, Some("b")));
        let other = client.post("/api/v1/configs", json!({ "name": "c", "data": {} })).await.json();
        let all = client.get("/api/v1/configs").await.json();
        let names: Vec<&str> =
            all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["b", "c"]);
        let put = client.put(&path, json!({ "id": NOTHING, "name": "d", "data": { "x": 1 } })).await.json();
        assert_eq!((put["id"].as_str(), put["data"]["x"].as_i64()), (Some(CONFIG), Some(1)));
        assert_eq!(client.delete(&path).await.status, 204);
        assert_eq!(client.delete(&path).await.status, 404);
        assert_eq!(client.get("/api/v1/configs").await.json(), json!([other]));
        assert_eq!(client.get("/api/v1/configs/$stats").await.json(), json!({ "total": 1 }));
    });
}

#[test]
fn what_is_not_there_is_told_in_the_dialects_words() {
    serve(async |client| {
        let reply = client.get("/api/v1/configs/nope").await;
        let expected = json!({
            "type": "urn:chapkit:error:invalid-ulid", "title": "Invalid ULID Format", "status": 400,
            "detail": "Invalid ULID format: nope", "instance": "/api/v1/configs/nope",
        });
        assert_eq!((reply.status.as_u16(), reply.json()), (400, expected));
        let reply = client.get(&format!("/api/v1/configs/{NOTHING}")).await;
        let expected = json!({
            "type": "urn:chapkit:error:not-found", "title": "Resource Not Found", "status": 404,
            "detail": format!("Entity with id {NOTHING} not found"), "instance": format!("/api/v1/configs/{NOTHING}"),
        });
        assert_eq!((reply.status.as_u16(), reply.json()), (404, expected));
        // Small letters are no identifier here.
        assert_eq!(client.get(&format!("/api/v1/configs/{}", CONFIG.to_lowercase())).await.status, 400);
        assert_eq!(
            client
                .put(&format!("/api/v1/configs/{NOTHING}"), json!({ "name": "a", "data": {} }))
                .await
                .status,
            404
        );
    });
}

#[test]
fn lists_come_whole_or_by_pages() {
    on_each(async |client| {
        assert_eq!(client.get("/api/v1/configs").await.json(), json!([]));
        let count = 450;
        for number in 0..count {
            client.post("/api/v1/configs", json!({ "name": number.to_string(), "data": {} })).await;
        }
        // Longer than what is read at once, and exactly as long.
        for kept in [count, 400] {
            let all = client.get("/api/v1/configs").await.json();
            let all = all.as_array().unwrap();
            assert_eq!(all.len(), kept);
            assert!(all.iter().enumerate().all(|(at, one)| one["name"].as_str().unwrap().parse() == Ok(at)));
            for one in &all[400.min(kept)..] {
                client.delete(&format!("/api/v1/configs/{}", one["id"].as_str().unwrap())).await;
            }
        }
        let page = client.get("/api/v1/configs?page=2&size=150").await.json();
        assert_eq!(page["items"][0]["name"], "150");
        let rest = ["total", "page", "size", "pages"].map(|name| page[name].as_i64().unwrap());
        assert_eq!(rest, [400, 2, 150, 3]);
        assert_eq!(client.get("/api/v1/configs?page=9&size=150").await.json()["items"], json!([]));
        assert_eq!(
            client.get("/api/v1/configs?page=9223372036854775807&size=9").await.json()["items"],
            json!([])
        );
        // One alone asks for nothing.
        assert_eq!(client.get("/api/v1/configs?page=2").await.json().as_array().unwrap().len(), 400);
        let small = client.get("/api/v1/configs?page=0&size=1").await;
        let errors = "page: Input should be greater than or equal to 1";
        assert_eq!(small.json(), json!({ "detail": "Validation error", "errors": errors }));
        for wrong in ["page=0&size=1", "page=1&size=0", "page=x&size=1", "page=1&size="] {
            assert_eq!(client.get(&format!("/api/v1/configs?{wrong}")).await.status, 422, "{wrong}");
        }
    });
}

#[test]
fn artifacts_without_a_parent_are_linked() {
    serve(async |client| {
        client.config(json!({})).await;
        let make = async |body| {
            client.post("/api/v1/artifacts", body).await.json()["id"].as_str().unwrap().to_owned()
        };
        let root = make(json!({ "data": 1 })).await;
        let child = make(json!({ "data": 2, "parent_id": root })).await;
        let link = format!("/api/v1/configs/{CONFIG}/$link-artifact");
        let reply = client.post(&link, json!({ "artifact_id": child })).await;
        let detail = format!("Artifact {child} is not a root artifact (parent_id={root})");
        assert_eq!((reply.status.as_u16(), reply.json()), (400, json!({ "detail": detail })));
        assert_eq!(client.post(&link, json!({ "artifact_id": root })).await.status, 204);
        let linked = client.get(&format!("/api/v1/configs/{CONFIG}/%24artifacts")).await.json();
        assert_eq!(linked[0]["id"], *root);
        let config = client.get(&format!("/api/v1/artifacts/{child}/$config")).await.json();
        assert_eq!(config["id"], CONFIG);
        let unlink = format!("/api/v1/configs/{CONFIG}/$unlink-artifact");
        assert_eq!(client.post(&unlink, json!({ "artifact_id": root })).await.status, 204);
        assert_eq!(client.get(&format!("/api/v1/configs/{CONFIG}/$artifacts")).await.json(), json!([]));
        assert_eq!(client.get(&format!("/api/v1/configs/{NOTHING}/$artifacts")).await.json(), json!([]));
        assert_eq!(client.get(&format!("/api/v1/artifacts/{child}/$config")).await.status, 404);
    });
}
