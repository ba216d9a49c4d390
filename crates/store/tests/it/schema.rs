use sqlx::{Connection as _, Row as _};

use crate::harness::{Place, block_on};

/// Table, column, type, whether it may be absent.
type Column = (String, String, String, bool);

#[test]
fn both_databases_have_the_same_tables() {
    let (sqlite, postgres) = (Place::sqlite(), Place::postgres());
    let (here, there) = block_on(async {
        sqlite.open().await;
        postgres.open().await;
        (of_sqlite(&sqlite).await, of_postgres(&postgres).await)
    });
    assert!(here.len() > 60, "{here:?}");
    assert_eq!(here, there);
}

async fn of_sqlite(place: &Place) -> Vec<Column> {
    let mut connection = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
    let columns = "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0 FROM sqlite_schema m \
         JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid";
    let rows = sqlx::query(columns).fetch_all(&mut connection).await.unwrap();
    let word = |kind: &str| match kind {
        "INTEGER" | "BIGINT" => "bigint",
        "TEXT" => "text",
        "BLOB" => "bytea",
        other => panic!("{other}"),
    };
    rows.iter().map(|row| (row.get(0), row.get(1), word(row.get(2)).to_owned(), row.get(3))).collect()
}

async fn of_postgres(place: &Place) -> Vec<Column> {
    let mut connection = sqlx::PgConnection::connect(&place.url).await.unwrap();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
         FROM information_schema.columns WHERE table_schema = 'tollgate' \
         ORDER BY table_name COLLATE \"C\", ordinal_position";
    let rows = sqlx::query(columns).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}
