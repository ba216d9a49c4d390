-- Blocks whose events are not in the roll-ups yet. See `events/waiting.rs`.
CREATE TABLE usage_waiting (
    stream TEXT NOT NULL,          -- the block
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,         -- its highest place
    at INTEGER NOT NULL,           -- when it was booked
    PRIMARY KEY (stream, first)
) STRICT, WITHOUT ROWID;
