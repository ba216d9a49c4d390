//! Routes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::amount::{Decimal, SizeLimit, TimeSpan};
use super::given;
use super::limit::Limit;
use super::scheme::Accepted;
use super::spanned::{Named, Spanned};

/// What is matched, and how a matched request is treated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Route {
    /// Which requests it takes.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Where they go: the name of an upstream.
    pub upstream: Spanned<String>,
    /// The path sent upstream: one path, or `/p/**` for the rest of the matched path below `/p`. Default: unchanged.
    #[serde(default)]
    pub rewrite: Option<Spanned<String>>,
    /// How callers are identified, in this order; `public` lets everybody in without a credential.
    #[serde(default, deserialize_with = "given")]
    pub accept: Option<Spanned<Vec<Spanned<Accepted>>>>,
    /// The only consumers that pass. Default: every identified consumer.
    #[serde(default, deserialize_with = "given")]
    pub allow: Option<Spanned<Vec<Spanned<ConsumerNamed>>>>,
    /// Consumers that never pass; beats `allow`.
    #[serde(default, deserialize_with = "given")]
    pub deny: Option<Spanned<Vec<Spanned<ConsumerNamed>>>>,
    /// Scopes that are all needed.
    #[serde(default, deserialize_with = "given")]
    pub scopes: Option<Spanned<Vec<Spanned<String>>>>,
    /// Which model is used: a name, or where the request names it.
    #[serde(default)]
    pub model: Option<Spanned<Model>>,
    /// What is counted: a list of meters, default `[requests]`; `off` counts nothing.
    #[serde(default)]
    pub meters: Option<Spanned<Meters>>,
    /// What each consumer may use of this route at a time, beside the limits of its tier.
    #[serde(default)]
    pub limits: Option<Spanned<Vec<Spanned<Limit>>>>,
    /// What is reserved of limits while a request does not tell how much it will use, such as `{ tokens: 1000 }`.
    #[serde(default)]
    pub estimate: Option<Spanned<Estimate>>,
    /// What is paid when the caller hangs up. Default `delivered`.
    #[serde(default)]
    pub on_hangup: Option<Spanned<OnHangup>>,
    /// The largest request body. Default `10MiB`.
    #[serde(default)]
    pub body: Option<SizeLimit>,
    /// Protocols that a connection may change to. Default none.
    #[serde(default)]
    pub upgrade: Vec<Upgrade>,
    /// Habits of another gateway that are kept.
    #[serde(default)]
    pub compat: Option<Compat>,
    /// Whether callers without a credential pass, without identity. Default false.
    #[serde(default)]
    pub anonymous: Option<Spanned<bool>>,
    /// Whether refusals are in force. Default `enforce`.
    #[serde(default)]
    pub mode: Option<Spanned<Mode>>,
    /// Shape of error bodies. Default: the file's `errors`.
    #[serde(default)]
    pub errors: Option<Dialect>,
    /// Priority in the upstream's queue.
    #[serde(default)]
    pub queue: Option<Spanned<RouteQueue>>,
    /// Answers preflight requests of browsers.
    #[serde(default)]
    pub cors: Option<Spanned<Cors>>,
}

/// Which requests a route takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Match {
    /// One path, or `/x/**` for everything below `/x`.
    pub path: Spanned<String>,
    /// Methods in capitals. Default: any.
    #[serde(default, deserialize_with = "given")]
    pub methods: Option<Spanned<Vec<Spanned<String>>>>,
    /// Hosts, exact or `*.example.com`. Default: any.
    #[serde(default, deserialize_with = "given")]
    pub hosts: Option<Vec<Spanned<String>>>,
}

/// A consumer: by its name where this file declares it, else `{ store: NAME }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "ConsumerNamed")]
pub(in crate::config) enum ConsumerNamed {
    #[serde(rename = "text")]
    Declared(String),
    #[serde(rename = "mapping")]
    Elsewhere(ConsumerPlace),
}

/// A consumer that this file does not declare.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ConsumerPlace {
    /// Its name in the store, or to the external auth service.
    Store(String),
}

/// A model's name, or where the request names it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Model")]
pub(in crate::config) enum Model {
    #[serde(rename = "text")]
    Name(String),
    #[serde(rename = "mapping")]
    InRequest(ModelPlace),
}

/// Where a request names its model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ModelPlace {
    /// A segment of the path, counted from 1.
    PathSegment(Spanned<u32>),
    /// A member of the JSON body, as a JSON pointer.
    Body(Spanned<String>),
}

/// What is counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Meters")]
pub(in crate::config) enum Meters {
    #[serde(rename = "text")]
    Off(Off),
    #[serde(rename = "list")]
    List(Vec<Spanned<Meter>>),
}

/// Nothing is counted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(in crate::config) enum Off {
    /// Nothing is counted.
    Off,
}

impl<'de> Deserialize<'de> for Off {
    /// A word alone is more often a meter without its list.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match &*Cow::<str>::deserialize(deserializer)? {
            "off" => Ok(Self::Off),
            word => {
                let word = word.escape_debug();
                Err(D::Error::custom(format!("`meters` is a list, or `off`\nwrite `meters: [{word}]`")))
            }
        }
    }
}

/// One meter: its word, or `{ word: { options } }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Meter {
    /// Admitted requests.
    Requests,
    /// Tokens, read and written.
    Tokens,
    /// Tokens read.
    TokensIn,
    /// Tokens written.
    TokensOut,
    /// Bytes of request bodies.
    BytesIn,
    /// Bytes of answers.
    BytesOut,
    /// Time at the upstream.
    ComputeUnits(ComputeUnits),
    /// Rows of a request.
    Rows(Rows),
}

impl Meter {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::BytesIn => "bytes_in",
            Self::BytesOut => "bytes_out",
            Self::ComputeUnits(_) => "compute_units",
            Self::Rows(_) => "rows",
        }
    }
}

/// Compute units are time at the upstream, and what the payload weighs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ComputeUnits {
    /// Units of one second.
    pub per_second: Spanned<Decimal>,
    /// Units of one row; needs `rows` beside. Default 0.
    #[serde(default)]
    pub per_row: Option<Spanned<Decimal>>,
    /// Units of one mebibyte of the request's body. Default 0.
    #[serde(default)]
    pub per_mebibyte: Option<Spanned<Decimal>>,
    /// What all that is multiplied with, by the model's name. Default 1.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Decimal>")]
    pub models: Named<Decimal>,
}

/// Rows are the items of a list in the body, or what the `shape` of its largest tensor says (V2 protocol). Given several times
/// for a model that takes its input under several names, the largest counts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rows {
    /// The list, as a JSON pointer, such as `/inputs` or `/dataframe_split/data`.
    pub body: Spanned<String>,
}

/// What is reserved of limits while a request does not tell how much it will use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Estimate {
    /// Tokens, read and written.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Tokens read.
    #[serde(default)]
    pub tokens_in: Option<u64>,
    /// Tokens written.
    #[serde(default)]
    pub tokens_out: Option<u64>,
    /// Bytes of a body whose length is not declared.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Rows.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Compute units. Default: what the payload costs, as no request tells how long it takes.
    #[serde(default)]
    pub compute_units: Option<Spanned<Decimal>>,
}

/// What is paid when the caller hangs up. The request counts in each case.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum OnHangup {
    /// What was delivered; nothing where none of the answer was.
    Delivered,
    /// What the model generated: its answer is read to the end.
    Generated,
    /// Nothing.
    None,
}

/// A protocol that a connection may change to.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Upgrade {
    /// RFC 6455.
    Websocket,
}

/// Habits of another gateway.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Compat {
    /// None: ambiguity is refused.
    None,
    /// Those of Apache APISIX.
    Apisix,
}

/// Whether refusals are in force: `enforce`, `shadow`, or `{ percent: 25 }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Mode")]
pub(in crate::config) enum Mode {
    /// They are.
    Enforce,
    /// They are only recorded.
    Shadow,
    /// They are for so many of a hundred consumers.
    Percent(u8),
}

/// Shape of error bodies.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Dialect {
    /// RFC 9457 problem details.
    Problem,
    /// `{"detail": …}`, as FastAPI services answer.
    Detail,
    /// `{"message": …}`, as APISIX answers.
    Apisix,
    /// `{"error": {…}}`, as OpenAI's interface answers.
    Openai,
    /// `{"type": "error", "message": …}`.
    Alpa,
}

/// Priority in the upstream's queue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct RouteQueue {
    /// Name of the priority class.
    pub class: String,
}

/// Cross-origin rules (Fetch standard).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Cors {
    /// Origins that may call, such as `https://app.example.com`, or `["*"]` for any.
    pub origins: Spanned<Vec<Spanned<String>>>,
    /// Request headers that pages may send.
    #[serde(default)]
    pub headers: Vec<Spanned<String>>,
    /// Answer headers that pages may read.
    #[serde(default)]
    pub expose: Vec<Spanned<String>>,
    /// Whether pages may send cookies and HTTP authentication. Default false.
    #[serde(default)]
    pub credentials: Option<Spanned<bool>>,
    /// How long a browser may keep the preflight's answer. Default `10m`.
    #[serde(default)]
    pub max_age: Option<TimeSpan>,
}
