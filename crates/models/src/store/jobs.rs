//! Jobs: what was asked for and will be, or was, done.

use jiff::Timestamp;
use ulid::Ulid;

use super::artifacts::{self, NewArtifact};
use super::database::{Row, Sql, sql};
use super::error::{Result, StoreError};
use super::{Slice, Store};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// Learns a model from data.
    Train,
    /// Asks a model.
    Predict,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It waits for a thread.
    Pending,
    /// A thread works on it.
    Running,
    /// Its artifact is there.
    Completed,
    /// There is no artifact, and `error` says why.
    Failed,
    /// Somebody has called it off.
    Canceled,
}

/// A job without the body of its request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: Ulid,
    pub(crate) kind: JobKind,
    pub(crate) status: Status,
    /// Who asked, for the order of the queue.
    pub(crate) consumer: String,
    /// The artifact that is, or would have been, made.
    pub(crate) artifact_id: Ulid,
    pub(crate) submitted_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
}

/// A job to be done.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub(crate) id: Ulid,
    pub(crate) kind: JobKind,
    pub(crate) consumer: String,
    pub(crate) artifact_id: Ulid,
    pub(crate) request: Vec<u8>,
}

/// A job that still waits, and how many bytes its request has.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) job: Job,
    pub(crate) bytes: u64,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With an artifact, and the configuration that it was made of, where it is a model.
    Completed(NewArtifact, Option<Ulid>),
    /// With a sentence that says why there is none.
    Failed(String),
    /// Somebody has called it off.
    Canceled,
}

impl JobKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Predict => "predict",
        }
    }
}

impl Status {
    /// Every status, in the order in which callers are told of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Canceled];

    /// The word for it, in rows and for callers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing will change any more.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

impl Job {
    fn read(row: &Row) -> Result<Self> {
        let damaged = |text: &str| StoreError::Damaged(format!("{text:?} is no kind or status of a job"));
        let (kind, status) = (row.text(1)?, row.text(2)?);
        Ok(Self {
            id: row.id(0)?,
            kind: [JobKind::Train, JobKind::Predict]
                .into_iter()
                .find(|one| one.name() == kind)
                .ok_or_else(|| damaged(&kind))?,
            status: Status::ALL
                .into_iter()
                .find(|one| one.name() == status)
                .ok_or_else(|| damaged(&status))?,
            consumer: row.text(3)?,
            artifact_id: row.id(4)?,
            submitted_at: row.time(5)?,
            started_at: row.optional_time(6)?,
            finished_at: row.optional_time(7)?,
            error: row.optional_text(8)?,
        })
    }
}

impl Store {
    pub(crate) async fn add_job(&self, new: NewJob, now: Timestamp) -> Result<()> {
        let insert =
            sql("INSERT INTO jobs (id, kind, status, consumer, artifact_id, request, submitted_at) \
             VALUES ($1, $2, 'pending', $3, $4, $5, $6)");
        let row = insert.bind(new.id).bind(new.kind.name()).bind(new.consumer).bind(new.artifact_id);
        self.database.execute(row.bind(new.request).bind(now)).await.map(|_| ())
    }

    pub(crate) async fn job(&self, id: Ulid) -> Result<Option<Job>> {
        let found = sql(
            "SELECT id, kind, status, consumer, artifact_id, submitted_at, started_at, finished_at, error \
             FROM jobs WHERE id = $1",
        );
        self.database.one(found.bind(id)).await?.as_ref().map(Job::read).transpose()
    }

    /// Jobs, newest first.
    pub(crate) async fn jobs(&self, status: Option<Status>, slice: Slice) -> Result<Vec<Job>> {
        let found = sql(
            "SELECT id, kind, status, consumer, artifact_id, submitted_at, started_at, finished_at, error \
             FROM jobs WHERE ($1 = '' OR status = $1) ORDER BY seq DESC LIMIT $2 OFFSET $3",
        );
        let found = found.bind(status.map_or("", Status::name)).bind(slice.take).bind(slice.skip);
        self.database.all(found).await?.iter().map(Job::read).collect()
    }

    /// Marks a waiting job as running and gives its request; absent where it waits no more.
    pub(crate) async fn start_job(&self, id: Ulid, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let update =
            sql("UPDATE jobs SET status = 'running', started_at = $2 WHERE id = $1 AND status = 'pending'");
        if self.database.execute(update.bind(id).bind(now)).await? == 0 {
            return Ok(None);
        }
        let row = self.database.one(sql("SELECT request FROM jobs WHERE id = $1").bind(id)).await?;
        row.map_or(Ok(None), |row| row.optional_bytes(0))
    }

    /// Ends a job, once: its state and its artifact, both or neither. Says whether it was still to end.
    ///
    /// With `kept`, the jobs that ended first are forgotten in the same step, as [`Self::forget_jobs`] does it.
    pub(crate) async fn finish_job(
        &self,
        id: Ulid,
        outcome: Outcome,
        now: Timestamp,
        kept: Option<usize>,
    ) -> Result<bool> {
        if let Outcome::Completed(artifact, _) = &outcome {
            self.make_room(artifact.bytes()).await?;
        }
        let mut transaction = self.database.write().await?;
        let (status, error) = match &outcome {
            Outcome::Completed(..) => (Status::Completed, None),
            Outcome::Failed(why) => (Status::Failed, Some(why.clone())),
            Outcome::Canceled => (Status::Canceled, None),
        };
        let update = sql("UPDATE jobs SET status = $2, error = $3, finished_at = $4, request = NULL \
             WHERE id = $1 AND status IN ('pending', 'running')");
        let row = update.bind(id).bind(status.name()).bind(error).bind(now);
        if transaction.execute(row).await? == 0 {
            return Ok(false);
        }
        if let Outcome::Completed(mut artifact, config) = outcome {
            // Who removed the parent meanwhile did not mean to remove this.
            if let Some(parent) = artifact.parent_id {
                let there = sql("SELECT level FROM artifacts WHERE id = $1").bind(parent);
                artifact.parent_id = transaction.one(there).await?.map(|_| parent);
            }
            let made = artifact.id;
            artifacts::insert(&mut transaction, artifact, now).await?;
            let link =
                sql("INSERT INTO links (artifact_id, config_id) SELECT $1, id FROM configs WHERE id = $2");
            transaction.execute(link.bind(made).bind(config)).await?;
        }
        if let Some(kept) = kept {
            transaction.execute(forget(kept)).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes the row of a job; says whether it was there.
    pub(crate) async fn remove_job(&self, id: Ulid) -> Result<bool> {
        Ok(self.database.execute(sql("DELETE FROM jobs WHERE id = $1").bind(id)).await? > 0)
    }

    /// Removes the jobs that ended first, so that this many ended ones are left; what they made stays. Says how many
    /// were removed.
    pub(crate) async fn forget_jobs(&self, kept: usize) -> Result<u64> {
        self.database.execute(forget(kept)).await
    }

    /// Ends the jobs that a process has left running, and gives those that still wait, oldest first.
    pub(crate) async fn recover_jobs(&self, now: Timestamp) -> Result<Vec<Waiting>> {
        let interrupted = sql("UPDATE jobs SET status = 'failed', error = 'interrupted', finished_at = $1, \
             request = NULL WHERE status = 'running'");
        self.database.execute(interrupted.bind(now)).await?;
        let found = sql(
            "SELECT id, kind, status, consumer, artifact_id, submitted_at, started_at, finished_at, error, \
             CAST(length(request) AS BIGINT) FROM jobs WHERE status = 'pending' ORDER BY seq",
        );
        let waiting = |row: &Row| {
            let bytes = row.optional_int(9)?.unwrap_or(0).unsigned_abs();
            Ok(Waiting { job: Job::read(row)?, bytes })
        };
        self.database.all(found).await?.iter().map(waiting).collect()
    }
}

fn forget(kept: usize) -> Sql {
    /// Rows that one statement removes at most, so that nobody waits long for it.
    const AT_ONCE: i64 = 10_000;
    let oldest = sql("DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE finished_at IS NOT NULL \
         ORDER BY finished_at DESC, seq DESC LIMIT $1 OFFSET $2)");
    oldest.bind(AT_ONCE).bind(i64::try_from(kept).unwrap_or(i64::MAX))
}
