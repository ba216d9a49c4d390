//! Segments: the files of a stream, each taken whole before a byte of it is used.
//!
//! A segment gets its name only once its room is taken and its head is on the disk, so that a file `NNNNNNNN.seg` always
//! has a head, and a full disk shows when a segment is made and not when a call ends.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_core::usage::StreamId;
use ulid::Ulid;

use super::checkpoint;
use super::disk::Disk;

/// Bytes of a segment's head; records follow.
pub(crate) const HEAD: usize = 128;

/// A segment that can be written to.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Its place among the stream's, from 1.
    pub(crate) number: u32,
    /// Open, with its head written.
    pub(crate) file: Arc<File>,
    /// Bytes that it may hold, head included.
    pub(crate) size: usize,
}

const MAGIC: &[u8; 8] = b"tollgate";
const VERSION: u16 = 1;
const NODE: usize = 64;
const EXTENSION: &str = "seg";

impl Segment {
    /// Makes a segment of this size, with its room taken.
    pub(crate) fn make(disk: &Disk, of: &Files<'_>, number: u32, size: usize) -> io::Result<Self> {
        let new = of.directory.join(format!("{number:08}.new"));
        let made = Self::fill(disk, of, number, size, &new);
        if made.is_err() {
            // What is left of it only takes room; where it cannot be deleted, it is written anew or found at a start.
            let _ = disk.remove(&new);
        }
        made
    }

    fn fill(disk: &Disk, of: &Files<'_>, number: u32, size: usize, new: &Path) -> io::Result<Self> {
        let file = disk.create(new)?;
        disk.allocate(&file, size as u64)?;
        disk.write(&file, &head(of, number))?;
        disk.sync(&file)?;
        disk.rename(new, &path(of.directory, number))?;
        disk.sync_dir(of.directory)?;
        Ok(Self { number, file: Arc::new(file), size })
    }
}

/// What all segments of a stream have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    /// Where they are.
    pub(crate) directory: &'a Path,
    /// Whose they are.
    pub(crate) stream: StreamId,
    /// The node that made them.
    pub(crate) node: &'a str,
}

/// The name of a segment.
pub(crate) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:08}.{EXTENSION}"))
}

/// The numbers of the segments in a directory, in order.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.extend(
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u32>().ok()),
            );
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Bytes of a stream's files but of its checkpoint, which is a few lines and written anew all the time.
pub(crate) fn room(directory: &Path) -> io::Result<u64> {
    let checkpoint = checkpoint::path(directory);
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.path() != checkpoint {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// A segment's head: magic, version, stream, number, node, and a sum over them.
pub(crate) fn head(of: &Files<'_>, number: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&of.stream.boot.to_bytes());
    bytes.extend_from_slice(&of.stream.number.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&of.node.as_bytes()[..of.node.floor_char_boundary(NODE)]);
    bytes.resize(HEAD - 4, 0);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes
}

/// Whether this is the head of this segment.
pub(crate) fn is_head(bytes: &[u8], stream: StreamId, number: u32) -> bool {
    let Some((head, _)) = bytes.split_first_chunk::<HEAD>() else { return false };
    let (said, sum) = head.split_at(HEAD - 4);
    let expected = [
        &MAGIC[..],
        &VERSION.to_be_bytes(),
        &stream.boot.to_bytes(),
        &stream.number.to_be_bytes(),
        &number.to_be_bytes(),
    ]
    .concat();
    said.starts_with(&expected) && sum == crc32c::crc32c(said).to_be_bytes()
}

/// The directory of a boot.
pub(crate) fn boot_directory(root: &Path, boot: Ulid) -> PathBuf {
    root.join(boot.to_string())
}

/// The directory of a stream.
pub(crate) fn stream_directory(root: &Path, stream: StreamId) -> PathBuf {
    boot_directory(root, stream.boot).join(stream.number.to_string())
}
