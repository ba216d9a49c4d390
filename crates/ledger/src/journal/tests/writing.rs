use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tollgate_core::usage::{Closing, Outcome};

use super::harness::{Place, admit, closing, contents, intent, is_done, number_of, poll, rest};
use crate::journal::disk::Disk;
use crate::journal::disk::faults::{Fault, Faults};
use crate::journal::{Config, Journal, State, SyncMode, Unavailable};

#[test]
fn a_call_becomes_one_event_however_it_ends() {
    let place = Place::new(SyncMode::Process);
    {
        let faults = Faults::new(Fault::Short, usize::MAX, 0);
        let journal = place.open(faults.disk());
        let stream = journal.stream().unwrap();
        let mut flushed = admit(&stream, 1).close(&closing(1));
        assert!(!is_done(&mut flushed));
        stream.flush();
        assert!(is_done(&mut flushed));
        let lost = admit(&stream, 2);
        lost.progress(&Closing { response_bytes: 70, ..closing(2) });
        drop(lost);
        drop(stream.open(&intent(3)).unwrap());
        let open = [admit(&stream, 4), admit(&stream, 5)];
        open[1].progress(&Closing { response_bytes: 9, ..closing(5) });
        stream.flush();
        // The process ends here, and what is dropped writes nothing any more.
        faults.set(Fault::Gone, 1);
    }
    let (recovered, contents) = place.next_boot();
    assert_eq!((recovered.interrupted, recovered.findings), (2, vec![]));
    let told: Vec<_> = contents
        .events
        .iter()
        .map(|linked| {
            let closing = linked.event().unwrap().closing;
            (number_of(linked), closing.outcome, closing.response_bytes)
        })
        .collect();
    let expected = [
        (1, Outcome::Served, 0),
        (2, Outcome::Cancelled, 70),
        (4, Outcome::Interrupted, 0),
        (5, Outcome::Interrupted, 9),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_turn_of_the_loop_is_one_write() {
    let faults = Faults::new(Fault::Short, usize::MAX, 0);
    let place = Place::new(SyncMode::Process);
    let journal = place.open(faults.disk());
    let stream = journal.stream().unwrap();
    journal.turn();
    let before = faults.calls().len();
    let openings: Vec<_> = (1..=9).map(|number| stream.open(&intent(number)).unwrap()).collect();
    let cx = Context::from_waker(Waker::noop());
    assert_eq!(stream.poll_due(&cx), Poll::Ready(()));
    stream.flush();
    assert_eq!(stream.poll_due(&cx), Poll::Pending);
    assert_eq!(faults.calls().len(), before + 1);
    for mut opening in openings {
        assert!(poll(&mut opening).is_ready());
    }
}

#[test]
fn always_waits_for_the_disk() {
    let place = Place::new(SyncMode::Always);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    let mut opening = stream.open(&intent(1)).unwrap();
    stream.flush();
    assert!(poll(&mut opening).is_pending());
    journal.turn();
    let Poll::Ready(Ok(entry)) = poll(&mut opening) else { panic!("it is on the disk") };
    let mut flushed = entry.close(&closing(1));
    stream.flush();
    assert!(!is_done(&mut flushed));
    journal.turn();
    assert!(is_done(&mut flushed));
}

#[test]
fn calls_go_on_in_the_next_segment() {
    let place = Place::new(SyncMode::Process);
    {
        let journal = place.open(Disk::Real);
        let stream = journal.stream().unwrap();
        for number in 1..=1000 {
            drop(admit(&stream, number).close(&closing(number)));
            if number % 20 == 0 {
                journal.turn();
            }
        }
    }
    let (recovered, contents) = place.next_boot();
    assert_eq!((recovered.interrupted, recovered.findings), (0, vec![]));
    assert_eq!(contents.seals, 1);
    let numbers: Vec<u64> = contents.events.iter().map(number_of).collect();
    assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
}

/// What a segment cannot hold, should it have to be written anew, is refused and never left without an end.
#[test]
fn a_call_is_refused_where_its_end_might_not_fit() {
    let place = Place::new(SyncMode::Process);
    let mut open = Vec::new();
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    let refused = loop {
        match stream.open(&intent(open.len() as u64 + 1)) {
            Ok(mut opening) => {
                stream.flush();
                journal.turn();
                let Poll::Ready(Ok(entry)) = poll(&mut opening) else { panic!("refused late") };
                open.push(entry);
            }
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, Unavailable::Behind);
    assert!(open.len() > 12, "{}", open.len());
    let many = open.len();
    for (entry, number) in open.into_iter().zip(1..) {
        let mut flushed = entry.close(&closing(number));
        stream.flush();
        assert!(is_done(&mut flushed));
    }
    rest(&journal, &stream, &mut Duration::ZERO.clone());
    assert!(stream.open(&intent(9999)).is_ok());
    drop(stream);
    journal.turn();
    assert_eq!(contents(&journal).events.len(), many);
}

#[test]
fn seals_follow_events_in_time() {
    let place = Place::new(SyncMode::Process);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    let seals = |second: u64, expected: usize| {
        stream.tick(Duration::from_secs(second));
        journal.turn();
        assert_eq!(contents(&journal).seals, expected, "second {second}");
    };
    seals(20, 0);
    drop(admit(&stream, 1).close(&closing(1)));
    seals(21, 1);
    drop(admit(&stream, 2).close(&closing(2)));
    seals(29, 1);
    seals(31, 2);
    seals(60, 2);
}

#[test]
fn a_full_disk_refuses_calls_and_ends_by_itself() {
    let faults = Faults::new(Fault::Error(rustix::io::Errno::NOSPC), usize::MAX, 0);
    let place = Place::new(SyncMode::Process);
    let journal = place.open(faults.disk());
    let stream = journal.stream().unwrap();
    faults.set(Fault::Error(rustix::io::Errno::NOSPC), usize::MAX);
    let mut opening = stream.open(&intent(1)).unwrap();
    stream.flush();
    assert!(matches!(poll(&mut opening), Poll::Ready(Err(Unavailable::Full))));
    journal.turn();
    assert_eq!(stream.open(&intent(2)).map(drop), Err(Unavailable::Full));
    assert_eq!(journal.state(), State::Full);
    assert!(journal.trouble().unwrap().message.contains("No space left"));
    faults.set(Fault::Short, 0);
    rest(&journal, &stream, &mut Duration::ZERO.clone());
    assert_eq!((journal.state(), journal.trouble()), (State::Healthy, None));
    drop(admit(&stream, 3));
}

#[test]
fn what_calls_wait_for_may_not_take_a_second() {
    let check = |sync, write: bool, ago: u64, expected| {
        let place = Place::new(sync);
        let journal = place.open(Disk::Real);
        let stream = journal.stream().unwrap();
        let since = Instant::now().checked_sub(Duration::from_millis(ago));
        let shared = journal.shared(stream.id()).unwrap();
        let mut lot = shared.lot();
        (lot.writing_since, lot.syncing_since) = if write { (since, None) } else { (None, since) };
        drop(lot);
        assert_eq!(journal.state(), expected, "{sync:?}, write {write}, {ago} ms ago");
    };
    check(SyncMode::Process, true, 0, State::Healthy);
    check(SyncMode::Process, true, 1000, State::Stalled);
    check(SyncMode::Process, false, 1000, State::Healthy);
    check(SyncMode::Always, false, 1000, State::Stalled);
}

#[test]
fn no_more_room_is_taken_than_was_given() {
    let place = Place::new(SyncMode::Process);
    let two = 2 * Config::MIN_SEGMENT as u64;
    let config = Config { max_bytes: two, ..place.config.clone() };
    let journal = Journal::open_on(config, Disk::Real).unwrap();
    let stream = journal.stream().unwrap();
    let mut number = 0;
    let refused = loop {
        journal.turn();
        number += 1;
        match stream.open(&intent(number)) {
            Ok(opening) => drop(opening),
            Err(refused) => break refused,
        }
        stream.flush();
    };
    assert_eq!(refused, Unavailable::Full);
    assert_eq!((journal.state(), journal.bytes()), (State::Full, two));
    assert!(journal.trouble().unwrap().full);
    assert_eq!(journal.stream().unwrap().open(&intent(1)).unwrap_err(), Unavailable::Full);
    assert_eq!(journal.bytes(), two);
}
