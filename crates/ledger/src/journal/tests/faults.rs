//! Every call to the disk fails once, in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use tollgate_core::usage::Outcome;

use super::harness::{Contents, Place, closing, contents, intent, is_done, number_of, poll, rest};
use crate::journal::disk::faults::{Fault, Faults};
use crate::journal::disk::{Call, Disk};
use crate::journal::{Entry, Flushed, Journal, Opening, State, Stream, SyncMode};

const CALLS: u64 = 100;

/// What callers were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) admitted: BTreeSet<u64>,
    /// Refused, or gone before they were admitted.
    pub(super) unmade: BTreeSet<u64>,
    /// Calls that somebody closed with their own number.
    pub(super) closed: BTreeSet<u64>,
    pub(super) acknowledged: BTreeSet<u64>,
    /// Whether the disk was not trusted in the end.
    pub(super) failing: bool,
    /// Events that were read while the stream was written to.
    pub(super) shipped: Vec<crate::chain::Linked>,
}

/// What is under way.
#[derive(Default)]
pub(super) struct Work {
    pub(super) told: Told,
    pub(super) waiting: BTreeMap<u64, Opening>,
    pub(super) open: BTreeMap<u64, Entry>,
    pub(super) ending: BTreeMap<u64, Flushed>,
}

impl Work {
    /// Begins a call; whoever makes every tenth does not wait for it.
    pub(super) fn begin(&mut self, stream: &Stream, number: u64) {
        match stream.open(&intent(number)) {
            Ok(opening) if number % 10 == 5 => {
                self.told.unmade.insert(number);
                drop(opening);
            }
            Ok(opening) => _ = self.waiting.insert(number, opening),
            Err(_) => _ = self.told.unmade.insert(number),
        }
    }

    pub(super) fn look(&mut self) {
        let mut admitted = Vec::new();
        self.waiting.retain(|number, opening| match poll(opening) {
            Poll::Pending => true,
            Poll::Ready(Ok(entry)) => {
                admitted.push((*number, entry));
                false
            }
            Poll::Ready(Err(_)) => {
                self.told.unmade.insert(*number);
                false
            }
        });
        self.told.admitted.extend(admitted.iter().map(|(number, _)| *number));
        self.open.extend(admitted);
        self.ending.retain(|number, flushed| {
            let done = is_done(flushed);
            if done {
                self.told.acknowledged.insert(*number);
            }
            !done
        });
    }

    /// Ends a call in one of the ways in which calls end.
    pub(super) fn end(&mut self, number: u64) {
        let Some(entry) = self.open.remove(&number) else { return };
        match number % 10 {
            3 => drop(entry),
            7 => {
                entry.progress(&closing(number));
                self.open.insert(number, entry);
            }
            _ => {
                self.ending.insert(number, entry.close(&closing(number)));
                self.told.closed.insert(number);
            }
        }
    }
}

/// Makes calls, four of which are open at a time; a few stay open for ever, and a few are given up at once.
fn work(journal: &Journal, stream: &Stream) -> Work {
    let mut work = Work::default();
    let mut now = Duration::ZERO;
    for number in 0..CALLS {
        work.begin(stream, number);
        if number % 3 != 0 {
            stream.flush();
        }
        work.look();
        if number >= 4 {
            work.end(number - 4);
        }
        if number % 5 == 0 {
            journal.turn();
            now += Duration::from_secs(3);
            stream.tick(now);
        }
    }
    rest(journal, stream, &mut now);
    work.look();
    work.told.shipped = contents(journal).events;
    work
}

/// Runs the work with faults and says what of it must hold, whatever they were.
fn run(place: &Place, faults: &std::sync::Arc<Faults>) -> Option<Told> {
    let journal = Journal::open_on(place.config.clone(), faults.disk()).ok()?;
    let stream = journal.stream().ok()?;
    let Work { mut told, waiting, open, ending } = work(&journal, &stream);
    told.failing = journal.state() != State::Healthy;
    // The process ends here, and what was under way does nothing any more.
    faults.set(Fault::Gone, 1);
    drop((waiting, open, ending, stream, journal));
    Some(told)
}

/// What is in the journal in the end is what callers were told; `all` says that nothing may be lost either.
pub(super) fn check(told: &Told, contents: &Contents, all: bool, stopped: bool, what: &str) {
    let mut seen = BTreeSet::new();
    for (linked, seq) in contents.events.iter().zip(1..) {
        let event = linked.event().unwrap();
        let number = number_of(linked);
        assert_eq!(event.seq, seq, "{what}");
        assert!(seen.insert(number), "{what}: call {number} is there twice");
        let interrupted = event.closing.outcome == Outcome::Interrupted;
        if told.unmade.contains(&number) {
            assert!(
                (stopped || told.failing) && interrupted,
                "{what}: call {number} was never made: {event:?}"
            );
        } else {
            assert!(told.admitted.contains(&number) || interrupted, "{what}: call {number}");
        }
        if told.acknowledged.contains(&number) && all {
            assert_eq!(event.closing, closing(number), "{what}");
        }
        if told.closed.contains(&number) {
            assert!(interrupted || event.closing == closing(number), "{what}: {event:?}");
        }
    }
    if all {
        let lost: Vec<_> = told.admitted.difference(&seen).collect();
        assert!(lost.is_empty(), "{what}: {lost:?} are lost");
    }
    let shipped = told.shipped.len();
    assert!(
        contents.events.get(..shipped) == Some(&told.shipped),
        "{what}: what was shipped is not what is there"
    );
}

/// How many calls to the disk there are without faults.
fn calls(sync: SyncMode) -> Vec<Call> {
    let faults = Faults::new(Fault::Short, usize::MAX, 0);
    run(&Place::new(sync), &faults).unwrap();
    faults.calls()
}

#[test]
fn without_faults_everything_is_told() {
    for sync in [SyncMode::Process, SyncMode::Always] {
        let place = Place::new(sync);
        let faults = Faults::new(Fault::Short, usize::MAX, 0);
        let told = run(&place, &faults).unwrap();
        assert!(told.acknowledged.len() > 40, "{}", told.acknowledged.len());
        assert!(told.shipped.len() > 50, "{}", told.shipped.len());
        let asked = faults.calls();
        for call in [Call::Create, Call::Allocate, Call::Write, Call::Sync, Call::SyncDir, Call::Rename] {
            assert!(asked.contains(&call), "{call:?}");
        }
        let (recovered, contents) = place.next_boot();
        assert_eq!(recovered.findings, []);
        check(&told, &contents, true, false, "no fault");
        let (again, same) = place.next_boot();
        assert_eq!((again.interrupted, again.findings), (0, vec![]));
        assert!(same == contents, "replaying changes nothing");
    }
}

/// Lets the disk fail so many times from each call on.
fn fails_for_a_while(fault: Fault, many: usize) {
    for sync in [SyncMode::Process, SyncMode::Always] {
        for at in 0..calls(sync).len() {
            let what = format!("{sync:?}, {fault:?} {many} times from call {at}");
            let place = Place::new(sync);
            let Some(told) = run(&place, &Faults::new(fault, at, many)) else { continue };
            let (recovered, contents) = place.next_boot();
            assert_eq!(recovered.findings, [], "{what}");
            check(&told, &contents, true, false, &what);
        }
    }
}

#[test]
fn an_error_of_the_disk_costs_no_event_and_doubles_none() {
    fails_for_a_while(Fault::Error(Errno::IO), 1);
}

#[test]
fn a_full_disk_costs_no_event_and_doubles_none() {
    fails_for_a_while(Fault::Error(Errno::NOSPC), 9);
}

#[test]
fn a_short_write_costs_no_event_and_doubles_none() {
    fails_for_a_while(Fault::Short, 1);
}

#[test]
fn torn_writes_cost_no_event_and_double_none() {
    fails_for_a_while(Fault::Torn, 3);
}

#[test]
fn a_disk_that_works_again_is_used_again() {
    for sync in [SyncMode::Process, SyncMode::Always] {
        for at in 12..calls(sync).len() - 30 {
            let what = format!("{sync:?}, from call {at}");
            let place = Place::new(sync);
            let faults = Faults::new(Fault::Torn, at, 4);
            let journal = Journal::open_on(place.config.clone(), faults.disk()).unwrap();
            let stream = journal.stream().unwrap();
            let mut work = work(&journal, &stream);
            let mut now = Duration::from_hours(1);
            rest(&journal, &stream, &mut now);
            work.look();
            assert_eq!((journal.state(), journal.trouble()), (State::Healthy, None), "{what}");
            assert!(work.ending.is_empty() && work.waiting.is_empty(), "{what}");
            assert!(stream.open(&intent(999)).is_ok(), "{what}");
        }
    }
}

#[test]
fn a_process_that_ends_at_any_call_loses_no_event_and_doubles_none() {
    for sync in [SyncMode::Process, SyncMode::Always] {
        for at in 0..calls(sync).len() {
            let what = format!("{sync:?}, ended at call {at}");
            let place = Place::new(sync);
            let Some(told) = run(&place, &Faults::new(Fault::Stop, at, 1)) else { continue };
            let (recovered, contents) = place.next_boot();
            assert_eq!(recovered.findings, [], "{what}");
            check(&told, &contents, true, true, &what);
            let (again, same) = place.next_boot();
            assert!(again.interrupted == 0 && same == contents, "{what}");
        }
    }
}

#[test]
fn a_machine_that_ends_at_any_call_keeps_what_it_promised() {
    for sync in [SyncMode::Process, SyncMode::Always] {
        for at in 0..calls(sync).len() {
            let what = format!("{sync:?}, power gone at call {at}");
            let place = Place::new(sync);
            let faults = Faults::new(Fault::Stop, at, 1);
            let Some(told) = run(&place, &faults) else { continue };
            let (mut streams, mut boots) = (Vec::new(), Vec::new());
            for boot in std::fs::read_dir(place.directory.path()).unwrap() {
                boots.push(boot.unwrap().path());
            }
            for boot in boots {
                streams.extend(std::fs::read_dir(boot).unwrap().map(|stream| stream.unwrap().path()));
            }
            streams.iter().filter(|path| path.is_dir()).for_each(|path| faults.cut_power(path).unwrap());
            let (recovered, contents) = place.next_boot();
            assert_eq!(recovered.findings, [], "{what}");
            check(&told, &contents, sync == SyncMode::Always, true, &what);
        }
    }
}

#[test]
fn a_recovery_that_is_ended_does_the_same_again() {
    let crashed = |at| {
        let place = Place::new(SyncMode::Process);
        run(&place, &Faults::new(Fault::Stop, at, 1));
        place
    };
    for at in (40..calls(SyncMode::Process).len()).step_by(23) {
        let place = crashed(at);
        let copy = tempfile::TempDir::new().unwrap();
        copy_all(place.directory.path(), copy.path());
        let (_, expected) = place.next_boot();
        // Behind what a journal that is opened puts on the disk.
        for stop in 2.. {
            copy_all(copy.path(), place.directory.path());
            let journal = Journal::open_on(place.config.clone(), Faults::new(Fault::Stop, stop, 1).disk());
            let journal = journal.unwrap();
            let recovered = journal.recover().unwrap();
            drop(journal);
            let (_, contents) = place.next_boot();
            assert!(contents == expected, "crashed at {at}, and at {stop} of the recovery");
            assert!(stop < 60, "{:?}", recovered.findings);
            if recovered.findings.is_empty() {
                assert!(stop > 3, "{stop}");
                break;
            }
        }
    }
}

/// Makes one directory what another is.
fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(to).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn what_a_real_disk_does_is_what_faults_stand_for() {
    let place = Place::new(SyncMode::Always);
    let journal = place.open(Disk::Real);
    let stream = journal.stream().unwrap();
    let work = work(&journal, &stream);
    assert!(work.told.unmade.len() < 20, "{:?}", work.told.unmade);
}
