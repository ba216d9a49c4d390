//! What a partial change says of one field.

use jiff::Timestamp;

/// One field of a patch. Not an `Option`, because many fields are themselves optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Set<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes this.
    To(T),
}

impl<T> Set<T> {
    pub(crate) fn apply(self, field: &mut T) {
        if let Self::To(value) = self {
            *field = value;
        }
    }

    /// What it is to be, starting from what it is.
    pub(crate) fn or(self, field: T) -> T {
        match self {
            Self::Keep => field,
            Self::To(value) => value,
        }
    }
}

impl Set<bool> {
    /// The time of disabling that follows from 'enabled': disabling twice keeps the first.
    pub(crate) fn disabled_at(self, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Keep => before,
            Self::To(true) => None,
            Self::To(false) => before.or(Some(now)),
        }
    }
}
