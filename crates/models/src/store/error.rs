//! What can go wrong with a database, in words for whoever runs the service.

/// Why the store did not do what it was asked. Nothing of it was done then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer; asking again later may do.
    #[error("the database is away: {0}")]
    Away(String),
    /// There is no space left to write to.
    #[error("the database is full: {0}")]
    Full(String),
    /// The artifacts have no room left; some must be removed first.
    #[error("the artifacts would take more than {most} bytes; remove some that are no longer needed")]
    NoRoom {
        /// How many bytes all of them may take.
        most: u64,
    },
    /// A row refers to one that is not there, or is there already.
    #[error("the change would break a rule of the tables: {0}")]
    Rule(String),
    /// The database holds what this program did not write.
    #[error("the database is damaged: {0}; restore a backup")]
    Damaged(String),
    /// The database belongs to something else, to a newer program, or to a process that runs.
    #[error("{0}")]
    NotOurs(String),
}

/// What the functions of the store return.
pub(crate) type Result<T> = std::result::Result<T, StoreError>;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(said) => {
                let (text, code) = (said.message().to_owned(), said.code().unwrap_or_default());
                match said.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    Some(_) => of_postgres(&code, text),
                    None => of_sqlite(&code, text),
                }
            }
            sqlx::Error::PoolTimedOut => Self::Away("no connection became free in time".to_owned()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged(error.to_string()),
            _ => Self::Away(error.to_string()),
        }
    }
}

/// By the primary result code (<https://sqlite.org/rescode.html>), which is the low byte of the extended one.
fn of_sqlite(code: &str, text: String) -> StoreError {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(11) => StoreError::Damaged(text),
        Ok(13) => StoreError::Full(text),
        Ok(19) => StoreError::Rule(text),
        Ok(26) => StoreError::NotOurs("the file is no SQLite database".to_owned()),
        _ => StoreError::Away(text),
    }
}

/// By the class of the SQLSTATE (PostgreSQL, appendix A).
fn of_postgres(code: &str, text: String) -> StoreError {
    match code {
        "53100" => StoreError::Full(text),
        _ if code.starts_with("23") => StoreError::Rule(text),
        _ if code.starts_with("XX") => StoreError::Damaged(text),
        _ => StoreError::Away(text),
    }
}
