-- When credentials of configuration files were used last: coarse and late, as `last_used` is for those of the store. They
-- are known by what finds them, so that it is the same credential after a restart, on every node and under every name.
CREATE TABLE file_use (
    kind TEXT COLLATE "C" NOT NULL,
    lookup BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (kind, lookup)
);
