//! A journal in a directory of its own, whose thread takes its turns when a test says so.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tempfile::TempDir;
use tollgate_core::usage::{Closing, Intent, Measure, Outcome};
use ulid::Ulid;

use crate::chain::{Head, Linked, SealKey};
use crate::journal::disk::Disk;
use crate::journal::disk::faults::{Fault, Faults};
use crate::journal::{
    Config, Damage, Entry, Flushed, Journal, Opening, Read, Reader, Recovered, Stream, SyncMode,
};

/// A directory for journals, one after the other.
pub struct Place {
    pub directory: TempDir,
    pub config: Config,
}

/// Everything that a journal's streams hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub events: Vec<Linked>,
    pub seals: usize,
}

impl Place {
    /// With segments as small as they may be.
    pub fn new(sync: SyncMode) -> Self {
        // In memory where that can be had: what a disk does on top is what faults stand for.
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let key = SealKey::new(&[7; 32]);
        let config = Config { sync, segment_bytes: 0, ..Config::new(directory.path(), "node-1", key) };
        Self { directory, config }
    }

    pub fn open(&self, disk: Disk) -> Journal {
        Journal::open_on(self.config.clone(), disk).unwrap()
    }

    /// The next boot: what it recovers, and what can be read then.
    pub fn next_boot(&self) -> (Recovered, Contents) {
        // A disk without faults that need not be waited for.
        let journal = self.open(Faults::new(Fault::Short, usize::MAX, 0).disk());
        let recovered = journal.recover().unwrap();
        (recovered, contents(&journal))
    }
}

/// What a reader gives until there is no more.
pub fn read_all(reader: &mut Reader) -> Vec<Read> {
    std::iter::from_fn(|| reader.next().unwrap()).collect()
}

/// The numbers of the calls whose events these are.
pub fn numbers(reads: &[Read]) -> Vec<u64> {
    let number = |read: &Read| match read {
        Read::Event(linked) => Some(number_of(linked)),
        Read::Seal(_) | Read::Damaged(_) => None,
    };
    reads.iter().filter_map(number).collect()
}

/// What is wrong.
pub fn damages(reads: &[Read]) -> Vec<Damage> {
    let damage = |read: &Read| match read {
        Read::Damaged(finding) => Some(finding.damage.clone()),
        Read::Event(_) | Read::Seal(_) => None,
    };
    reads.iter().filter_map(damage).collect()
}

/// Makes calls that end at once, and gives the journal's thread its turns.
pub fn make_calls(journal: &Journal, stream: &Stream, which: std::ops::RangeInclusive<u64>) {
    for number in which {
        drop(admit(stream, number).close(&closing(number)));
        if number % 20 == 0 {
            stream.flush();
            journal.turn();
        }
    }
    stream.flush();
    journal.turn();
}

/// Reads all streams, from what was released on; nothing may be wrong.
pub fn contents(journal: &Journal) -> Contents {
    let mut all = Contents::default();
    for stream in journal.streams() {
        let mut reader = journal.reader(stream).unwrap();
        let mut head: Option<Head> = None;
        while let Some(read) = reader.next().unwrap() {
            match read {
                Read::Event(linked) => {
                    assert_eq!(linked.stream(), stream);
                    if linked.seq() == 1 {
                        head = Some(Head::default());
                    }
                    if let Some(head) = head {
                        assert!(head.is_followed_by(&linked), "{linked:?} after {head:?}");
                    }
                    head = Some(linked.head());
                    all.events.push(*linked);
                }
                Read::Seal(seal) => {
                    assert!(SealKey::new(&[7; 32]).verifies(&seal));
                    if let Some(head) = head.filter(|head| head.seq == seal.head.seq) {
                        assert_eq!(head, seal.head);
                    }
                    all.seals += 1;
                }
                Read::Damaged(finding) => panic!("{finding}"),
            }
        }
    }
    all
}

pub fn intent(number: u64) -> Intent<&'static str> {
    Intent {
        id: Ulid(u128::from(number)),
        time_micros: 1_800_000_000_000_000 + number,
        node: "node-1",
        account: Some("acme"),
        account_id: Some("01JD3X4M5N6P7Q8R9STVWXYZ0A"),
        consumer: Some("service_a"),
        credential: Some("01JD3X4M5N6P7Q8R9STVWXYZ01"),
        route: "chat",
        model: Some("small-chat-model"),
        method: "POST",
        path: "/v1/chat/completions",
        client_request_id: None,
        tier: Some("premium"),
    }
}

/// The end of a call, which tells the call's number too.
pub fn closing(number: u64) -> Closing {
    let unknown = Closing::unknown(Outcome::Served);
    Closing { status: Some(200), measures: unknown.measures.with(Measure::TokensOut, number), ..unknown }
}

pub fn number_of(linked: &Linked) -> u64 {
    u64::try_from(linked.id().0).unwrap()
}

/// Opens a call and waits no longer than a flush.
pub fn admit(stream: &Stream, number: u64) -> Entry {
    let mut opening = stream.open(&intent(number)).unwrap();
    stream.flush();
    match poll(&mut opening) {
        Poll::Ready(Ok(entry)) => entry,
        other => panic!("{other:?}"),
    }
}

pub fn poll(opening: &mut Opening) -> Poll<Result<Entry, crate::journal::Unavailable>> {
    Future::poll(pin!(opening), &mut Context::from_waker(Waker::noop()))
}

pub fn is_done(flushed: &mut Flushed) -> bool {
    Future::poll(pin!(flushed), &mut Context::from_waker(Waker::noop())).is_ready()
}

/// A few seconds of a quiet process.
pub fn rest(journal: &Journal, stream: &Stream, now: &mut Duration) {
    for _ in 0..4 {
        journal.turn();
        *now += Duration::from_secs(1);
        stream.tick(*now);
    }
    journal.turn();
}
