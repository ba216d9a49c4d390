use tollgate_core::credential::Digest;
use tollgate_store::{FileUse, Kind, Lookup};

use crate::harness::{at, for_each_place};

#[test]
fn the_last_use_of_what_a_file_declares_is_kept() {
    for_each_place(async |place| {
        let store = place.open().await;
        let text = |text: &str| Lookup::text(text).unwrap();
        let of = |kind, lookup: &Lookup, second| FileUse { kind, lookup: lookup.clone(), at: at(second) };
        // One lookup of two kinds is two credentials.
        let (shop, key) = (text("shop"), Lookup::digest(Digest::of(b"key")));
        let asked = [(Kind::Jwt, shop.clone()), (Kind::Hawk, shop.clone()), (Kind::ApiKey, key.clone())];
        assert_eq!(store.declared_use(&asked).await.unwrap(), []);

        let used = [of(Kind::Jwt, &shop, 7), of(Kind::ApiKey, &key, 5), of(Kind::Jwt, &shop, 3)];
        store.touch_declared(&used).await.unwrap();
        store.touch_declared(&[]).await.unwrap();
        // An earlier use is no news.
        store.touch_declared(&[of(Kind::ApiKey, &key, 4), of(Kind::Hawk, &text("other"), 9)]).await.unwrap();
        store.close().await;

        let store = place.open().await;
        let mut found = store.declared_use(&asked).await.unwrap();
        found.sort_by_key(|one| one.at);
        assert_eq!(found, [of(Kind::ApiKey, &key, 5), of(Kind::Jwt, &shop, 7)]);
        assert_eq!(store.declared_use(&[]).await.unwrap(), []);
    });
}
