-- What workers read from NATS, Kafka and Kinesis into this database.

-- How far each part of a feed (a partition, a shard) is booked, and who reads it.
CREATE TABLE feed_parts (
    feed TEXT COLLATE "C" NOT NULL,
    part TEXT COLLATE "C" NOT NULL,
    position TEXT COLLATE "C" NOT NULL,  -- in the feed's own words; empty before the first message
    worker TEXT COLLATE "C" NOT NULL,  -- empty where nobody reads it
    until BIGINT NOT NULL,  -- when another one may take it
    PRIMARY KEY (feed, part)
);

-- Who shares the parts of a feed.
CREATE TABLE feed_workers (
    feed TEXT COLLATE "C" NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (feed, worker)
);

-- What came where events come and is none.
CREATE TABLE feed_strays (
    feed TEXT COLLATE "C" NOT NULL,
    part TEXT COLLATE "C" NOT NULL,
    position TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    bytes BYTEA NOT NULL,  -- its beginning
    at BIGINT NOT NULL,
    PRIMARY KEY (feed, part, position)
);
