//! Reading a stream's events, in order and each once.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tollgate_core::usage::{StreamId, UsageEvent};

use super::checkpoint;
use super::finding::{Damage, Finding};
use super::lot::{Mark, Shared};
use super::process::Process;
use super::record::Record;
use super::segment;
use crate::chain::{Hash, Head, Linked, Seal};

pub(super) use cursor::Cursor;

mod cursor;

/// A reader of one stream. It may be used while the stream is written to, on another thread.
///
/// Of a stream that is written to, it gives what is on the disk already: what has left this machine has not to be taken
/// back when the machine fails.
#[derive(Debug)]
pub struct Reader {
    stream: StreamId,
    directory: PathBuf,
    live: Option<Arc<Shared>>,
    place: Place,
    cursor: Option<Cursor>,
    /// How much of a live stream there was when all of it had been read.
    seen: Option<u64>,
    ended: bool,
}

/// What is read of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// The next event.
    Event(Box<Linked>),
    /// A seal; the event that it seals came before.
    Seal(Seal),
    /// An alarm; what can be read behind it follows.
    Damaged(Finding),
}

/// How far the events are read.
#[derive(Debug)]
struct Place {
    /// The newest event that was given.
    head: Head,
    /// Whether the hash in `head` is known, so that the next one must follow from it.
    chained: bool,
    /// The newest event whose seal was given.
    sealed: u64,
    /// Whether the next event is nowhere.
    missing: bool,
}

/// What taking a record came to.
enum Step {
    Given(Read),
    /// There was nothing to give; there may be more behind it.
    Passed,
    /// There is no more for now.
    Nothing,
}

/// What a record is to the reader.
enum Verdict {
    Give(Read),
    /// It was given before.
    Skip,
    /// It may not be given yet.
    Later,
    /// Events before it were not given, and may be in a later segment.
    Gap,
    /// Something is wrong before it; it can be read all the same.
    Alarm(Damage),
    /// It cannot be read.
    Lost(Damage),
}

impl Reader {
    pub(crate) fn open(process: &Process, stream: StreamId) -> io::Result<Self> {
        if !process.streams().contains(&stream) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let directory = process.directory_of(stream);
        let checkpoint = checkpoint::read(&directory)?;
        Ok(Self {
            stream,
            directory,
            live: process.live_stream(stream),
            place: Place { head: checkpoint.head, chained: true, sealed: checkpoint.sealed, missing: false },
            cursor: None,
            seen: None,
            ended: false,
        })
    }

    /// A reader of all that is there of a stream that nobody writes to, what was released among it.
    pub(super) fn at_rest(directory: PathBuf, stream: StreamId) -> Self {
        let place = Place { head: Head::default(), chained: true, sealed: 0, missing: false };
        Self { stream, directory, live: None, place, cursor: None, seen: None, ended: false }
    }

    /// Whose events these are.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// How far the events are read: at first, how far they were [released](super::Journal::release).
    pub fn head(&self) -> Head {
        self.place.head
    }

    /// Whether everything was read and nothing more will come.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The next of the stream; nothing where there is none yet, or where [`Reader::is_ended`].
    ///
    /// # Errors
    /// Where a segment cannot be opened or read; the same is tried again by the next call.
    #[expect(
        clippy::should_implement_trait,
        reason = "it fails, and where it gives nothing it may give more later"
    )]
    pub fn next(&mut self) -> io::Result<Option<Read>> {
        let (synced, over) = self.look();
        if self.ended || synced.is_some_and(|synced| self.seen == Some(synced.offset)) {
            return Ok(None);
        }
        let limit = synced.map_or(u64::MAX, |synced| synced.seq);
        loop {
            if self.cursor.is_none() && !self.start()? {
                break;
            }
            match self.step(limit, over)? {
                Step::Given(read) => return Ok(Some(read)),
                Step::Passed => {}
                Step::Nothing => break,
            }
        }
        self.seen = synced.map(|synced| synced.offset);
        self.ended = over;
        if over {
            // Files of streams that are read to their end are not held open for as long as they are kept.
            self.cursor = None;
        }
        Ok(None)
    }

    /// How much of a live stream is on the disk, and whether it is written to no more.
    fn look(&self) -> (Option<Mark>, bool) {
        let Some(live) = &self.live else { return (None, true) };
        let lot = live.lot();
        // The thread takes the segment away once it is synced for the last time.
        if lot.ended && lot.current.is_none() && !lot.failing {
            (None, true)
        } else {
            (Some(lot.synced), false)
        }
    }

    /// Goes to the last segment that begins before the next event; answers whether there is one.
    fn start(&mut self) -> io::Result<bool> {
        let numbers = segment::list(&self.directory)?;
        let Some(&first) = numbers.first() else { return Ok(false) };
        // Where nothing was released and older segments are gone all the same, the first event is wherever it is.
        self.place.chained &= self.place.head.seq > 0 || first == 1;
        let mut begin = first;
        for &number in numbers.iter().skip(1).rev() {
            let mut cursor = Cursor::open(&self.directory, number)?;
            if cursor.first_event()?.is_some_and(|seq| seq <= self.place.head.seq + 1) {
                begin = number;
                break;
            }
        }
        self.go_to(begin)?;
        Ok(true)
    }

    fn go_to(&mut self, number: u32) -> io::Result<Step> {
        let cursor = Cursor::open(&self.directory, number)?;
        let step = match cursor.has_head(self.stream)? {
            true => Step::Passed,
            false => Step::Given(Read::Damaged(Finding {
                file: cursor.path().to_owned(),
                offset: 0,
                damage: Damage::Head,
            })),
        };
        self.cursor = Some(cursor);
        Ok(step)
    }

    /// Takes the next record.
    fn step(&mut self, limit: u64, over: bool) -> io::Result<Step> {
        let Some(cursor) = &mut self.cursor else { return Ok(Step::Nothing) };
        let Some((record, length)) = cursor.record()? else { return self.go_on(over) };
        let verdict = match record {
            Record::Event { hash, event, .. } => self.place.event(hash, event, limit),
            Record::Seal { head, mac } => self.place.seal(Seal { stream: self.stream, head, mac }, limit),
            Record::Intent { .. } | Record::Progress { .. } | Record::Withdrawn { .. } | Record::End => {
                Verdict::Skip
            }
        };
        let step = match verdict {
            Verdict::Later => return Ok(Step::Nothing),
            Verdict::Gap => {
                let number = cursor.number();
                return self.fill_gap(number);
            }
            Verdict::Skip => Step::Passed,
            Verdict::Give(read) => Step::Given(read),
            Verdict::Alarm(damage) => return Ok(Step::Given(Read::Damaged(cursor.finding(damage)))),
            Verdict::Lost(damage) => Step::Given(Read::Damaged(cursor.finding(damage))),
        };
        cursor.pass(length);
        Ok(step)
    }

    /// Goes on in a later segment that has the next event, where there is one: a segment that was given up may have holes,
    /// and what counted of it was written anew.
    fn fill_gap(&mut self, number: u32) -> io::Result<Step> {
        for later in segment::list(&self.directory)?.into_iter().filter(|later| *later > number) {
            let first = Cursor::open(&self.directory, later)?.first_event()?;
            if first.is_some_and(|seq| seq <= self.place.head.seq + 1) {
                return self.go_to(later);
            }
        }
        self.place.missing = true;
        Ok(Step::Passed)
    }

    /// Where no whole record is: to the next one, to the next segment, or nowhere yet.
    fn go_on(&mut self, over: bool) -> io::Result<Step> {
        let Some(cursor) = &mut self.cursor else { return Ok(Step::Nothing) };
        let later: Vec<u32> =
            segment::list(&self.directory)?.into_iter().filter(|number| *number > cursor.number()).collect();
        // Who writes has left this segment once there is a record in a later one; and what was written to this one before
        // is there when it is read again after that.
        let mut left = over;
        for &number in &later {
            left = left || Cursor::open(&self.directory, number)?.record()?.is_some();
        }
        if !cursor.is_fresh(left) {
            cursor.read_again(left);
            return Ok(Step::Passed);
        }
        if !left {
            cursor.stale();
            return Ok(Step::Nothing);
        }
        if let Some(damaged) = cursor.skip_damage()? {
            let (file, damage) = (cursor.path().to_owned(), Damage::Corrupt);
            return Ok(Step::Given(Read::Damaged(Finding { file, offset: damaged, damage })));
        }
        match later.first() {
            Some(next) => self.go_to(*next),
            None => Ok(Step::Nothing),
        }
    }
}

impl Place {
    fn event(&mut self, hash: Hash, bytes: &[u8], limit: u64) -> Verdict {
        let seq = match UsageEvent::decode_head(bytes) {
            Ok((_, seq)) => seq,
            Err(error) => return Verdict::Lost(Damage::Unreadable(error)),
        };
        if seq <= self.head.seq {
            return Verdict::Skip;
        }
        if seq > limit {
            return Verdict::Later;
        }
        let before = self.head;
        if seq > before.seq + 1 {
            let may_begin = !self.chained && before.seq == 0;
            if !may_begin && !std::mem::take(&mut self.missing) {
                return Verdict::Gap;
            }
            self.head = Head { seq: seq - 1, ..Head::default() };
            let begins = !std::mem::take(&mut self.chained) && before.seq == 0;
            if !begins {
                return Verdict::Alarm(Damage::EventsMissing { after: before.seq, next: seq });
            }
        }
        if self.chained && before.after(bytes).hash != hash {
            self.chained = false;
            return Verdict::Alarm(Damage::Chain { seq });
        }
        self.head = Head { seq, hash };
        self.chained = true;
        match Linked::read(bytes, hash) {
            Ok(linked) => Verdict::Give(Read::Event(Box::new(linked))),
            Err(error) => Verdict::Lost(Damage::Unreadable(error)),
        }
    }

    fn seal(&mut self, seal: Seal, limit: u64) -> Verdict {
        if seal.head.seq > limit {
            return Verdict::Later;
        }
        if seal.head.seq <= self.sealed {
            return Verdict::Skip;
        }
        self.sealed = seal.head.seq;
        Verdict::Give(Read::Seal(seal))
    }
}
