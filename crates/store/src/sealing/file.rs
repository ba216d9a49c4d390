//! The sealing key file: one key a line, `ID BASE64`, the one that seals first.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{SealingKey, SealingKeys};
use crate::error::{Error, Result};
use crate::id::ulid;
use crate::random;

const HEADING: &str = "\
# Sealing keys, one a line: ID BASE64. The first one seals, the others only open.
# Keep a copy away from the database: without it, sealed secrets are lost.
";

/// Reads a file; absent where there is none.
///
/// # Errors
/// [`Error::Sealing`] where it cannot be read, others than its owner may read it, or a line is no key.
pub(super) fn read(path: &Path) -> Result<Option<SealingKeys>> {
    let place = path.display();
    let refused = |why: String| Error::Sealing(format!("sealing key file `{place}`: {why}"));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error.to_string())),
    };
    let mode = file.metadata().map_err(|error| refused(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(refused(format!("others may read it; run `chmod 600 {place}`")));
    }
    let text = Zeroizing::new(std::io::read_to_string(file).map_err(|error| refused(error.to_string()))?);
    let mut keys: Vec<SealingKey> = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (id, key) = parse(line).ok_or_else(|| refused(format!("line {number} is not `ID BASE64`")))?;
        if keys.iter().any(|known| known.id == id) {
            return Err(refused(format!("line {number} has the id `{id}` again")));
        }
        keys.push(SealingKey::new(id, &key)?);
    }
    if keys.is_empty() { Err(refused("it has no key".to_owned())) } else { Ok(Some(SealingKeys { keys })) }
}

/// Writes a new key to the front of a file, which is made where there is none, and on the disk when this returns.
pub(super) fn add_key(path: &Path, now: Timestamp) -> Result<()> {
    let refused = |error: std::io::Error| {
        Error::Sealing(format!("sealing key file `{}` cannot be written: {error}", path.display()))
    };
    let mut key = Zeroizing::new([0; 32]);
    random::fill(key.as_mut_slice())?;
    let old = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Zeroizing::default(),
        Err(error) => return Err(refused(error)),
    };
    let rest = old.strip_prefix(HEADING).unwrap_or(&old);
    let line = Zeroizing::new(STANDARD.encode(key.as_slice()));
    let text = Zeroizing::new(format!("{HEADING}{} {}\n{rest}", ulid(now)?, line.as_str()));
    replace(path, &text)
}

/// Leaves the key that seals, and no other.
pub(super) fn keep_first(path: &Path) -> Result<()> {
    let refused = |error: std::io::Error| {
        Error::Sealing(format!("sealing key file `{}` cannot be read: {error}", path.display()))
    };
    let old = Zeroizing::new(std::fs::read_to_string(path).map_err(refused)?);
    let is_key = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    let first = old.lines().find(is_key).unwrap_or_default();
    replace(path, &Zeroizing::new(format!("{HEADING}{first}\n")))
}

/// Puts a text in the place of a file, on the disk when this returns.
fn replace(path: &Path, text: &str) -> Result<()> {
    let refused = |error: std::io::Error| {
        Error::Sealing(format!("sealing key file `{}` cannot be written: {error}", path.display()))
    };
    // Beside the file and then in its place, so that no reader and no crash finds half of it.
    let beside = path.with_added_extension("new");
    let _ = std::fs::remove_file(&beside);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(refused)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(refused)?;
    std::fs::rename(&beside, path).map_err(refused)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)
}

/// A line's identifier and its 32 bytes.
fn parse(line: &str) -> Option<(&str, Zeroizing<[u8; 32]>)> {
    let (id, encoded) = line.split_once(char::is_whitespace)?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let key = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
    (id.len() <= 64).then_some((id, Zeroizing::new(key)))
}
