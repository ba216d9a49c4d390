use serde_json::json;
use tollgate_store::{AuditHead, Kind, Lookup, Paging, Scope, Verdict};

use crate::harness::{
    Place, account, actor, api_key, at, block_on, change, consumer, for_each_place, for_each_store, name,
};

#[test]
fn every_step_leaves_a_row() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        change(&store, async |change| {
            change.revoke_credential(Scope::All, key.id).await.unwrap();
            change.note("bootstrap.use", "admin", json!({ "from": "127.0.0.1" })).await.unwrap();
        })
        .await;
        let page = store.audit(Scope::All, &Paging::default()).await.unwrap();
        let actions: Vec<&str> = page.items.iter().map(|row| row.action.as_str()).collect();
        let expected = ["account.create", "consumer.create", "credential.create", "credential.revoke"];
        assert_eq!(actions, [expected.as_slice(), &["bootstrap.use"]].concat());
        let revoke = &page.items[3];
        assert_eq!((revoke.seq, revoke.at, revoke.actor.as_str()), (4, at(0), "test"));
        assert_eq!(revoke.object, key.id.to_string());
        assert_eq!(revoke.account, Some(c.account));
        assert_eq!(revoke.before.as_ref().unwrap()["revoked_at"], json!(null));
        assert_eq!(revoke.after.as_ref().unwrap()["revoked_at"], json!(at(0).to_string()));
        assert_eq!(page.items[4].account, None);
        let head = store.audit_head().await.unwrap();
        assert_eq!((head.seq, head.hash), (5, page.items[4].hash));
        assert_eq!(store.verify_audit(Some(head)).await.unwrap(), Verdict::Whole(head));
        assert_eq!(store.rev().await.unwrap(), 4);
    });
}

#[test]
fn whoever_has_the_rows_can_walk_the_chain() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        let key = api_key(&store, &c, "one").await;
        change(&store, async |change| {
            change.revoke_credential(Scope::All, key.id).await.unwrap();
            change.note("x", "y", json!({ "z": [1, "ü\n", null], "a": { "b": 1.5 } })).await.unwrap();
        })
        .await;
        let mut previous = [0; 32];
        for mut row in store.audit(Scope::All, &Paging::default()).await.unwrap().items {
            assert_eq!(row.hash_after(previous), row.hash, "{row:?}");
            previous = row.hash;
            row.object.push('x');
            assert_ne!(row.hash_after(previous), row.hash);
        }
    });
}

#[test]
fn an_account_sees_its_own_rows() {
    for_each_store(async |store, _| {
        let a = consumer(&store, "a").await;
        consumer(&store, "b").await;
        let page = store.audit(Scope::Account(a.account), &Paging::default()).await.unwrap();
        assert!(page.items.iter().all(|row| row.account == Some(a.account)));
        assert_eq!(page.items.len(), 2);
    });
}

#[test]
fn the_audit_has_no_secret() {
    for_each_store(async |store, _| {
        let c = consumer(&store, "a").await;
        api_key(&store, &c, "hk_live_secret").await;
        let found = store.find_credential(Scope::All, Kind::ApiKey, &lookup("hk_live_secret")).await.unwrap();
        let digest = hex::encode(found.unwrap().credential.lookup.as_bytes());
        let text = format!("{:?}", store.audit(Scope::All, &Paging::default()).await.unwrap().items);
        assert!(text.contains("credential.create"), "{text}");
        assert!(!text.contains(&digest) && !text.contains("hk_live_secret"), "{text}");
    });
}

#[test]
fn the_tables_refuse_to_forget() {
    for_each_place(async |place| {
        let store = place.open().await;
        account(&store, "a").await;
        for statement in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"] {
            let why = raw(place, statement).await.unwrap_err().to_string();
            assert!(why.contains("audit rows are never"), "{why}");
        }
    });
}

#[test]
fn a_change_without_its_audit_row_does_not_happen() {
    for_each_place(async |place| {
        let store = place.open().await;
        let stop = if place.is_postgres() {
            "ALTER TABLE audit ADD CHECK (seq < 2)"
        } else {
            "CREATE TRIGGER stop BEFORE INSERT ON audit WHEN NEW.seq = 2 BEGIN SELECT RAISE(ABORT, 'full'); END"
        };
        raw(place, stop).await.unwrap();
        let mut change = store.change(&actor(), at(0)).await.unwrap();
        change.create_account(Scope::All, name("a")).await.unwrap();
        change.create_account(Scope::All, name("b")).await.unwrap_err();
        // Not even what had its row: a change happens as a whole.
        change.commit().await.unwrap_err();
        assert_eq!(store.rev().await.unwrap(), 0);
        store.account_named(Scope::All, &name("a")).await.unwrap_err();
        store.account_named(Scope::All, &name("b")).await.unwrap_err();
    });
}

#[test]
fn the_first_broken_row_is_named() {
    let check = |statement: &'static str, expected: Verdict| {
        for_each_place(async |place| {
            let store = place.open().await;
            for name in ["a", "b", "c", "d"] {
                account(&store, name).await;
            }
            raw(place, unguard(place)).await.unwrap();
            raw(place, statement).await.unwrap();
            assert_eq!(store.verify_audit(None).await.unwrap(), expected, "{statement}");
        });
    };
    let broken = |seq, why| Verdict::Broken { seq, why };
    check("UPDATE audit SET actor = 'x' WHERE seq = 2", broken(2, "its hash is not that of what it says"));
    check(
        "UPDATE audit SET after_json = '{}' WHERE seq = 3",
        broken(3, "its hash is not that of what it says"),
    );
    check("UPDATE audit SET at = at + 1 WHERE seq = 1", broken(1, "its hash is not that of what it says"));
    check("DELETE FROM audit WHERE seq = 2", broken(2, "it is missing"));
    check("DELETE FROM audit WHERE seq = 1", broken(1, "it is missing"));
    check("DELETE FROM audit WHERE seq > 2", broken(3, "it is missing, and so is all that follows"));
    check("DELETE FROM audit", broken(1, "it is missing, and so is all that follows"));
    let swap = "UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 1) WHERE seq = 2";
    check(swap, broken(2, "its hash is not that of what it says"));
    let end = "UPDATE head SET audit_seq = 3";
    check(end, broken(4, "the head row names another end of the chain"));
}

#[test]
fn a_chain_that_was_emptied_or_is_unguarded_is_not_whole() {
    for_each_place(async |place| {
        let store = place.open().await;
        let c = consumer(&store, "a").await;
        api_key(&store, &c, "one").await;
        assert!(store.missing_audit_guards().await.unwrap().is_empty());
        let off = if place.is_postgres() {
            "ALTER TABLE audit DISABLE TRIGGER audit_is_append_only"
        } else {
            "DROP TRIGGER audit_is_never_deleted"
        };
        raw(place, off).await.unwrap();
        let guard = if place.is_postgres() { "audit_is_append_only" } else { "audit_is_never_deleted" };
        assert_eq!(store.missing_audit_guards().await.unwrap(), [guard]);
        assert_eq!(store.verify_audit(None).await.unwrap(), Verdict::Unguarded { missing: vec![guard] });
        raw(place, "DELETE FROM audit").await.unwrap();
        let zero = if place.is_postgres() {
            "UPDATE head SET audit_seq = 0, audit_hash = decode(repeat('00', 32), 'hex')"
        } else {
            "UPDATE head SET audit_seq = 0, audit_hash = zeroblob(32)"
        };
        raw(place, zero).await.unwrap();
        let verdict = store.verify_audit(None).await.unwrap();
        let id = c.account.to_string();
        assert_eq!(verdict, Verdict::Unaudited { kind: "account", id, count: 1 });
    });
}

#[test]
fn a_head_kept_elsewhere_finds_a_chain_made_anew() {
    let place = Place::sqlite();
    block_on(async {
        let store = place.open().await;
        account(&store, "a").await;
        let head = store.audit_head().await.unwrap();
        account(&store, "b").await;
        assert!(matches!(store.verify_audit(Some(head)).await.unwrap(), Verdict::Whole(_)));
        let other = AuditHead { hash: [9; 32], ..head };
        let verdict = store.verify_audit(Some(other)).await.unwrap();
        assert_eq!(
            verdict,
            Verdict::Broken { seq: 1, why: "its hash is not the one that was kept elsewhere" }
        );
        let later = AuditHead { seq: 9, hash: [9; 32] };
        let verdict = store.verify_audit(Some(later)).await.unwrap();
        assert_eq!(verdict, Verdict::Broken { seq: 3, why: "it is missing, and so is all that follows" });
    });
}

/// Takes the triggers away.
fn unguard(place: &Place) -> &'static str {
    if place.is_postgres() {
        "DROP TRIGGER audit_is_append_only ON audit"
    } else {
        "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted"
    }
}

/// What somebody with the database's own tools does.
pub async fn raw(place: &Place, statement: &'static str) -> Result<(), sqlx::Error> {
    use sqlx::Connection as _;
    if place.is_postgres() {
        let mut connection = sqlx::PgConnection::connect(&place.url).await?;
        sqlx::raw_sql("SET search_path = tollgate").execute(&mut connection).await?;
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    } else {
        let mut connection = sqlx::SqliteConnection::connect(&place.url).await?;
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    Ok(())
}

fn lookup(key: &str) -> Lookup {
    Lookup::digest(tollgate_core::credential::Digest::of(key.as_bytes()))
}
