use std::collections::HashSet;

use super::*;

#[track_caller]
fn check(text: &str, expected: Recognised) {
    assert_eq!(recognise(text), expected, "{text}");
}

#[test]
fn the_checksum_is_the_published_crc_32() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc32(b""), 0);
}

#[test]
fn a_made_key_is_recognised_in_its_environment_only() {
    for environment in Environment::ALL {
        let key = make(environment, [0xA5; 32]);
        assert_eq!(key.len(), environment.prefix().len() + 40);
        check(&key, Recognised::Ours(environment));
        check(&key.replace(environment.prefix(), "hk_other_"), Recognised::Foreign);
    }
    // The check covers the prefix: a test key does not become a live one by renaming it.
    check(&make(Environment::Test, [7; 32]).replace("hk_test_", "hk_live_"), Recognised::Damaged);
}

#[test]
fn the_same_random_bits_make_the_same_key() {
    assert_eq!(make(Environment::Live, [0; 32]), "hk_live_00000000000000000000000000000000004fnyq5");
    let keys: HashSet<String> = (0..=255).map(|byte| make(Environment::Dev, [byte; 32])).collect();
    assert_eq!(keys.len(), 256);
}

#[test]
fn damage_is_seen() {
    let key = make(Environment::Live, [0x5A; 32]);
    for at in Environment::Live.prefix().len()..key.len() {
        let mut bytes = key.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        check(&String::from_utf8_lossy(&bytes), Recognised::Damaged);
    }
    check(&key[..key.len() - 1], Recognised::Damaged);
    check(&format!("{key}0"), Recognised::Damaged);
    check("hk_live_", Recognised::Damaged);
    check(&format!("hk_live_{}", "é".repeat(20)), Recognised::Damaged);
}

#[test]
fn other_texts_are_foreign() {
    for text in ["", "hk", "hk_prod_0", "sk_live_00", "HK_LIVE_00", " hk_live_0"] {
        check(text, Recognised::Foreign);
    }
}
