-- An idempotency key is unique for a credential and a kind: a debit and the usage that follows it may have the same one.
-- SQLite changes no constraint, so the table is written anew.
CREATE TABLE usage_postings_anew (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    credential TEXT NOT NULL,
    kind TEXT NOT NULL,          -- usage, debit
    idempotency_key TEXT,
    fingerprint BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    endpoint TEXT,
    model TEXT,
    service_id TEXT,
    status_code INTEGER,
    response_us INTEGER,
    compute_us INTEGER,
    predictions INTEGER,
    body TEXT NOT NULL,
    UNIQUE (credential, kind, idempotency_key)
) STRICT;

INSERT INTO usage_postings_anew SELECT * FROM usage_postings;
DROP TABLE usage_postings;
ALTER TABLE usage_postings_anew RENAME TO usage_postings;
CREATE INDEX usage_postings_by_time ON usage_postings (credential, received_at);
