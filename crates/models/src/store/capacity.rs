//! How much the artifacts may take, all together.

use tokio::sync::Mutex;

use super::Store;
use super::database::sql;
use super::error::{Result, StoreError};

/// A bound of all artifacts, and how far they are from it at most.
#[derive(Debug)]
pub(super) struct Capacity {
    most: u64,
    /// Bytes that may still be kept without counting anew. Removals are found out when it is used up, so that nothing
    /// but a store that is nearly full is ever counted.
    left: Mutex<u64>,
}

impl Capacity {
    /// A bound of so many bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { most, left: Mutex::new(0) }
    }
}

impl Store {
    /// Makes sure that there is room for so many bytes of artifacts more.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] where there is none.
    pub(super) async fn make_room(&self, bytes: usize) -> Result<()> {
        let (bytes, most) = (bytes as u64, self.capacity.most);
        let mut left = self.capacity.left.lock().await;
        if *left < bytes {
            let kept =
                sql("SELECT CAST(COALESCE(SUM(octet_length(data) + COALESCE(octet_length(content), 0)), 0) \
                 AS BIGINT) FROM artifacts");
            let kept = self.database.one(kept).await?.map_or(Ok(0), |row| row.int(0))?;
            *left = most.saturating_sub(kept.unsigned_abs());
        }
        // What is then not written after all is counted again when the rest is used up.
        *left = left.checked_sub(bytes).ok_or(StoreError::NoRoom { most })?;
        Ok(())
    }
}
