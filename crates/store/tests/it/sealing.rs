use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tollgate_core::authn::hawk;
use tollgate_store::{
    Consumer, Credential, CredentialFilter, NewCredential, NewProof, Paging, Plaintext, Resealed, Scope,
    Store,
};

use crate::audit::raw;
use crate::harness::{Place, actor, at, change, consumer, for_each_store};

fn path(place: &Place, name: &str) -> PathBuf {
    place.folder.path().join(name)
}

async fn open(store: &Store, place: &Place, name: &str) -> Result<(), String> {
    let opened = store.open_sealing_keys(&path(place, name), &actor(), at(0)).await;
    opened.map_err(|error| error.to_string())
}

async fn seal(store: &Store, consumer: &Consumer, id: &str) -> Credential {
    let (algorithm, secret) = (hawk::Algorithm::Sha256, Plaintext::new(format!("secret of {id}")));
    let proof = NewProof::Hawk { id: id.to_owned(), algorithm, secret };
    let new = NewCredential::new(consumer.id, id, proof);
    change(store, async |change| change.create_credential(Scope::All, new).await.unwrap()).await
}

#[test]
fn a_key_is_made_only_where_nothing_is_sealed() {
    for_each_store(async |store, place| {
        open(&store, place, "one").await.unwrap();
        let mode = std::fs::metadata(path(place, "one")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Still nothing is sealed, so a lost file does no harm.
        std::fs::remove_file(path(place, "one")).unwrap();
        open(&store, place, "one").await.unwrap();
        let c = consumer(&store, "a").await;
        let sealed = seal(&store, &c, "dh").await;
        let why = open(&store, place, "missing").await.unwrap_err();
        assert!(why.contains("is missing, and the store has sealed secrets"), "{why}");
        assert!(!path(place, "missing").exists());
        assert_eq!(store.unseal(&sealed).unwrap().expose(), b"secret of dh");
    });
}

#[test]
fn a_foreign_or_open_file_is_refused() {
    for_each_store(async |store, place| {
        open(&store, place, "one").await.unwrap();
        let c = consumer(&store, "a").await;
        seal(&store, &c, "dh").await;
        let text = std::fs::read_to_string(path(place, "one")).unwrap();
        let check = async |content: String, expected: &str| {
            std::fs::write(path(place, "two"), content).unwrap();
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path(place, "two"), mode).unwrap();
            let why = open(&store, place, "two").await.unwrap_err();
            assert!(why.contains(expected), "{why}");
        };
        let line = text.lines().last().unwrap();
        let (id, _) = line.split_once(' ').unwrap();
        let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        check(format!("k {other}"), "is not in the file, and secrets are sealed under it").await;
        check(format!("{id} {other}"), "is not the one of the store").await;
        check(format!("{line}\n{line}"), "line 2 has the id").await;
        check(format!("# nothing\n{id} short"), "line 2 is not `ID BASE64`").await;
        check("# nothing\n".to_owned(), "it has no key").await;
        std::fs::set_permissions(path(place, "one"), std::fs::Permissions::from_mode(0o644)).unwrap();
        let why = open(&store, place, "one").await.unwrap_err();
        assert!(why.contains("others may read it; run `chmod 600"), "{why}");
    });
}

#[test]
fn another_nodes_key_seals_nothing() {
    for_each_store(async |store, place| {
        let other = place.open().await;
        // Two nodes, each with a file of its own: what the second one made is the store's.
        open(&store, place, "one").await.unwrap();
        open(&other, place, "two").await.unwrap();
        let c = consumer(&store, "a").await;
        seal(&other, &c, "dh").await;
        let proof = NewProof::Hawk {
            id: "dh2".to_owned(),
            algorithm: hawk::Algorithm::Sha256,
            secret: Plaintext::new("s"),
        };
        let mut change = store.change(&actor(), at(0)).await.unwrap();
        let new = NewCredential::new(c.id, "k", proof);
        let why = change.create_credential(Scope::All, new).await.unwrap_err().to_string();
        assert!(why.ends_with("is not one of the store; give every node the same file"), "{why}");
    });
}

#[test]
fn all_secrets_come_over_to_the_new_key() {
    for_each_store(async |store, place| {
        open(&store, place, "keys").await.unwrap();
        let c = consumer(&store, "a").await;
        for number in 0..5 {
            seal(&store, &c, &format!("dh{number}")).await;
        }
        store.add_sealing_key(&path(place, "keys"), &actor(), at(1)).await.unwrap();
        let text = std::fs::read_to_string(path(place, "keys")).unwrap();
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2, "{text}");
        let batch = async |store: &Store| store.reseal(&actor(), at(2), 2).await.unwrap();
        assert_eq!(batch(&store).await, Resealed { count: 2, more: true });
        // Half-way, everything opens, and another process goes on.
        let later = place.open().await;
        open(&later, place, "keys").await.unwrap();
        assert_eq!(all(&later).await.len(), 5);
        assert_eq!(batch(&later).await, Resealed { count: 2, more: true });
        assert_eq!(batch(&later).await, Resealed { count: 1, more: false });
        assert_eq!(batch(&later).await, Resealed { count: 0, more: false });
        // The old key may go.
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        std::fs::write(path(place, "keys"), lines[0]).unwrap();
        let last = place.open().await;
        open(&last, place, "keys").await.unwrap();
        assert_eq!(all(&last).await.len(), 5);
    });
}

/// Every sealed secret, opened.
async fn all(store: &Store) -> Vec<Plaintext> {
    let page = store.credentials(Scope::All, CredentialFilter::default(), &Paging::default()).await.unwrap();
    page.items.iter().map(|credential| store.unseal(credential).unwrap()).collect()
}

#[test]
fn a_secret_moved_to_another_row_does_not_open() {
    for_each_store(async |store, place| {
        open(&store, place, "keys").await.unwrap();
        let c = consumer(&store, "a").await;
        let (mine, theirs) = (seal(&store, &c, "mine").await, seal(&store, &c, "theirs").await);
        let swap = "UPDATE credentials SET secret = (SELECT secret FROM credentials WHERE name = 'theirs') \
             WHERE name = 'mine'";
        raw(place, swap).await.unwrap();
        let moved = store.credential(Scope::All, mine.id).await.unwrap();
        let why = store.unseal(&moved).unwrap_err().to_string();
        assert!(why.contains("does not open"), "{why}");
        store.unseal(&store.credential(Scope::All, theirs.id).await.unwrap()).unwrap();
    });
}
