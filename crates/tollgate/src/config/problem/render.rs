//! Problems as text for a terminal, through miette.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use super::{Problem, Severity};
use crate::config::source::{Sheet, Span};

/// Lines longer than this are no text that a person wrote; showing them would flood the terminal.
const LONGEST_LINES: usize = 2000;

pub(super) fn render(problem: &Problem, colour: bool) -> String {
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_wrap_lines(false)
        .with_context_lines(1);
    let mut text = String::new();
    match handler.render_report(&mut text, &Shown(problem)) {
        Ok(()) => text,
        // The snippet could not be made; the one-line form says the same.
        Err(fmt::Error) => format!("{problem}\n"),
    }
}

struct Shown<'a>(&'a Problem);

impl Shown<'_> {
    fn has_snippet(&self) -> bool {
        self.0
            .span
            .is_some_and(|span| self.0.sheet.bytes_around(span.start) <= LONGEST_LINES)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_snippet() {
            // The snippet's head names the place.
            return f.write_str(&self.0.message);
        }
        f.write_str(self.0.sheet.name())?;
        if let Some((line, column)) = self.0.position() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.0.message)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0
            .hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.has_snippet().then_some(&*self.0.sheet as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let sheet = &self.0.sheet;
        let place = |span: Span| {
            let span = sheet.first_line_of(span);
            (span.start, span.end - span.start)
        };
        let here = self.0.span.filter(|_| self.has_snippet())?;
        let here = LabeledSpan::new_primary_with_span(None, place(here));
        let other = self
            .0
            .other
            .as_ref()
            .filter(|(span, _)| sheet.bytes_around(span.start) <= LONGEST_LINES);
        let other = other.map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), place(*span)));
        Some(Box::new(std::iter::once(here).chain(other)))
    }
}

impl SourceCode for Sheet {
    /// Reads through the masked text. Columns are counted in characters, as [`Problem::position`] does; the reader
    /// for plain text counts bytes.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text().read_span(span, before, after)?;
        let column = match read.column() {
            0 => 0,
            _ => self.position(read.span().offset()).1 - 1,
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name().to_owned(),
            read.data(),
            *read.span(),
            read.line(),
            column,
            read.line_count(),
        )))
    }
}
