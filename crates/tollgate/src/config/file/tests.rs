//! The JSON Schema: it is the committed one, and says of every golden what the reader says.

use std::path::{Path, PathBuf};

use super::{read, schema, yaml};

mod validate;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_schema_is_current() {
    let path = repository().join("schema/tollgate.schema.json");
    let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always") {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == current,
        "run `tollgate schema > schema/tollgate.schema.json`"
    );
}

#[test]
fn the_schema_names_every_part_of_the_file() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for key in [
        "listen",
        "upstreams",
        "routes",
        "consumers",
        "tiers",
        "bounds",
        "prices",
    ] {
        let description = &schema["properties"][key]["description"];
        assert!(description.is_string(), "`{key}` is not described");
    }
}

/// A file whose shape is right must pass the schema, and one with an unknown key or word must not.
#[test]
fn the_schema_agrees_with_the_reader() {
    let schema = schema();
    let mut passed = 0;
    for entry in std::fs::read_dir(repository().join("crates/tollgate/tests/config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let Ok(document) = yaml::parse(&text) else {
            continue;
        };
        let findings = read::read(&text).findings;
        let verdict = validate::validate(&schema, &schema, &document.root);
        if findings.is_empty() {
            passed += 1;
            assert_eq!(verdict, Ok(()), "{}", path.display());
        } else if findings
            .iter()
            .any(|finding| finding.message.starts_with("unknown "))
        {
            assert!(verdict.is_err(), "{} passes the schema", path.display());
        }
    }
    assert!(passed > 20, "only {passed} files have the right shape");
}
