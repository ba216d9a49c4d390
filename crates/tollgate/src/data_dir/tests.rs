use std::os::unix::fs::PermissionsExt;

use super::DataDir;

#[test]
fn it_is_made_for_its_owner_alone_and_used_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a").join("b");
    let held = DataDir::lock(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let refused = DataDir::lock(&path).unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    drop(held);
    DataDir::lock(&path).unwrap();
}

#[test]
fn a_file_in_its_place_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "").unwrap();
    let refused = format!("{:#}", DataDir::lock(&path).unwrap_err());
    assert!(refused.contains("the data directory"), "{refused}");
}
