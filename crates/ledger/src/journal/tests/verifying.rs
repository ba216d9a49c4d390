use std::path::Path;

use super::harness::{Place, make_calls};
use crate::chain::SealKey;
use crate::journal::disk::Disk;
use crate::journal::{Verified, segment, verify};

/// What is said of a journal of 300 calls after somebody did this to the directory of its stream.
#[track_caller]
fn check(key: u8, change: impl Fn(&Path), expected: Option<(u64, &str)>) {
    let place = Place::new(crate::journal::SyncMode::Process);
    let stream = {
        let journal = place.open(Disk::Real);
        let stream = journal.stream().unwrap();
        make_calls(&journal, &stream, 1..=300);
        let id = stream.id();
        drop(stream);
        journal.turn();
        id
    };
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
