use std::sync::Arc;
use std::time::Duration;

use super::{Directory, Found, Kept, Known, Loaded, Lookup};
use crate::credential::{Credential, Credentials, Digest, Life, Proof};
use crate::fixtures::{at, consumer, credential};
use crate::time::Now;

const KEY: &[u8] = b"hk_live_x";

fn lookup() -> Lookup {
    Lookup::ApiKey(Digest::of(KEY))
}

fn ann(life: Life) -> Arc<Credential> {
    let made = credential(&consumer("ann", &[]), Proof::ApiKey(Digest::of(KEY)), None);
    let mut made = Arc::into_inner(made).unwrap();
    made.life = life;
    Arc::new(made)
}

/// What the directory says of the key, in a word.
#[track_caller]
fn check(directory: &Directory, now: Now, expected: &str) {
    let found = match directory.find(lookup().borrow(), now) {
        Found::Credential(credential) => credential.consumer.name.to_string(),
        Found::Gone => "gone".into(),
        Found::Nobody => "nobody".into(),
        Found::Ask(asked) => {
            assert_eq!(asked, lookup());
            "ask".into()
        }
    };
    assert_eq!(found, expected);
}

fn fresh() -> Directory {
    let directory = Directory::new(100);
    directory.extend(Duration::from_secs(1000));
    directory
}

#[test]
fn answers_are_remembered_until_they_change() {
    let directory = fresh();
    check(&directory, at(1), "ask");
    directory.remember(directory.ask(), lookup(), &Kept::Credential(ann(Life::default())), None, at(1));
    check(&directory, at(1), "ann");
    directory.forget(|credential| credential.consumer.name.as_str() == "bob");
    check(&directory, at(1), "ann");
    directory.forget(|credential| credential.consumer.name.as_str() == "ann");
    check(&directory, at(1), "ask");
}

#[test]
fn that_there_is_nobody_is_remembered_for_a_minute_or_until_something_changes() {
    let directory = fresh();
    directory.remember(directory.ask(), lookup(), &Kept::Nothing, None, at(10));
    check(&directory, at(69), "nobody");
    check(&directory, at(70), "ask");
    directory.remember(directory.ask(), lookup(), &Kept::Nothing, None, at(70));
    directory.forget(|_| false);
    check(&directory, at(70), "ask");
}

#[test]
fn that_a_credential_is_gone_is_remembered_as_long() {
    let (directory, file) = (fresh(), Credentials::default());
    directory.remember(directory.ask(), lookup(), &Kept::Gone, None, at(10));
    check(&directory, at(69), "gone");
    let known = Known::new(&file, Some(&directory), "10.1.2.3".parse().unwrap(), at(69));
    assert!(known.has_api_key(&Digest::of(KEY)));
    check(&directory, at(70), "ask");
}

#[test]
fn an_answer_from_before_a_change_is_not_remembered() {
    let directory = fresh();
    let asked = directory.ask();
    directory.forget(|_| false);
    directory.remember(asked, lookup(), &Kept::Credential(ann(Life::default())), None, at(1));
    check(&directory, at(1), "ask");
    directory.remember(asked, lookup(), &Kept::Nothing, None, at(1));
    check(&directory, at(1), "ask");
}

#[test]
fn nothing_counts_for_long_without_word_from_the_source() {
    let directory = fresh();
    directory.remember(directory.ask(), lookup(), &Kept::Credential(ann(Life::default())), None, at(1));
    check(&directory, at(999), "ann");
    check(&directory, at(1000), "ask");
    directory.extend(Duration::from_secs(2000));
    check(&directory, at(1000), "ann");
}

#[test]
fn a_verdict_counts_for_its_time_whether_or_not_the_store_is_heard() {
    let directory = Directory::new(100);
    let verdict = Kept::Credential(ann(Life::default()));
    directory.remember(directory.ask(), lookup(), &verdict, Some(Duration::from_secs(300)), at(1));
    check(&directory, at(300), "ann");
    check(&directory, at(301), "ask");
}

#[test]
fn guesses_push_no_credential_out() {
    let directory = fresh();
    directory.remember(directory.ask(), lookup(), &Kept::Credential(ann(Life::default())), None, at(1));
    for guess in 0..10_000_u32 {
        let guess = Lookup::ApiKey(Digest::of(&guess.to_be_bytes()));
        directory.remember(directory.ask(), guess, &Kept::Nothing, None, at(1));
    }
    check(&directory, at(1), "ann");
    assert_eq!(directory.len(), 1);
}

#[test]
fn when_and_from_where_it_counts_is_judged_on_every_hit() {
    let directory = fresh();
    let networks: Box<[_]> = ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()].into();
    let life = Life { ends: Some(50), networks };
    directory.remember(directory.ask(), lookup(), &Kept::Credential(ann(life)), None, at(1));
    let file = Credentials::default();
    for (client, second, is_known) in [
        ("10.1.2.3", 49, true),
        ("10.1.2.3", 50, false),
        ("11.1.2.3", 49, false),
        ("2001:db8::1", 49, true),
        ("2001:db9::1", 49, false),
    ] {
        let known = Known::new(&file, Some(&directory), client.parse().unwrap(), at(second));
        let found = known.api_key(&Digest::of(KEY));
        assert_eq!(matches!(found, Found::Credential(_)), is_known, "{client} {second}");
        assert_eq!(matches!(found, Found::Gone), !is_known, "{client} {second}");
        // It is still a credential of ours, and no upstream's business.
        assert!(known.has_api_key(&Digest::of(KEY)));
    }
    let over = ann(Life::default());
    over.revoke();
    assert!(!over.holds("10.1.2.3".parse().unwrap(), at(0)));
}

#[test]
fn the_answer_to_a_request_s_own_question_counts_for_it() {
    let (file, directory) = (Credentials::default(), fresh());
    let known = Known::new(&file, Some(&directory), "10.1.2.3".parse().unwrap(), at(1));
    assert!(matches!(known.jwt("joe"), Found::Ask(Lookup::Jwt(name)) if &*name == "joe"));
    let loaded = Loaded { lookup: lookup(), kept: Kept::Credential(ann(Life::default())) };
    assert!(matches!(known.with(&loaded).api_key(&Digest::of(KEY)), Found::Credential(_)));
    assert!(matches!(known.with(&loaded).api_key(&Digest::of(b"other")), Found::Ask(_)));
    let loaded = Loaded { lookup: lookup(), kept: Kept::Nothing };
    assert!(matches!(known.with(&loaded).api_key(&Digest::of(KEY)), Found::Nobody));
    let loaded = Loaded { lookup: lookup(), kept: Kept::Gone };
    assert!(matches!(known.with(&loaded).api_key(&Digest::of(KEY)), Found::Gone));
    assert!(known.with(&loaded).has_api_key(&Digest::of(KEY)));
    // Without a directory nobody is asked.
    let known = Known::new(&file, None, "10.1.2.3".parse().unwrap(), at(1));
    assert!(matches!(known.hawk("dh"), Found::Nobody));
}
