//! The journal's own thread: it syncs, and makes segments ahead of time.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::config::SyncMode;
use super::lot::Shared;
use super::process::Process;
use super::segment;

/// The thread; ended, after a last turn, when this is dropped.
#[derive(Debug)]
pub(crate) struct Thread {
    process: Arc<Process>,
    handle: Option<JoinHandle<()>>,
}

/// What is written is synced so often; what failed is tried again so often.
const TURN: Duration = Duration::from_secs(1);

impl Thread {
    pub(crate) fn start(process: Arc<Process>) -> io::Result<Self> {
        let theirs = process.clone();
        let run = move || {
            while theirs.wait_for_work(TURN) {
                turn(&theirs);
            }
            turn(&theirs);
        };
        let handle = std::thread::Builder::new().name("journal".to_owned()).spawn(run)?;
        Ok(Self { process, handle: Some(handle) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.process.stop();
        if let Some(handle) = self.handle.take() {
            // It has no result, and a panic of it has been reported as any other.
            let _ = handle.join();
        }
    }
}

/// Syncs every stream that has written something, and gives each the spare that it wants.
pub(crate) fn turn(process: &Process) {
    for shared in process.live() {
        sync(process, &shared);
        if !finish(process, &shared) {
            prepare(process, &shared);
        }
    }
}

fn sync(process: &Process, shared: &Shared) {
    let mut lot = shared.lot();
    // A file whose sync failed is told to be synced by the next one, and is not.
    if lot.distrusted {
        return;
    }
    let Some(current) = lot.current.as_ref().map(|current| current.file.clone()) else { return };
    if lot.synced.offset >= lot.written.offset {
        return;
    }
    let (written, epoch) = (lot.written, lot.epoch);
    let full = lot.retired.len();
    let files = lot.retired.clone();
    lot.syncing_since = Some(Instant::now());
    drop(lot);

    let done = files.iter().chain([&current]).try_for_each(|file| process.disk().sync(file));

    let mut woken = Vec::new();
    let mut lot = shared.lot();
    lot.syncing_since = None;
    match done {
        Ok(()) => {
            lot.synced = written;
            if lot.epoch == epoch {
                lot.retired.drain(..full);
            }
            if process.sync() == SyncMode::Always {
                lot.acknowledge(written.offset, &mut woken);
            }
        }
        // The stream has given these files up already.
        Err(_) if lot.epoch != epoch => {}
        Err(error) => {
            process.trouble("a sync of the journal failed", &error);
            lot.distrusted = true;
            lot.failing = true;
            lot.current = None;
            lot.retired.clear();
            lot.everybody(&mut woken);
        }
    }
    drop(lot);
    woken.into_iter().for_each(Waker::wake);
}

/// Gives back what a stream that has ended does not need; answers whether it has.
fn finish(process: &Process, shared: &Shared) -> bool {
    let mut lot = shared.lot();
    if !lot.ended || lot.synced.offset < lot.written.offset {
        return lot.ended;
    }
    let (spare, current, used) = (lot.spare.take(), lot.current.take(), lot.used);
    drop(lot);
    if let Some(spare) = spare {
        process.discard(&shared.directory, &spare);
    }
    if let Some(current) = current {
        process.shrink(&current, used);
    }
    true
}

fn prepare(process: &Process, shared: &Shared) {
    let mut lot = shared.lot();
    if !lot.wants_spare || lot.spare.is_some() {
        return;
    }
    let number = lot.next_number;
    // A number is used once: what a failure left under it is never written to again.
    lot.next_number += 1;
    drop(lot);
    match process.make_segment(&shared.directory, shared.id, number) {
        Ok(made) => {
            let mut lot = shared.lot();
            lot.spare = Some(made);
            lot.wants_spare = false;
            drop(lot);
            process.no_trouble();
        }
        Err(error) => {
            let file = segment::path(&shared.directory, number);
            process.trouble(&format!("the segment `{}` could not be made", file.display()), &error);
        }
    }
}
