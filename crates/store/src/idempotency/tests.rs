use serde_json::{Value as Json, json};
use tollgate_core::credential::api_key_text::{Environment, make};

use super::has_api_key;

#[test]
fn an_api_key_is_found_wherever_it_is() {
    let key = make(Environment::Live, [7; 32]);
    let check = |body: Json, expected: bool| assert_eq!(has_api_key(&body), expected, "{body}");
    check(json!({ "api_key": key }), true);
    check(json!([{ "a": [key] }]), true);
    check(json!(key), true);
    check(json!({ "prefix": &key[..12], "key_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "n": 1 }), false);
}
