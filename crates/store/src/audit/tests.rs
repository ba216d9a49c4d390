use jiff::Timestamp;

use super::{Link, hash};

fn link() -> Link {
    Link {
        seq: 7,
        at: Timestamp::from_second(1_700_000_000).unwrap(),
        actor: "init".to_owned(),
        action: "account.create".to_owned(),
        object: "a".to_owned(),
        account: None,
        before: None,
        after: Some("{}".to_owned()),
        previous: [1; 32],
    }
}

#[test]
fn the_hash_covers_every_part() {
    let check = |change: fn(&mut Link)| {
        let mut other = link();
        change(&mut other);
        assert_ne!(hash(&other), hash(&link()));
    };
    check(|link| link.seq = 8);
    check(|link| link.at = Timestamp::UNIX_EPOCH);
    check(|link| link.actor.push('x'));
    check(|link| link.action.push('x'));
    check(|link| link.object.push('x'));
    check(|link| link.account = Some("01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()));
    check(|link| link.before = Some(String::new()));
    check(|link| link.after = None);
    check(|link| link.previous[31] = 0);
    // The same letters, cut elsewhere.
    check(|link| (link.actor, link.action) = ("initaccount".to_owned(), ".create".to_owned()));
}

#[test]
fn the_hash_is_the_same_for_ever() {
    // Computed by other means, from the words of `hash`.
    let expected = "e57ca998e065bdb21b8813887036efff9f55566f4643e587cd4acba1748256cc";
    assert_eq!(hex::encode(hash(&link())), expected);
}
