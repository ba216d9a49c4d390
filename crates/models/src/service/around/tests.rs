use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use tower_service::Service as _;

use super::{called, decoded, query_params};

#[tokio::test]
async fn a_call_that_breaks_is_told_and_ends_no_connection() {
    let broken = || async {
        tokio::task::yield_now().await;
        if true {
            panic!("no such thing");
        }
    };
    let mut router = Router::new().route("/broken", get(broken)).route("/whole", get(async || "whole"));
    let request = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    let broke = called(router.call(request("/broken"))).await.unwrap_err().to_string();
    assert!(broke.starts_with("no such thing ("), "{broke}");
    assert_eq!(called(router.call(request("/whole"))).await.unwrap().status(), 200);
}

#[test]
fn the_log_shows_no_parameter_that_could_be_a_secret() {
    let check = |query: &str, expected: &str| {
        assert_eq!(query_params(&format!("/x?{query}").parse().unwrap()), expected, "{query}");
    };
    check("page=1&api_key=secret&size=2", "page=1&api_key=***&size=2");
    check("", "");
    check("flag&&x=", "flag&x=***");
}

#[test]
fn paths_are_read_without_their_percent_signs() {
    let check = |text: &str, expected: &str| assert_eq!(decoded(text), expected, "{text}");
    check("/ml/%24train", "/ml/$train");
    check("/%2", "/%2");
    check("/%zz%41", "/%zzA");
}
