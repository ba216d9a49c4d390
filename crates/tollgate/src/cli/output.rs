//! The only place that prints.
//!
//! Results go to standard output, everything else to standard error, so that `tollgate … > file` holds the result and
//! nothing more. With `--json` both are JSON: results as one object each, notes and errors as one object a line.

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

/// Where and how a command speaks.
#[derive(Debug)]
pub struct Output {
    json: bool,
    /// Whether results may be coloured.
    color_results: bool,
    /// Whether what stands beside them may be.
    color_beside: bool,
}

impl Output {
    /// Speaks JSON if asked; colours only for a terminal whose owner did not say no (<https://no-color.org>).
    pub fn new(json: bool) -> Self {
        let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = !json && !dumb && unset("NO_COLOR");
        Self {
            json,
            color_results: wanted && io::stdout().is_terminal(),
            color_beside: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether the text of a result may be coloured.
    pub fn colors_results(&self) -> bool {
        self.color_results
    }

    /// Prints one result: `text` for people and pipes, `value` with `--json`.
    ///
    /// # Errors
    /// Standard output could not be written; a reader who has left is none.
    pub fn result(&self, value: &Value, text: &str) -> io::Result<()> {
        let stdout = io::stdout().lock();
        if self.json { write(stdout, &format!("{value:#}")) } else { write(stdout, text) }
    }

    /// Says something beside the result.
    pub fn note(&self, text: &str) {
        self.beside("note", "36", text);
    }

    /// Says that something works and deserves a look all the same.
    pub fn warning(&self, text: &str) {
        self.beside("warning", "33;1", text);
    }

    /// Says why a command was refused.
    pub fn refusal(&self, text: &str) {
        self.beside("error", "31;1", text);
    }

    /// Says why a command was refused, in the words of somebody who has said more: with `--json` that stands beside.
    pub fn told(&self, text: &str, problem: &Value) {
        if self.json {
            let line = json!({ "error": printable(text), "problem": problem }).to_string();
            let _ = write(io::stderr().lock(), &line);
        } else {
            self.refusal(text);
        }
    }

    /// Whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether what stands beside the result may move: a line that counts on, for somebody who looks at it.
    pub fn shows_progress(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Writes over the line of the step before; an empty text clears it.
    pub fn progress(&self, text: &str) {
        if self.shows_progress() {
            let mut stderr = io::stderr().lock();
            // Where standard error is gone, nobody waits for it.
            let _ = write!(stderr, "\r\x1b[2K{}", printable(text)).and_then(|()| stderr.flush());
        }
    }

    /// Says why a command broke, with the causes that led to it.
    pub fn error(&self, error: &anyhow::Error) {
        self.refusal(&format!("{error:#}"));
    }

    fn beside(&self, kind: &str, color: &str, text: &str) {
        // Names from other people's files stand in these lines; they must not move a terminal's cursor.
        let text = &printable(text);
        let line = match (self.json, self.color_beside) {
            (true, _) => json!({ kind: text }).to_string(),
            (false, true) => format!("\x1b[{color}m{kind}\x1b[0m: {text}"),
            (false, false) => format!("{kind}: {text}"),
        };
        // Where standard error is gone, nobody is left to be told; the exit code still says it.
        let _ = write(io::stderr().lock(), &line);
    }
}

/// Rows as aligned columns, the first row being their names.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Standard output, for lines that a command writes for as long as it runs.
pub fn lines() -> io::Stdout {
    io::stdout()
}

/// The text with control characters escaped, line ends excepted.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Writes one text with exactly one line end.
fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    let written = writeln!(to, "{}", text.trim_end_matches('\n')).and_then(|()| to.flush());
    match written {
        // `tollgate … | head` has read what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
