use super::*;

#[test]
fn an_entry_opens_for_its_lookup_in_its_time_alone() {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let other_key = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
    let (lookup, other) = (Digest::of(b"one"), Digest::of(b"two"));
    let entry = seal(&key, &lookup, b"ann", 100);
    let at = Duration::from_secs;
    let check = |key, lookup, entry: &[u8], now, expected: Result<u64, Unusable>| {
        let expected = expected.map(|life| (&b"ann"[..], at(life)));
        assert_eq!(open(key, lookup, entry, at(now)), expected);
    };
    let forged_entry = Err(Unusable::Forged);
    check(&key, &lookup, &entry, 40, Ok(60));
    check(&key, &lookup, &entry, 99, Ok(1));
    check(&key, &lookup, &entry, 100, Err(Unusable::Over));
    check(&key, &lookup, &entry, 101, Err(Unusable::Over));
    check(&key, &other, &entry, 99, forged_entry);
    check(&other_key, &lookup, &entry, 99, forged_entry);
    for at in 0..entry.len() {
        let mut forged = entry.clone();
        forged[at] ^= 1;
        check(&key, &lookup, &forged, 99, forged_entry);
        check(&key, &lookup, &entry[..at], 99, forged_entry);
    }
    check(&key, &lookup, &[&entry[..], b"a"].concat(), 99, forged_entry);
    assert_ne!(name(&key, &lookup), name(&other_key, &lookup));
    assert!(!name(&key, &lookup).contains(&hex::encode(lookup.0)));
}
