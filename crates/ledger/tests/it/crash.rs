use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::{BufRead as _, BufReader, Write as _};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_core::usage::{Closing, Intent, Outcome};
use tollgate_ledger::chain::{Head, SealKey};
use tollgate_ledger::journal::{Config, Entry, Journal, Read, Stream, SyncMode};
use ulid::Ulid;

const DIRECTORY: &str = "TOLLGATE_TEST_JOURNAL";
const ALWAYS: &str = "TOLLGATE_TEST_ALWAYS";
const ADMITTED: &str = "admitted ";
const ENDED: &str = "ended ";

/// A process of its own that makes calls until somebody ends it, and says of each when it is admitted and when it has
/// ended.
#[test]
#[ignore = "another test runs it in a process of its own"]
fn child() {
    let journal = Journal::open(config(std::path::Path::new(&std::env::var(DIRECTORY).unwrap()))).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let journal = &journal;
            scope.spawn(move || make_calls(&journal.stream().unwrap(), thread));
        }
        journal.recover().unwrap();
    });
}

fn make_calls(stream: &Stream, thread: u64) {
    let (waker, woken) = waker();
    let start = Instant::now();
    let mut open: Vec<(u64, Entry)> = Vec::new();
    for number in 0_u64.. {
        let number = (u64::from(std::process::id()) << 32) | (thread << 31) | number;
        stream.tick(start.elapsed());
        // Segments this small are full before the next one is made.
        let Ok(opening) = stream.open(&intent(number)) else { continue };
        let mut opening = pin!(opening);
        stream.flush();
        let Ok(entry) = wait(&waker, &woken, |cx| opening.as_mut().poll(cx)) else { continue };
        say(ADMITTED, number);
        open.push((number, entry));
        if open.len() > 3 {
            let (number, entry) = open.remove(0);
            let mut flushed = pin!(entry.close(&closing(number)));
            stream.flush();
            wait(&waker, &woken, |cx| flushed.as_mut().poll(cx));
            say(ENDED, number);
        }
    }
}

#[test]
fn a_kill_costs_no_event_and_doubles_none() {
    for always in [false, true] {
        let directory = TempDir::new().unwrap();
        let (mut admitted, mut ended) = (BTreeSet::new(), BTreeSet::new());
        for last in [1, 20, 500, 40, 1500] {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "crash::child", "--ignored", "--nocapture"])
                .env(DIRECTORY, directory.path())
                .env(ALWAYS, always.to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut found = 0;
            // What is still in the pipe after the kill was said, too.
            for line in lines.map_while(Result::ok) {
                if let Some(number) = line.strip_prefix(ADMITTED) {
                    admitted.insert(number.parse::<u64>().unwrap());
                } else if let Some(number) = line.strip_prefix(ENDED) {
                    ended.insert(number.parse::<u64>().unwrap());
                    found += 1;
                    if found == last {
                        child.kill().unwrap();
                    }
                }
            }
            child.wait().unwrap();
            assert!(found >= last);
        }
        let journal = Journal::open(config(directory.path())).unwrap();
        let recovered = journal.recover().unwrap();
        assert_eq!(recovered.findings, []);
        check(&journal, &admitted, &ended);
    }
}

fn check(journal: &Journal, admitted: &BTreeSet<u64>, ended: &BTreeSet<u64>) {
    let mut seen = BTreeSet::new();
    for stream in journal.streams() {
        let mut reader = journal.reader(stream).unwrap();
        let mut head = Head::default();
        while let Some(read) = reader.next().unwrap() {
            let linked = match read {
                Read::Event(linked) => linked,
                Read::Seal(seal) => {
                    assert!(key().verifies(&seal) && seal.head == head);
                    continue;
                }
                Read::Damaged(finding) => panic!("{finding}"),
            };
            assert!(head.is_followed_by(&linked));
            head = linked.head();
            let number = u64::try_from(linked.id().0).unwrap();
            assert!(seen.insert(number), "{number} is there twice");
            if ended.contains(&number) {
                assert_eq!(linked.event().unwrap().closing, closing(number));
            }
        }
        assert!(reader.is_ended());
    }
    assert!(admitted.is_subset(&seen), "{:?} are lost", admitted.difference(&seen));
    assert!(admitted.len() > 2000, "{}", admitted.len());
}

#[test]
fn what_waits_is_woken_by_the_journals_thread() {
    let directory = TempDir::new().unwrap();
    let journal = Journal::open(Config { sync: SyncMode::Always, ..config(directory.path()) }).unwrap();
    let stream = journal.stream().unwrap();
    let (waker, woken) = waker();
    let mut opening = pin!(stream.open(&intent(1)).unwrap());
    wait(&waker, &woken, |cx| stream.poll_due(cx));
    stream.flush();
    let entry = wait(&waker, &woken, |cx| opening.as_mut().poll(cx)).unwrap();
    let mut due = pin!(poll_fn(|cx| stream.poll_due(cx)));
    assert!(due.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut flushed = pin!(entry.close(&closing(1)));
    wait(&waker, &woken, |cx| due.as_mut().poll(cx));
    stream.flush();
    wait(&waker, &woken, |cx| flushed.as_mut().poll(cx));
}

/// Polls until it is ready, each time when it was woken.
fn wait<T>(waker: &Waker, woken: &Receiver<()>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    loop {
        match poll(&mut Context::from_waker(waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => woken.recv_timeout(Duration::from_secs(30)).unwrap(),
        }
    }
}

fn waker() -> (Waker, Receiver<()>) {
    struct Tell(Sender<()>);
    impl Wake for Tell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }
    let (tell, told) = channel();
    (Waker::from(Arc::new(Tell(tell))), told)
}

fn say(what: &str, number: u64) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{what}{number}").unwrap();
    output.flush().unwrap();
}

fn config(directory: &std::path::Path) -> Config {
    let always = std::env::var(ALWAYS).is_ok_and(|always| always == "true");
    let sync = if always { SyncMode::Always } else { SyncMode::Process };
    Config { sync, segment_bytes: Config::MIN_SEGMENT, ..Config::new(directory, "gate-1", key()) }
}

fn key() -> SealKey {
    SealKey::new(&[7; 32])
}

fn intent(number: u64) -> Intent<&'static str> {
    Intent {
        id: Ulid(u128::from(number)),
        time_micros: number,
        node: "gate-1",
        account: None,
        account_id: None,
        consumer: Some("service_a"),
        credential: None,
        route: "chat",
        model: None,
        method: "POST",
        path: "/v1/chat/completions",
        client_request_id: None,
        tier: None,
    }
}

fn closing(number: u64) -> Closing {
    Closing { response_bytes: number, ..Closing::unknown(Outcome::Served) }
}
