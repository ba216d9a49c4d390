//! A copy of a store in one file, made while it is in use.

use std::fs::File;
use std::path::Path;

use futures_util::future::BoxFuture;
use sqlx::{ConnectOptions, Connection as _};

use crate::database::Database;
use crate::error::{Error, Result};
use crate::store::Store;

impl Store {
    /// Writes one state of an SQLite store into a new file, which is there in full or not at all, and on the disk when
    /// this returns. Readers and writers go on meanwhile.
    ///
    /// The sealing key file is not in it, and must not lie beside it. Where a backup takes the place of a store, gates
    /// must be started anew: its numbers of changes are used a second time.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the file is there already, or the store is in PostgreSQL, which has tools of its own.
    pub fn backup<'a>(&'a self, to: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Database::Sqlite { readers, .. } = &*self.database else {
                return Err(Error::invalid(
                    "store",
                    "is in PostgreSQL; back it up with `pg_dump --schema tollgate`",
                ));
            };
            let away = |error: std::io::Error| Error::Unavailable(format!("`{}`: {error}", to.display()));
            if to.try_exists().map_err(away)? {
                return Err(Error::invalid("to", format!("`{}` is there already", to.display())));
            }
            let beside = to.with_added_extension("part");
            let name = beside.to_str().ok_or_else(|| Error::invalid("to", "is no UTF-8"))?.to_owned();
            let _ = std::fs::remove_file(&beside);
            // Made first, because SQLite would make it readable by others; an empty file is as good as none to it.
            create_private(&beside).map_err(away)?;
            // A connection of its own: the readers may not write, not even to another file, and the writer is needed.
            let options = (*readers.connect_options()).clone().pragma("query_only", "OFF");
            let mut connection = options.connect().await?;
            sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await?;
            connection.close().await?;
            File::open(&beside).and_then(|file| file.sync_all()).map_err(away)?;
            std::fs::rename(&beside, to).map_err(away)?;
            let folder =
                to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(away)
        })
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(|_| ())
}
