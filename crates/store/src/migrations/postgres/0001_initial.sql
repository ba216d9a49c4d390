-- Points in time are microseconds since the Unix epoch. Sets and networks are JSON arrays. Identifiers are ULIDs.
-- Texts are ordered by their bytes, so that cursors and copies see one order in every database.

-- One row. Whoever changes accounts, consumers, credentials or reserved names holds it for the whole transaction.
CREATE TABLE head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    rev BIGINT NOT NULL,  -- of the newest row of `changes`
    floor BIGINT NOT NULL,  -- rows of `changes` up to here are pruned
    audit_seq BIGINT NOT NULL,  -- of the newest row of `audit`, and its hash
    audit_hash BYTEA NOT NULL
);

INSERT INTO head (id, rev, floor, audit_seq, audit_hash) VALUES (1, 0, 0, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE accounts (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,  -- stays taken after removal: invoices name it
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    removed_at BIGINT,
    rev BIGINT NOT NULL
);

CREATE TABLE consumers (
    id TEXT COLLATE "C" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),  -- for good: sealed secrets and past usage are bound to it
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    tier TEXT COLLATE "C",
    scopes TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    removed_at BIGINT,
    rev BIGINT NOT NULL
);

CREATE INDEX consumers_of_account ON consumers (account, id);

-- The keys that sealed secrets are under; the keys themselves are in the sealing key file.
CREATE TABLE sealing_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    check_value BYTEA NOT NULL,  -- tells two keys of one id apart
    created_at BIGINT NOT NULL
);

CREATE TABLE credentials (
    id TEXT COLLATE "C" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    consumer TEXT COLLATE "C" NOT NULL REFERENCES consumers (id),
    kind TEXT COLLATE "C" NOT NULL,  -- api_key, jwt, hawk
    lookup BYTEA NOT NULL,  -- what a request presents: digest of an API key, key claim of a JWT, Hawk id
    secret_form TEXT COLLATE "C" NOT NULL CHECK (secret_form IN ('lookup', 'digest', 'sealed', 'public', 'hash')),
    secret BYTEA,
    sealing_key TEXT COLLATE "C" REFERENCES sealing_keys (id),
    algorithm TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    display TEXT COLLATE "C",  -- the beginning of an API key, to recognise it by
    environment TEXT COLLATE "C",
    service_id TEXT COLLATE "C",
    scopes TEXT COLLATE "C",  -- of its own; null means the consumer's
    tier TEXT COLLATE "C",
    rate_limit_per_hour BIGINT,
    networks TEXT COLLATE "C" NOT NULL,  -- empty means from everywhere
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT,
    disabled_at BIGINT,
    revoked_at BIGINT,
    valid_until BIGINT,  -- end of the grace after a rotation
    rotated_from TEXT COLLATE "C",
    rotated_to TEXT COLLATE "C",
    rev BIGINT NOT NULL,
    UNIQUE (kind, lookup),
    CHECK ((secret_form = 'lookup') = (secret IS NULL)),
    CHECK ((secret_form = 'sealed') = (sealing_key IS NOT NULL))
);

CREATE INDEX credentials_of_account ON credentials (account, id);
CREATE INDEX credentials_of_consumer ON credentials (consumer, id);
CREATE INDEX credentials_sealed ON credentials (sealing_key, id) WHERE sealing_key IS NOT NULL;

-- Coarse and late; apart from the credentials so that noting it is no change of them.
CREATE TABLE last_used (
    credential TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL
);

-- Names and lookup keys that a configuration file declares; one namespace over file and store.
CREATE TABLE reserved (
    source TEXT COLLATE "C" NOT NULL,  -- whose file
    kind TEXT COLLATE "C" NOT NULL,  -- account, consumer, or the kind of a credential
    lookup BYTEA NOT NULL,
    PRIMARY KEY (source, kind, lookup)
);

CREATE INDEX reserved_by_lookup ON reserved (kind, lookup);

CREATE TABLE changes (
    rev BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,  -- account, consumer, credential
    id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C",
    before_json TEXT COLLATE "C",
    after_json TEXT COLLATE "C",
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL
);

CREATE INDEX audit_of_account ON audit (account, seq);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are never changed or deleted';
END
$$;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

CREATE TABLE idempotency (
    caller TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,  -- of the request: the same key with another body is a conflict
    status BIGINT NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,  -- without the secret
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, idempotency_key)
);

CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- What callers of the auth-service contract report; kept as it came, rated later.
CREATE TABLE usage_postings (
    id TEXT COLLATE "C" PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    credential TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,  -- usage, debit
    idempotency_key TEXT COLLATE "C",  -- unique for a credential; usage has none
    fingerprint BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    endpoint TEXT COLLATE "C",
    model TEXT COLLATE "C",
    service_id TEXT COLLATE "C",
    status_code BIGINT,
    response_us BIGINT,
    compute_us BIGINT,
    predictions BIGINT,
    body TEXT COLLATE "C" NOT NULL,
    UNIQUE (credential, idempotency_key)
);

CREATE INDEX usage_postings_by_time ON usage_postings (credential, received_at);

-- A cache of what the ledger knows.
CREATE TABLE quotas (
    account TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,  -- who and what is counted
    period_start BIGINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (account, subject, period_start)
);
