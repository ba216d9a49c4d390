use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use tollgate_store::{Account, Changes, Paging, Scope, Store, Verdict};

use crate::harness::{Place, account, block_on, for_each_place};

const URL: &str = "TOLLGATE_TEST_CHILD_STORE";
/// What a child says once its store is open.
pub const OPENED: &str = "opened";
const WORD: &str = "acknowledged ";

/// Makes accounts until somebody ends the process, and says of each when it is committed.
fn write_until_killed(url: &str) {
    block_on(async {
        let store = Store::open(url).await.unwrap();
        let mut output = std::io::stdout();
        writeln!(output, "\n{OPENED}").unwrap();
        let begin = store.rev().await.unwrap();
        for number in begin.. {
            let account = account(&store, &format!("a{number}")).await;
            writeln!(output, "\n{WORD}{}", account.id).unwrap();
            output.flush().unwrap();
        }
    });
}

/// Starts a process that writes to this place: the test below, told by its environment that it is the child.
pub fn start(place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::what_was_acknowledged_survives_a_kill", "--nocapture"])
        .env(URL, &place.url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Ok(url) = std::env::var(URL) {
        return write_until_killed(&url);
    }
    for_each_place(async |place| {
        let mut acknowledged = Vec::new();
        for round in [1_usize, 9, 30] {
            let mut child = start(place);
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut found = 0;
            // What is still in the pipe after the kill was acknowledged, too.
            for line in lines.map_while(Result::ok) {
                let Some(id) = line.strip_prefix(WORD) else { continue };
                acknowledged.push(id.to_owned());
                found += 1;
                if found == round {
                    child.kill().unwrap();
                }
            }
            child.wait().unwrap();
            assert!(found >= round);
        }
        let store = place.open().await;
        let Verdict::Whole(head) = store.verify_audit(None).await.unwrap() else { panic!("broken") };
        let mut audited = Vec::new();
        let mut paging = Paging { limit: Some(1000), ..Paging::default() };
        loop {
            let page = store.audit(Scope::All, &paging).await.unwrap();
            audited.extend(page.items.into_iter().map(|row| row.object));
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                break;
            }
        }
        for id in &acknowledged {
            let account: Account = store.account(Scope::All, id.parse().unwrap()).await.unwrap();
            assert!(audited.contains(&account.id.to_string()));
        }
        // Every account has its audit row and its number, and none of them lacks its account.
        assert_eq!(store.rev().await.unwrap(), head.seq);
        let Changes::Since(changes) = store.changes_since(0, u16::MAX).await.unwrap() else { panic!("lost") };
        assert!(changes.iter().map(|change| &change.id).eq(&audited));
        for id in &audited {
            store.account(Scope::All, id.parse().unwrap()).await.unwrap();
        }
    });
}
