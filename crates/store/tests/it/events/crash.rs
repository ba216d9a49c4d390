use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use tollgate_core::usage::chain::{Linked, Seal};
use tollgate_store::{Scope, Store, UsageVerdict};

use crate::events::asking::all;
use crate::events::chain::{Chain, key};
use crate::harness::{Place, at, block_on, for_each_place};

const URL: &str = "TOLLGATE_TEST_BOOKING_STORE";
const WORD: &str = "booked ";
/// Batches of a child at most; it is killed long before.
const BATCHES: usize = 400;

/// The same events in every process: batches of two streams, in turn.
fn batches() -> Vec<(Vec<Linked>, Seal)> {
    let mut chains = [Chain::new(0), Chain::new(1)];
    let batch = |number: usize| {
        let chain = &mut chains[number % 2];
        let events = (0..60).map(|n| chain.call(["a", "b", "c"][n % 3], n as i64)).collect();
        (events, chain.seal())
    };
    (0..BATCHES).map(batch).collect()
}

/// A process of its own that brings everything from the beginning, as one does that lost its checkpoint, until somebody
/// ends it.
#[test]
#[ignore = "other tests run it in a process of its own"]
fn child() {
    let url = std::env::var(URL).unwrap();
    block_on(async {
        let store = Store::open(&url).await.unwrap();
        for (number, (events, seal)) in batches().into_iter().enumerate() {
            store.book(&events, &[seal], at(60)).await.unwrap();
            let mut output = std::io::stdout().lock();
            writeln!(output, "\n{WORD}{number}").unwrap();
            output.flush().unwrap();
        }
    });
}

fn start(place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "events::crash::child", "--ignored", "--nocapture"])
        .env(URL, &place.url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_kill_loses_nothing_and_doubles_nothing() {
    for_each_place(async |place| {
        let mut booked = 0;
        for round in [1_usize, 4, 11, 23] {
            let mut child = start(place);
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let Some(number) = line.strip_prefix(WORD) else { continue };
                let number: usize = number.parse().unwrap();
                booked = booked.max(number + 1);
                if number + 1 == round {
                    child.kill().unwrap();
                }
            }
            child.wait().unwrap();
        }
        assert!(booked >= 23);
        let store = place.open().await;
        let batches = batches();
        for (events, seal) in &batches[..booked] {
            let again = store.book(events, &[*seal], at(60)).await.unwrap();
            assert_eq!((again.inserted, again.duplicates, again.alarms.len()), (0, 60, 0));
        }
        // What a kill came in the middle of is there as a whole, or not at all.
        let UsageVerdict::Whole { events, .. } = store.verify_usage(&[key()], at(200)).await.unwrap() else {
            panic!("broken")
        };
        assert_eq!(events % 60, 0);
        assert!(events >= booked as u64 * 60);
        assert_eq!(all(&store, Scope::All).await.events(), events);
        assert_eq!(store.replay_usage().await.unwrap().mended, 0);
        store.close().await;
    });
}
