use std::os::unix::fs::PermissionsExt;

use super::*;

fn file(directory: &Path, name: &str, content: &str, private: bool) -> NewFile {
    NewFile { path: directory.join(name), content: content.to_owned(), private }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_get_their_content_and_mode_and_leave_no_draft() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("a/b");
    write_all(&[file(&inner, "x", "1", true), file(&inner, "y", "2", false)], Existing::Keep).unwrap();
    assert_eq!(names(&inner), ["x", "y"]);
    assert_eq!(fs::read_to_string(inner.join("y")).unwrap(), "2");
    assert_eq!(fs::metadata(inner.join("x")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn existing_files_are_all_named_and_kept_until_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    write_all(&[file(at, "x", "old", false), file(at, "y", "old", false)], Existing::Keep).unwrap();
    let set = [file(at, "x", "new", true), file(at, "z", "new", true), file(at, "y", "new", true)];
    let error = write_all(&set, Existing::Keep).unwrap_err().to_string();
    assert!(error.contains("/x`") && error.contains("/y`") && !error.contains("/z`"), "{error}");
    assert_eq!(
        (names(at), fs::read_to_string(at.join("x")).unwrap()),
        (vec!["x".into(), "y".into()], "old".into())
    );
    write_all(&set, Existing::Replace).unwrap();
    assert_eq!(fs::read_to_string(at.join("x")).unwrap(), "new");
    assert_eq!(fs::metadata(at.join("x")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    // The second file's directory is the first one's name, so it cannot be made.
    fs::write(at.join("taken"), "").unwrap();
    let set = [file(at, "x", "1", true), file(&at.join("taken"), "y", "2", true)];
    let error = format!("{:#}", write_all(&set, Existing::Keep).unwrap_err());
    assert!(error.contains("y` cannot be written"), "{error}");
    assert_eq!(names(at), ["taken"]);
}
