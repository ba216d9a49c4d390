-- Usage events as they came from the journals, what they come to, and how far each stream is known.

-- One row for each core of each boot of a gate. It outlives its events: what is at or below the floor came before.
CREATE TABLE usage_streams (
    stream TEXT PRIMARY KEY,       -- BOOT/NUMBER
    node TEXT NOT NULL,
    floor INTEGER NOT NULL,        -- every event up to here came, and the chain's hash there
    floor_hash BLOB NOT NULL,
    highest INTEGER NOT NULL,      -- the highest event that came
    pruned INTEGER NOT NULL,       -- the events up to here are deleted, and the chain's hash there
    pruned_hash BLOB NOT NULL,
    first_at INTEGER NOT NULL,     -- of the earliest event and of the latest one
    last_at INTEGER NOT NULL
) STRICT;

-- Events in blocks: those of one stream, one hour and fewer than a thousand places, and each in one block alone. Places of
-- blocks may overlap, and a block may leave some out. See `events/block.rs`.
CREATE TABLE usage_blocks (
    stream TEXT NOT NULL,
    first INTEGER NOT NULL,        -- the lowest place and the highest
    last INTEGER NOT NULL,
    hour INTEGER NOT NULL,         -- when the hour of UTC began in which all of its events began
    first_time INTEGER NOT NULL,   -- of the earliest event and of the latest one
    last_time INTEGER NOT NULL,
    events INTEGER NOT NULL,       -- how many there are
    body BLOB NOT NULL,            -- the events and their hashes, compressed
    PRIMARY KEY (stream, first)
) STRICT;

CREATE INDEX usage_blocks_by_time ON usage_blocks (hour, first_time, stream, first);

-- The ids of all events in blocks, so that no id is booked at two places.
CREATE TABLE usage_ids (
    id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_seals (
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT;

-- What must not be and was seen; see `AlarmKind`.
CREATE TABLE usage_alarms (
    kind TEXT NOT NULL,            -- changed, ahead, gap, lost, seal
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,              -- of the event; empty where there is none
    hash BLOB NOT NULL,            -- that came with it; empty where there is none
    last INTEGER NOT NULL,         -- the last event that it concerns
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, stream, seq, id, hash)
) STRICT;

-- Which values of the dimensions occur together; what is absent is empty or 0.
CREATE TABLE usage_series (
    series BLOB PRIMARY KEY,       -- a digest of the rest
    account TEXT NOT NULL,
    account_id TEXT NOT NULL,
    consumer TEXT NOT NULL,
    credential TEXT NOT NULL,
    route TEXT NOT NULL,
    model TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;

CREATE INDEX usage_series_of_account ON usage_series (account);
CREATE INDEX usage_series_of_account_id ON usage_series (account_id);
CREATE INDEX usage_series_of_consumer ON usage_series (consumer);
CREATE INDEX usage_series_of_credential ON usage_series (credential);

CREATE TABLE usage_rollups (
    span INTEGER NOT NULL,         -- seconds: a minute, an hour, a day
    start INTEGER NOT NULL,
    series BLOB NOT NULL,
    reported INTEGER NOT NULL,     -- events of each quality
    counted INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    requests INTEGER,              -- sums of measures; null means never measured
    compute_units INTEGER,
    rows INTEGER,
    tokens_in INTEGER,
    tokens_out INTEGER,
    tokens_cached INTEGER,
    metered_request_bytes INTEGER,
    metered_response_bytes INTEGER,
    duration_ms INTEGER NOT NULL,
    upstream_ms INTEGER NOT NULL,
    durations BLOB NOT NULL,       -- how often which time was taken; see `Latencies`
    upstreams BLOB NOT NULL,
    PRIMARY KEY (span, start, series)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_rollups_of_series ON usage_rollups (series, span, start);

-- What began before is deleted: roll-ups of a span, or events where the span is 0.
CREATE TABLE usage_floors (
    span INTEGER PRIMARY KEY,
    before INTEGER NOT NULL
) STRICT;
