use std::path::Path;

use super::harness::{Place, closing, intent, make_calls, read_all};
use crate::chain::{Head, Linked, SealKey};
use crate::journal::disk::Disk;
use crate::journal::record::{self, Record};
use crate::journal::segment::HEAD;
use crate::journal::verify::Unsealed;
use crate::journal::{Read, SyncMode, Verified, segment, verify};
use tollgate_core::usage::{StreamId, UsageEvent};
use ulid::Ulid;

/// A journal of so many calls at rest, of which some are safe elsewhere.
fn journal_of(calls: u64, safe: u64) -> (Place, StreamId) {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    make_calls(&journal, &stream, 1..=calls);
    let id = stream.id();
    drop(stream);
    journal.turn();
    for read in read_all(&mut journal.reader(id).unwrap()) {
        match read {
            Read::Event(linked) if linked.seq() == safe => {
                journal.release(id, linked.head(), 0, std::time::Duration::from_secs(1)).unwrap();
            }
            _ => {}
        }
    }
    (place, id)
}

/// What is said of a journal of 300 calls after somebody did this to the directory of its stream.
#[track_caller]
fn check(key: u8, change: impl Fn(&Path), expected: Option<(u64, &str)>) {
    let (place, stream) = journal_of(300, 0);
    change(&segment::stream_directory(place.directory.path(), stream));
    let verified = verify(place.directory.path(), &[SealKey::new(&[key; 32])]).unwrap();
    match expected {
        None => {
            let Verified { streams, events, seals, broken } = verified;
            assert_eq!((streams, events, broken), (1, 300, None));
            assert!(seals > 0);
        }
        Some((seq, why)) => {
            let broken = verified.broken.unwrap();
            assert_eq!((broken.stream, broken.seq), (stream, seq), "{}", broken.why);
            assert!(broken.why.contains(why), "{}", broken.why);
        }
    }
}

#[test]
fn what_is_wrong_in_a_journal_is_named() {
    check(7, |_| {}, None);
    check(8, |_| {}, Some((300, "seal")));
    check(
        7,
        |directory| {
            let path = segment::path(directory, 1);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[2000] ^= 1;
            std::fs::write(path, bytes).unwrap();
        },
        Some((4, "is damaged")),
    );
}

/// Nothing in a stream tells that its end was cut off, but how far it was delivered does.
#[test]
fn what_was_delivered_is_missed() {
    let cut = |safe: u64, from: u32| {
        let (place, stream) = journal_of(3000, safe);
        let directory = segment::stream_directory(place.directory.path(), stream);
        let numbers = segment::list(&directory).unwrap();
        assert!(numbers.len() > 2, "{numbers:?}");
        for number in numbers.into_iter().filter(|number| *number >= from) {
            std::fs::remove_file(segment::path(&directory, number)).unwrap();
        }
        verify(place.directory.path(), &[SealKey::new(&[7; 32])]).unwrap()
    };
    let Verified { events, broken, .. } = cut(3000, 2);
    let broken = broken.unwrap();
    assert_eq!((broken.seq, &*broken.why), (events + 1, "it was delivered and is not there any more"));
    assert_eq!(cut(1, 2).broken, None);
    // Released long ago.
    assert_eq!(cut(3000, 1).broken, None);

    let (place, stream) = journal_of(300, 300);
    let checkpoint = segment::stream_directory(place.directory.path(), stream).join("checkpoint");
    let text = std::fs::read_to_string(&checkpoint).unwrap();
    std::fs::write(&checkpoint, text.replacen("300 ", "299 ", 1)).unwrap();
    let broken = verify(place.directory.path(), &[]).unwrap().broken.unwrap();
    assert_eq!((broken.seq, &*broken.why), (299, "another one was delivered in its place"));
}

/// Writes the segments of a stream anew: each record as often as it is said.
fn rewrite(directory: &Path, mut times: impl FnMut(&Record<'_>) -> usize) {
    for number in segment::list(directory).unwrap() {
        let path = segment::path(directory, number);
        let bytes = std::fs::read(&path).unwrap();
        let (mut kept, mut rest) = (bytes[..HEAD].to_vec(), &bytes[HEAD..]);
        while let Some((record, length)) = record::first(rest) {
            for _ in 0..times(&record) {
                kept.extend_from_slice(&rest[..length]);
            }
            rest = &rest[length..];
        }
        std::fs::write(path, kept).unwrap();
    }
}

/// Who has no key can make a chain, and no seal of it.
#[test]
fn a_chain_without_seals_is_named() {
    let without_seals = |calls: u64, keys: &[SealKey]| {
        let (place, stream) = journal_of(calls, 0);
        let directory = segment::stream_directory(place.directory.path(), stream);
        rewrite(&directory, |record| usize::from(!matches!(record, Record::Seal { .. })));
        verify(place.directory.path(), keys).unwrap()
    };
    let key = [SealKey::new(&[7; 32])];
    let broken = without_seals(2500, &key).broken.unwrap();
    assert_eq!(broken.seq, 1);
    assert!(broken.why.starts_with("it is not sealed, nor is what follows"), "{}", broken.why);
    // As a gate leaves it that was killed.
    assert_eq!(without_seals(300, &key), Verified { streams: 1, events: 300, seals: 0, broken: None });
    assert_eq!(without_seals(2500, &[]).broken, None);
}

/// A seal fixes its own event, wherever it stands, and no chain that somebody made without the key.
#[test]
fn a_seal_fixes_its_own_chain() {
    let stream = StreamId { boot: Ulid(1), number: 0 };
    let chain = |more: u64| {
        let mut head = Head::default();
        let events = (1..=2500).map(|seq| {
            let linked = head.followed_by(&UsageEvent::of(stream, seq, &intent(seq), &closing(seq + more)));
            head = linked.head();
            linked
        });
        events.collect::<Vec<_>>()
    };
    let seal_at = |events: &[Linked], at: usize| SealKey::new(&[7; 32]).seal(stream, events[at - 1].head());
    let (ours, forged) = (chain(0), chain(1));
    let mut unsealed = Unsealed::default();
    forged.iter().for_each(|linked| unsealed.add(Box::new(linked.clone())));
    assert!(!unsealed.take(&seal_at(&ours, 1000)));

    let mut unsealed = Unsealed::default();
    // Of what was released long ago the key alone can tell.
    assert!(unsealed.take(&seal_at(&ours, 5)));
    ours.iter().for_each(|linked| unsealed.add(Box::new(linked.clone())));
    assert!(unsealed.take(&seal_at(&ours, 1000)));
    assert!(unsealed.take(&seal_at(&ours, 5)));
    assert_eq!(unsealed.tail().unwrap().first().unwrap().0, 1001);
    let ahead = SealKey::new(&[7; 32]).seal(stream, Head { seq: 2501, ..Head::default() });
    assert!(!unsealed.take(&ahead));
    assert!(unsealed.take(&seal_at(&ours, 2500)));
    assert_eq!(unsealed.tail().unwrap().first(), None);
    assert!(!unsealed.take(&ahead));
}
