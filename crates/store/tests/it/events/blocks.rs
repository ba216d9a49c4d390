//! Blocks as they lie in the tables, read and written by the description of their form alone.

use lz4_flex::block;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tollgate_core::usage::StreamId;
use tollgate_core::usage::chain::Linked;

use crate::audit::raw;
use crate::harness::Place;

/// The bytes of the one block that a stream has.
async fn body(place: &Place, stream: StreamId) -> Vec<u8> {
    let of = |table: &str| AssertSqlSafe(format!("SELECT body FROM {table} WHERE stream = '{stream}'"));
    if place.is_postgres() {
        let mut connection = sqlx::PgConnection::connect(&place.url).await.unwrap();
        sqlx::query(of("tollgate.usage_blocks")).fetch_one(&mut connection).await.unwrap().get(0)
    } else {
        let mut connection = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
        sqlx::query(of("usage_blocks")).fetch_one(&mut connection).await.unwrap().get(0)
    }
}

fn literal(place: &Place, bytes: &[u8]) -> String {
    let hex = hex::encode(bytes);
    if place.is_postgres() { format!("'\\x{hex}'::bytea") } else { format!("X'{hex}'") }
}

/// Puts other bytes in the place of those of a stream's one block.
pub async fn garble(place: &Place, stream: StreamId, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = body(place, stream).await;
    change(&mut bytes);
    let bytes = literal(place, &bytes);
    raw(place, format!("UPDATE usage_blocks SET body = {bytes} WHERE stream = '{stream}'").leak())
        .await
        .unwrap();
}

/// Changes the events of a stream's one block, which is as whole afterwards as somebody makes it who knows its form.
pub async fn tamper(place: &Place, stream: StreamId, change: impl FnOnce(&mut Vec<Linked>)) {
    let mut events = unpack(&body(place, stream).await);
    change(&mut events);
    raw(place, format!("DELETE FROM usage_blocks WHERE stream = '{stream}'").leak()).await.unwrap();
    insert(place, &events).await;
}

/// Adds a block.
pub async fn insert(place: &Place, events: &[Linked]) {
    let (first, last) = (&events[0], &events[events.len() - 1]);
    let times = || events.iter().map(|linked| linked.time_micros());
    let (earliest, latest) = (times().min().unwrap(), times().max().unwrap());
    let insert = format!(
        "INSERT INTO usage_blocks VALUES ('{}', {}, {}, {}, {earliest}, {latest}, {}, {})",
        first.stream(),
        first.seq(),
        last.seq(),
        earliest - earliest % 3_600_000_000,
        events.len(),
        literal(place, &pack(events)),
    );
    raw(place, insert.leak()).await.unwrap();
}

fn unpack(body: &[u8]) -> Vec<Linked> {
    assert_eq!(body[0], 1);
    let plain = block::decompress_size_prepended(&body[1..]).unwrap();
    let (mut rest, mut events) = (plain.as_slice(), Vec::new());
    while let Some((length, more)) = rest.split_first_chunk() {
        let (canonical, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
        let (hash, more) = more.split_first_chunk().unwrap();
        events.push(Linked::read(canonical, *hash).unwrap());
        rest = more;
    }
    events
}

fn pack(events: &[Linked]) -> Vec<u8> {
    let mut plain = Vec::new();
    for linked in events {
        plain.extend_from_slice(&(linked.canonical().len() as u16).to_be_bytes());
        plain.extend_from_slice(linked.canonical());
        plain.extend_from_slice(&linked.hash());
    }
    [&[1], block::compress_prepend_size(&plain).as_slice()].concat()
}
