use tollgate_store::{Kind, Lookup, NewConsumer, NewCredential, NewProof, Reservations, Scope};

use crate::credentials::lookup;
use crate::harness::{api_key, change, consumer, for_each_store, name, refusal};

#[test]
fn what_a_file_declares_is_taken() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let mut file = Reservations::default();
        file.account(&name("filed"));
        file.consumer(&name("filed"));
        file.credential(Kind::ApiKey, &lookup("in the file"));
        file.credential(Kind::Jwt, &Lookup::text("iss_filed").unwrap());
        assert!(store.reserve("gate", &file).await.unwrap().is_empty());
        assert!(store.reserve("gate", &file).await.unwrap().is_empty());
        let why = refusal(&store, async |c| c.create_account(Scope::All, name("filed")).await).await;
        assert_eq!(why, "the account `filed` is declared by the configuration file");
        let new = NewConsumer { account: c.account, name: name("filed"), tier: None, scopes: None };
        let why = refusal(&store, async |c| c.create_consumer(Scope::All, new).await).await;
        assert_eq!(why, "the consumer `filed` is declared by the configuration file");
        let new = || NewCredential::new(c.id, "k", NewProof::api_key("in the file"));
        let why = refusal(&store, async |c| c.create_credential(Scope::All, new()).await).await;
        assert_eq!(why, "this api_key is declared by the configuration file");
        // The same bytes as another kind are free, and what a file no longer declares is free.
        assert!(store.reserve("gate", &Reservations::default()).await.unwrap().is_empty());
        change(&store, async |c| c.create_credential(Scope::All, new()).await.unwrap()).await;
    });
}

#[test]
fn each_source_has_its_own() {
    for_each_store(async |store, _| {
        let mut file = Reservations::default();
        file.account(&name("filed"));
        store.reserve("one", &file).await.unwrap();
        store.reserve("two", &file).await.unwrap();
        store.reserve("one", &Reservations::default()).await.unwrap();
        refusal(&store, async |c| c.create_account(Scope::All, name("filed")).await).await;
    });
}

#[test]
fn a_file_gives_way_to_what_is_there() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        api_key(&store, &c, "one").await;
        let mut file = Reservations::default();
        file.consumer(&name("a"));
        file.consumer(&name("free"));
        file.credential(Kind::ApiKey, &lookup("one"));
        file.credential(Kind::Hawk, &Lookup::text("dh37").unwrap());
        let mut taken = store.reserve("gate", &file).await.unwrap();
        taken.sort_by(|a, b| a.kind.cmp(&b.kind));
        let told: Vec<_> = taken.iter().map(|taken| (taken.kind.as_str(), taken.name.as_deref())).collect();
        assert_eq!(told, [("api_key", None), ("consumer", Some("a"))]);
        // Nothing of it was reserved.
        consumer(&store, "free").await;
    });
}
