//! Who calls: consumers, the accounts that pay for them, their tiers and scopes.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::limit::{Limits, Subject};

/// A validated name of a consumer, route, upstream, tier or account: 1 to 64 of `[A-Za-z0-9_.-]`, unless an external
/// service gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text has no character at all.
    #[error("a name may not be empty")]
    Empty,
    /// The text has more than 64 characters.
    #[error("a name has at most 64 characters")]
    TooLong,
    /// The text holds something other than letters, digits, `_`, `.` and `-`.
    #[error("a name may hold only letters, digits, `_`, `.` and `-`; found {0:?}")]
    BadCharacter(char),
}

impl Name {
    /// Checks the text against the rule of names.
    ///
    /// # Errors
    /// [`NameError`] says which part of the rule the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_.-".contains(*c))) {
            return Err(NameError::BadCharacter(bad));
        }
        if text.len() > 64 {
            return Err(NameError::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The name that an external service gives to somebody: its own rules hold there, so that only what could not stand in a
    /// header is refused.
    ///
    /// # Errors
    /// [`NameError`], where it is empty, longer than 255 characters, or holds something other than printable ASCII.
    pub fn of_service(text: &str) -> Result<Self, NameError> {
        match text.chars().find(|c| !c.is_ascii_graphic()) {
            _ if text.is_empty() => Err(NameError::Empty),
            Some(bad) => Err(NameError::BadCharacter(bad)),
            None if text.len() > 255 => Err(NameError::TooLong),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A set of scopes such as `model:predict`, kept sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// Whether `scope` is a member.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|have| (**have).cmp(scope)).is_ok()
    }

    /// Whether the set has no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    /// The members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(scopes: I) -> Self {
        let mut list: Vec<Box<str>> = scopes.into_iter().map(Into::into).collect();
        list.sort_unstable();
        list.dedup();
        Self(list.into())
    }
}

impl fmt::Display for Scopes {
    /// Space-separated, the form of RFC 6750 and of `X-Consumer-Scopes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// A calling service or person.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Unique over file and store.
    pub name: Name,
    /// Who pays; the consumer's own name unless the file says otherwise.
    pub account: Name,
    /// The tier's name, if the consumer has one.
    pub tier: Option<Name>,
    /// Scopes in force where a credential has none of its own: the consumer's and its tier's together.
    pub scopes: Scopes,
    /// The tier's limits.
    pub limits: Limits,
    /// Whose calls its calls count as; made of the name once, as it is wanted with every call.
    pub subject: Subject,
}
