//! Which model a call uses.

use super::Pointer;

/// Where the name of a call's model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPlace {
    /// Always this one.
    Named(Box<str>),
    /// A segment of the canonical path, counted from 1.
    PathSegment(usize),
    /// A member of the request's body, read by [`RequestMeter`](super::RequestMeter).
    Body(Pointer),
}

/// The longest name of a model that a request may give, in bytes: it becomes a word of bills and metrics.
const NAME_MAX: usize = 255;

impl ModelPlace {
    /// A name that the file gives; nothing for a text that is none.
    pub fn named(name: &str) -> Option<Self> {
        fits(name).then(|| Self::Named(name.into()))
    }

    /// The name, where it does not take the body to know it. `path` is canonical.
    pub fn before_the_body<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        match self {
            Self::Named(name) => Some(name),
            // What stands before the first slash is nothing, so that the first segment has the index 1.
            Self::PathSegment(segment) => path.split('/').nth(*segment).filter(|name| fits(name)),
            Self::Body(_) => None,
        }
    }
}

/// Whether a text may be a model's name.
pub(super) fn fits(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests;
