//! What is compiled into the program: names and licences of all packages.
//!
//! `deny.toml` says the same to `cargo deny`, which also knows advisories. This is the part that needs nothing but
//! Cargo, so that no build goes without it.

use std::process::Command;

use crate::assert_none;
use crate::sources::workspace;

/// Packages that would bring a second provider of cryptography, or a library of the system.
const BANNED: [&str; 4] = ["openssl-sys", "openssl", "native-tls", "boring-sys"];

/// One package that is compiled for this platform.
struct Package {
    name: String,
    licence: String,
}

#[test]
fn one_provider_of_cryptography() {
    let banned = |package: &Package| BANNED.contains(&package.name.as_str()).then(|| package.name.clone());
    let found: Vec<String> = packages().iter().filter_map(banned).collect();
    assert_none("aws-lc is the only provider of cryptography, and nothing links the system's", &found);
}

/// rskafka wants rustls to have `ring`, too, and the program installs aws-lc as what is used.
#[test]
fn ring_is_in_rustls_alone() {
    let arguments = ["--invert", "ring", "--depth", "1", "--edges", "normal,build,dev", "--prefix", "none"];
    let tree = tree(&arguments);
    let users = tree.lines().skip(1).filter_map(|line| line.split(' ').next());
    let others: Vec<String> =
        users.filter(|user| !["rustls", "rustls-webpki"].contains(user)).map(str::to_owned).collect();
    assert_none("nothing but rustls may have `ring`", &others);
}

#[test]
fn licences_are_on_the_list() {
    let deny = std::fs::read_to_string(workspace().join("deny.toml")).unwrap();
    let allowed = allow_list(&deny);
    assert!(allowed.contains(&"MIT"), "{allowed:?}");
    let mut found = Vec::new();
    for package in packages() {
        if !satisfied(&package.licence, &allowed) {
            found.push(format!("{}: `{}`", package.name, package.licence));
        }
    }
    assert_none("every licence is one that `deny.toml` allows", &found);
}

fn packages() -> Vec<Package> {
    let text = tree(&["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}|{l}"]);
    let mut packages: Vec<Package> = text
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(package, licence)| Package {
            name: package.split(' ').next().unwrap().to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
        })
        .collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    packages.dedup_by(|a, b| a.name == b.name && a.licence == b.licence);
    assert!(packages.len() > 100, "{text}");
    packages
}

/// What `cargo tree` says of the workspace.
fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--offline"])
        .args(arguments)
        .current_dir(workspace())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The strings of the list `allow` under `[licenses]`.
fn allow_list(deny: &str) -> Vec<&str> {
    let section = deny.split_once("[licenses]").unwrap().1;
    let list = section.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression can be met from the list; `/` is the older way to write `OR`.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced =
        expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) && rest.is_empty()
}

fn any_of(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = all_of(words, allowed);
    while let Some((&"OR", rest)) = words.split_first() {
        *words = rest;
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut met = one(words, allowed);
    while let Some((&"AND", rest)) = words.split_first() {
        *words = rest;
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut &[&str], allowed: &[&str]) -> bool {
    let Some((&word, rest)) = words.split_first() else { return false };
    *words = rest;
    if word != "(" {
        return allowed.contains(&word.replace("+WITH+", " WITH ").as_str());
    }
    let met = any_of(words, allowed);
    let closed = words.split_first();
    *words = closed.map_or(&[], |(_, rest)| rest);
    met && closed.is_some_and(|(&end, _)| end == ")")
}

#[test]
fn expressions_are_met_from_the_list() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(GPL-3.0 OR MIT) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("(MIT", false),
    ] {
        assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
    }
}
