//! The two generations of clients.

/// How the service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// As chapkit did until October 2025: `CHAPKIT_API_KEYS`, `urn:chapkit:…`, `model_artifact_id`.
    Chapkit,
    /// As chapkit on servicekit does since: `SERVICEKIT_API_KEYS`, `urn:servicekit:…`, `artifact_id`.
    Servicekit,
}

impl Dialect {
    /// The word for it, in URNs and names of log events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chapkit => "chapkit",
            Self::Servicekit => "servicekit",
        }
    }

    /// Whether it is the newer one.
    pub(crate) const fn is_new(self) -> bool {
        matches!(self, Self::Servicekit)
    }
}
