//! JSON pointers (RFC 6901).

use std::fmt;

/// The most parts of a pointer.
const PARTS: usize = 16;

/// Where in a JSON text a value stands.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pointer(Box<[Box<str>]>);

/// A text that is no JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin with a slash.
    #[error("a JSON pointer begins with `/`")]
    Slash,
    /// A tilde stands for itself.
    #[error("in a JSON pointer `~` is written `~0`, and `/` within a name `~1`")]
    Tilde,
    /// It is too deep.
    #[error("a JSON pointer has at most {PARTS} parts here")]
    Deep,
}

impl Pointer {
    /// Reads `/a/b~1c/0`.
    ///
    /// # Errors
    /// [`PointerError`] for what is none. The empty pointer, the whole text, is refused: nothing here reads it.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let parts = text.strip_prefix('/').ok_or(PointerError::Slash)?.split('/');
        let parts = parts.map(unescape).collect::<Result<Box<[_]>, _>>()?;
        if parts.len() > PARTS { Err(PointerError::Deep) } else { Ok(Self(parts)) }
    }

    /// Names of members and places in lists, from the outside in.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|part| &**part)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, "/{}", part.replace('~', "~0").replace('/', "~1")))
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn unescape(part: &str) -> Result<Box<str>, PointerError> {
    let escapes = part.matches("~0").count() + part.matches("~1").count();
    if part.matches('~').count() != escapes {
        return Err(PointerError::Tilde);
    }
    // In this order, so that `~01` becomes `~1` (RFC 6901 §4).
    Ok(part.replace("~1", "/").replace("~0", "~").into())
}

#[cfg(test)]
mod tests;
