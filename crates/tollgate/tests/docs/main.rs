//! The documents against the program: examples load, links lead somewhere, and what is generated is current.
//!
//! `INSTA_UPDATE=always` writes the generated pages and parts anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bodies;
mod ground;
mod later;
mod markdown;
mod reference;

use std::path::{Path, PathBuf};
use std::process::Command;

use ground::Ground;
use markdown::Page;

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file below some folders whose name ends so, sorted.
fn files(folders: &[&str], ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| repository().join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every page that users and contributors read.
fn pages() -> Vec<Page> {
    let root = std::fs::read_dir(repository()).unwrap().map(|entry| entry.unwrap().path());
    let root = root.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut paths: Vec<PathBuf> = root.collect();
    paths.extend(files(&["docs", "examples", "crates"], ".md"));
    paths.sort();
    paths.into_iter().map(Page::read).collect()
}

/// Compares a text with the committed one, or commits it where that is asked for.
#[track_caller]
fn golden(path: &Path, current: &str) {
    if std::env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always") {
        std::fs::write(path, current).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let advice = "`INSTA_UPDATE=always cargo test -p tollgate --test docs` writes it anew";
    assert!(committed == current, "{} is not current; {advice}", path.display());
}

#[test]
fn examples_load_without_a_warning() {
    let examples = files(&["examples"], "tollgate.yaml");
    assert!(examples.len() >= 5, "the examples are gone");
    for path in examples {
        let folder = path.parent().unwrap();
        assert!(folder.join("README.md").is_file(), "{} is not explained", folder.display());
        let text = std::fs::read_to_string(&path).unwrap();
        Ground::of(folder, &text).loads(&path.display().to_string(), &text, false);
    }
}

/// A block is a whole file, loads, and has nothing that would be warned of. One marked `fragment` is only read as YAML,
/// one marked `warned` has something that is warned of.
#[test]
fn yaml_blocks_load() {
    let mut loaded = 0;
    for page in pages() {
        for block in page.blocks().iter().filter(|block| block.info.starts_with("yaml")) {
            let place = format!("{}:{}", page.path.display(), block.line);
            match block.info.as_str() {
                "yaml fragment" => {
                    let read = serde_saphyr::from_str::<serde_json::Value>(&block.text);
                    read.unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                "yaml" | "yaml warned" => {
                    let warned = block.info == "yaml warned";
                    Ground::of(page.path.parent().unwrap(), &block.text).loads(&place, &block.text, warned);
                    loaded += 1;
                }
                other => panic!("{place}: `{other}` is no mark; there are `fragment` and `warned`"),
            }
        }
    }
    assert!(loaded >= 10, "only {loaded} blocks are whole files");
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    for page in &pages {
        for link in page.links() {
            if link.target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let path =
                if file.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(file) };
            let Ok(path) = path.canonicalize() else {
                broken.push(format!("{}:{}: {}", page.path.display(), link.line, link.target));
                continue;
            };
            let there = pages.iter().find(|page| page.path == path);
            if !anchor.is_empty()
                && !there.is_some_and(|page| page.anchors().iter().any(|have| have == anchor))
            {
                broken.push(format!("{}:{}: no heading for #{anchor}", page.path.display(), link.line));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_configuration_reference_is_current() {
    let page = reference::configuration(&tollgate::config::schema());
    golden(&repository().join("docs/reference/config.md"), &page);
}

#[test]
fn the_command_line_reference_is_current() {
    let page = reference::command_line(&|words| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(words).arg("--help").env_remove("TOLLGATE_CONFIG").env("COLUMNS", "100");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    });
    golden(&repository().join("docs/reference/cli.md"), &page);
}

#[test]
fn error_bodies_are_current() {
    let path = repository().join("docs/concepts/errors.md");
    let page = Page::read(path.clone());
    golden(&path, &page.with_part("bodies", &bodies::table()));
}

#[test]
fn what_is_not_in_force_is_told() {
    for setting in later::SETTINGS {
        setting.check();
    }
}

/// The table of bounds says what the program does.
#[test]
fn bounds_have_their_documented_defaults() {
    let page = std::fs::read_to_string(repository().join("docs/reference/bounds.md")).unwrap();
    let bounds = tollgate::config::process::Bounds::default();
    let connections = tollgate::config::process::Connections::default();
    let timeouts = tollgate_core::upstream::Timeouts::default();
    let kib = |bytes: usize| format!("{}KiB", bytes / 1024);
    let seconds = |span: std::time::Duration| format!("{}s", span.as_secs());
    let rows = [
        ("header_fields", bounds.header_fields.to_string()),
        ("header_bytes", kib(bounds.header_bytes)),
        ("head_bytes", kib(bounds.head_bytes)),
        ("target_bytes", kib(bounds.target_bytes)),
        ("head_timeout", seconds(bounds.head_timeout)),
        ("body_rate", kib(usize::try_from(bounds.body_rate).unwrap())),
        ("idle", seconds(bounds.idle)),
        ("write_stall", seconds(bounds.write_stall)),
        ("tls_handshake", seconds(bounds.tls_handshake)),
        ("pipeline", bounds.pipeline.to_string()),
        ("h2_streams", bounds.h2_streams.to_string()),
        ("per_address", connections.per_address.to_string()),
        ("total", connections.total.to_string()),
        ("timeout.connect", seconds(timeouts.connect)),
        ("timeout.first_byte", seconds(timeouts.first_byte)),
        ("timeout.total", seconds(timeouts.total)),
        ("timeout.idle", seconds(timeouts.idle)),
    ];
    for (name, default) in rows {
        let row = format!("| `{name}` | `{default}` |");
        assert!(page.contains(&row), "docs/reference/bounds.md has no row `{row}`");
    }
}

/// The examples of migration are what the importers print.
#[test]
fn imports_give_the_examples() {
    for (kind, file) in [("apisix", "apisix.yaml"), ("hawk", "config.yaml")] {
        let folder = repository().join(format!("examples/{kind}-import"));
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["import", kind, file])
            .current_dir(&folder)
            .output()
            .unwrap();
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{notes}");
        golden(&folder.join("tollgate.yaml"), &String::from_utf8(output.stdout).unwrap());
    }
}
