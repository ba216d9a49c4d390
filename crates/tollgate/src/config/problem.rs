//! What is wrong with a configuration file, for the person who wrote it.

use std::fmt;
use std::sync::Arc;

use super::source::{Sheet, Span};

mod render;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, but something in it deserves a look.
    Warning,
}

/// One problem at one place of a file.
#[derive(Clone)]
pub struct Problem {
    sheet: Arc<Sheet>,
    severity: Severity,
    message: String,
    hint: Option<String>,
    /// Absent where the file could not be read at all.
    span: Option<Span>,
    /// Another place that has to do with it, and how.
    other: Option<(Span, String)>,
}

impl Problem {
    pub(super) fn new(sheet: Arc<Sheet>, severity: Severity, finding: Finding) -> Self {
        let Finding {
            span,
            message,
            hint,
            other,
        } = finding;
        Self {
            sheet,
            severity,
            message,
            hint,
            span,
            other,
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one sentence without place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Line and column, both counted from 1, the column in characters.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.span.map(|span| self.sheet.position(span.start))
    }

    /// The problem with the lines it concerns, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }
}

impl fmt::Display for Problem {
    /// One line: `FILE:LINE:COLUMN: message (hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sheet.name())?;
        if let Some((line, column)) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.severity)
    }
}

/// All problems for which a file is refused, in the order of their places.
#[derive(Debug, Clone)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn new(mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.span.map_or(0, |span| span.start));
        Self(list)
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    /// Each problem.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }

    /// Every problem with the lines it concerns, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        self.0
            .iter()
            .map(|problem| problem.render(colour))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl fmt::Display for Problems {
    /// One line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A problem before it is known which file it stands in.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub span: Option<Span>,
    pub message: String,
    pub hint: Option<String>,
    pub other: Option<(Span, String)>,
}

impl Finding {
    /// A problem at a place.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self {
            span: Some(span),
            message: message.into(),
            hint: None,
            other: None,
        }
    }

    /// A problem with the file as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self {
            span: None,
            message: message.into(),
            hint: None,
            other: None,
        }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Points at another place, and says what stands there.
    pub fn beside(mut self, span: Span, label: impl Into<String>) -> Self {
        self.other = Some((span, label.into()));
        self
    }
}
