//! Memory for bodies: what each takes is known before it is read, and is given back when nothing of it is left.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// Less than this is bounded by the number of connections.
const SMALL: usize = 64 * 1024;
/// A text takes its letters, and this for whoever keeps them.
pub(crate) const TEXT: usize = 32;
/// A member of an object takes its value, and this for its name and its place.
const MEMBER: usize = 64;
/// A cell of comma-separated text takes its letters, and at most this for its value.
const CELL: usize = 48;

/// Memory that all bodies share.
#[derive(Debug)]
pub(crate) struct Room {
    /// A permit for each KiB.
    permits: Arc<Semaphore>,
    /// The most that one body may take, in KiB.
    most: usize,
}

/// A part of the room, given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Room for so many bytes, half of them for any one body.
    pub(crate) fn new(bytes: usize) -> Self {
        let all = (bytes / 1024).clamp(2, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { permits: Arc::new(Semaphore::new(all)), most: all / 2 }
    }

    /// Takes room for so many bytes more.
    ///
    /// # Errors
    /// 413 where one body may never take so much, 503 where there is none left now.
    pub(crate) fn take(&self, taken: &mut Taken, bytes: usize) -> Result<(), Problem> {
        if bytes < SMALL {
            return Ok(());
        }
        self.fits(bytes)?;
        let kibs = bytes.div_ceil(1024);
        let permits =
            Arc::clone(&self.permits).try_acquire_many_owned(u32::try_from(kibs).unwrap_or(u32::MAX));
        let more = permits.map_err(|_| Problem::busy("too many large bodies are being read"))?;
        taken.add(more);
        Ok(())
    }

    /// Whether one body may take so many bytes.
    ///
    /// # Errors
    /// 413 where it may not.
    pub(crate) fn fits(&self, bytes: usize) -> Result<(), Problem> {
        match bytes.div_ceil(1024) > self.most {
            true => Err(Problem::too_heavy(bytes, self.most * 1024)),
            false => Ok(()),
        }
    }

    /// Waits for room for a body that was let in once.
    pub(crate) async fn wait(&self, bytes: usize) -> Taken {
        // It was let in by a service with more room, perhaps: then it has all that there is for one.
        let kibs = bytes.div_ceil(1024).min(self.most);
        let permits = Arc::clone(&self.permits).acquire_many_owned(u32::try_from(kibs).unwrap_or(u32::MAX));
        // Nobody closes the semaphore; were it closed, the work would be done all the same.
        Taken { permit: permits.await.ok() }
    }
}

impl Taken {
    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
    }
}

/// How many bytes a JSON text takes as a value. What is no JSON takes less: nobody reads it beyond its flaw.
pub(crate) fn of_json(text: &[u8]) -> usize {
    /// Deeper than any parser of ours goes.
    const DEEP: usize = 128;
    let (mut sum, mut open) = (0_usize, Vec::<Open>::new());
    let (mut quoted, mut bytes) = (false, text.iter());
    while let Some(byte) = bytes.next() {
        if quoted {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                quoted = true;
                sum += TEXT;
            }
            b'[' | b'{' if open.len() == DEEP => break,
            b'[' | b'{' => {
                fill(&mut open);
                open.push(Open { object: *byte == b'{', commas: 0, filled: false });
                continue;
            }
            b']' | b'}' => {
                sum += open.pop().map_or(0, |closed| closed.bytes());
                continue;
            }
            b',' => {
                if let Some(open) = open.last_mut() {
                    open.commas += 1;
                }
            }
            byte if byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        fill(&mut open);
    }
    let unclosed = open.iter().map(Open::bytes).sum::<usize>();
    text.len().saturating_add(sum).saturating_add(unclosed)
}

/// How many bytes a comma-separated text takes as a table.
pub(crate) fn of_csv(text: &[u8]) -> usize {
    let cells = text.iter().filter(|byte| matches!(byte, b',' | b'\n')).count() + 1;
    text.len().saturating_add(cells.saturating_mul(CELL))
}

/// How many bytes a list of so many values takes, without what is in them.
pub(crate) fn of_list(count: usize) -> usize {
    grown(count).saturating_mul(size_of::<Value>())
}

/// How many bytes an object of so many members takes, without what is in them.
pub(crate) fn of_object(count: usize) -> usize {
    grown(count).saturating_mul(size_of::<Value>() + MEMBER)
}

/// Lists grow by doubling, from four on.
fn grown(count: usize) -> usize {
    if count == 0 { 0 } else { count.next_power_of_two().max(4) }
}

/// A list or an object that has begun.
struct Open {
    object: bool,
    commas: usize,
    filled: bool,
}

impl Open {
    fn bytes(&self) -> usize {
        match (self.filled, self.object) {
            (false, _) => 0,
            (true, true) => of_object(self.commas + 1),
            (true, false) => of_list(self.commas + 1),
        }
    }
}

fn fill(open: &mut [Open]) {
    if let Some(last) = open.last_mut() {
        last.filled = true;
    }
}

#[cfg(test)]
mod tests;
