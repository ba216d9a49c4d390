-- Points in time are microseconds since the Unix epoch. Sets and networks are JSON arrays. Identifiers are ULIDs.

-- One row. Whoever changes accounts, consumers, credentials or reserved names holds it for the whole transaction.
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    rev INTEGER NOT NULL,        -- of the newest row of `changes`
    floor INTEGER NOT NULL,      -- rows of `changes` up to here are pruned
    audit_seq INTEGER NOT NULL,  -- of the newest row of `audit`, and its hash
    audit_hash BLOB NOT NULL
) STRICT;

INSERT INTO head (id, rev, floor, audit_seq, audit_hash) VALUES (1, 0, 0, 0, zeroblob(32));

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,   -- stays taken after removal: invoices name it
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    removed_at INTEGER,
    rev INTEGER NOT NULL
) STRICT;

CREATE TABLE consumers (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),  -- for good: sealed secrets and past usage are bound to it
    name TEXT NOT NULL UNIQUE,
    tier TEXT,
    scopes TEXT,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    removed_at INTEGER,
    rev INTEGER NOT NULL
) STRICT;

CREATE INDEX consumers_of_account ON consumers (account, id);

-- The keys that sealed secrets are under; the keys themselves are in the sealing key file.
CREATE TABLE sealing_keys (
    id TEXT PRIMARY KEY,
    check_value BLOB NOT NULL,   -- tells two keys of one id apart
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    consumer TEXT NOT NULL REFERENCES consumers (id),
    kind TEXT NOT NULL,          -- api_key, jwt, hawk
    lookup BLOB NOT NULL,        -- what a request presents: digest of an API key, key claim of a JWT, Hawk id
    secret_form TEXT NOT NULL CHECK (secret_form IN ('lookup', 'digest', 'sealed', 'public', 'hash')),
    secret BLOB,
    sealing_key TEXT REFERENCES sealing_keys (id),
    algorithm TEXT,
    name TEXT NOT NULL,
    display TEXT,                -- the beginning of an API key, to recognise it by
    environment TEXT,
    service_id TEXT,
    scopes TEXT,                 -- of its own; null means the consumer's
    tier TEXT,
    rate_limit_per_hour INTEGER,
    networks TEXT NOT NULL,      -- empty means from everywhere
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    disabled_at INTEGER,
    revoked_at INTEGER,
    valid_until INTEGER,         -- end of the grace after a rotation
    rotated_from TEXT,
    rotated_to TEXT,
    rev INTEGER NOT NULL,
    UNIQUE (kind, lookup),
    CHECK ((secret_form = 'lookup') = (secret IS NULL)),
    CHECK ((secret_form = 'sealed') = (sealing_key IS NOT NULL))
) STRICT;

CREATE INDEX credentials_of_account ON credentials (account, id);
CREATE INDEX credentials_of_consumer ON credentials (consumer, id);
CREATE INDEX credentials_sealed ON credentials (sealing_key, id) WHERE sealing_key IS NOT NULL;

-- Coarse and late; apart from the credentials so that noting it is no change of them.
CREATE TABLE last_used (
    credential TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;

-- Names and lookup keys that a configuration file declares; one namespace over file and store.
CREATE TABLE reserved (
    source TEXT NOT NULL,        -- whose file
    kind TEXT NOT NULL,          -- account, consumer, or the kind of a credential
    lookup BLOB NOT NULL,
    PRIMARY KEY (source, kind, lookup)
) STRICT;

CREATE INDEX reserved_by_lookup ON reserved (kind, lookup);

CREATE TABLE changes (
    rev INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,          -- account, consumer, credential
    id TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    account TEXT,
    before_json TEXT,
    after_json TEXT,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE INDEX audit_of_account ON audit (account, seq);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;

CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never deleted');
END;

CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,   -- of the request: the same key with another body is a conflict
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,        -- without the secret
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller, idempotency_key)
) STRICT;

CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- What callers of the auth-service contract report; kept as it came, rated later.
CREATE TABLE usage_postings (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    credential TEXT NOT NULL,
    kind TEXT NOT NULL,          -- usage, debit
    idempotency_key TEXT,        -- unique for a credential; usage has none
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
    UNIQUE (credential, idempotency_key)
) STRICT;

CREATE INDEX usage_postings_by_time ON usage_postings (credential, received_at);

-- A cache of what the ledger knows.
CREATE TABLE quotas (
    account TEXT NOT NULL,
    subject TEXT NOT NULL,       -- who and what is counted
    period_start INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (account, subject, period_start)
) STRICT;
