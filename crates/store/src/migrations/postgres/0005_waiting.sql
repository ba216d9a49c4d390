-- Blocks whose events are not in the roll-ups yet. See `events/waiting.rs`.
CREATE TABLE usage_waiting (
    stream TEXT COLLATE "C" NOT NULL,  -- the block
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,  -- its highest place
    at BIGINT NOT NULL,  -- when it was booked
    PRIMARY KEY (stream, first)
);
