//! Blocks whose events are not in the roll-ups yet.
//!
//! What a batch comes to is thirty roll-ups where few consumers call, and thousands where many do: to write them with
//! each batch costs more than all else that booking does. So blocks wait, each named by a row, until there are enough of
//! them, or somebody is to be told what the events come to. A row goes in the transaction that adds its block to the
//! roll-ups: no event is counted twice, and none is left out.

use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::timeout;
use tollgate_core::usage::StreamId;

use super::alarm::{self, Alarm, AlarmKind};
use super::block::{AT_ONCE, Block};
use super::rollup::Rollups;
use super::row::{int, unsigned};
use crate::database::{Hold, Transaction};
use crate::error::{Error, Result};
use crate::row::{Columns, Read};
use crate::statement::{Statement, Value};
use crate::store::Store;
use crate::tables::USAGE_BLOCKS;

/// When the blocks that this process books are to be rolled up.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Paced>);

#[derive(Debug, Default)]
struct Paced {
    /// Events that were booked since the last time.
    waiting: u64,
    /// Roll-ups that were written the last time.
    rows: u64,
}

/// Which blocks are rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All but those that another process is about to roll up.
    Free,
    /// All; those of another process are waited for.
    All,
    /// Those of a stream, likewise.
    Of(StreamId),
}

/// What rolling up came to.
#[derive(Debug, Default)]
pub(super) struct RolledUp {
    /// Roll-ups that were written.
    rows: u64,
    /// Whether no more blocks wait.
    pub(super) is_all: bool,
    /// Of blocks that cannot be read; they are not kept yet.
    pub(super) alarms: Vec<Alarm>,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    stream: StreamId,
    first: u64,
    last: u64,
    /// When it was booked.
    at: Timestamp,
}

/// So many events wait for each roll-up that was written the last time,
const FOR_EACH: u64 = 10;
/// but no fewer than these
const FEWEST: u64 = 20_000;
/// and no more than these.
const MOST: u64 = 200_000;
/// How long whoever asks waits for that.
const PATIENCE: Duration = Duration::from_secs(2);
/// Blocks of one transaction.
const BLOCKS: usize = 1000;

impl Pace {
    /// Whether enough wait, with so many events more.
    pub(super) fn is_due(&self, events: u64) -> bool {
        let mut paced = self.0.lock();
        paced.waiting += events;
        paced.waiting >= (paced.rows * FOR_EACH).clamp(FEWEST, MOST)
    }

    /// Takes note of what was rolled up; where more waits, that is due.
    pub(super) fn done(&self, rolled: &RolledUp) {
        if rolled.is_all {
            *self.0.lock() = Paced { waiting: 0, rows: rolled.rows };
        }
    }
}

impl Waiting {
    fn key(self) -> Vec<Value> {
        vec![self.stream.to_string().into(), int(self.first).into()]
    }

    /// The block, if it is among these, and its unpacked bytes, if they are some.
    fn unpack(self, blocks: &[Block]) -> Option<(&Block, Vec<u8>)> {
        let block = blocks.iter().find(|block| (block.stream, block.first) == (self.stream, self.first))?;
        Some((block, block.unpack().ok()?))
    }

    fn alarm(self) -> Alarm {
        let Self { stream, first: seq, last, at } = self;
        Alarm { kind: AlarmKind::Damaged, stream, seq, last, id: None, hash: None, at }
    }
}

impl Waiting {
    /// Deletes rows and gives them.
    fn take(is_postgres: bool, which: Which) -> Statement {
        let rows = Statement::new(
            "DELETE FROM usage_waiting WHERE (stream, first) IN (SELECT stream, first FROM usage_waiting",
        );
        let rows = match which {
            Which::Of(stream) => rows.push(" WHERE stream = ").bind(stream.to_string()),
            Which::Free | Which::All => rows,
        };
        let rows = rows.push(" ORDER BY stream, first LIMIT ").bind(BLOCKS as i64);
        let rows = match which {
            _ if !is_postgres => rows,
            Which::Free => rows.push(" FOR UPDATE SKIP LOCKED"),
            Which::All | Which::Of(_) => rows.push(" FOR UPDATE"),
        };
        rows.push(") RETURNING stream, first, last, at")
    }
}

impl Read for Waiting {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            stream: columns.parse()?,
            first: unsigned(columns)?,
            last: unsigned(columns)?,
            at: columns.next()?,
        })
    }
}

impl Block {
    /// The values of [`USAGE_WAITING`](crate::tables::USAGE_WAITING).
    pub(super) fn waits(&self, now: Timestamp) -> Vec<Value> {
        vec![self.stream.to_string().into(), int(self.first).into(), int(self.last).into(), now.into()]
    }
}

/// Adds blocks that wait to the roll-ups, as many as one transaction takes: whoever holds roll-ups may not want others that
/// come before them, so that two processes never wait for each other.
///
/// One that cannot be read is not counted, and told of by an alarm: it stays where it is and stops nothing.
pub(super) async fn roll_up(transaction: &mut Transaction, which: Which) -> Result<RolledUp> {
    let waiting: Vec<Waiting> = transaction.all(Waiting::take(transaction.is_postgres(), which)).await?;
    let mut rolled = RolledUp { is_all: waiting.len() < BLOCKS, ..RolledUp::default() };
    let mut rollups = Rollups::default();
    for some in waiting.chunks(AT_ONCE as usize) {
        let keys = some.iter().map(|one| one.key()).collect();
        let blocks: Vec<Block> = transaction.keyed(&USAGE_BLOCKS, keys, Hold::No).await?;
        let unpacked = some.iter().map(|one| one.unpack(&blocks)).collect::<Vec<_>>();
        let mut events = Vec::new();
        for (one, unpacked) in some.iter().zip(&unpacked) {
            match unpacked.as_ref().map(|(block, plain)| block.look(plain)) {
                Some(Ok(seen)) => events.extend(seen.into_iter().map(|lying| lying.event)),
                Some(Err(_)) | None => rolled.alarms.push(one.alarm()),
            }
        }
        rollups.add(transaction, events).await?;
    }
    rolled.rows = rollups.write(transaction).await?;
    Ok(rolled)
}

/// Until when the roll-ups have everything that is booked: to the earliest event that waits, else to the latest of all.
pub(super) async fn as_of(snapshot: &mut Transaction) -> Result<Option<Timestamp>> {
    let waiting = Statement::new(
        "SELECT coalesce((SELECT min((SELECT first_time FROM usage_blocks \
         WHERE usage_blocks.stream = usage_waiting.stream AND usage_blocks.first = usage_waiting.first)) \
         FROM usage_waiting), (SELECT max(last_at) FROM usage_streams))",
    );
    Ok(snapshot.one::<Option<Timestamp>>(waiting).await?.flatten())
}

impl Store {
    /// Adds to the roll-ups what was booked and is not in them yet. Whoever asks the store what usage comes to needs not
    /// do that; whoever reads its tables does.
    ///
    /// # Errors
    /// What the database says; what was added until then stays added.
    pub async fn roll_up_usage(&self) -> Result<()> {
        let some = Statement::new("SELECT first FROM usage_waiting LIMIT 1");
        if self.database.one::<i64>(some).await?.is_none() {
            return Ok(());
        }
        loop {
            let mut transaction = self.database.write().await?;
            let rolled = roll_up(&mut transaction, Which::All).await?;
            self.pace.done(&rolled);
            alarm::raise(&mut transaction, rolled.alarms).await?;
            transaction.commit().await?;
            if rolled.is_all {
                return Ok(());
            }
        }
    }

    /// A state of the store in which everything that was booked is in the roll-ups; where the store cannot be written now,
    /// one in which some of it is not yet.
    pub(crate) async fn rolled_up(&self) -> Result<Transaction> {
        match timeout(PATIENCE, self.roll_up_usage()).await {
            Err(_) | Ok(Err(Error::Locked(_) | Error::Full(_))) => {}
            Ok(done) => done?,
        }
        self.database.snapshot().await
    }
}
