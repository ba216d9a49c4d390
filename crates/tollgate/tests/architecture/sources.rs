//! The workspace's Rust files, and their text without comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file.
pub struct Source {
    /// Its path below the workspace.
    pub path: String,
    /// As it was written.
    pub text: String,
    /// The same lines without comments and without what stands in quotes: what names things.
    pub code: String,
}

impl Source {
    /// Whether the file is compiled for tests alone.
    pub fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.iter().any(|part| ["tests", "tests.rs", "fixtures.rs"].contains(part))
    }

    /// The places, as `path:line: words`, where the code has one of these words.
    pub fn naming(&self, words: &[&str]) -> Vec<String> {
        let mut places = Vec::new();
        for (line, number) in self.code.lines().zip(1..) {
            for word in words.iter().filter(|word| has(line, word)) {
                places.push(format!("{}:{number}: `{word}`", self.path));
            }
        }
        places
    }
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The files below these folders of the workspace that are no test.
pub fn product(folders: &[&str]) -> Vec<Source> {
    let mut sources = all(folders);
    sources.retain(|source| !source.is_test());
    sources
}

/// All files below these folders of the workspace; a name such as `gateway` also means `gateway.rs` beside it.
pub fn all(folders: &[&str]) -> Vec<Source> {
    let root = workspace();
    let mut paths = Vec::new();
    for folder in folders {
        let before = paths.len();
        collect(&root.join(folder), &mut paths);
        collect(&root.join(format!("{folder}.rs")), &mut paths);
        // A rule about a folder that was renamed must not hold for nothing.
        assert!(paths.len() > before, "there is no Rust file below `{folder}`");
    }
    paths.sort();
    paths.iter().map(|path| read(&root, path)).collect()
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), into);
        }
    } else if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
        into.push(path.to_owned());
    }
}

fn read(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(root).unwrap().display().to_string();
    Source { path, code: code_of(&text), text }
}

/// Whether a line has the word with no letter, digit or `_` running on at its ends.
fn has(line: &str, word: &str) -> bool {
    let runs_on = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        let longer_before = runs_on(before) && word.starts_with(|c: char| c.is_alphanumeric());
        let longer_after = runs_on(after) && word.ends_with(|c: char| c.is_alphanumeric());
        !longer_before && !longer_after
    })
}

/// The text with comments and literals taken out, line by line as before.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = comment(rest).or_else(|| quoted(rest));
        let (taken, kept) = match length {
            Some(length) => (length, false),
            None => (first.len_utf8(), true),
        };
        if kept {
            code.push(first);
        } else {
            code.extend(rest[..taken].chars().filter(|character| *character == '\n'));
        }
        rest = &rest[taken..];
    }
    code
}

/// The length of the comment that the text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

/// The length of the string or character that the text begins with.
fn quoted(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if let Some(hashes) = hashes.filter(|count| text[1 + count..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = 2 + hashes;
        return Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()));
    }
    let quote = text.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => _ = characters.next(),
            end if end == quote => return Some(at + 1),
            // A quote whose second character is not followed by another one begins a lifetime, not a character.
            _ if quote == '\'' && !text[at + character.len_utf8()..].starts_with('\'') => return None,
            _ => {}
        }
    }
    Some(text.len())
}

#[test]
fn code_is_what_is_left_without_comments_and_literals() {
    for (text, expected) in [
        ("let a = 1; // tokio\nb", "let a = 1; \nb"),
        ("a /* tokio\n */ b", "a \n b"),
        (r#"say("tokio \" tokio", 'x', '\'', '"');"#, "say(, , , );"),
        (r##"raw(r#"a "tokio" b"#, r"c");"##, "raw(, );"),
        ("fn f<'a>(x: &'a str) -> Ref<'_, str> {}", "fn f<'a>(x: &'a str) -> Ref<'_, str> {}"),
        ("for_r(b\"a\nb\")", "for_r(b\n)"),
    ] {
        assert_eq!(code_of(text), expected, "{text}");
    }
}

#[test]
fn a_word_is_found_whole() {
    for (line, word, expected) in [
        ("use tokio::net;", "tokio", true),
        ("use tokio_util::x;", "tokio", false),
        ("std::fs::read()", "std::fs", true),
        ("Instant::now()", "Instant::now", true),
        ("println!()", "println!", true),
        ("eprintln!()", "println!", false),
    ] {
        assert_eq!(has(line, word), expected, "{line}");
    }
}
