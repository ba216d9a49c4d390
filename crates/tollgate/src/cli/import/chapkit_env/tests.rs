use super::*;

fn import(variables: &[(&str, &str)]) -> anyhow::Result<Imported> {
    let env =
        |name: &str| variables.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned());
    let command = ChapkitEnv { file: None, header: "X-API-Key".to_owned(), partial: false };
    command.convert(&env, Path::new(""), None)
}

/// The credentials of the consumers, in order.
#[track_caller]
fn check(variables: &[(&str, &str)], expected: &[&str]) {
    let config = import(variables).unwrap().config;
    let credentials: Vec<&str> =
        config.lines().filter_map(|line| line.trim().strip_prefix("- api_key: ")).collect();
    assert_eq!(credentials, expected, "{config}");
}

const A: &str = "{ sha256: \"11d0e92ca3dfad1fc5d9a6a4ee5ef7c43f5d1bfd6a5f3c1b2fc4e0e8e7fc2b2a\" }";

#[test]
fn keys_are_referred_to_where_they_stand_alone() {
    assert!(!A.is_empty());
    check(&[("CHAPKIT_API_KEYS", "sk_ml_the_only_key_there_is")], &["{ env: CHAPKIT_API_KEYS }"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "sk_ml_the_only_key_there_is\n").unwrap();
    let path = file.to_str().unwrap();
    let kept = format!("{{ file: {path} }}");
    check(&[("SERVICEKIT_API_KEY_FILE", path)], &[&kept]);
    // The file comes before the list, as in the library.
    check(&[("SERVICEKIT_API_KEY_FILE", path), ("SERVICEKIT_API_KEYS", "another")], &[&kept]);
    let digest = |key: &str| format!("{{ sha256: {} }}", hex::encode(Digest::of(key.as_bytes()).0));
    let quoted = |key: &str| {
        let digest = digest(key);
        if digest.contains(": e") || digest.chars().nth(10).is_some_and(|c| c.is_ascii_alphabetic()) {
            digest
        } else {
            digest.replace("sha256: ", "sha256: \"").replace(" }", "\" }")
        }
    };
    std::fs::write(&file, "# all of them\n\n first \nsecond # no comment\nfirst\n").unwrap();
    check(&[("CHAPKIT_API_KEY_FILE", path)], &[&quoted("first"), &quoted("second # no comment")]);
    check(&[("CHAPKIT_API_KEYS", " one ,, two,one ")], &[&quoted("one"), &quoted("two")]);
    // White space around the one key would be a part of what the reference gives.
    check(&[("CHAPKIT_API_KEYS", " one ")], &[&quoted("one")]);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let refused = |variables: &[(&str, &str)], words: &str| {
        let error = format!("{:#}", import(variables).unwrap_err());
        assert!(error.contains(words), "{error}");
    };
    refused(&[], "`CHAPKIT_API_KEYS`");
    refused(&[("CHAPKIT_API_KEYS", " , ")], "`CHAPKIT_API_KEYS` has no keys");
    refused(&[("CHAPKIT_API_KEYS", "a"), ("SERVICEKIT_API_KEYS", "b")], "both");
    refused(&[("CHAPKIT_API_KEY_FILE", "/does/not/exist")], "/does/not/exist");
    let Imported { report, config } = import(&[("CHAPKIT_API_KEYS", "schlüssel,plain")]).unwrap();
    assert!(report.lost[0].starts_with("`CHAPKIT_API_KEYS[0]`") && !config.contains("key-1:"), "{config}");
    // A key is never shown whole.
    assert!(!report.notes.concat().contains("plain"), "{:?}", report.notes);
}

#[test]
fn files_of_variables_are_read_as_shells_read_them() {
    let text = "# c\nexport A=1\nB='two words' # c\nC=\"q\\\"q\"\n\nD = \nE=x#y # c\n";
    let variables = dotenv::parse(text).unwrap();
    let read: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(read, [("A", "1"), ("B", "two words"), ("C", "q\"q"), ("D", ""), ("E", "x#y")]);
    for (text, words) in
        [("A=1\nB", "line 2 has no `=`"), ("=x", "line 1 names no"), ("A='x", "line 1 has a quote")]
    {
        assert!(dotenv::parse(text).unwrap_err().to_string().starts_with(words), "{text}");
    }
}
