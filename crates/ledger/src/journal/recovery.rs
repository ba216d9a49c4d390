//! Finishing what an earlier boot left.
//!
//! A stream is finished by one more segment: an `interrupted` event for each call without an end, in the order of the
//! calls, a seal, and the record that ends the stream. What is in it follows from the segments before it and from
//! nothing else, and it gets its name when it is whole and on the disk: recovery that is ended midway does the same
//! again.

use std::fs::File;
use std::io;
use std::path::Path;

use tollgate_core::usage::StreamId;

use super::checkpoint;
use super::finding::{Damage, Finding};
use super::process::{self, Process};
use super::prune;
use super::record::{self, Record};
use super::segment::{self, Files, HEAD};

use replay::Replay;

mod replay;

/// What was found of earlier boots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Streams that can be read now, those that were finished before among them.
    pub streams: Vec<StreamId>,
    /// Calls that became `interrupted` events just now.
    pub interrupted: u64,
    /// What is wrong with their files.
    pub findings: Vec<Finding>,
}

/// Finishes every stream of every adopted boot.
pub(crate) fn recover(process: &Process) -> io::Result<Recovered> {
    let mut recovered = Recovered::default();
    for boot in process.adopted() {
        let path = segment::boot_directory(&process.config.directory, boot);
        if !path.exists() {
            continue;
        }
        for stream in process::streams_in(&path, boot)? {
            let directory = process.directory_of(stream);
            if let Err(error) = recover_stream(process, stream, &directory, &mut recovered) {
                let damage = Damage::Io(error.to_string());
                recovered.findings.push(Finding { file: directory, offset: 0, damage });
            }
        }
        process::remove_boot(&path);
    }
    Ok(recovered)
}

/// Deletes what is left of a stream without segments.
pub(crate) fn forget_stream(process: &Process, stream: StreamId, directory: &Path) -> io::Result<()> {
    let checkpoint = checkpoint::path(directory);
    if checkpoint.exists() {
        process.disk().remove(&checkpoint)?;
    }
    std::fs::remove_dir(directory)?;
    process.gone(stream);
    Ok(())
}

fn recover_stream(
    process: &Process,
    stream: StreamId,
    directory: &Path,
    recovered: &mut Recovered,
) -> io::Result<()> {
    remove_unnamed(process, directory)?;
    let numbers = segment::list(directory)?;
    let Some((&first, &last)) = numbers.first().zip(numbers.last()) else {
        return forget_stream(process, stream, directory);
    };
    let newest = segment::path(directory, last);
    let newest_event;
    let bytes = std::fs::read(&newest)?;
    if is_ended(&bytes) {
        newest_event = prune::newest_event(directory, &numbers)?;
        // Its process may have been killed before it synced the end; what is safe elsewhere may lose it.
        let safe = checkpoint::read(directory)?;
        if safe.head.seq < newest_event || safe.sealed < prune::newest_in(&bytes).sealed {
            process.disk().sync(&File::open(newest)?)?;
        }
    } else {
        let mut replay = Replay::new(stream, first > 1);
        let mut newest = 0;
        for number in numbers {
            if read(process, directory, number, &mut replay)? {
                newest = number;
            }
        }
        // Where all events are pruned and a call was open, they are not to be numbered again.
        replay.go_on_from(checkpoint::read(directory)?.head);
        recovered.interrupted += replay.open_calls();
        let records = replay.finish(process.seal_key());
        newest_event = replay.newest_event();
        recovered.findings.append(&mut replay.findings);
        write(process, stream, directory, newest + 1, &records)?;
    }
    process.recovered(stream, newest_event);
    recovered.streams.push(stream);
    Ok(())
}

/// Replays a segment, makes sure that it is on the disk, and gives back its unused room; one that was never used goes.
/// Answers whether it was used.
fn read(process: &Process, directory: &Path, number: u32, replay: &mut Replay) -> io::Result<bool> {
    let path = segment::path(directory, number);
    let bytes = std::fs::read(&path)?;
    let used = replay.segment(&path, number, &bytes);
    if bytes[used..].iter().any(|byte| *byte != 0) {
        // A torn record: it stays as it is, to be looked at.
        process.disk().sync(&File::options().read(true).write(true).open(&path)?)?;
        return Ok(true);
    }
    if used <= HEAD {
        process.disk().remove(&path)?;
        process.freed(bytes.len() as u64);
        return Ok(false);
    }
    let file = File::options().read(true).write(true).open(&path)?;
    process.disk().resize(&file, used as u64)?;
    process.freed((bytes.len() - used) as u64);
    process.disk().sync(&file)?;
    Ok(true)
}

fn write(
    process: &Process,
    stream: StreamId,
    directory: &Path,
    number: u32,
    records: &[u8],
) -> io::Result<()> {
    let files = Files { directory, stream, node: &process.config.node };
    let bytes = [&segment::head(&files, number), records].concat();
    process.disk().replace(&segment::path(directory, number), &bytes)?;
    process.taken(bytes.len() as u64);
    Ok(())
}

/// Whether a stream's last segment says that it is the last.
fn is_ended(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(HEAD..).unwrap_or_default();
    let mut ended = false;
    while let Some((record, length)) = record::first(rest) {
        ended = record == Record::End;
        rest = &rest[length..];
    }
    ended
}

/// Deletes files that a crash left before they had their names.
fn remove_unnamed(process: &Process, directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "new") {
            let bytes = entry.metadata()?.len();
            process.disk().remove(&entry.path())?;
            process.freed(bytes);
        }
    }
    Ok(())
}
