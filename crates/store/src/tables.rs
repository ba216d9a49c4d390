//! The tables as the code sees them: one truth for reading, writing and copying.
//!
//! A test compares it with what the migrations make in both databases.

/// The type of a column; see [`Value`](crate::statement::Value).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Text,
    Bytes,
}

/// One column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
}

/// One table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The columns of the primary key, in its order; they are the first columns.
    pub(crate) key: usize,
    pub(crate) columns: &'static [Column],
}

const fn int(name: &'static str) -> Column {
    Column { name, kind: Type::Int }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Type::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Type::Bytes }
}

/// The one row that numbers changes and audit rows.
pub(crate) const HEAD: Table = Table {
    name: "head",
    key: 1,
    columns: &[int("id"), int("rev"), int("floor"), int("audit_seq"), bytes("audit_hash")],
};

pub(crate) const ACCOUNTS: Table = Table {
    name: "accounts",
    key: 1,
    columns: &[
        text("id"),
        text("name"),
        int("created_at"),
        int("disabled_at"),
        int("removed_at"),
        int("rev"),
    ],
};

pub(crate) const CONSUMERS: Table = Table {
    name: "consumers",
    key: 1,
    columns: &[
        text("id"),
        text("account"),
        text("name"),
        text("tier"),
        text("scopes"),
        int("created_at"),
        int("disabled_at"),
        int("removed_at"),
        int("rev"),
    ],
};

pub(crate) const CREDENTIALS: Table = Table {
    name: "credentials",
    key: 1,
    columns: &[
        text("id"),
        text("account"),
        text("consumer"),
        text("kind"),
        bytes("lookup"),
        text("secret_form"),
        bytes("secret"),
        text("sealing_key"),
        text("algorithm"),
        text("name"),
        text("display"),
        text("environment"),
        text("service_id"),
        text("scopes"),
        text("tier"),
        int("rate_limit_per_hour"),
        text("networks"),
        int("created_at"),
        text("created_by"),
        int("expires_at"),
        int("disabled_at"),
        int("revoked_at"),
        int("valid_until"),
        text("rotated_from"),
        text("rotated_to"),
        int("rev"),
    ],
};

pub(crate) const LAST_USED: Table =
    Table { name: "last_used", key: 1, columns: &[text("credential"), int("at")] };

pub(crate) const FILE_USE: Table =
    Table { name: "file_use", key: 2, columns: &[text("kind"), bytes("lookup"), int("at")] };

pub(crate) const SEALING_KEYS: Table =
    Table { name: "sealing_keys", key: 1, columns: &[text("id"), bytes("check_value"), int("created_at")] };

pub(crate) const RESERVED: Table =
    Table { name: "reserved", key: 3, columns: &[text("source"), text("kind"), bytes("lookup")] };

pub(crate) const CHANGES: Table =
    Table { name: "changes", key: 1, columns: &[int("rev"), text("kind"), text("id")] };

pub(crate) const AUDIT: Table = Table {
    name: "audit",
    key: 1,
    columns: &[
        int("seq"),
        int("at"),
        text("actor"),
        text("action"),
        text("object"),
        text("account"),
        text("before_json"),
        text("after_json"),
        bytes("previous"),
        bytes("hash"),
    ],
};

pub(crate) const IDEMPOTENCY: Table = Table {
    name: "idempotency",
    key: 2,
    columns: &[
        text("caller"),
        text("idempotency_key"),
        bytes("fingerprint"),
        int("status"),
        text("answer"),
        int("created_at"),
    ],
};

pub(crate) const USAGE: Table = Table {
    name: "usage_postings",
    key: 1,
    columns: &[
        text("id"),
        text("account"),
        text("credential"),
        text("kind"),
        text("idempotency_key"),
        bytes("fingerprint"),
        int("received_at"),
        text("endpoint"),
        text("model"),
        text("service_id"),
        int("status_code"),
        int("response_us"),
        int("compute_us"),
        int("predictions"),
        text("body"),
    ],
};

pub(crate) const QUOTAS: Table = Table {
    name: "quotas",
    key: 3,
    columns: &[text("account"), text("subject"), int("period_start"), int("used")],
};

pub(crate) const USAGE_STREAMS: Table = Table {
    name: "usage_streams",
    key: 1,
    columns: &[
        text("stream"),
        text("node"),
        int("floor"),
        bytes("floor_hash"),
        int("highest"),
        int("pruned"),
        bytes("pruned_hash"),
        int("first_at"),
        int("last_at"),
    ],
};

pub(crate) const USAGE_BLOCKS: Table = Table {
    name: "usage_blocks",
    key: 2,
    columns: &[
        text("stream"),
        int("first"),
        int("last"),
        int("hour"),
        int("first_time"),
        int("last_time"),
        int("events"),
        bytes("body"),
    ],
};

pub(crate) const USAGE_IDS: Table = Table { name: "usage_ids", key: 1, columns: &[bytes("id")] };

pub(crate) const USAGE_SEALS: Table = Table {
    name: "usage_seals",
    key: 2,
    columns: &[text("stream"), int("seq"), bytes("hash"), bytes("mac")],
};

pub(crate) const USAGE_ALARMS: Table = Table {
    name: "usage_alarms",
    key: 5,
    columns: &[text("kind"), text("stream"), int("seq"), text("id"), bytes("hash"), int("last"), int("at")],
};

pub(crate) const USAGE_SERIES: Table = Table {
    name: "usage_series",
    key: 1,
    columns: &[
        bytes("series"),
        text("account"),
        text("account_id"),
        text("consumer"),
        text("credential"),
        text("route"),
        text("model"),
        int("status"),
        text("outcome"),
    ],
};

pub(crate) const USAGE_ROLLUPS: Table = Table {
    name: "usage_rollups",
    key: 3,
    columns: &[
        int("span"),
        int("start"),
        bytes("series"),
        int("reported"),
        int("counted"),
        int("estimated"),
        int("requests"),
        int("compute_units"),
        int("rows"),
        int("tokens_in"),
        int("tokens_out"),
        int("tokens_cached"),
        int("metered_request_bytes"),
        int("metered_response_bytes"),
        int("duration_ms"),
        int("upstream_ms"),
        bytes("durations"),
        bytes("upstreams"),
    ],
};

pub(crate) const USAGE_MODELS: Table = Table {
    name: "usage_models",
    key: 4,
    columns: &[int("day"), text("credential"), int("answered"), text("model")],
};

pub(crate) const USAGE_WAITING: Table =
    Table { name: "usage_waiting", key: 2, columns: &[text("stream"), int("first"), int("last"), int("at")] };

pub(crate) const USAGE_FLOORS: Table =
    Table { name: "usage_floors", key: 1, columns: &[int("span"), int("before")] };

pub(crate) const USAGE_HOLES: Table = Table { name: "usage_holes", key: 1, columns: &[int("day")] };

pub(crate) const FEED_PARTS: Table = Table {
    name: "feed_parts",
    key: 2,
    columns: &[text("feed"), text("part"), text("position"), text("worker"), int("until")],
};

pub(crate) const FEED_WORKERS: Table =
    Table { name: "feed_workers", key: 2, columns: &[text("feed"), text("worker"), int("until")] };

pub(crate) const FEED_STRAYS: Table = Table {
    name: "feed_strays",
    key: 3,
    columns: &[
        text("feed"),
        text("part"),
        text("position"),
        text("reason"),
        int("size"),
        bytes("bytes"),
        int("at"),
    ],
};

/// Every table, those first that others refer to.
pub(crate) const ALL: [&Table; 27] = [
    &HEAD,
    &ACCOUNTS,
    &CONSUMERS,
    &SEALING_KEYS,
    &CREDENTIALS,
    &LAST_USED,
    &FILE_USE,
    &RESERVED,
    &CHANGES,
    &AUDIT,
    &IDEMPOTENCY,
    &USAGE,
    &QUOTAS,
    &USAGE_STREAMS,
    &USAGE_BLOCKS,
    &USAGE_WAITING,
    &USAGE_IDS,
    &USAGE_SEALS,
    &USAGE_ALARMS,
    &USAGE_SERIES,
    &USAGE_ROLLUPS,
    &USAGE_MODELS,
    &USAGE_FLOORS,
    &USAGE_HOLES,
    &FEED_PARTS,
    &FEED_WORKERS,
    &FEED_STRAYS,
];
