//! What every step of compiling needs: where problems go, and how names, secrets and files are read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate_core::consumer::{Name, Scopes};
use tollgate_secrets::{Reference, Secret};

use super::missing;
use crate::config::Watched;
use crate::config::file::amount::TimeSpan;
use crate::config::file::secret;
use crate::config::file::spanned::{Named, Spanned};
use crate::config::near::nearest;
use crate::config::problem::Finding;
use crate::config::source::Span;

/// Collects problems and looks outside the file.
pub(in crate::config) struct Context<'a> {
    base: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    /// Places where the shape was wrong and something was taken out.
    torn: Vec<Span>,
    notes: Notes,
    /// Settings that are not in force, each with its first place and how often it is set.
    later: Vec<(&'static str, Span, usize)>,
}

/// What compiling found.
#[derive(Default)]
pub(in crate::config) struct Notes {
    pub errors: Vec<Finding>,
    pub warnings: Vec<Finding>,
    /// Files that were read.
    pub watched: Vec<Watched>,
}

impl<'a> Context<'a> {
    /// Starts with the problems of the file's shape.
    pub fn new(base: &'a Path, env: &'a dyn Fn(&str) -> Option<String>, shape: Vec<Finding>) -> Self {
        let torn = shape.iter().filter_map(|finding| finding.span).collect();
        Self { base, env, torn, notes: Notes { errors: shape, ..Notes::default() }, later: Vec::new() }
    }

    /// Everything found.
    pub fn finish(mut self) -> Notes {
        for (what, span, times) in self.later {
            let more = match times {
                1 => String::new(),
                2 => "; it is set in 1 more place".to_owned(),
                _ => format!("; it is set in {} more places", times - 1),
            };
            let finding = Finding::at(span, format!("{what} is not in force in this version{more}"));
            self.notes.warnings.push(finding.hint("it is checked, and has no effect yet"));
        }
        // Sorting leaves the looks at a file in their order, and the first one counts.
        self.notes.watched.sort_by(|a, b| a.path.cmp(&b.path));
        self.notes.watched.dedup_by(|later, first| later.path == first.path);
        self.notes
    }

    /// Reports a problem, unless something within its place was taken out: then it may only come from that.
    pub fn error(&mut self, finding: Finding) {
        match finding.span {
            Some(span) => self.error_about(span, finding),
            None => self.notes.errors.push(finding),
        }
    }

    /// The same for a problem that concerns more than the place where it is shown.
    pub fn error_about(&mut self, extent: Span, finding: Finding) {
        if !self.torn.iter().any(|torn| extent.covers(*torn)) {
            self.notes.errors.push(finding);
        }
    }

    /// Reports what deserves a look.
    pub fn warn(&mut self, finding: Finding) {
        self.notes.warnings.push(finding);
    }

    /// Reports a setting that is read and has no effect in this version; once, however often it is set.
    pub fn later(&mut self, what: &'static str, span: Span) {
        match self.later.iter_mut().find(|(known, ..)| *known == what) {
            Some((.., times)) => *times += 1,
            None => self.later.push((what, span, 1)),
        }
    }

    /// Refuses a setting that this version cannot honour and that would be dangerous to ignore.
    pub fn unsupported(&mut self, what: &str, span: Span) {
        let finding = Finding::at(span, format!("{what} is not supported by this version"));
        self.error(finding.hint("ignoring it would be unsafe, so the file is refused"));
    }

    /// Checks a name that the file gives.
    pub fn name(&mut self, text: &Spanned<String>) -> Option<Name> {
        Name::new(text).map_err(|error| self.error(Finding::at(text.span, error.to_string()))).ok()
    }

    /// Checks a name that must be one of `known`.
    pub fn known_name<T>(&mut self, what: &str, text: &Spanned<String>, known: &Named<T>) -> Option<Name> {
        if known.knows(text) {
            // What is known and yet no name is reported where it is declared.
            return Name::new(text).ok();
        }
        let finding = Finding::at(text.span, format!("there is no {what} `{}`", text.escape_debug()));
        self.error(match nearest(text, known.names()) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding.hint(format!("declare it under `{what}s`")),
        });
        None
    }

    /// Checks scopes: the characters of RFC 6749 §3.3, so that a list of them may stand in a header.
    pub fn scopes(&mut self, list: &[Spanned<String>]) -> Scopes {
        for scope in list {
            let fits = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
            if scope.is_empty() || !scope.chars().all(fits) {
                let message = format!("`{}` is no scope", scope.escape_debug());
                let hint = "a scope is ASCII without spaces, quotes and backslashes, such as `model:predict`";
                self.error(Finding::at(scope.span, message).hint(hint));
            }
        }
        list.iter().map(|scope| scope.as_str()).collect()
    }

    /// Looks a secret up.
    pub fn secret(&mut self, secret: &Spanned<secret::Secret>) -> Option<Secret> {
        let reference = secret.reference();
        self.notes.watched.extend(reference.path(self.base).map(Watched::look));
        match tollgate_secrets::resolve(&reference, self.base, self.env) {
            Ok(value) => {
                if let Reference::Inline(_) = reference {
                    let finding = Finding::at(secret.span, "the secret is written into the file");
                    self.warn(finding.hint("keep it outside: `{ env: NAME }` or `{ file: PATH }`"));
                }
                Some(value)
            }
            Err(error) => {
                let finding = Finding::at(secret.span, error.to_string());
                self.error(finding.hint(missing::secret(&error)));
                None
            }
        }
    }

    /// Where a path of the file leads.
    pub fn path(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// Reads a file that the configuration names.
    pub fn read(&mut self, path: &Spanned<String>) -> Option<Vec<u8>> {
        let full = self.path(path);
        self.notes.watched.push(Watched::look(full.clone()));
        let read = std::fs::read(&full);
        if let Err(error) = &read {
            let finding = Finding::at(path.span, format!("`{}` cannot be read: {error}", full.display()));
            self.error(finding.hint(missing::file(&full, error)));
        }
        read.ok()
    }

    /// A time span that may not be zero.
    pub fn positive(&mut self, span: Option<&Spanned<TimeSpan>>, default: Duration) -> Duration {
        let Some(span) = span else { return default };
        if span.value.0.is_zero() {
            self.error(Finding::at(span.span, "the time span must be more than zero"));
        }
        span.value.0
    }

    /// A number that may not be zero.
    pub fn at_least_one(&mut self, number: Option<&Spanned<u32>>, default: u32) -> u32 {
        let Some(number) = number else { return default };
        if number.value == 0 {
            self.error(Finding::at(number.span, "expected a number of at least 1"));
        }
        number.value
    }
}
