-- What the model service keeps. Points in time are microseconds since 1970, identifiers are ULIDs.

CREATE TABLE configs (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- `data` is what callers see; `content` is the model itself, where there is one, and `sha256` its digest (of `data`
-- where there is none).
CREATE TABLE artifacts (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    parent_id  TEXT    REFERENCES artifacts (id) ON DELETE SET NULL,
    level      INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    content    BLOB,
    sha256     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX artifacts_parent ON artifacts (parent_id);

CREATE TABLE links (
    artifact_id TEXT NOT NULL PRIMARY KEY REFERENCES artifacts (id) ON DELETE CASCADE,
    config_id   TEXT NOT NULL REFERENCES configs (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX links_config ON links (config_id);

CREATE TABLE names (
    name        TEXT NOT NULL PRIMARY KEY,
    artifact_id TEXT NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX names_artifact ON names (artifact_id);

-- `artifact_id` is given to the caller when the job is accepted; the artifact is there once the job is completed.
-- `request` is the body of the call, until the job has ended.
CREATE TABLE jobs (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    kind         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    consumer     TEXT    NOT NULL,
    artifact_id  TEXT    NOT NULL,
    request      BLOB,
    submitted_at INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    error        TEXT
) STRICT;
CREATE INDEX jobs_status ON jobs (status, seq);
-- Which ended jobs are the oldest, and are forgotten first.
CREATE INDEX jobs_finished ON jobs (finished_at, seq) WHERE finished_at IS NOT NULL;
