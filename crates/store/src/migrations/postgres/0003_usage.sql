-- Usage events as they came from the journals, what they come to, and how far each stream is known.

-- One row for each core of each boot of a gate. It outlives its events: what is at or below the floor came before.
CREATE TABLE usage_streams (
    stream TEXT COLLATE "C" PRIMARY KEY,  -- BOOT/NUMBER
    node TEXT COLLATE "C" NOT NULL,
    floor BIGINT NOT NULL,  -- every event up to here came, and the chain's hash there
    floor_hash BYTEA NOT NULL,
    highest BIGINT NOT NULL,  -- the highest event that came
    pruned BIGINT NOT NULL,  -- the events up to here are deleted, and the chain's hash there
    pruned_hash BYTEA NOT NULL,
    first_at BIGINT NOT NULL,  -- of the earliest event and of the latest one
    last_at BIGINT NOT NULL
);

-- Events in blocks: those of one stream, one hour and fewer than a thousand places, and each in one block alone. Places of
-- blocks may overlap, and a block may leave some out. See `events/block.rs`.
CREATE TABLE usage_blocks (
    stream TEXT COLLATE "C" NOT NULL,
    first BIGINT NOT NULL,  -- the lowest place and the highest
    last BIGINT NOT NULL,
    hour BIGINT NOT NULL,  -- when the hour of UTC began in which all of its events began
    first_time BIGINT NOT NULL,  -- of the earliest event and of the latest one
    last_time BIGINT NOT NULL,
    events BIGINT NOT NULL,  -- how many there are
    body BYTEA NOT NULL,  -- the events and their hashes, compressed
    PRIMARY KEY (stream, first)
);

-- What is compressed already is not worth a second try.
ALTER TABLE usage_blocks ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE INDEX usage_blocks_by_time ON usage_blocks (hour, first_time, stream, first);

-- The ids of all events in blocks, so that no id is booked at two places.
CREATE TABLE usage_ids (
    id BYTEA PRIMARY KEY
);

CREATE TABLE usage_seals (
    stream TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (stream, seq)
);

-- What must not be and was seen; see `AlarmKind`.
CREATE TABLE usage_alarms (
    kind TEXT COLLATE "C" NOT NULL,  -- changed, ahead, gap, lost, seal
    stream TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,  -- of the event; empty where there is none
    hash BYTEA NOT NULL,  -- that came with it; empty where there is none
    last BIGINT NOT NULL,  -- the last event that it concerns
    at BIGINT NOT NULL,
    PRIMARY KEY (kind, stream, seq, id, hash)
);

-- Which values of the dimensions occur together; what is absent is empty or 0.
CREATE TABLE usage_series (
    series BYTEA PRIMARY KEY,  -- a digest of the rest
    account TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    consumer TEXT COLLATE "C" NOT NULL,
    credential TEXT COLLATE "C" NOT NULL,
    route TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL
);

CREATE INDEX usage_series_of_account ON usage_series (account);
CREATE INDEX usage_series_of_account_id ON usage_series (account_id);
CREATE INDEX usage_series_of_consumer ON usage_series (consumer);
CREATE INDEX usage_series_of_credential ON usage_series (credential);

CREATE TABLE usage_rollups (
    span BIGINT NOT NULL,  -- seconds: a minute, an hour, a day
    start BIGINT NOT NULL,
    series BYTEA NOT NULL,
    reported BIGINT NOT NULL,  -- events of each quality
    counted BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    requests BIGINT,  -- sums of measures; null means never measured
    compute_units BIGINT,
    rows BIGINT,
    tokens_in BIGINT,
    tokens_out BIGINT,
    tokens_cached BIGINT,
    metered_request_bytes BIGINT,
    metered_response_bytes BIGINT,
    duration_ms BIGINT NOT NULL,
    upstream_ms BIGINT NOT NULL,
    durations BYTEA NOT NULL,  -- how often which time was taken; see `Latencies`
    upstreams BYTEA NOT NULL,
    PRIMARY KEY (span, start, series)
) WITH (fillfactor = 70);  -- room for the next sums of a row beside it

CREATE INDEX usage_rollups_of_series ON usage_rollups (series, span, start);

-- What began before is deleted: roll-ups of a span, or events where the span is 0.
CREATE TABLE usage_floors (
    span BIGINT PRIMARY KEY,
    before BIGINT NOT NULL
);
