use std::fs;
use std::path::PathBuf;

use super::{stamps, stamps_after_load};

#[test]
fn what_is_written_during_a_load_is_still_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let [config, key, gone]: [PathBuf; 3] = ["config", "key", "gone"].map(|name| directory.path().join(name));
    fs::write(&config, "first").unwrap();
    fs::write(&gone, "x").unwrap();
    let watched = [gone, config.clone()];
    let seen = stamps(&watched);
    // The load has read `first`, which names `key`, when another writer comes.
    fs::write(&config, "another one").unwrap();
    fs::write(&key, "k").unwrap();

    let files = [config, key];
    let (after, now) = (stamps_after_load(&watched, &seen, &files), stamps(&files));
    assert_eq!(after[0], seen[1]);
    assert_ne!(after[0], now[0]);
    assert_eq!(after[1], now[1]);
}
