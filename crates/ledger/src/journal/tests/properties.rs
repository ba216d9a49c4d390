use std::time::Duration;

use proptest::prelude::*;
use rustix::io::Errno;

use super::faults::{Work, check};
use super::harness::{Place, contents};
use crate::journal::disk::faults::{Fault, Faults};
use crate::journal::{State, SyncMode};

/// One thing that happens to a stream.
#[derive(Debug, Clone)]
enum Happening {
    Begin,
    /// Ends one of the calls that are open, or tells how far it has come.
    End(usize),
    Flush,
    /// The journal's thread takes a turn.
    Turn,
    /// So many seconds pass.
    Tick(u64),
    Fault(Fault, usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    let fault = prop_oneof![
        Just(Fault::Error(Errno::IO)),
        Just(Fault::Error(Errno::NOSPC)),
        Just(Fault::Short),
        Just(Fault::Torn)
    ];
    prop_oneof![
        30 => Just(Happening::Begin),
        25 => any::<usize>().prop_map(Happening::End),
        20 => Just(Happening::Flush),
        8 => Just(Happening::Turn),
        4 => (1..20_u64).prop_map(Happening::Tick),
        2 => (fault, 1..6_usize).prop_map(|(fault, many)| Happening::Fault(fault, many)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens, each call that was admitted is one event, and what was promised is kept.
    #[test]
    fn each_call_is_one_event(
        always in any::<bool>(), happenings in prop::collection::vec(happening(), 1..400)
    ) {
        let place = Place::new(if always { SyncMode::Always } else { SyncMode::Process });
        let faults = Faults::new(Fault::Short, usize::MAX, 0);
        let journal = place.open(faults.disk());
        let stream = journal.stream().unwrap();
        let mut work = Work::default();
        let (mut begun, mut now) = (0, Duration::ZERO);
        for happening in &happenings {
            match happening {
                Happening::Begin => {
                    work.begin(&stream, begun);
                    begun += 1;
                }
                Happening::End(which) => {
                    let open: Vec<u64> = work.open.keys().copied().collect();
                    if let Some(number) = open.get(which % open.len().max(1)) {
                        work.end(*number);
                    }
                }
                Happening::Flush => stream.flush(),
                Happening::Turn => journal.turn(),
                Happening::Tick(seconds) => {
                    now += Duration::from_secs(*seconds);
                    stream.tick(now);
                }
                Happening::Fault(fault, many) => faults.set(*fault, *many),
            }
            work.look();
        }
        work.told.shipped = contents(&journal).events;
        work.told.failing = journal.state() != State::Healthy;
        faults.set(Fault::Gone, 1);
        let Work { told, waiting, open, ending } = work;
        let waited = !waiting.is_empty();
        drop((waiting, open, ending, stream, journal));
        let (recovered, contents) = place.next_boot();
        prop_assert_eq!(recovered.findings, vec![]);
        // A call that was withdrawn may have its intent in a file, and not yet that it was withdrawn.
        check(&told, &contents, true, true, "any schedule");
        let (again, same) = place.next_boot();
        prop_assert_eq!(again.interrupted, 0);
        prop_assert!(same == contents, "replaying changes nothing; waited: {}", waited);
    }
}
