-- What workers read from NATS, Kafka and Kinesis into this database.

-- How far each part of a feed (a partition, a shard) is booked, and who reads it.
CREATE TABLE feed_parts (
    feed TEXT NOT NULL,
    part TEXT NOT NULL,
    position TEXT NOT NULL,  -- in the feed's own words; empty before the first message
    worker TEXT NOT NULL,  -- empty where nobody reads it
    until INTEGER NOT NULL,  -- when another one may take it
    PRIMARY KEY (feed, part)
) STRICT, WITHOUT ROWID;

-- Who shares the parts of a feed.
CREATE TABLE feed_workers (
    feed TEXT NOT NULL,
    worker TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (feed, worker)
) STRICT, WITHOUT ROWID;

-- What came where events come and is none.
CREATE TABLE feed_strays (
    feed TEXT NOT NULL,
    part TEXT NOT NULL,
    position TEXT NOT NULL,
    reason TEXT NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL,  -- its beginning
    at INTEGER NOT NULL,
    PRIMARY KEY (feed, part, position)
) STRICT, WITHOUT ROWID;
