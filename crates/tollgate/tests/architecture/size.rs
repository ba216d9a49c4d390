//! How long files and functions may be.

use crate::assert_none;
use crate::sources::{Source, all, product};

const LINES_OF_A_FILE: usize = 600;
const LINES_OF_A_FUNCTION: usize = 70;
const LINES_OF_MAIN: usize = 40;

#[test]
fn files_are_read_in_one_go() {
    let long = |source: &Source| {
        let most = if source.path.ends_with("src/main.rs") { LINES_OF_MAIN } else { LINES_OF_A_FILE };
        let lines = source.text.lines().count();
        (lines > most).then(|| format!("{}: {lines} lines, at most {most}", source.path))
    };
    assert_none("a long file is several", &product(&["crates"]).iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn functions_fit_on_a_screen() {
    let mut found = Vec::new();
    for source in all(&["crates"]) {
        for (name, line, length) in functions(&source.code) {
            if length >= LINES_OF_A_FUNCTION {
                found.push(format!("{}:{line}: `{name}` has {length} lines", source.path));
            }
        }
    }
    assert_none("a function has fewer than 70 lines", &found);
}

/// Name, first line and number of lines of each function.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = named(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        // The formatter puts the end of a function of several lines alone under its beginning.
        let end = format!("{indent}}}");
        let ended =
            |line: &&str| line.trim_end() == end || line.trim_end().ends_with(';') && named(line).is_some();
        let one_line = line.trim_end().ends_with(['}', ';']);
        let length = if one_line { 1 } else { lines[at..].iter().position(ended).map_or(1, |end| end + 1) };
        found.push((name.to_owned(), at + 1, length));
    }
    found
}

/// The name of the function that a line begins.
fn named(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = ["pub", "pub(crate)", "pub(super)", "const", "async"];
    before.split_whitespace().all(|word| qualifiers.contains(&word)).then_some(())?;
    after.split(['(', '<']).next()
}

#[test]
fn functions_are_measured_from_head_to_end() {
    let code = "fn a() {}\nimpl X {\n    pub async fn b(\n        x: u8,\n    ) -> u8 {\n        if x {\n        }\n    }\n}\n";
    assert_eq!(functions(code), [("a".to_owned(), 1, 1), ("b".to_owned(), 3, 6)]);
}
