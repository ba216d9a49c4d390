use std::io::ErrorKind;
use std::path::Path;

use super::file;

/// The hint for a file that cannot be read for this reason; the current directory is `HERE`.
#[track_caller]
fn check(path: &str, kind: ErrorKind, expected: &str) {
    let here = std::env::current_dir().unwrap();
    let hint = file(Path::new(path), &kind.into()).replace(&here.display().to_string(), "HERE");
    assert_eq!(hint, expected, "{path}");
}

#[test]
fn the_whole_path_is_named() {
    let beside = "relative paths start at the configuration file's directory";
    check("key", ErrorKind::NotFound, &format!("create `HERE/key`; {beside}"));
    check("/run/key", ErrorKind::NotFound, &format!("create `/run/key`; {beside}"));
    check("key", ErrorKind::PermissionDenied, "let the user that runs the gate read `HERE/key`");
    check("keys", ErrorKind::IsADirectory, "name a file in `HERE/keys`");
    check("key", ErrorKind::TimedOut, "make `HERE/key` a readable file");
}
