use serde_json::json;

use super::*;

#[test]
fn a_refusal_is_believed_under_its_own_id_and_key_alone() {
    let key = |byte| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
    let id = "01KB7V5Q9Z3T8M2N4P6R8S0TVW";
    let text = json!({ "id": id, "denial": "rate_limited" });
    let value = seal(&key(1), id, &serde_json::to_vec(&text).unwrap());
    assert_eq!(open(&key(1), id, &value), Some(text));
    assert_eq!(open(&key(2), id, &value), None);
    assert_eq!(open(&key(1), "01KB7V5Q9Z3T8M2N4P6R8S0TVX", &value), None);
    for at in [0, MAC, value.len() - 1] {
        let mut other = value.clone();
        other[at] ^= 1;
        assert_eq!(open(&key(1), id, &other), None, "{at}");
        assert_eq!(open(&key(1), id, &value[..at]), None, "{at}");
    }
}
