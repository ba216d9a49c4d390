use super::{by_lookup, select_found};
use crate::credentials::{Kind, Lookup, select};
use crate::page::Paging;
use crate::scope::Scope;
use crate::statement::Statement;
use crate::store::Store;

/// How SQLite would find the rows, one step a line.
fn plan(statement: Statement) -> String {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let text = format!("EXPLAIN QUERY PLAN {}", statement.text);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = Store::open(&url).await.unwrap();
        let steps: Vec<((i64, i64, i64), String)> =
            store.database.all(Statement { text, ..statement }).await.unwrap();
        store.close().await;
        steps.into_iter().map(|(_, step)| step + "\n").collect()
    })
}

#[test]
fn no_question_of_the_directory_reads_a_whole_table() {
    let check = |statement: Statement, expected: &str| {
        let plan = plan(statement);
        assert!(plan.contains(expected) && !plan.contains("SCAN"), "{plan}");
    };
    let lookup = Lookup::text("x").unwrap();
    check(by_lookup(Scope::All, Kind::Jwt, &lookup), "(kind=? AND lookup=?)");
    let account = Scope::Account("01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap());
    check(by_lookup(account, Kind::Jwt, &lookup), "(kind=? AND lookup=?)");
    check(select_found().push(" AND credentials.id = ").bind("x"), "sqlite_autoindex_credentials_1 (id=?)");
    let page = Paging { cursor: Some("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()), limit: None };
    let list = page.finish(account.narrow(select(), "credentials.account"), "credentials.id").unwrap();
    check(list, "credentials_of_account (account=? AND id>?)");
}
