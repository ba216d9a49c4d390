//! What can go wrong, in words for whoever calls the control plane and for whoever runs it.

/// Why the store did not do what it was asked. Nothing of it was done then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not there, or lies outside of the caller's [`Scope`](crate::Scope); the two look the same.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What is there already forbids it.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The configuration file declares it, and what it declares is changed there alone.
    #[error("{0} is declared by the configuration file")]
    Reserved(String),
    /// A value that is refused.
    #[error("`{field}` {why}")]
    Invalid {
        /// The field, as the control plane's bodies name it.
        field: &'static str,
        /// The rest of the sentence.
        why: String,
    },
    /// The database does not answer, or not to us; asking again later may do.
    #[error("the database is away: {0}")]
    Unavailable(String),
    /// Others write for longer than a writer waits; asking again may do.
    #[error("the database is locked: {0}")]
    Locked(String),
    /// There is no space left to write to.
    #[error("the database is full: {0}; make space, nothing else needs to be done")]
    Full(String),
    /// A newer program has migrated the database.
    #[error("the database is at migration {found}, and this program knows {known}; run the newer program")]
    Newer {
        /// The highest migration of the database.
        found: i64,
        /// The highest one of this program.
        known: i64,
    },
    /// The database belongs to something else.
    #[error("this is no database of Tollgate: {0}")]
    NotOurs(String),
    /// The database holds what no program of ours wrote.
    #[error("the database is damaged: {0}; restore a backup")]
    Corrupt(String),
    /// A secret can be neither sealed nor opened.
    #[error("{0}")]
    Sealing(String),
}

/// What stands in the way of a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// An account or a consumer has the name, or had it before it was removed.
    #[error("the name `{0}` is taken")]
    Name(String),
    /// Another credential of the kind has the lookup key, whoever's it is.
    #[error("another `{0}` credential has the same key or id")]
    Lookup(&'static str),
    /// An idempotency key came again with another body.
    #[error("this idempotency key was used with another request")]
    Idempotency,
    /// The credential is revoked, or was rotated before.
    #[error("the credential is {0}")]
    Credential(&'static str),
    /// An account with consumers cannot be removed.
    #[error("the account still has consumers")]
    HasConsumers,
    /// A part of a feed went to another worker meanwhile.
    #[error("another worker reads `{0}` now")]
    Part(String),
    /// A store that is copied into must be new.
    #[error("the target is not empty: it has rows in `{0}`")]
    NotEmpty(&'static str),
}

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }
}

impl From<sqlx::Error> for Error {
    /// Sorts what the database said by what its operator can do about it.
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) => {
                let text = said.message().to_owned();
                let code = said.code().unwrap_or_default();
                if said.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                    of_postgres(&code, text)
                } else {
                    of_sqlite(&code, text)
                }
            }
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection became free in time".to_owned()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::TypeNotFound { .. } => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// By the primary result code (<https://sqlite.org/rescode.html>), which is the low byte of the extended one.
fn of_sqlite(code: &str, text: String) -> Error {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => Error::Locked(text),
        Ok(11) => Error::Corrupt(text),
        Ok(13) => Error::Full(text),
        Ok(19) => Error::Corrupt(format!("a change would break a rule of the tables ({text})")),
        Ok(26) => Error::NotOurs("the file is no SQLite database".to_owned()),
        _ => Error::Unavailable(text),
    }
}

/// By the class of the SQLSTATE (PostgreSQL, appendix A).
fn of_postgres(code: &str, text: String) -> Error {
    match code {
        "53100" => Error::Full(text),
        // Lock not available, serialisation failure, deadlock: the other one was first.
        "55P03" | "40001" | "40P01" => Error::Locked(text),
        _ if code.starts_with("XX") => Error::Corrupt(text),
        _ if code.starts_with("23") => {
            Error::Corrupt(format!("a change would break a rule of the tables ({text})"))
        }
        _ => Error::Unavailable(text),
    }
}

#[cfg(test)]
mod tests;
