//! Goldens: each `tests/config/NAME.yaml` against what `NAME.snap` says of it, the normal form with its warnings or the
//! rendered problems. `INSTA_UPDATE=always` writes them anew.

use std::path::{Path, PathBuf};

use super::source::Source;
use super::{Compiled, compile, load};

mod edges;
mod normal_form;

/// The directory of the goldens.
fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// The environment that every golden sees.
fn env(name: &str) -> Option<String> {
    let text = match name {
        "SERVICE_A_PUBLIC_KEY" => return std::fs::read_to_string(goldens().join("files/rsa.pub")).ok(),
        "SERVICE_A_HAWK_KEY" => "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn",
        "SERVICE_A_API_KEY" => "hk_live_0123456789012345678901234567890123456789",
        "MODEL_TOKEN" => "model-token",
        "LONG_SECRET" => "0123456789abcdef0123456789abcdef",
        "EMPTY" => "",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Compiles a text beside the goldens.
fn compiled(name: &str, text: &str) -> Result<Compiled, super::problem::Problems> {
    compile(&Source::new(name, text, goldens()), &env)
}

/// What a reader of the golden sees; the directory of the goldens is `DIR`.
fn outcome(name: &str, text: &str) -> String {
    let shown = match compiled(name, text) {
        Ok(compiled) => {
            let warnings: Vec<_> = compiled.warnings.iter().map(|warning| warning.render(false)).collect();
            format!("{}\n{}", normal_form::of(&compiled), warnings.join("\n"))
        }
        Err(problems) => problems.render(false),
    };
    shown.replace(&goldens().display().to_string(), "DIR")
}

#[test]
fn every_file_has_its_outcome() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(goldens());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut files: Vec<_> = std::fs::read_dir(goldens())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 30, "the goldens are gone");
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let shown = outcome(&format!("{name}.yaml"), &std::fs::read_to_string(&file).unwrap());
        assert!(!shown.contains("hunter2"), "{name} shows a secret:\n{shown}");
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }
}

#[test]
fn only_what_is_not_in_force_is_warned_of_in_the_documented_example() {
    let text = std::fs::read_to_string(goldens().join("interface-example.yaml")).unwrap();
    let compiled = compiled("tollgate.yaml", &text).unwrap();
    for warning in &compiled.warnings {
        assert!(warning.message().contains("is not in force in this version"), "{warning}");
    }
}

#[test]
fn a_file_is_loaded_from_where_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tollgate.yaml");
    std::fs::create_dir(dir.path().join("secrets")).unwrap();
    std::fs::write(dir.path().join("secrets/key"), "one-key\n").unwrap();
    let text = "
upstreams: { model: { targets: [http://127.0.0.1:9001] } }
routes: { predict: { match: { path: /predict }, upstream: model, accept: [api_key] } }
consumers: { a: { credentials: [{ api_key: { file: secrets/key } }] } }
";
    std::fs::write(&path, text).unwrap();
    let compiled = load(&path).unwrap();
    let watched: Vec<_> = compiled.watched.iter().map(|watched| watched.path.clone()).collect();
    assert_eq!(watched, [path, dir.path().join("secrets/key")]);
    assert_eq!(compiled.process.data_dir, dir.path().join("tollgate-data"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "checking wrote something");
    let digest = tollgate_core::credential::Digest::of(b"one-key");
    assert_eq!(&*compiled.snapshot.credentials.api_key(&digest).unwrap().id, "a.api_key.1");
}
