use std::task::Poll;
use std::time::Duration;

use tollgate_core::usage::{Measure, Outcome};

use super::harness::{Place, admit, closing, contents, intent, make_calls, number_of, poll, read_all};
use crate::chain::Head;
use crate::journal::disk::Disk;
use crate::journal::disk::faults::{Fault, Faults};
use crate::journal::record::{self, Record};
use crate::journal::segment::{self, HEAD};
use crate::journal::{Config, Entry, Journal, Read, State, Stream, SyncMode, Unavailable};

const DAY: Duration = Duration::from_hours(24);
/// Some time after 1970.
const NOW: Duration = Duration::from_secs(1_800_000_000);

#[test]
fn what_is_safe_elsewhere_goes_after_a_day() {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    make_calls(&journal, &stream, 1..=500);
    stream.tick(Duration::ZERO);
    let before = journal.bytes();
    assert_eq!(journal.prune(NOW).unwrap(), 0, "nothing was released");
    release_all(&journal, &stream, NOW);
    assert_eq!(journal.prune(NOW + DAY - Duration::from_secs(1)).unwrap(), 0);
    let freed = journal.prune(NOW + DAY).unwrap();
    assert!(freed > 4 * Config::MIN_SEGMENT as u64, "{freed}");
    assert_eq!(journal.bytes(), before - freed);
    make_calls(&journal, &stream, 501..=510);
    assert_eq!(read_all(&mut journal.reader(stream.id()).unwrap()).len(), 10);
}

#[test]
fn the_intent_of_an_open_call_stays() {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    make_calls(&journal, &stream, 1..=100);
    let open = admit(&stream, 101);
    make_calls(&journal, &stream, 102..=500);
    stream.tick(Duration::ZERO);
    release_all(&journal, &stream, NOW);
    let first = journal.prune(NOW + DAY).unwrap();
    assert!((1..4 * Config::MIN_SEGMENT as u64).contains(&first), "{first}");
    drop(open);
    stream.tick(Duration::from_secs(1));
    assert!(journal.prune(NOW + DAY).unwrap() > first);
}

#[test]
fn a_boot_that_is_safe_elsewhere_leaves_nothing() {
    let place = Place::new(SyncMode::Process);
    {
        let journal = place.open(Disk::Real);
        let streams = [journal.stream().unwrap(), journal.stream().unwrap()];
        make_calls(&journal, &streams[0], 1..=100);
    }
    let journal = place.open(Disk::Real);
    let recovered = journal.recover().unwrap();
    assert_eq!(recovered.streams.len(), 2);
    for stream in recovered.streams {
        let reads = read_all(&mut journal.reader(stream).unwrap());
        journal.release(stream, newest(&reads), sealed(&reads), NOW).unwrap();
    }
    journal.prune(NOW + DAY).unwrap();
    assert_eq!((journal.streams(), journal.bytes()), (vec![], 0));
    drop(journal);
    assert_eq!(std::fs::read_dir(place.directory.path()).unwrap().count(), 0);
}

/// A seal is not made again: without it nobody could tell that the end of its stream is as it was.
#[test]
fn a_seal_stays_until_it_is_safe_elsewhere() {
    let place = Place::new(SyncMode::Process);
    {
        let journal = place.open(Disk::Real);
        make_calls(&journal, &journal.stream().unwrap(), 1..=100);
    }
    for _ in 0..2 {
        let journal = place.open(Disk::Real);
        let stream = journal.recover().unwrap().streams[0];
        let reads = read_all(&mut journal.reader(stream).unwrap());
        assert_eq!(sealed(&reads), 100);
        journal.release(stream, newest(&reads), sealed(&reads) - 1, NOW).unwrap();
        journal.prune(NOW + DAY).unwrap();
    }
    let journal = place.open(Disk::Real);
    let stream = journal.recover().unwrap().streams[0];
    let reads = read_all(&mut journal.reader(stream).unwrap());
    assert!(matches!(&reads[..], [Read::Seal(seal)] if seal.head.seq == 100), "{reads:?}");
    journal.release(stream, Head::default(), 100, NOW).unwrap();
    assert_eq!(read_all(&mut journal.reader(stream).unwrap()), []);
    journal.prune(NOW + DAY).unwrap();
    assert_eq!((journal.streams(), journal.bytes()), (vec![], 0));
}

/// Rather than that a call is refused, what is safe elsewhere goes before its time.
#[test]
fn room_is_made_where_it_is_wanted() {
    let place = Place::new(SyncMode::Process);
    let config = Config { max_bytes: 4 * Config::MIN_SEGMENT as u64, ..place.config.clone() };
    let journal = Journal::open_on(config, Disk::Real).unwrap();
    let stream = journal.stream().unwrap();
    for twenty in 0..50 {
        make_calls(&journal, &stream, twenty * 20 + 1..=twenty * 20 + 20);
        stream.tick(Duration::from_secs(twenty));
        release_all(&journal, &stream, NOW);
        journal.turn();
        assert_eq!(journal.state(), State::Healthy);
        // And no more of it than is wanted.
        assert!(twenty < 20 || journal.bytes() > 2 * Config::MIN_SEGMENT as u64, "{}", journal.bytes());
    }
}

/// What a killed process had taken for itself may be all that there is, and only recovery gives it back.
#[test]
fn a_start_without_room_waits_for_it() {
    let place = Place::new(SyncMode::Process);
    let faults = Faults::new(Fault::Gone, usize::MAX, 0);
    let killed = place.open(faults.disk());
    let stream = killed.stream().unwrap();
    make_calls(&killed, &stream, 1..=3);
    faults.set(Fault::Gone, 1);
    drop((stream, killed));

    let config = Config { max_bytes: 2 * Config::MIN_SEGMENT as u64, ..place.config.clone() };
    let journal = Journal::open_on(config, Disk::Real).unwrap();
    let stream = journal.stream().unwrap();
    journal.turn();
    assert_eq!(journal.state(), State::Full);
    assert_eq!(stream.open(&intent(4)).unwrap_err(), Unavailable::Full);
    assert_eq!(read_all(&mut journal.reader(stream.id()).unwrap()), []);

    assert_eq!(journal.recover().unwrap().findings, []);
    journal.turn();
    stream.tick(Duration::ZERO);
    stream.tick(Duration::from_secs(1));
    assert_eq!((journal.state(), journal.trouble()), (State::Healthy, None));
    make_calls(&journal, &stream, 4..=6);
    drop(stream);
    journal.turn();
    let events = contents(&journal).events;
    assert_eq!(events.iter().map(number_of).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_another_process_has_is_left_to_it() {
    let place = Place::new(SyncMode::Process);
    let first = place.open(Disk::Real);
    let stream = first.stream().unwrap();
    make_calls(&first, &stream, 1..=3);
    let second = place.open(Disk::Real);
    assert_eq!(second.recover().unwrap().streams, []);
    assert!(second.reader(stream.id()).is_err());
    make_calls(&first, &stream, 4..=6);
    drop((second, stream));
    drop(first);
    let (recovered, contents) = place.next_boot();
    assert_eq!((recovered.interrupted, recovered.findings), (0, vec![]));
    assert_eq!(contents.events.iter().map(number_of).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

/// One call that lasts for days keeps neither what was written since nor the calls after it.
#[test]
fn a_long_call_leaves_room_for_others() {
    for sync in [SyncMode::Process, SyncMode::Always] {
        let place = Place::new(sync);
        let config = Config { max_bytes: 10 * Config::MIN_SEGMENT as u64, ..place.config.clone() };
        let faults = Faults::new(Fault::Gone, usize::MAX, 0);
        let journal = Journal::open_on(config, faults.disk()).unwrap();
        let stream = journal.stream().unwrap();
        let long = admit_synced(&journal, &stream, 1_000_001);
        long.progress(&closing(77));
        for twenty in 0..100 {
            for number in twenty * 20 + 1..=twenty * 20 + 20 {
                drop(admit_synced(&journal, &stream, number).close(&closing(number)));
            }
            stream.tick(Duration::from_secs(twenty));
            journal.turn();
            release_all(&journal, &stream, NOW);
            assert_eq!(journal.state(), State::Healthy);
        }
        faults.set(Fault::Gone, 1);
        drop((long, stream, journal));

        let (recovered, contents) = place.next_boot();
        assert_eq!((recovered.interrupted, recovered.findings), (1, vec![]));
        let last = contents.events.last().unwrap();
        let event = last.event().unwrap();
        assert_eq!((number_of(last), event.closing.outcome), (1_000_001, Outcome::Interrupted));
        assert_eq!(event.closing.measures.of(Measure::TokensOut), Some(77), "what it had come to is known");
    }
}

/// Where every event of a stream was deleted and a call was open, its event is not taken for one of those.
#[test]
fn numbers_go_on_behind_what_was_deleted() {
    let place = Place::new(SyncMode::Process);
    let faults = Faults::new(Fault::Gone, usize::MAX, 0);
    let journal = place.open(faults.disk());
    let stream = journal.stream().unwrap();
    make_calls(&journal, &stream, 1..=500);
    let last = contents(&journal).events.last().unwrap().seq();
    release_all(&journal, &stream, NOW);
    // The intent alone is written to the newest segment, as the file system has it.
    let open = admit_synced(&journal, &stream, 501);
    for second in 0..3 {
        stream.tick(Duration::from_secs(second));
        journal.turn();
    }
    faults.set(Fault::Gone, 1);
    let directory = journal_directory(&place, &stream);
    drop((open, stream, journal));
    let numbers = segment::list(&directory).unwrap();
    for number in numbers {
        let path = segment::path(&directory, number);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, without_events(&bytes)).unwrap();
    }
    let (recovered, contents) = place.next_boot();
    assert_eq!(recovered.interrupted, 1);
    assert_eq!(contents.events.iter().map(|linked| linked.seq()).collect::<Vec<_>>(), [last + 1]);
}

/// A stream that cannot be deleted does not keep the others from it.
#[test]
fn what_cannot_be_deleted_stays_alone() {
    let place = Place::new(SyncMode::Process);
    {
        let journal = place.open(Disk::Real);
        let streams = [journal.stream().unwrap(), journal.stream().unwrap()];
        streams.iter().for_each(|stream| make_calls(&journal, stream, 1..=10));
    }
    let journal = place.open(Disk::Real);
    let recovered = journal.recover().unwrap();
    for stream in &recovered.streams {
        let reads = read_all(&mut journal.reader(*stream).unwrap());
        journal.release(*stream, newest(&reads), sealed(&reads), NOW).unwrap();
    }
    let first = place.config.directory.join(recovered.streams[0].to_string());
    std::fs::create_dir(first.join("of somebody else")).unwrap();
    assert!(journal.prune(NOW + DAY).is_err());
    assert_eq!(journal.streams(), recovered.streams[..1]);
}

fn journal_directory(place: &Place, stream: &Stream) -> std::path::PathBuf {
    place.config.directory.join(stream.id().to_string())
}

/// A segment with its intents, and without its events and what is behind the records.
fn without_events(bytes: &[u8]) -> Vec<u8> {
    let mut kept = bytes[..HEAD].to_vec();
    let mut rest = &bytes[HEAD..];
    while let Some((record, length)) = record::first(rest) {
        if matches!(record, Record::Intent { call: 501.., .. }) {
            kept.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    kept
}

/// Opens a call and waits until that is on the disk.
fn admit_synced(journal: &Journal, stream: &Stream, number: u64) -> Entry {
    let mut opening = stream.open(&intent(number)).unwrap();
    stream.flush();
    journal.turn();
    let Poll::Ready(Ok(entry)) = poll(&mut opening) else { panic!("{number} is refused") };
    entry
}

fn release_all(journal: &Journal, stream: &Stream, now: Duration) {
    let reads = read_all(&mut journal.reader(stream.id()).unwrap());
    journal.release(stream.id(), newest(&reads), sealed(&reads), now).unwrap();
}

fn newest(reads: &[Read]) -> Head {
    let head = |read: &Read| match read {
        Read::Event(linked) => Some(linked.head()),
        Read::Seal(_) | Read::Damaged(_) => None,
    };
    reads.iter().rev().find_map(head).unwrap_or_default()
}

fn sealed(reads: &[Read]) -> u64 {
    let seq = |read: &Read| match read {
        Read::Seal(seal) => Some(seal.head.seq),
        Read::Event(_) | Read::Damaged(_) => None,
    };
    reads.iter().filter_map(seq).max().unwrap_or_default()
}
