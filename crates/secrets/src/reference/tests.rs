use super::{Reference, resolve};
use crate::Secret;

/// Resolves beside the files of one temporary directory, shown as `DIR`.
fn check(reference: Reference, expected: Result<&str, &str>) {
    let dir = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 6] = [
        ("key", b"hunter2\n"),
        ("crlf", b"hunter2\r\n"),
        ("two-lines", b"a\nb\n\n"),
        ("bare", b"hunter2"),
        ("empty", b""),
        ("newline", b"\n"),
    ];
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    std::fs::write(dir.path().join("huge"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let env = |name: &str| match name {
        "KEY" => Some("from-env".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let got = resolve(&reference, dir.path(), &env);
    let got = got
        .map(|secret| secret.expose_text().unwrap().to_owned())
        .map_err(|error| {
            error
                .to_string()
                .replace(&dir.path().display().to_string(), "DIR")
        });
    assert_eq!(
        got,
        expected.map(str::to_owned).map_err(str::to_owned),
        "{reference:?}"
    );
}

#[test]
fn environment() {
    check(Reference::Env("KEY".into()), Ok("from-env"));
    check(
        Reference::Env("EMPTY".into()),
        Err("environment variable `EMPTY` is empty"),
    );
    check(
        Reference::Env("GONE".into()),
        Err("environment variable `GONE` is not set"),
    );
}

#[test]
fn files() {
    check(Reference::File("key".into()), Ok("hunter2"));
    check(Reference::File("crlf".into()), Ok("hunter2"));
    check(Reference::File("two-lines".into()), Ok("a\nb\n"));
    check(Reference::File("bare".into()), Ok("hunter2"));
    check(
        Reference::File("empty".into()),
        Err("secret file `DIR/empty` is empty"),
    );
    check(
        Reference::File("newline".into()),
        Err("secret file `DIR/newline` is empty"),
    );
    check(
        Reference::File("huge".into()),
        Err("secret file `DIR/huge` is larger than 1 MiB"),
    );
    let gone = "secret file `DIR/gone` cannot be read: No such file or directory (os error 2)";
    check(Reference::File("gone".into()), Err(gone));
}

#[test]
fn inline_and_stores() {
    check(Reference::Inline(Secret::new("plain")), Ok("plain"));
    check(Reference::Inline(Secret::new("")), Err("the secret is empty"));
    check(
        Reference::Vault("a#b".into()),
        Err("secrets from Vault are not supported by this version"),
    );
}

#[test]
fn only_files_have_a_path() {
    let base = std::path::Path::new("/etc/tollgate");
    assert_eq!(
        Reference::File("key".into()).path(base),
        Some("/etc/tollgate/key".into())
    );
    assert_eq!(
        Reference::File("/run/key".into()).path(base),
        Some("/run/key".into())
    );
    assert_eq!(Reference::Env("KEY".into()).path(base), None);
}
