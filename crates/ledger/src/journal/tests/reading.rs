use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use tollgate_core::usage::UsageEvent;

use super::harness::{Place, admit, closing, damages, make_calls, numbers, read_all, rest};
use crate::chain::Head;
use crate::journal::disk::Disk;
use crate::journal::disk::faults::{Fault, Faults};
use crate::journal::finding::Damage;
use crate::journal::record::{self, Kind, Record};
use crate::journal::segment::{self, HEAD};
use crate::journal::{Finding, Read, SyncMode};

#[test]
fn what_is_not_on_the_disk_is_not_given() {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    let mut reader = journal.reader(stream.id()).unwrap();
    drop(admit(&stream, 1).close(&closing(1)));
    stream.flush();
    assert_eq!(read_all(&mut reader), []);
    journal.turn();
    assert_eq!(numbers(&read_all(&mut reader)), [1]);
    assert_eq!(read_all(&mut reader), []);
    assert!(!reader.is_ended());
    drop(stream);
    journal.turn();
    assert!(matches!(read_all(&mut reader)[..], [Read::Seal(_)]));
    assert!(reader.is_ended());
}

#[test]
fn a_reader_follows_the_writer_through_segments() {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    let mut reader = journal.reader(stream.id()).unwrap();
    let mut given = Vec::new();
    for hundred in 0..10 {
        make_calls(&journal, &stream, hundred * 100 + 1..=hundred * 100 + 100);
        let reads = read_all(&mut reader);
        assert_eq!(damages(&reads), []);
        given.extend(numbers(&reads));
    }
    assert_eq!(given, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn reading_goes_on_behind_what_was_released() {
    let place = Place::new(SyncMode::Process);
    let stream = {
        let journal = place.open(Disk::Real);
        let stream = journal.stream().unwrap();
        make_calls(&journal, &stream, 1..=300);
        let mut reader = journal.reader(stream.id()).unwrap();
        let head = heads(&read_all(&mut reader))[199];
        journal.release(stream.id(), head, 0, std::time::Duration::ZERO).unwrap();
        // What was released stays released.
        journal.release(stream.id(), Head { seq: 7, hash: [0; 32] }, 0, std::time::Duration::ZERO).unwrap();
        let mut reader = journal.reader(stream.id()).unwrap();
        let reads = read_all(&mut reader);
        assert_eq!((numbers(&reads), damages(&reads)), ((201..=300).collect(), vec![]));
        stream.id()
    };
    let journal = place.open(Disk::Real);
    assert!(journal.reader(stream).is_err(), "it is not recovered yet");
    journal.recover().unwrap();
    let mut reader = journal.reader(stream).unwrap();
    let reads = read_all(&mut reader);
    assert_eq!((numbers(&reads), damages(&reads)), ((201..=300).collect(), vec![]));
    assert!(reader.is_ended());
}

/// What is done to the files of a stream of 120 calls in three segments, and the alarms that this gives.
fn check(spoil: impl FnOnce(&Path), recovery: &[(u32, Damage)], reading: &[Damage], read: usize) {
    let place = Place::new(SyncMode::Process);
    let stream = {
        let journal = place.open(Disk::Real);
        let stream = journal.stream().unwrap();
        make_calls(&journal, &stream, 1..=120);
        stream.id()
    };
    let directory = segment::stream_directory(place.directory.path(), stream);
    // Without its end, the stream is looked through again.
    let last = *segment::list(&directory).unwrap().last().unwrap();
    change(&directory, last, |bytes| bytes.truncate(bytes.len() - record::HEADER));
    spoil(&directory);
    let journal = place.open(Disk::Real);
    let recovered = journal.recover().unwrap();
    let found: Vec<_> = recovered.findings.iter().map(number_and_damage).collect();
    assert_eq!(found, recovery);
    let reads = read_all(&mut journal.reader(stream).unwrap());
    assert_eq!((damages(&reads), numbers(&reads).len()), (reading.to_vec(), read));
}

#[test]
fn what_was_touched_is_found_and_named() {
    check(|_| {}, &[], &[], 120);
    // A record that was torn at the end is a crash and no alarm; its call is without an end then.
    let torn =
        |directory: &Path| change(directory, 3, |bytes| bytes.truncate(bytes.len() - record::SEAL - 1));
    check(torn, &[], &[], 120);
    let event = |directory: &Path| {
        change(directory, 2, |bytes| {
            let at = nth_event(bytes, 2) + 60;
            bytes[at] ^= 1;
        });
    };
    // The call of an event that cannot be read is without an end, and gets one.
    let first = first_event_of(2);
    let missing = Damage::EventsMissing { after: first + 1, next: first + 3 };
    check(event, &[(2, Damage::Corrupt), (2, missing.clone())], &[Damage::Corrupt, missing], 120);
    let chain = Damage::Chain { seq: first + 2 };
    check(|directory| change(directory, 2, |bytes| forge(bytes, 2)), &[(2, chain.clone())], &[chain], 120);
    let head = |directory: &Path| change(directory, 2, |bytes| bytes[9] ^= 1);
    check(head, &[(2, Damage::Head)], &[Damage::Head], 120);
}

#[test]
fn a_missing_segment_is_found_and_named() {
    let third = first_event_of(3);
    let second = first_event_of(2);
    let events = Damage::EventsMissing { after: second - 1, next: third };
    let remove = |directory: &Path| std::fs::remove_file(segment::path(directory, 2)).unwrap();
    // A call that the first segment has, and whose event is missing, is one without an end.
    let last = last_call_of(1);
    let left = usize::try_from(120 - (third - second) + (last - (second - 1))).unwrap();
    let calls = Damage::CallsMissing { after: last, next: third };
    check(remove, &[(3, events.clone()), (0, calls)], &[events], left);
}

fn number_and_damage(finding: &Finding) -> (u32, Damage) {
    let number = |file: &PathBuf| file.file_stem()?.to_str()?.parse().ok();
    let numbered = finding.file.extension().is_some().then(|| number(&finding.file)).flatten();
    (numbered.unwrap_or(0), finding.damage.clone())
}

fn change(directory: &Path, number: u32, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segment::path(directory, number);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// The first event of a segment of a stream of 120 calls.
fn first_event_of(number: u32) -> u64 {
    let bytes = segment_of_calls(number);
    let Some((Record::Event { event, .. }, _)) = record::first(&bytes[nth_event(&bytes, 0)..]) else {
        panic!("no event")
    };
    tollgate_core::usage::UsageEvent::decode_head(event).unwrap().1
}

/// The last call that begins in a segment of a stream of 120 calls.
fn last_call_of(number: u32) -> u64 {
    let bytes = segment_of_calls(number);
    let (mut at, mut last) = (HEAD, 0);
    while let Some((record, length)) = record::first(&bytes[at..]) {
        if let Record::Intent { call, .. } = record {
            last = call;
        }
        at += length;
    }
    last
}

/// A segment of a stream of 120 calls.
fn segment_of_calls(number: u32) -> Vec<u8> {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    make_calls(&journal, &stream, 1..=120);
    let directory = segment::stream_directory(place.directory.path(), stream.id());
    std::fs::read(segment::path(&directory, number)).unwrap()
}

/// Where the record of a segment's n-th event begins, from 0.
fn nth_event(bytes: &[u8], n: usize) -> usize {
    let mut at = HEAD;
    let mut seen = 0;
    while let Some((record, length)) = record::first(&bytes[at..]) {
        if matches!(record, Record::Event { .. }) {
            if seen == n {
                return at;
            }
            seen += 1;
        }
        at += length;
    }
    panic!("there are {seen} events")
}

/// Changes the n-th event as somebody would who knows how records are made, and not the key.
fn forge(bytes: &mut [u8], n: usize) {
    let at = nth_event(bytes, n);
    let Some((Record::Event { call, hash, event }, length)) = record::first(&bytes[at..]) else { panic!() };
    let mut event = event.to_vec();
    *event.last_mut().unwrap() ^= 1;
    let mut forged = Vec::new();
    record::append(&mut forged, Kind::Event, |out| {
        out.extend_from_slice(&call.to_be_bytes());
        out.extend_from_slice(&hash);
        out.extend_from_slice(&event);
    });
    bytes[at..at + length].copy_from_slice(&forged);
}

fn heads(reads: &[Read]) -> Vec<Head> {
    let head = |read: &Read| match read {
        Read::Event(linked) => Some(linked.head()),
        Read::Seal(_) | Read::Damaged(_) => None,
    };
    reads.iter().filter_map(head).collect()
}

/// A segment whose sync failed may have lost any of its pages; what counts of it was written anew.
#[test]
fn a_hole_in_a_segment_that_was_given_up_costs_nothing() {
    let place = Place::new(SyncMode::Process);
    let faults = Faults::new(Fault::Gone, usize::MAX, 0);
    let journal = place.open(faults.disk());
    let stream = journal.stream().unwrap();
    journal.turn();
    make_calls(&journal, &stream, 1..=5);
    for number in 6..=15 {
        drop(admit(&stream, number).close(&closing(number)));
    }
    stream.flush();
    faults.set(Fault::Error(Errno::IO), 1);
    journal.turn();
    let mut now = Duration::ZERO;
    rest(&journal, &stream, &mut now);
    make_calls(&journal, &stream, 16..=20);
    rest(&journal, &stream, &mut now);

    let first = segment::path(&place.config.directory.join(stream.id().to_string()), 1);
    let mut bytes = std::fs::read(&first).unwrap();
    let (from, to) = (places_of(&bytes, 8), places_of(&bytes, 12));
    bytes[from..to].fill(0);
    std::fs::write(&first, bytes).unwrap();
    let reads = read_all(&mut journal.reader(stream.id()).unwrap());
    assert_eq!(numbers(&reads), (1..=20).collect::<Vec<_>>());
    assert_eq!(damages(&reads), [Damage::Corrupt]);

    // Nor does it where the process was killed.
    faults.set(Fault::Gone, usize::MAX);
    let id = stream.id();
    drop((stream, journal));
    let journal = place.open(Disk::Real);
    let found: Vec<_> = journal.recover().unwrap().findings.iter().map(number_and_damage).collect();
    assert_eq!(found, [(1, Damage::Corrupt)]);
    assert_eq!(heads(&read_all(&mut journal.reader(id).unwrap())), heads(&reads));
}

/// Where the record of an event begins.
fn places_of(bytes: &[u8], seq: u64) -> usize {
    let mut at = HEAD;
    while let Some((record, length)) = record::first(&bytes[at..]) {
        if let Record::Event { event, .. } = record
            && UsageEvent::decode_head(event).unwrap().1 == seq
        {
            return at;
        }
        at += length;
    }
    panic!("no event {seq}")
}
