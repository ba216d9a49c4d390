use super::{Binding, Plaintext, SealingKey, SealingKeys};
use crate::credentials::{Kind, Secret};

fn keys(ids: &[(&str, u8)]) -> SealingKeys {
    let keys = ids.iter().map(|(id, byte)| SealingKey::new(id, &[*byte; 32]).unwrap()).collect();
    SealingKeys { keys }
}

fn binding() -> Binding {
    Binding {
        account: "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        credential: "01BX5ZZKBKACTAV9WEVGEMMVRZ".parse().unwrap(),
        kind: Kind::Hawk,
    }
}

#[test]
fn what_is_sealed_opens_where_it_belongs() {
    let sealed = keys(&[("k1", 1)]).seal(binding(), &Plaintext::new("s3cret")).unwrap();
    let check = |keys: &SealingKeys, binding: Binding, expected: &str| {
        let found = match keys.open(binding, &sealed) {
            Ok(plaintext) => String::from_utf8(plaintext.expose().to_vec()).unwrap(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{found}");
    };
    check(&keys(&[("k1", 1)]), binding(), "s3cret");
    check(&keys(&[("k2", 2), ("k1", 1)]), binding(), "s3cret");
    check(&keys(&[("k1", 2)]), binding(), "does not open");
    check(&keys(&[("k2", 1)]), binding(), "under the sealing key `k1`");
    let other = Binding { kind: Kind::Jwt, ..binding() };
    check(&keys(&[("k1", 1)]), other, "does not open");
    let other = Binding { account: "01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap(), ..binding() };
    check(&keys(&[("k1", 1)]), other, "does not open");
    let other = Binding { credential: "01BX5ZZKBKACTAV9WEVGEMMVRY".parse().unwrap(), ..binding() };
    check(&keys(&[("k1", 1)]), other, "does not open");
}

#[test]
fn every_bit_counts() {
    let keys = keys(&[("k1", 1)]);
    let Secret::Sealed { key, bytes } = keys.seal(binding(), &Plaintext::new("s")).unwrap() else {
        unreachable!()
    };
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        keys.open(binding(), &Secret::Sealed { key: key.clone(), bytes }).unwrap_err();
    }
    for length in 0..bytes.len() {
        let bytes = bytes[..length].to_vec();
        keys.open(binding(), &Secret::Sealed { key: key.clone(), bytes }).unwrap_err();
    }
}

#[test]
fn the_same_secret_is_sealed_differently_each_time() {
    let keys = keys(&[("k1", 1)]);
    let seal = || keys.seal(binding(), &Plaintext::new("s")).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn nothing_shows_a_secret() {
    assert_eq!(format!("{:?}", Plaintext::new("s3cret")), "Plaintext(…)");
    assert_eq!(format!("{:?}", keys(&[("k1", 1)])), "[\"k1\"]");
}
