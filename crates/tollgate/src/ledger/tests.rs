use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::{SEAL_KEY, own_seal_key};

/// Asks for the key in a directory with these files; the same key is there the next time, for its owner alone.
fn check(files: &[(&str, &str)], works: bool) {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("ledger.key");
    let key = own_seal_key(&path);
    assert_eq!(key.is_ok(), works, "{key:?}");
    let Ok(key) = key else { return };
    assert_eq!(key.len(), SEAL_KEY);
    assert_eq!(own_seal_key(&path).unwrap(), key);
    if files.is_empty() {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!folder.path().join("ledger.new").exists());
}

#[test]
fn a_key_is_made_once_and_whole() {
    check(&[], true);
    check(&[("ledger.key", &"07".repeat(SEAL_KEY))], true);
    // What a start leaves that was killed before the key had its name.
    check(&[("ledger.new", "")], true);
    check(&[("ledger.new", "0707")], true);
    // No key is made in place of one that cannot be read: what it sealed could not be checked any more.
    check(&[("ledger.key", "")], false);
    check(&[("ledger.key", "0707")], false);
}
